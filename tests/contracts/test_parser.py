"""What every parser promises, whatever it reads."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.ports import Parser
from appliance.types import Finding, Member, Section
from ingest.files import BadFile
from ingest.media import sniff
from ingest.parsers import MEDIA_TYPES, parser_for
from ingest.parsers.options import Options
from tests.contracts.files import EXAMPLES, FORGIVING, WITHOUT_EXAMPLE


@pytest.fixture(params=list(EXAMPLES))
def media_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(pages=100, ocr_languages=("eng",), scratch=tmp_path)


def found_in(content: bytes, media_type: str, options: Options) -> Iterator[Section | Finding | tuple[str, bytes]]:
    """Yield what a parser yields, members with their bytes, each read when it comes."""
    for part in parser_for(media_type, options).parse(io.BytesIO(content), media_type):
        yield (part.name, b"".join(part.content)) if isinstance(part, Member) else part


def test_every_kind_has_an_example() -> None:
    """No parser is left out of this suite."""
    assert MEDIA_TYPES == EXAMPLES.keys() | WITHOUT_EXAMPLE


def test_every_parser_names_what_it_reads(media_type: str, options: Options) -> None:
    """The parser of a media type lists it among its own."""
    parser: Parser = parser_for(media_type, options)
    assert media_type in parser.media_types


def test_content_alone_says_what_a_file_is(media_type: str) -> None:
    """Under its own name a file gets its own parser; the name decides only between kinds of text."""
    suffixes = {"text/markdown": "md", "text/x-rst": "rst", "text/x-org": "org", "application/yaml": "yaml"}
    suffixes |= {
        "application/json": "json",
        "text/csv": "csv",
        "text/tab-separated-values": "tsv",
        "application/x-ndjson": "ndjson",
    }
    name = f"file.{suffixes.get(media_type, 'txt')}"
    assert media_type == sniff(io.BytesIO(EXAMPLES[media_type]()), name)


def test_every_file_yields_text_or_files(media_type: str, options: Options) -> None:
    """Sections have text, pages count from 1 and never go back; headings, and they alone, have a level."""
    found = list(found_in(EXAMPLES[media_type](), media_type, options))
    sections = [part for part in found if isinstance(part, Section)]
    members = [part for part in found if isinstance(part, tuple)]
    assert sections or members
    assert [] == [part for part in found if isinstance(part, Finding)]
    assert [] == [section for section in sections if not section.text.strip()]
    pages = [section.page for section in sections if section.page is not None]
    assert pages == sorted(pages)
    assert len(pages) in (0, len(sections))
    assert all(page >= 1 for page in pages)
    assert [] == [s for s in sections if (s.level > 0) != (s.kind == "heading")]
    assert all(content for _, content in members)


def test_the_same_file_gives_the_same(media_type: str, options: Options) -> None:
    """Parsing has no memory: twice the same bytes, twice the same."""
    content = EXAMPLES[media_type]()
    first, second = (list(found_in(content, media_type, options)) for _ in range(2))
    assert first == second


def test_half_a_file_is_a_result(media_type: str, options: Options) -> None:
    """A file that breaks off yields what is whole of it, or is a bad file with a reason; nothing else is raised."""
    content = EXAMPLES[media_type]()
    problem, found = None, []
    try:
        found = list(found_in(content[: len(content) // 2], media_type, options))
    except BadFile as error:
        problem = (error.status in ("damaged", "empty", "unsupported"), bool(error.reason))
    assert problem in (None, (True, True))
    assert [] == [part for part in found if isinstance(part, Section) and not part.text.strip()]


def test_parsing_leaves_nothing_behind(media_type: str, options: Options) -> None:
    """What a parser writes, it writes into its own folder, and takes it away."""
    list(found_in(EXAMPLES[media_type](), media_type, options))
    assert [] == list(options.scratch.iterdir())


@pytest.mark.parametrize("media_type", FORGIVING)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
)
def test_any_bytes_are_a_text(media_type: str, options: Options, content: bytes) -> None:
    """Formats without a structure to break never fail: whatever the bytes, they give sections or none."""
    for part in found_in(content, media_type, options):
        assert not isinstance(part, Section) or part.text.strip()
