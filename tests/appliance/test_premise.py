"""A question's premise against the quotes: opposites, denials, names and numbers, in every language there is."""

from __future__ import annotations

import pytest

from appliance.language import Language, load_languages
from appliance.premise import opposed, strangers, undenied

LANGUAGES = load_languages()


@pytest.mark.parametrize(
    ("question", "quote", "expected"),
    [
        ("Who left after 1973?", "Two members left before 1973.", 1),
        ("Who left after 1973?", "Two members left after 1973.", 0),
        ("Do prices increase or decrease?", "In spring prices increase.", 0),
        ("What is the maximum notice?", "The minimum notice is a month.", 1),
        ("Was ist verboten?", "Rauchen ist im Hof erlaubt.", 1),
        ("Quand faut-il l'acheter ?", "Il est à vendre.", 1),
        ("¿Cuál es el máximo?", "El mínimo es de 20 euros.", 1),
    ],
)
def test_opposites_are_counted(question: str, quote: str, expected: int) -> None:
    """A word that the quote has the opposite of counts, unless the quote has the word or the question both."""
    assert expected == opposed(question, quote, LANGUAGES)


@pytest.mark.parametrize(
    ("question", "quote", "expected"),
    [
        ("What is not insured?", "Laptops are insured.", True),
        ("What is not insured?", "Phones are not insured.", False),
        ("What is insured?", "Phones are not insured.", False),
        ("Is it not only for staff?", "It is for staff.", False),
        ("Was ist nicht versichert?", "Laptops sind versichert.", True),
    ],
)
def test_a_denial_has_to_be_in_the_quote(question: str, quote: str, expected: bool) -> None:
    """What only looks like a denial is none."""
    assert expected == undenied(question, quote, LANGUAGES)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When did Canada join?", 0),
        ("When did Norway join?", 1),
        ("What did Canada pay in 1975?", 0),
        ("What did Norway pay in 1976?", 2),
    ],
)
def test_names_and_numbers_have_to_stand_in_the_passages(question: str, expected: int) -> None:
    """In any of the passages quoted, in any form."""
    assert expected == strangers(question, ["The Canadian side joined.", "In 1975 it paid its share."], LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_opposites_are_each_other_s(language: Language) -> None:
    """What is the opposite of a word has that word for its opposite."""
    opposites = language.opposites
    assert opposites
    assert [] == [(a, b) for a, others in opposites.items() for b in others if a not in opposites[b] or a == b]
