"""Sentences of answers and of documents."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.sentences import Splitter, is_finished, marker_length, split


def sentences(text: str, wrapped: bool = False) -> list[str]:
    return [text[start:end] for start, end in split(text, wrapped)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It costs 12.50. Really? Yes!", ["It costs 12.50.", "Really?", "Yes!"]),
        ("Dr. Lee signs, e.g. on paper. Mr. Roy too.", ["Dr. Lee signs, e.g. on paper.", "Mr. Roy too."]),
        ("J. R. Moss wrote it. U.S. law applies.", ["J. R. Moss wrote it.", "U.S. law applies."]),
        ("See No. 5 of it. Art. 3 too.", ["See No. 5 of it.", "Art. 3 too."]),
        ("Wait... what? Good… Then go.", ["Wait... what?", "Good…", "Then go."]),
        ("Am 3. Mai beginnt es. Es dauert z. B. lange.", ["Am 3. Mai beginnt es.", "Es dauert z. B. lange."]),
        ("Tokenised , Mr . Black came . He left .", ["Tokenised , Mr . Black came .", "He left ."]),
        ("It ends in 30. Then it starts.", ["It ends in 30.", "Then it starts."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("これは文です。次です！終わり", ["これは文です。", "次です！", "終わり"]),
        ("Steps:\n1. Open it.\n2. Close it.\n- Done", ["Steps:", "1. Open it.", "2. Close it.", "- Done"]),
        ("Mail ada@example.com or v1.2.3 now", ["Mail ada@example.com or v1.2.3 now"]),
        ("  \n ", []),
    ],
)
def test_a_sentence_ends_where_a_reader_would_say(text: str, expected: list[str]) -> None:
    """Periods of abbreviations, initials, decimals, ordinals and list markers end nothing."""
    assert expected == sentences(text)


def test_a_line_broken_by_the_margin_goes_on() -> None:
    """In a document, a full line without an end runs into the next; table rows and list items never do."""
    text = (
        "Teammates may book any flight under the limit that the travel\npolicy names. Ask first.\n"
        "| Item | Price |\n| Desk | 400 |\n- one\n- two"
    )
    assert [
        "Teammates may book any flight under the limit that the travel\npolicy names.",
        "Ask first.",
        "| Item | Price |",
        "| Desk | 400 |",
        "- one",
        "- two",
    ] == sentences(text, wrapped=True)


@settings(deadline=None)
@given(st.text(alphabet="aB1 .!?\n。-"))
def test_nothing_but_white_space_is_left_out(text: str) -> None:
    """Spans are in order, apart, and together hold every character that is not white space."""
    spans = split(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert "".join(text.split()) == "".join("".join(text[s:e] for s, e in spans).split())


@settings(deadline=None)
@given(st.lists(st.text(alphabet="aMäi B1 .!?\n。-e", max_size=9)))
def test_a_stream_is_cut_like_the_whole_text(pieces: list[str]) -> None:
    """How a model's output was cut into pieces decides nothing, and no character is lost or changed."""
    splitter = Splitter()
    parts = [part for piece in pieces for part in splitter.feed(piece)] + splitter.rest()
    text = "".join(pieces)
    assert sentences(text) == [part.text for part in parts]
    assert text.rstrip() == "".join(lead + body for lead, body in parts)


def test_a_finished_sentence_does_not_wait_for_the_end_of_the_text() -> None:
    """A sentence is released as soon as what follows it is certain to be another."""
    splitter = Splitter()
    assert [] == splitter.feed("It takes 30 days.")
    assert ["It takes 30 days."] == [part.text for part in splitter.feed(" Ask your manager first")]


@pytest.mark.parametrize(("text", "length"), [("- one", 2), ("2. two", 3), ("(a) three", 4), ("30 days", 0)])
def test_a_list_marker_is_told_from_the_text(text: str, length: int) -> None:
    """Only what marks the item counts as its marker."""
    assert length == marker_length(text)


@pytest.mark.parametrize(("text", "finished"), [("It ends.", True), ("It costs 1", False), ('"Yes."', True)])
def test_a_cut_sentence_is_recognised(text: str, finished: bool) -> None:
    """A sentence without its end may have lost a digit, so it must not count as one."""
    assert finished == is_finished(text)
