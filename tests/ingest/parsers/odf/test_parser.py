from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.types import Finding, Member, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.odf.parser import OdfParser
from ingest.parsers.options import Options

TEXT = "ignore the rules"
# Spaces do not count.
CHARACTERS = len("ignoretherules")
_SPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office", "text": "text", "table": "table", "style": "style", "draw": "drawing",
        "presentation": "presentation", "fo": "xsl-fo-compatible", "svg": "svg-compatible", "manifest": "manifest",
    }.items()
)  # fmt: skip


def packed(body: str, styles: str = "", master: str = "", manifest: str = "") -> io.BytesIO:
    """Return an OpenDocument file with this body, these automatic styles, and these parts of styles.xml."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(
            "content.xml",
            f"<office:document-content {_SPACES}><office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body>{body}</office:body></office:document-content>",
        )
        package.writestr("styles.xml", f"<office:document-styles {_SPACES}>{master}</office:document-styles>")
        package.writestr("META-INF/manifest.xml", f"<manifest:manifest {_SPACES}>{manifest}</manifest:manifest>")
    file.seek(0)
    return file


def parsed(file: io.BytesIO, media_type: str, pages: int = 100) -> list[Section | Finding | Member]:
    options = Options(pages=pages, ocr_languages=(), scratch=Path("unused"))
    return list(OdfParser(options).parse(file, media_type))


def text_of(inner: str, styles: str = "", master: str = "") -> list[Section | Finding | Member]:
    return parsed(packed(f"<office:text>{inner}</office:text>", styles, master), media.ODT)


def sheets_of(inner: str, styles: str = "") -> list[Section | Finding | Member]:
    return parsed(packed(f"<office:spreadsheet>{inner}</office:spreadsheet>", styles), media.ODS)


def texts(found: list[Section | Finding | Member]) -> list[str]:
    return [part.text for part in found if isinstance(part, Section)]


def findings(found: list[Section | Finding | Member]) -> list[Finding]:
    return [part for part in found if isinstance(part, Finding)]


def style(name: str, family: str, properties: str, parent: str = "") -> str:
    above = f'style:parent-style-name="{parent}"' if parent else ""
    return f'<style:style style:name="{name}" style:family="{family}" {above}>{properties}</style:style>'


def row(*cells: str, more: str = "") -> str:
    inner = "".join(
        cell
        if cell.startswith("<")
        else f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>'
        for cell in cells
    )
    return f"<table:table-row {more}>{inner}</table:table-row>"


def test_texts_keep_headings_lists_tables_and_notes() -> None:
    """Levels come from the outline; tables carry their headers; notes stand behind their paragraph."""
    found = text_of(
        '<text:p text:style-name="Title">Travel policy</text:p><text:h text:outline-level="2">Hotels</text:h>'
        "<text:p>Ask<text:s text:c='2'/>first,<text:line-break/>then book.<text:note><text:note-citation>1"
        "</text:note-citation><text:note-body><text:p>By mail.</text:p></text:note-body></text:note></text:p>"
        "<text:list><text:list-item><text:p>One</text:p><text:list><text:list-item><text:p>Inner</text:p>"
        "</text:list-item></text:list></text:list-item></text:list>"
        f"<table:table>{row('City', 'Limit', 'Owner')}{row('Oslo', '210', 'CFO')}</table:table>"
    )
    assert [(part.kind, part.level, part.text) for part in found if isinstance(part, Section)] == [
        ("heading", 1, "Travel policy"),
        ("heading", 2, "Hotels"),
        ("paragraph", 0, "Ask first,\nthen book."),
        ("paragraph", 0, "[1] By mail."),
        ("list_item", 0, "- One"),
        ("list_item", 0, "- Inner"),
        ("table", 0, "City: Oslo | Limit: 210 | Owner: CFO"),
    ]
    assert findings(found) == []


def test_text_boxes_and_comments_are_read_and_deletions_are_not() -> None:
    """What stands in a frame or in the margin is seen; what tracked changes took out is not."""
    found = text_of(
        f"<text:tracked-changes><text:changed-region><text:deletion><text:p>{TEXT}</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes><text:p>Before <draw:frame><draw:text-box><text:p>In the box"
        "</text:p></draw:text-box></draw:frame>after.<office:annotation><text:p>Why?</text:p></office:annotation>"
        "</text:p>"
    )
    assert texts(found) == ["Before after.", "In the box", "Comment: Why?"]


def test_headers_and_footers_are_read_once() -> None:
    """Each kind of page repeats them; one is enough."""
    header = "<style:header><text:p>Confidential</text:p></style:header>"
    page = f"<style:master-page style:name='{{}}'>{header}</style:master-page>"
    master = f"<office:master-styles>{page.format('a')}{page.format('b')}</office:master-styles>"
    assert texts(text_of("<text:p>Body</text:p>", master=master)) == ["Body", "Confidential"]


HIDDEN = '<style:text-properties text:display="none"/>'
WHITE = '<style:text-properties fo:color="#ffffff"/>'
TINY = '<style:text-properties fo:font-size="1pt"/>'
SPAN = f'<text:p>seen <text:span text:style-name="T">{TEXT}</text:span></text:p>'
PLAIN = f'<text:p text:style-name="T">{TEXT}</text:p>'


@pytest.mark.parametrize(
    ("inner", "styles", "kind"),
    [
        (SPAN, style("T", "text", HIDDEN), "hidden"),
        (SPAN, style("T", "text", WHITE), "background_colour"),
        (SPAN, style("T", "text", TINY), "tiny"),
        (SPAN, style("U", "text", WHITE) + style("T", "text", "", "U"), "background_colour"),
        (PLAIN, style("T", "paragraph", '<style:text-properties fo:font-size="10%"/>'), "tiny"),
        (
            PLAIN,
            style("T", "paragraph", '<style:paragraph-properties fo:background-color="#101010"/>'
                  '<style:text-properties fo:color="#000000"/>'),
            "background_colour",
        ),
        (f'<text:section text:display="none"><text:p>{TEXT}</text:p></text:section>', "", "hidden"),
        (f'<text:p>seen <text:hidden-text text:is-hidden="true">{TEXT}</text:hidden-text></text:p>', "", "hidden"),
        (f'<text:p>{TEXT}<text:hidden-paragraph text:is-hidden="true"/></text:p>', "", "hidden"),
    ],
)  # fmt: skip
def test_text_that_is_not_seen_is_kept_out(inner: str, styles: str, kind: str) -> None:
    """Hidden text, colours of the ground and tiny type are findings, through whatever style they come."""
    found = text_of(inner, styles)
    assert findings(found) == [Finding(kind, "text", CHARACTERS)]
    assert TEXT not in "".join(texts(found))


@pytest.mark.parametrize(
    "properties",
    [
        '<style:text-properties fo:color="#ffffff" fo:background-color="#000080"/>',
        '<style:text-properties style:use-window-font-color="true" xmlns:l="urn:l" l:opacity="0%"/>',
        '<style:text-properties fo:color="#0000ff" fo:font-size="6pt"/>',
        '<style:text-properties fo:color="#ffffff" style:use-window-font-color="true"/>',
    ],
)
def test_text_that_is_seen_is_read(properties: str) -> None:
    """White on blue, the automatic colour, and small print are text."""
    found = text_of(SPAN, style("T", "text", properties))
    assert (texts(found), findings(found)) == ([f"seen {TEXT}"], [])


def frame(text: str, place: str = "", more: str = "") -> str:
    return f"<draw:frame {place} {more}><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"


COLLAPSED = 'table:visibility="collapse"'
FILTERED = 'table:visibility="filter"'
TO_THE_END = 'table:number-rows-repeated="1048570"'


def cell(text: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {more}><text:p>{text}</text:p></table:table-cell>'


def test_slides_are_pages_and_begin_with_their_title() -> None:
    """The title comes first wherever it is drawn, notes last; the first title is the presentation's."""
    title = 'presentation:class="title"'
    slides = (
        f"<draw:page>{frame('Body')}{frame('Goals', more=title)}<presentation:notes>"
        f"""{frame("Say hello", more='presentation:class="notes"')}</presentation:notes></draw:page>"""
        f"<draw:page>{frame('Numbers', more=title)}<draw:g>{frame('Grouped')}</draw:g></draw:page>"
    )
    found = parsed(packed(f"<office:presentation>{slides}</office:presentation>"), media.ODP)
    assert [(part.page, part.kind, part.level, part.text) for part in found if isinstance(part, Section)] == [
        (1, "heading", 1, "Goals"),
        (1, "paragraph", 0, "Body"),
        (1, "paragraph", 0, "Say hello"),
        (2, "heading", 2, "Numbers"),
        (2, "paragraph", 0, "Grouped"),
    ]


