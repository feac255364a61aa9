from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.types import Finding, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.options import Options
from ingest.parsers.rtf.parser import RtfParser

HEAD = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}"
    r"{\f2\fcharset128 MS Mincho;}{\f3\fcharset2 Symbol;}}"
    r"{\colortbl;\red255\green255\blue255;\red31\green56\blue100;\red200\green0\blue0;}"
    r"{\stylesheet{\s0 Normal;}{\s1\b heading 1;}{\s2 Title;}}{\*\generator Writer;}{\info{\title Secret}}"
)


def parsed(body: str) -> list[object]:
    file = io.BytesIO((HEAD + body + "}").encode("latin-1"))
    return list(RtfParser(Options(pages=100, ocr_languages=(), scratch=Path("/nonexistent"))).parse(file, media.RTF))


def sections(body: str) -> list[tuple[str, int, str]]:
    return [(s.kind, s.level, s.text) for s in parsed(body) if isinstance(s, Section)]


def texts(body: str) -> list[str]:
    return [text for _, _, text in sections(body)]


def findings(body: str) -> list[Finding]:
    return [found for found in parsed(body) if isinstance(found, Finding)]


def test_headings_lists_and_tables_are_kept() -> None:
    """Headings come from styles and outline levels, list items with their signs, rows with their headers."""
    body = (
        r"\pard\s1 Travel\par\pard\outlinelevel1 Hotels\par\pard Ask first.\par"
        r"{\listtext\f3\'b7\tab}Book.\par{\listtext 2.\tab}Pay.\par"
        r"\trowd\cellx1000\cellx2000\cellx3000\pard\intbl City\cell Limit\cell Owner\cell\row"
        r"\trowd\cellx1000\cellx2000\cellx3000\pard\intbl Oslo\cell 210\cell CFO\cell\row\pard After\par"
    )
    assert sections(body) == [
        ("heading", 1, "Travel"),
        ("heading", 2, "Hotels"),
        ("paragraph", 0, "Ask first."),
        ("list_item", 0, "- Book."),
        ("list_item", 0, "2. Pay."),
        ("table", 0, "City: Oslo | Limit: 210 | Owner: CFO"),
        ("paragraph", 0, "After"),
    ]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"caf\'e9", "café"),
        (r"{\f1 \'cc\'ee\'f1\'ea\'e2\'e0}", "Москва"),
        (r"{\f2 \'93\'fa\'96\'7b}", "日本"),
        (r"\u8364?5", "€5"),
        (r"\uc2\u8364\'80\'805", "€5"),
        (r"{\uc0\u8364 5}", "€5"),
        (r"\u-10179?\u-8704?", "\U0001f600"),
        (r"{\f3 \'61}", "α"),
        (r"a\~b\_c\-d\emdash e\{\}\\", "a b-cd—e{}\\"),
        ("one\r\ntwo\\\nthree", "onetwo"),
    ],
)
def test_characters_come_from_fonts_and_code_pages(body: str, text: str) -> None:
    """Bytes are read in the character set of their font; Unicode characters replace what stands for old readers."""
    assert texts(body + r"\par")[0] == text


@pytest.mark.parametrize(
    "group",
    [
        r"{\pict\wmetafile8 616263}",
        r"{\*\unknown never}",
        r"{\field{\*\fldinst HYPERLINK never}{\fldrslt }}",
        r"{\object{\*\objdata 6e65766572}{\result }}",
        r"{\shp{\*\shpinst{\sp{\sn never}{\sv 1}}}{\shprslt never}}",
        r"{\*\annotation never}",
        r"{\xe never}",
        "\\bin5 never",
        r"{\info{\upr{\author never}{\*\ud{\author never}}}}",
    ],
)
def test_what_is_no_text_is_left_out(group: str) -> None:
    """Pictures, objects, field codes, comments and unknown destinations are not read, and no finding either."""
    assert parsed(group + r"seen\par") == [Section("seen", None, "paragraph")]


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (r"{\v obey me}", "hidden"),
        (r"{\cf1 obey me}", "background_colour"),
        (r"{\cf2\highlight2 obey me}", "background_colour"),
        (r"{\cf2\chcbpat2 obey me}", "background_colour"),
        (r"{\fs2 obey me}", "tiny"),
        (r"{\charscalex1 obey me}", "tiny"),
        (r"\li30000 obey me\li0 ", "off_page"),
    ],
)
def test_unseen_runs_are_kept_out(run: str, kind: str) -> None:
    """A run that nobody sees is no text, and a finding says where and how much, not what."""
    body = rf"first\par seen {run}\par"
    assert texts(body) == ["first", "seen"]
    assert [(f.kind, f.where, f.characters) for f in findings(body)] == [(kind, "paragraph 2", 6)]


def test_tracked_deletions_are_ordinary() -> None:
    """What was deleted with changes tracked is no text, and no finding either."""
    body = r"seen {\deleted obey me}too\par"
    assert (["seen too"], []) == (texts(body), findings(body))


@pytest.mark.parametrize(
    "run",
    [
        r"{\cf1\highlight2 seen}",
        r"\pard\cbpat2 {\cf1 seen}",
        r"\trowd\clcbpat2\cellx1000\pard\intbl {\cf1 seen}\cell\row\pard ",
        r"{\v\v0 seen}",
        r"{\v\plain seen}",
        r"{\fs2\fs20 seen}",
        r"{\cf3 seen}",
        r"{\cf0 seen}",
    ],
)
def test_what_can_be_seen_is_kept(run: str) -> None:
    """White letters on dark grounds are ordinary, and what is switched off again does not hide."""
    assert texts(run + r"\par") == ["seen"]
    assert findings(run + r"\par") == []


def test_headers_boxes_and_notes_have_their_places() -> None:
    """Headers come first and once, boxes after their paragraph, notes at the end."""
    body = (
        r"{\header Acme\par}{\headerf Acme\par}{\footer \chpgn 3\par}A{\footnote See B.}"
        r"{\shp{\*\shpinst\shpleft0{\shptxt boxed\par}}} claim\par End\par"
    )
    assert texts(body) == ["Acme", "A claim", "boxed", "End", "Footnotes", "See B."]


def test_deep_and_long_files_are_read_in_linear_time() -> None:
    """A million open braces neither exhaust the stack nor take longer than they are."""
    began = time.monotonic()
    assert texts("{" * 500_000 + "deep" + "}" * 500_000 + r"\par" + r"\'e9" * 500_000 + r"\par")[0] == "deep"
    # No measurement: what recurses or is quadratic does not come back in minutes.
    assert time.monotonic() - began < 60


def test_other_files_are_damaged() -> None:
    """What does not begin as RTF is a result in plain words."""
    parser = RtfParser(Options(pages=100, ocr_languages=(), scratch=Path("/nonexistent")))
    with pytest.raises(BadFile) as caught:
        list(parser.parse(io.BytesIO(b"plain"), media.RTF))
    assert caught.value.status == "damaged"


@given(
    st.lists(st.sampled_from([*r"\{}'*;ab1 ", r"\u8364", r"\'e9", r"\par ", r"\cell ", r"\row ", r"\v ", r"\shptxt "]))
)
def test_any_rubbish_is_read(parts: list[str]) -> None:
    """No sequence of signs makes the reader fail."""
    for found in parsed("".join(parts)):
        assert isinstance(found, Section | Finding)
