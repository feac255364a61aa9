"""Whether one text denies another."""

from __future__ import annotations

import pytest

from appliance.language import load_languages
from appliance.polarity import clauses, denies
from appliance.words import words

LANGUAGES = {language.code: language for language in load_languages()}


def denied(code: str, claim: str, quote: str) -> bool:
    language = LANGUAGES[code]
    first, second = (clauses(text, words(text, language), (language,)) for text in (claim, quote))
    return denies(first, second)


@pytest.mark.parametrize(
    ("code", "a", "b"),
    [
        ("en", "Contractors may not work remotely.", "Contractors may work remotely."),
        ("en", "You can't expense alcohol.", "You can expense alcohol."),
        ("en", "Trips can be booked without approval.", "Trips can be booked with approval."),
        ("en", "Trips can be booked without approval.", "Trips cannot be booked without approval."),
        ("en", "Contractors may work remotely.", "Employees may work remotely, except contractors."),
        ("en", "Contractors may work remotely.", "Employees may work remotely but contractors may not."),
        ("en", "Costs are refunded unless receipts exist.", "Costs are refunded if receipts exist."),
        ("en", "Receipts are never required.", "Receipts are required."),
        ("de", "Externe dürfen im Ausland arbeiten.", "Externe dürfen nicht im Ausland arbeiten."),
        ("de", "Es gibt keine Frist für Anträge.", "Es gibt eine Frist für Anträge."),
        ("de", "Reisen sind ohne Genehmigung möglich.", "Reisen sind mit Genehmigung möglich."),
        ("fr", "Les chiens ne sont pas admis.", "Les chiens sont admis."),
        ("fr", "Ils peuvent voyager sans accord.", "Ils peuvent voyager avec accord."),
        ("es", "Los perros no están permitidos.", "Los perros están permitidos."),
        ("es", "Se puede viajar sin permiso.", "Se puede viajar con permiso."),
    ],
)
def test_the_opposite_is_a_denial(code: str, a: str, b: str) -> None:
    """What stands under a negation on one side and without one on the other is denied, whichever side is the claim."""
    assert denied(code, a, b)
    assert denied(code, b, a)


@pytest.mark.parametrize(
    ("code", "a", "b"),
    [
        ("en", "Approval is not required.", "Approval is not necessary."),
        ("en", "No approval is needed.", "Approval is not needed."),
        ("en", "Attendance is optional.", "Attendance is not mandatory."),
        ("en", "You can book without approval.", "No approval is needed to book."),
        ("en", "Approval is required to book trips.", "Trips cannot be booked without approval."),
        ("en", "Employees may work remotely.", "Employees may work remotely but contractors may not."),
        ("en", "Employees may work remotely.", "Employees may work remotely unless they are on probation."),
        ("en", "Send it by Friday.", "Send it no later than Friday."),
        ("en", "It covers dental care and glasses.", "It covers not only dental care but also glasses."),
        ("de", "Eine Genehmigung ist nicht erforderlich.", "Es ist keine Genehmigung erforderlich."),
        ("de", "Die Teilnahme ist freiwillig.", "Die Teilnahme ist nicht verpflichtend."),
        ("fr", "L'accord n'est pas nécessaire.", "Aucun accord n'est nécessaire."),
        ("es", "No es necesario ningún permiso.", "El permiso no es necesario."),
    ],
)
def test_the_same_in_other_words_is_no_denial(code: str, a: str, b: str) -> None:
    """Another place for the negation, another word for it, or two of them deny nothing."""
    assert not denied(code, a, b)
    assert not denied(code, b, a)
