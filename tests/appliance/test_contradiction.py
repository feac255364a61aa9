"""Which places of the documents deny what a quote says."""

from __future__ import annotations

import pytest

from appliance.grounding import Evidence
from appliance.types import Chunk, Citation, Document, Passage, chunk_id, document_id
from tests.appliance.contradiction_table import PAIRS

PATH = "policies/leave.md"


def passage(text: str, path: str = PATH, heading: str = "Leave", ordinal: int = 0) -> Passage:
    document = Document(document_id("share", path), path, "0" * 64, "text/plain", frozenset({"group:everyone"}))
    return Passage(Chunk(chunk_id(document, ordinal), document, ordinal, text, None, (heading,)), 1.0)


def against(claim: str, *passages: Passage) -> tuple[Citation, ...]:
    evidence = Evidence(passages, "")
    grounded = evidence.ground(claim)
    assert grounded.supported, grounded.why
    return evidence.against(grounded)


@pytest.mark.parametrize(("language", "cited", "other", "path", "heading", "contradicts"), PAIRS)
def test_a_contradiction_is_told_from_another_thing(
    language: str, cited: str, other: str, path: str, heading: str, contradicts: bool
) -> None:
    """The same statement with another value, name or the opposite is one; a statement about something else is none."""
    found = against(cited, passage(cited), passage(other, path, heading, 1))
    assert [other] * contradicts == [citation.quote for citation in found], language


def test_two_versions_of_a_policy_contradict_each_other() -> None:
    """A limit without a year is denied by the same limit in last year's policy; named with its year it is not."""
    new = passage(
        "The company pays for a hotel room up to 165 EUR a night.", "policies/travel-policy-2026.md", "Hotels"
    )
    old = passage(
        "The company pays for a hotel room up to 140 EUR a night.", "policies/travel-policy-2025.md", "Hotels"
    )
    (citation,) = against("The company pays up to 165 EUR a night for a hotel room.", new, old)
    assert "policies/travel-policy-2025.md" == citation.passage.chunk.document.path
    assert "The company pays for a hotel room up to 140 EUR a night." == citation.quote
    dated = passage(
        "In 2026 the company pays up to 165 EUR a night for a hotel room.", new.chunk.document.path, "Hotels"
    )
    assert () == against("In 2026 the company pays up to 165 EUR a night for a hotel room.", dated, old)


def test_the_same_text_for_two_countries_is_no_contradiction() -> None:
    """Sibling documents say the same of different things."""
    german = passage("The notice period for employees is 4 weeks.", "countries/germany/notice.md", "Notice")
    french = passage("The notice period for employees is 6 weeks.", "countries/france/notice.md", "Notice")
    assert () == against("The notice period for employees is 4 weeks.", german, french)


def test_what_is_not_supported_is_not_contradicted() -> None:
    """Only a claim that has quotes can be denied by others."""
    evidence = Evidence([passage("Employees have 30 days of leave.")], "")
    assert () == evidence.against(evidence.ground("Employees have 25 days of leave."))
