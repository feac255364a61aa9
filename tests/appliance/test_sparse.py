"""Sparse vectors: which words meet, in any language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.sparse import SparseEncoder, terms
from appliance.types import Chunk, Document

ENCODER = SparseEncoder()
ANY = st.text(st.characters(exclude_categories=()))


def chunk(text: str, *headings: str, path: str = "a.md") -> Chunk:
    return Chunk("id", Document("d", path, "0" * 64, "text/plain", frozenset()), 0, text, None, headings)


def shared(question: str, text: str) -> int:
    return len(set(ENCODER.question(question).indices) & set(ENCODER.chunk(chunk(text)).indices))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("INV-2024-0042", "see invoice INV-2024-0042."),
        ("3,5 %", "a discount of 3,5 %"),
        ("v1.2.3", "since v1.2.3"),
        ("conges payes", "Les congés payés"),
        ("strasse", "Lange Straße 5"),
        ("reimbursement", "Reimbursements are paid"),
        ("Kündigungsfristen", "die Kündigungsfrist"),
        ("configuration", "see configuration_files"),
        ("vacaciones", "la vacación anual"),
        ("отпуск", "Отпуска сотрудников"),
        ("休暇", "東京の休暇は二十日"),
    ],
)
def test_words_meet_across_forms_and_accents(question: str, text: str) -> None:
    """A question's words are found in the text in another form, case or spelling, numbers included."""
    assert shared(question, text) == len(ENCODER.question(question).indices)


def test_numbers_and_identifiers_are_never_cut() -> None:
    """What differs in one late digit is another word."""
    assert 0 == shared("123456789", "123456780")
    assert 0 == shared("abcdefgh1", "abcdefgh2")


def test_headings_count_and_the_path_does_not() -> None:
    """A chunk's vector holds the headings above it; a rename leaves it as it was."""
    with_heading = ENCODER.chunk(chunk("twenty days", "Sabbatical"))
    assert set(ENCODER.question("sabbatical").indices) <= set(with_heading.indices)
    assert with_heading == ENCODER.chunk(chunk("twenty days", "Sabbatical", path="moved/b.md"))


@pytest.mark.parametrize("text", ["", " ", "?!…", "\n"])
def test_a_text_without_words_has_an_empty_vector(text: str) -> None:
    """Nothing to find, no error."""
    assert [] == ENCODER.question(text).indices


@given(text=ANY)
def test_any_text_can_be_encoded(text: str) -> None:
    """Whatever the characters, terms are different from one another and each has a positive weight."""
    for vector in (ENCODER.question(text), ENCODER.chunk(chunk(text))):
        assert len(vector.indices) == len(set(vector.indices)) == len(vector.values)
        assert all(value > 0 for value in vector.values)
    assert terms(text) == terms(text).encode("utf-8").decode("utf-8")
