"""Languages as data."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.language import Language, detect, folded, load_languages
from tests.appliance.language_table import QUESTIONS, SENTENCES

LANGUAGES = {language.code: language for language in load_languages()}


def lines(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(code, line) for code, text in table.items() for line in text.strip().splitlines()]


def told(text: str) -> str | None:
    language = detect(text, load_languages())
    return language.code if language else None


@pytest.mark.parametrize("half", [0, 1])
def test_short_questions_are_told_apart(half: int) -> None:
    """More than 85 % of short questions are given their language, of those looked at for tuning and of the others."""
    for code in QUESTIONS:
        questions = [line for own, line in lines(QUESTIONS) if own == code][half::2]
        assert len(questions) == 20
        assert sum(told(question) == code for question in questions) / len(questions) > 0.85


def test_sentences_are_told_apart() -> None:
    """More than 95 % of whole sentences are given their language."""
    sentences = lines(SENTENCES)
    assert sum(told(sentence) == code for code, sentence in sentences) / len(sentences) > 0.95


@pytest.mark.parametrize("text", ["", "4711", "P12-EX", "Globex Initech", "???", "€ 12,50"])
def test_what_tells_nothing_is_no_language(text: str) -> None:
    """Codes, names and numbers are not taken for a language."""
    assert told(text) is None


@given(st.text(max_size=300))
def test_any_text_has_one_answer(text: str) -> None:
    """Any characters give the same answer twice, one of the languages or none."""
    assert told(text) == told(text)
    assert told(text) in {*LANGUAGES, None}


def test_without_languages_there_is_none() -> None:
    """Nothing is assumed when there is no file to go by."""
    assert detect("What is the limit?", ()) is None


@pytest.mark.parametrize("language", load_languages(), ids=lambda language: language.code)
def test_a_language_is_complete(language: Language) -> None:
    """Every table has its entries, every frame its one place, and words are in the form they are compared in."""
    assert 12 == len(set(language.months.values()))
    assert {1, 2, 3, 7, 10, 20, 30} <= set(language.numbers.values())
    assert {"day", "week", "month", "year", "hour", "%"} <= set(language.measures.values())
    for frame, place in (
        (language.closest, "documents"),
        (language.searched, "documents"),
        (language.missing, "parts"),
    ):
        assert [place] == [name for _, name, _, _ in string.Formatter().parse(frame) if name]
    assert language.function_words == {folded(word) for word in language.function_words}
    assert all(phrase == " ".join(phrase.split()).casefold() for phrase in language.refusal_phrases)
    assert language.anaphora
    assert language.connectors
    assert language.answer_in
    assert language.refusal


@pytest.mark.parametrize(
    ("code", "text", "denies"),
    [
        ("en", "Contractors may not work remotely.", True),
        ("en", "They can’t do it.", True),
        ("en", "A notable knot.", False),
        ("de", "Es gibt keinerlei Frist.", True),
        ("de", "Das kostet eine Kleinigkeit.", False),
        ("fr", "Ils ne peuvent plus réserver.", True),
        ("fr", "Il en faut plus.", False),
        ("es", "No hay ningún plazo.", True),
        ("es", "El norte.", False),
    ],
)
def test_negations_are_found_as_words(code: str, text: str, denies: bool) -> None:
    """Word forms, endings and gaps of the lists match whole words and nothing inside of others."""
    assert denies == bool(LANGUAGES[code].negation.search(folded(text)))


def test_what_denies_only_what_follows_is_told_from_the_rest() -> None:
    """An exclusion is not a negation of its clause."""
    texts = {"en": "without approval", "de": "ohne Genehmigung", "fr": "sans accord", "es": "sin permiso"}
    for code, text in texts.items():
        assert LANGUAGES[code].exclusion.search(text)
        assert not LANGUAGES[code].negation.search(text)
