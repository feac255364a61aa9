"""What is said when the documents do not answer, or not all of it."""

from __future__ import annotations

import pytest

from appliance.language import detect, load_languages
from appliance.shortfall import closest_passages, missing_parts, refusal_text, sounds_like_refusal
from appliance.types import Chunk, Citation, Document, Passage, Searched, Statement, chunk_id, document_id

LANGUAGES = load_languages()


def passage(path: str, text: str = "text", ordinal: int = 0) -> Passage:
    document = Document(document_id("share", path), path, "0" * 64, "text/plain", frozenset())
    return Passage(Chunk(chunk_id(document, ordinal), document, ordinal, text, None), 1.0)


def said(text: str, path: str = "travel.md") -> Statement:
    return Statement(text, "supported", (Citation(text, passage(path, text), text, None),))


def test_each_document_comes_once_and_no_more_than_three() -> None:
    """The closest are documents, in the order of their best passages."""
    found = closest_passages([passage("a"), passage("a", ordinal=1), passage("b"), passage("c"), passage("d")])
    assert ["a", "b", "c"] == [each.chunk.document.path for each in found]


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_a_refusal_says_what_was_searched(language) -> None:  # type: ignore[no-untyped-def]  # a parameter
    """In every language: how many documents, and the names of those that come closest."""
    text = refusal_text(language, Searched("q", 884, (passage("policies/travel-policy-2026.md"),)))
    assert text.startswith(language.refusal)
    assert "884" in text
    assert "policies/travel-policy-2026.md" in text


@pytest.mark.parametrize(
    "sentence",
    [
        "Not in the documents.",
        "not in the documents",
        "The provided documents do not mention a car.",
        "Die Dokumente sagen dazu nichts.",
    ],
)
def test_a_refusal_is_recognised(sentence: str) -> None:
    """A model's refusal is one in its own words, too, in any language there is a file for."""
    assert sounds_like_refusal(sentence, "Not in the documents.", LANGUAGES)


@pytest.mark.parametrize("sentence", ["Documents are kept 10 years.", "Teammates do not say no.", ""])
def test_an_answer_is_no_refusal(sentence: str) -> None:
    """Words of a refusal in another sentence do not make one."""
    assert not sounds_like_refusal(sentence, "Not in the documents.", LANGUAGES)


@pytest.mark.parametrize(
    ("question", "answer", "missing"),
    [
        ("What is the hotel limit in Berlin and in Madrid?", "The hotel limit in Berlin is 140 euros.", ("Madrid",)),
        ("What did the P12 cost in 2025 and in 2026?", "The P12 cost 40 euros in 2026.", ("2025",)),
        ("What is the hotel limit in Berlin?", "The limit is 140 euros.", ()),
        ("What is the hotel limit in Berlin?", "The hotel limit in Berlin is 140 euros.", ()),
        ("Wie hoch ist das Hotelbudget in Berlin?", "Das Budget beträgt 140 Euro.", ()),
    ],
)
def test_what_an_answer_leaves_out_is_named(question: str, answer: str, missing: tuple[str, ...]) -> None:
    """A name or a number of the question that neither the answer nor its quotes have, where they have others."""
    assert missing == missing_parts(question, [said(answer)], detect(question, LANGUAGES))


def test_what_a_quote_stands_under_is_said() -> None:
    """Headings and path of a cited passage count: who reads the 2026 policy need not be told that it is of 2026."""
    statement = said("The hotel limit in Berlin is 140 euros.", "travel-policy-2026.md")
    assert () == missing_parts("What is the limit in Berlin in 2026?", [statement], LANGUAGES[0])
