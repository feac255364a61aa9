"""What every parser promises, whatever it reads."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.ports import Parser
from ingest import media
from ingest.parsers import parser_for

SAMPLE = Path(__file__).parents[2] / "compose" / "sample"
EXAMPLES = {
    media.MARKDOWN: "policies/leave-policy.md",
    media.TEXT: "policies/data-retention.txt",
    media.CSV: "facilities/meeting-rooms.csv",
    media.MAIL: "mail/delivery-delay-v40.eml",
    media.HTML: "wiki/onboarding.html",
    media.DOCX: "minutes/2026-03-management-meeting.docx",
    media.PPTX: "slides/strategy-2026.pptx",
    media.XLSX: "sales/price-list-2026.xlsx",
    media.PDF: "contracts/supply-agreement-northfield.pdf",
}
# Of these, any bytes at all are a document.
FORGIVING = (media.MARKDOWN, media.TEXT, media.CSV, media.MAIL)


@pytest.fixture(params=list(EXAMPLES))
def media_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_parser_names_what_it_reads(media_type: str) -> None:
    """The parser of a media type lists it among its own."""
    parser: Parser = parser_for(media_type)
    assert media_type in parser.media_types


def test_sections_have_text_and_sensible_places(media_type: str) -> None:
    """Every section has text; pages count from 1 and never go back; headings, and they alone, have a level."""
    with (SAMPLE / EXAMPLES[media_type]).open("rb") as file:
        sections = list(parser_for(media_type).parse(file, media_type))
    assert sections
    assert [section for section in sections if not section.text.strip()] == []
    pages = [section.page for section in sections if section.page is not None]
    assert pages == sorted(pages)
    assert len(pages) in (0, len(sections))
    assert all(page >= 1 for page in pages)
    assert [s for s in sections if (s.level > 0) != (s.kind == "heading")] == []


def test_the_same_file_gives_the_same_sections(media_type: str) -> None:
    """Parsing has no memory: twice the same bytes, twice the same sections."""
    content = (SAMPLE / EXAMPLES[media_type]).read_bytes()
    first, second = (list(parser_for(media_type).parse(io.BytesIO(content), media_type)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("media_type", FORGIVING)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
)
def test_any_bytes_are_a_text(media_type: str, content: bytes) -> None:
    """Formats without a structure to break never fail: whatever the bytes, they give sections or none."""
    for section in parser_for(media_type).parse(io.BytesIO(content), media_type):
        assert section.text.strip()
