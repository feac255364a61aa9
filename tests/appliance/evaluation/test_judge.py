"""What the evaluation takes for the same answer, the same sentence, the same number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.evaluation.judge import (
    contains,
    covered,
    exact,
    numbers_missing,
    same_sentence,
    sentence_words,
    source_sentences,
    token_f1,
)


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("It is The Eiffel Tower, in Paris.", ["Eiffel tower"], True),
        ("It is the tower of Eiffel.", ["Eiffel Tower"], False),
        ("Der Urlaub beträgt die üblichen 30 Tage.", ["30 Tage"], True),
        ("La durée est l’année entière.", ["Année entière"], True),
        ("Se paga el lunes.", ["un lunes"], True),
        ("The limit is $1,500 a day.", ["1500"], True),
        ("Die Grenze ist 1.500 Euro.", ["1500 euro"], True),
        ("La limite est de 1\u202f500 euros.", ["1500 euros"], True),
        ("It grew by 2,5 %.", ["2.5"], True),
        ("It grew by 2.50 %.", ["2.5"], True),
        ("It grew by 1,500.", ["1.5"], False),
        ("It grew by 2.5.", ["5"], False),
        ("It has 300 seats.", ["30"], False),
        ("On 12.05.2024 it began.", ["2024"], True),
        ("The co-founder left the U.S. then.", ["cofounder", "x"], True),
        ("They left the U.S. then.", ["US"], True),
        ("Grade A is the best.", ["A"], True),
        ("Grade B is best.", ["A"], False),
        ("", ["A"], False),
        ("Anything", [], False),
        ("Anything", ["", "..."], False),
    ],
)
def test_a_gold_answer_is_contained_as_whole_words(text: str, answers: list[str], expected: bool) -> None:
    """Case, punctuation, articles of four languages and the spelling of numbers do not count; word borders do."""
    assert expected == contains(text, answers)


def test_an_exact_match_says_nothing_else() -> None:
    """Exact is equality after the same normalisation."""
    assert exact("The Eiffel Tower.", ["eiffel tower"])
    assert not exact("The Eiffel Tower in Paris.", ["eiffel tower"])


def test_token_f1_of_a_known_pair() -> None:
    """Two words of three shared with a gold answer of two: precision 2/3, recall 1, F1 0.8; the best gold counts."""
    assert 0.8 == token_f1("the red brick house", ["a brick house", "granite"])
    assert 0.0 == token_f1("red", ["blue"])
    assert 1.0 == token_f1("1,500", ["1500"])


@given(st.text(alphabet="ab 1.,'-", max_size=12), st.text(alphabet="ab 1.,'-", max_size=12))
def test_exact_is_the_narrowest_and_f1_its_measure(text: str, answer: str) -> None:
    """What is exact is contained and has F1 1; what has F1 0 is not contained."""
    if exact(text, [answer]):
        assert contains(text, [answer])
        assert 1.0 == token_f1(text, [answer])
    if contains(text, [answer]):
        assert token_f1(text, [answer]) > 0


def test_a_sentence_is_the_same_however_it_is_spaced() -> None:
    """Tokenised corpora put spaces before punctuation and write quotation marks their own way."""
    gold = sentence_words("The coat is known as a `` double coat '' , with the undercoat being soft .")
    assert same_sentence(
        sentence_words("The coat is known as a “double coat”, with the **undercoat** being soft."), gold
    )
    assert not same_sentence(sentence_words("The coat is a double coat."), gold)


def test_a_sentence_cut_by_other_rules_is_the_same_if_it_is_long_enough() -> None:
    """A part of three words counts; two words occur by chance."""
    gold = sentence_words("He signed it. The bank paid in March.")
    assert same_sentence(sentence_words("The bank paid in March."), gold)
    assert same_sentence(gold, sentence_words("The bank paid in March."))
    assert not same_sentence(sentence_words("The bank"), gold)


def test_a_gold_sentence_is_covered_by_half_of_its_words() -> None:
    """One quoted sentence that holds it all, or parts of it that make up half."""
    gold = sentence_words("one two three four five six seven eight")
    assert covered(gold, [sentence_words("zero one two three four five six seven eight nine")])
    assert covered(gold, [sentence_words("one two three"), sentence_words("six seven eight")])
    assert not covered(gold, [sentence_words("one two three")])
    assert not covered(gold, [sentence_words("one two three"), sentence_words("one two three")])
    assert not covered(gold, [])


def test_a_quote_is_taken_apart_into_its_sentences() -> None:
    """Each sentence of a quote is judged alone; what has no letter is none."""
    assert [("it", "is", "open"), ("ask", "first")] == source_sentences("It is open. Ask first.\n---")


@pytest.mark.parametrize(
    ("sentence", "quotes", "expected"),
    [
        ("It takes 30 days.", ["within 30 days"], ()),
        ("It takes 30 days.", ["within 31 days", "or 300"], ("30",)),
        ("It takes 30 days.", [], ("30",)),
        ("It costs 1,500.", ["1.500 Euro"], ()),
        ("It costs 1500.", ["1 500 euros"], ()),
        ("It costs 1 500.", ["1500 euros"], ()),
        ("It costs 1500.", ["1\u00a0500 euros"], ()),
        ("It costs 1500.", ["1’500 francs"], ()),
        ("It costs 1,500,000.50", ["1.500.000,5"], ()),
        ("It costs 1.5.", ["1,500"], ("1.5",)),
        ("It grew by 2,5 %.", ["2.50 %"], ()),
        ("It grew by 5 %.", ["2.5 %"], ("5",)),
        ("Since 2024.", ["of 12.05.2024"], ()),
        ("On 12.05.2024.", ["on 12 May 2024"], ("12.05.2024",)),
        ("On 12.05.2024.", ["on 2024-05-12"], ()),
        ("It takes 5 days.", ["five days"], ("5",)),
        ("It takes five days.", ["six days"], ()),
        ("2. Ask first.", ["Ask first."], ()),
        ("2 people ask.", ["Ask first."], ("2",)),
        ("The Q4 report of the 30th", ["Q4, on the 30th"], ()),
        ("Room 007", ["Room 7"], ()),
        ("It holds ３ of them.", ["3 of them"], ()),
    ],
)
def test_a_number_is_missing_unless_a_quote_has_its_value(
    sentence: str, quotes: list[str], expected: tuple[str, ...]
) -> None:
    """Spelling does not count, value does; number words are not read; a list's marker is no number."""
    assert expected == numbers_missing(sentence, quotes)


@given(st.text(alphabet="a1 .,'50\u202f", max_size=20))
def test_no_number_of_a_verbatim_quote_is_missing(text: str) -> None:
    """A sentence that is its own quote has all its numbers."""
    assert () == numbers_missing(text, [text])