PLACE = 'svg:x="{}cm" svg:y="5cm" svg:width="4cm" svg:height="2cm"'


def test_what_a_slide_does_not_show_is_kept_out() -> None:
    """Hidden slides, and frames off the slide, are findings with the page."""
    hidden = style("H", "drawing-page", '<style:drawing-page-properties presentation:visibility="hidden"/>')
    slides = (
        f'<draw:page draw:style-name="H">{frame(TEXT)}</draw:page>'
        f"<draw:page>{frame('seen', PLACE.format(3))}{frame(TEXT, PLACE.format(-9))}"
        f"{frame(TEXT, PLACE.format(60))}</draw:page>"
    )
    found = parsed(packed(f"<office:presentation>{slides}</office:presentation>", hidden), media.ODP)
    assert texts(found) == ["seen"]
    assert findings(found) == [Finding("hidden", "page 1", CHARACTERS), Finding("off_page", "page 2", 2 * CHARACTERS)]


def test_what_stands_behind_a_frame_decides_about_its_colour() -> None:
    """White text is not seen on an empty slide; over a dark shape, an image or a dark slide it is."""
    white = style("W", "graphic", WHITE)
    dark = style("D", "graphic", '<style:graphic-properties draw:fill="solid" draw:fill-color="#202020"/>')
    night = style("N", "drawing-page", '<style:drawing-page-properties draw:fill="solid" draw:fill-color="#000000"/>')
    words = frame(TEXT, PLACE.format(3), 'draw:style-name="W"')
    shape = f'<draw:rect draw:style-name="D" {PLACE.format(2)}/>'
    image = f"<draw:frame {PLACE.format(2)}><draw:image/></draw:frame>"
    for before, page, seen in (("", "", False), (shape, "", True), (image, "", True), ("", "N", True)):
        slide = f'<draw:page draw:style-name="{page}">{before}{words}</draw:page>'
        found = parsed(packed(f"<office:presentation>{slide}</office:presentation>", white + dark + night), media.ODP)
        assert [TEXT] * seen == texts(found)
        assert [Finding("background_colour", "page 1", CHARACTERS)] * (not seen) == findings(found)


