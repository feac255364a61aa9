"""Which numbers of a sentence do not occur in its quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.evaluation import judge
from appliance.figures import numbers_missing
from tests.eval.languages_check import CODES, documents, passages, said

NUMBERS = st.text(alphabet="0123456789 .,'\u202f/ab²", max_size=40)
SENTENCES = [sentence for each in said() for sentence in (each.right, each.wrong)]
QUOTES = [passage.chunk.text for code in CODES for path in documents(code) for passage in passages(path)]


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("It costs $1,250.00.", "1250 dollars"),
        ("Es kostet 1.250 Euro.", "€1,250"),
        ("1250 €", "1 250,00 €"),
        ("1 250,00 €", "1250 €"),
        ("1\u202f250 €", "1.250,00 €"),
        ("room 12 345", "room 12, desk 345"),
        ("on 3 May 2026", "on 03.05.2026"),
        ("by 3 May 2026", "by 2026-05-03"),
        ("2. Ask 5 days before.", "5 days before"),
        ("No numbers at all.", ""),
        ("12.50", "12,5"),
        ("P12-EX", "the P12-EX series"),
    ],
)
def test_a_number_that_is_there_is_not_missed(sentence: str, quote: str) -> None:
    """Grouping, decimals, leading zeros and dates are ways of writing a number; an item's number is none."""
    assert [] == numbers_missing(sentence, [quote])


@pytest.mark.parametrize(
    ("sentence", "quotes", "missing"),
    [
        ("It costs 125.", ["1250"], ["125"]),
        ("It costs 1.000.", ["1 Euro"], ["1.000"]),
        ("1 Euro", ["1.000 Euro"], ["1"]),
        ("30 days and 12 weeks", ["30 days", "13 weeks"], ["12"]),
        ("on 3 May 2026", ["on 4 May 2026"], ["3"]),
        ("in 2026", [], ["2026"]),
        ("5", ["50", "15", "0.5"], ["5"]),
        ("3 weeks", ["three weeks"], ["3"]),
        ("1 251,00 €", ["1 250,00 €"], ["251,00"]),
        ("by 03.05.2026", ["by 3 May 2026"], ["03.05.2026"]),
    ],
)
def test_a_number_that_is_not_there_is_named(sentence: str, quotes: list[str], missing: list[str]) -> None:
    """No part of another number counts, and what is missing is returned as it was written."""
    assert missing == numbers_missing(sentence, quotes)


@given(st.text(alphabet="0123456789 .,-/ab", max_size=60))
def test_a_sentence_has_its_own_numbers(text: str) -> None:
    """Nothing is missing from a sentence that is quoted whole, and every digit's number is missing from no quote."""
    assert [] == numbers_missing(text, [text])
    assert all(any(character.isdigit() for character in run) for run in numbers_missing(text, []))


@given(NUMBERS, NUMBERS)
def test_the_judge_of_the_evaluation_misses_the_same_numbers(sentence: str, quote: str) -> None:
    """What the evaluation would call a number without a quote is never shown, and nothing more is withheld."""
    assert list(judge.numbers_missing(sentence, [quote])) == numbers_missing(sentence, [quote])


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_judge_agrees_on_sentences_as_they_are_said(sentence: str) -> None:
    """Sentences in three languages lack the same numbers in every passage for both."""
    for quote in QUOTES:
        assert list(judge.numbers_missing(sentence, [quote])) == numbers_missing(sentence, [quote])