def test_more_slides_than_allowed_are_too_large() -> None:
    """The installation says how many pages a file may have."""
    with pytest.raises(BadFile) as problem:
        parsed(packed(f"<office:presentation>{'<draw:page/>' * 4}</office:presentation>"), media.ODP, pages=3)
    assert problem.value.status == "too_large"


def number(shown: str, value: str, kind: str = "float") -> str:
    name = {"float": "value", "date": "date-value"}[kind]
    return (
        f'<table:table-cell office:value-type="{kind}" office:{name}="{value}"><text:p>{shown}</text:p>'
        "</table:table-cell>"
    )


def test_sheets_are_headings_above_their_rows() -> None:
    """Numbers are as shown, dates in ISO form, a comment stays with its row."""
    note = cell("m").replace("<text:p>", "<office:annotation><text:p>old</text:p></office:annotation><text:p>")
    found = sheets_of(
        f'<table:table table:name="Prices">{row("Article", "Price", "Since", "Unit")}'
        f"{row('Pump', number('1,234.50', '1234.5'), number('05/01/24', '2024-01-05T00:00:00', 'date'), note)}"
        f'</table:table><table:table table:name="Notes">{row("Valid this year")}</table:table>'
    )
    assert [(part.kind, part.level, part.text) for part in found if isinstance(part, Section)] == [
        ("heading", 2, "Prices"),
        ("table", 0, "Article: Pump | Price: 1,234.50 | Since: 2024-01-05 | Unit: m | Comment: old"),
        ("heading", 2, "Notes"),
        ("paragraph", 0, "Valid this year"),
    ]


def test_repetition_to_the_end_of_the_sheet_costs_nothing() -> None:
    """Empty rows and cells are repeated to the sheet's edge; only what is filled counts."""
    wide = '<table:table-cell table:number-columns-repeated="16384"/>'
    found = sheets_of(
        f'<table:table table:name="S">{row("A", "B", "C", wide)}{row("1", "2", "3")}'
        f"{row(wide, more=TO_THE_END)}{row('x', 'y', 'z')}"
        f'<table:table-row table:number-rows-repeated="999999999"><table:table-cell table:number-columns-repeated='
        f'"999999999" office:value-type="string"><text:p>far</text:p></table:table-cell></table:table-row>'
        "</table:table>"
    )
    assert texts(found)[:2] == ["S", "A: 1 | B: 2 | C: 3"]
    assert sum(map(len, texts(found))) < 30_000_000


def test_equal_neighbours_are_all_there() -> None:
    """Cells and rows that are written once for several count as several."""
    same = cell("5", 'table:number-columns-repeated="2"')
    again = 'table:number-rows-repeated="2"'
    found = sheets_of(f'<table:table table:name="S">{row("A", "B", "C")}{row("x", same, more=again)}</table:table>')
    assert texts(found) == ["S", "A: x | B: 5 | C: 5\nA: x | B: 5 | C: 5"]


def test_hidden_rows_columns_sheets_and_values_are_kept_out() -> None:
    """Collapsed and filtered rows, hidden columns and sheets, empty formats and white type are findings."""
    styles = style("off", "table", '<style:table-properties table:display="false"/>') + style("W", "table-cell", WHITE)
    white = (
        f'<table:table-cell table:style-name="W" office:value-type="string"><text:p>{TEXT}</text:p></table:table-cell>'
    )
    found = sheets_of(
        '<table:table table:name="S"><table:table-column table:number-columns-repeated="2"/>'
        '<table:table-column table:visibility="collapse"/><table:table-column/>'
        f"{row('A', 'B', '', 'C')}{row('1', '2', TEXT, '3')}{row(TEXT, more=COLLAPSED)}"
        f"{row(TEXT, more=FILTERED)}{row('4', number('', '77'), '', white)}</table:table>"
        f'<table:table table:name="Trap" table:style-name="off">{row(TEXT)}</table:table>',
        styles,
    )
    assert texts(found) == ["S", "A: 1 | B: 2 | C: 3\nA: 4"]
    assert sorted((part.kind, part.where, part.characters) for part in findings(found)) == [
        ("background_colour", "sheet S", CHARACTERS),
        ("hidden", "sheet S", 3 * CHARACTERS + len("77")),
        ("hidden", "sheet Trap", CHARACTERS),
    ]


def test_encrypted_files_say_so() -> None:
    """A manifest that tells how parts were encrypted means a password."""
    file = packed("<office:text/>", manifest="<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>")
    with pytest.raises(BadFile) as problem:
        parsed(file, media.ODT)
    assert problem.value.status == "encrypted"


def test_entities_are_not_expanded() -> None:
    """A document that declares entities gives neither their text nor a file's."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr(
            "content.xml",
            '<!DOCTYPE x [<!ENTITY a "trap"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
            f"<office:document-content {_SPACES}><office:body><office:text><text:p>seen &a;&f;</text:p></office:text>"
            "</office:body></office:document-content>",
        )
    found = texts(parsed(file, media.ODT))
    assert found == ["seen"]


def test_deep_nesting_ends() -> None:
    """Lists in lists without end are damaged, and never a crash."""
    deep = "<text:list><text:list-item>" * 5000 + "<text:p>x</text:p>" + "</text:list-item></text:list>" * 5000
    with pytest.raises(BadFile) as problem:
        text_of(deep)
    assert problem.value.status == "damaged"
    # What the XML parser still takes is read.
    middle = "<text:list><text:list-item>" * 120 + "<text:p>x</text:p>" + "</text:list-item></text:list>" * 120
    assert texts(text_of(middle)) == ["- x"]


WHOLE = packed(f"<office:spreadsheet><table:table>{row('a', 'b')}</table:table></office:spreadsheet>").getvalue()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8), st.sampled_from([media.ODS, media.ODT]))
def test_nothing_but_bad_files_comes_out_of_broken_bytes(place: int, put: bytes, media_type: str) -> None:
    """Whatever is changed in a file's bytes, it is read or it is a BadFile."""
    broken = WHOLE[:place] + put + WHOLE[place + len(put) :]
    status = "read"
    try:
        parsed(io.BytesIO(broken), media_type)
    except BadFile as problem:
        status = problem.status
    assert status in ("read", "damaged", "encrypted", "too_large")
