from __future__ import annotations

import io
from pathlib import Path

import pytest

from appliance.types import Finding, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.options import Options
from ingest.parsers.web.html import WebParser, html_sections

SECRET = "These words are for nobody to read."


def parsed(page: bytes) -> list[Section | Finding]:
    return list(WebParser(Options(1, (), Path())).parse(io.BytesIO(page), media.HTML))


def sections(markup: str) -> list[tuple[str, int, str]]:
    found = html_sections(markup)
    return [(one.kind, one.level, one.text) for one in found if isinstance(one, Section)]


def findings(markup: str) -> list[tuple[str, int]]:
    return [(one.kind, one.characters) for one in html_sections(markup) if isinstance(one, Finding)]


def texts(markup: str) -> str:
    return "\n".join(text for _, _, text in sections(markup))


def test_web_pages_give_what_a_reader_sees() -> None:
    """Headings, lists and tables are kept; scripts and styles are not text."""
    page = b"""<!doctype html><html><head><title>x</title><style>p{}</style></head><body><h1>VPN</h1>
    <p>Use <b>it</b>.</p><h2>Steps</h2><ul><li>Install</li></ul>
    <table><tr><th>Site</th><th>Gateway</th></tr><tr><td>Bern</td><td>ten</td></tr></table>
    <script>alert(1)</script></body></html>"""
    found = [(s.kind, s.level, s.text) for s in parsed(page) if isinstance(s, Section)]
    assert found == [
        ("heading", 1, "VPN"),
        ("paragraph", 0, "Use it."),
        ("heading", 2, "Steps"),
        ("list_item", 0, "- Install"),
        ("table", 0, "Site: Bern | Gateway: ten"),
    ]


def test_the_title_stands_in_for_a_missing_heading() -> None:
    """The page's title is its first heading unless it has one of the first level."""
    page = b"<html><head><title>Rates &amp; fees</title></head><body><h2>Europe</h2><p>Ten.</p></body></html>"
    found = [(s.kind, s.level, s.text) for s in parsed(page) if isinstance(s, Section)]
    assert found == [("heading", 1, "Rates & fees"), ("heading", 2, "Europe"), ("paragraph", 0, "Ten.")]


def test_lists_keep_their_numbers_and_depth() -> None:
    """Ordered items have their number, nested ones their indentation; a paragraph in an item is the item."""
    markup = "<ol><li>one<ul><li>inner</li></ul></li><li><p>two</p><p>more</p></li></ol>"
    assert sections(markup) == [
        ("list_item", 0, "1. one"),
        ("list_item", 0, "  - inner"),
        ("list_item", 0, "2. two"),
        ("paragraph", 0, "more"),
    ]


def test_tables_that_arrange_a_page_are_no_tables() -> None:
    """A table around other tables or headings is read cell by cell, and nothing twice."""
    markup = (
        "<table><tr><td><h2>Left</h2><p>Text</p></td><td><table><tr><th>A</th><th>B</th><th>C</th></tr>"
        "<tr><td>x</td><td>y</td><td>z</td></tr></table></td></tr></table>"
    )
    assert sections(markup) == [("heading", 2, "Left"), ("paragraph", 0, "Text"), ("table", 0, "A: x | B: y | C: z")]


def test_cells_over_several_rows_and_columns() -> None:
    """A cell over several rows stands in each of them, a header over several columns above each."""
    markup = (
        "<table><tr><th>Year</th><th colspan=2>Sales</th></tr><tr><td rowspan=2>2024</td><td>1</td><td>2</td></tr>"
        "<tr><td>3</td><td>4</td></tr></table>"
    )
    assert texts(markup) == "Year: 2024 | Sales: 1 | Sales: 2\nYear: 2024 | Sales: 3 | Sales: 4"


HIDDEN = {
    "display": '<p style="display:none">{}</p>',
    "display escaped": '<p style="d\\69splay: NONE">{}</p>',
    "display in a comment": '<p style="/* x */display/**/:/**/none">{}</p>',
    "visibility": '<p style="visibility:hidden">{}</p>',
    "attribute": "<p hidden>{}</p>",
    "template": "<template>{0}{0}{0}</template>",
    "closed dialog": "<dialog>{}</dialog>",
    "opacity": '<p style="opacity:.01">{}</p>',
    "opacity of parents": '<div style="opacity:.2"><div style="opacity:.2">{}</div></div>',
    "content-visibility": '<p style="content-visibility:hidden">{}</p>',
    "class": "<style>.x{{display:none}}</style><p class='a x'>{}</p>",
    "descendant": "<style>div.a > p, b {{display:none}}</style><div class=a><p>{}</p></div>",
    "attribute selector": "<style>[data-x^='se']{{display:none}}</style><p data-x=secret>{}</p>",
    "important": "<style>i{{display:none!important}}</style><i style='display:block'>{}</i>",
    "media": "<style>@media screen and (min-width:100px){{i{{display:none}}}}</style><i>{}</i>",
    "nested rules": "<style>div{{& p{{display:none}}}}</style><div><p>{}</p></div>",
    "scale": '<p style="transform:scale(0)">{}</p>',
}
OFF_PAGE = {
    "left": '<p style="position:absolute;left:-9999px">{}</p>',
    "top in em": '<p style="position:fixed;top:-200em">{}</p>',
    "indent": '<p style="text-indent:-9999px">{}</p>',
    "transform": '<p style="transform:translateX(-3000px)">{}</p>',
    "margin": '<p style="margin-left:-5000px">{}</p>',
    "clip": '<p style="position:absolute;clip:rect(0,0,0,0)">{0}{0}{0}</p>',
    "clip-path": '<p style="clip-path:inset(50%)">{0}{0}{0}</p>',
    "no size": '<p style="height:1px;width:1px;overflow:hidden">{0}{0}{0}</p>',
}
TINY = {
    "pixels": '<p style="font-size:1px">{}</p>',
    "zero": '<p style="font-size:0">{}</p>',
    "points": '<p style="font-size:1.5pt">{}</p>',
    "relative": '<div style="font-size:10px"><p style="font-size:.1em">{}</p></div>',
    "percent": '<p style="font-size:5%">{}</p>',
    "shorthand": '<p style="font:italic 1px/2 Arial">{}</p>',
    "scaled": '<p style="transform:scale(.1)">{}</p>',
}
BACKGROUND = {
    "name": '<p style="color:white">{}</p>',
    "short hex": '<p style="color:#fff">{}</p>',
    "nearly": '<p style="color:#f8f8f8">{}</p>',
    "rgb": '<p style="color:rgb(255 255 255)">{}</p>',
    "rgba": '<p style="color:rgba(0,0,0,.02)">{}</p>',
    "hsl": '<p style="color:hsl(0,0%,100%)">{}</p>',
    "oklch": '<p style="color:oklch(1 0 0)">{}</p>',
    "transparent": '<p style="color:transparent">{}</p>',
    "font element": '<font color="FFFFFF">{}</font>',
    "on its own background": '<div style="background:#003"><p style="color:#004">{}</p></div>',
    "bgcolor": '<table bgcolor="#000000"><tr><td>{}</td></tr></table>',
    "body": '<body bgcolor="white" text="#fefefe"><p>{}</p></body>',
    "inherited": '<div style="color:#fff"><div><p>{}</p></div></div>',
    "variable": '<style>:root{{--c:white}}</style><p style="color:var(--c)">{}</p>',
    "gradient": '<p style="background:linear-gradient(white,#fefefe);color:white">{}</p>',
}


@pytest.mark.parametrize(
    ("kind", "markup"),
    [
        pytest.param(kind, markup, id=f"{kind}: {name}")
        for kind, ways in (
            ("hidden", HIDDEN),
            ("off_page", OFF_PAGE),
            ("tiny", TINY),
            ("background_colour", BACKGROUND),
        )
        for name, markup in ways.items()
    ],
)
def test_what_is_not_seen_is_kept_out_and_reported(kind: str, markup: str) -> None:
    """However text is hidden, it is in no section, what stands beside it is, and a finding of its kind says so."""
    page = f"<p>Before.</p>{markup.format(SECRET)}<p style='color:black;background:white'>After.</p>"
    if markup.startswith("<body"):
        page = markup.format(SECRET) + "<p style='color:black'>Before.</p><p style='color:black'>After.</p>"
    assert texts(page) == "Before.\nAfter."
    assert [found_kind for found_kind, _ in findings(page)] == [kind]


@pytest.mark.parametrize(
    "markup",
    [
        '<p style="color:white;background:black">{}</p>',
        '<table><tr><td bgcolor="#222222"><font color=white>{}</font></td></tr></table>',
        '<div style="background:#111"><a href=x style="color:#eee">{}</a></div>',
        '<p style="background:url(x.png);color:white">{}</p>',
        '<p style="background:linear-gradient(red,blue);color:white">{}</p>',
        '<p style="background:linear-gradient(red,blue);background-clip:text;color:transparent">{}</p>',
        '<div style="visibility:hidden"><p style="visibility:visible">{}</p></div>',
        '<div style="font-size:0"><p style="font-size:12px">{}</p></div>',
        "<style>@media print{{p{{display:none}}}}</style><p>{}</p>",
        "<style media=print>p{{display:none}}</style><p>{}</p>",
        "<style>@media (max-width:600px){{p{{display:none}}}}</style><p>{}</p>",
        "<style>p:hover{{display:none}} p.y{{display:none}}</style><p class=x>{}</p>",
        "<style>.x{{display:none}} p.x{{display:block}}</style><p class=x>{}</p>",
        "<details><summary>More</summary>{}</details>",
        '<p aria-hidden="true">{}</p>',
        '<p style="position:absolute;left:50%;transform:translate(-50%,-50%)">{}</p>',
        '<p style="font-size:8px">{}</p>',
        '<p style="overflow:hidden;height:20px">{}</p>',
        '<p style="color:#999">{}</p>',
        '<div style="margin-left:-100%">{}</div>',
    ],
)
def test_what_is_seen_stays(markup: str) -> None:
    """White on black, print styles, states, details and ordinary layout hide nothing."""
    page = markup.format(SECRET)
    assert SECRET in texts(page)
    assert findings(page) == []


def test_ordinary_helper_text_is_kept_out_in_silence() -> None:
    """Short labels for screen readers, descriptions of images, comments and scripts are neither text nor findings."""
    page = (
        '<a style="position:absolute;clip:rect(1px,1px,1px,1px)">Skip to content</a><img alt="Logo" src=x>'
        f"<!-- {SECRET * 9} --><noscript>{SECRET}</noscript><script>{SECRET}</script><p>Text</p>"
    )
    assert [*html_sections(page)] == [Section("Text", None, "paragraph")]
    assert findings(f'<img alt="{SECRET * 4}"><p>Text</p>') == [("hidden", len(SECRET) * 4)]


def test_findings_say_where_and_never_what() -> None:
    """One finding a kind, with the lines it is about and the number of characters."""
    page = f"<p>x</p>\n<p hidden>{SECRET}</p>\n<p>y</p>\n<p hidden>{SECRET}</p>"
    assert [one for one in html_sections(page) if isinstance(one, Finding)] == [
        Finding("hidden", "lines 2 to 4 (2 places)", 2 * len(SECRET))
    ]


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("utf-8", ""),
        ("utf-8", '<meta charset="iso-8859-1">'),
        ("cp1252", '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">'),
        ("cp1252", '<meta charset="utf-8">'),
        ("cp1252", ""),
        ("utf-16", ""),
        ("koi8-r", '<meta charset="koi8-r">'),
        ("iso2022_jp", '<meta charset="iso-2022-jp">'),
    ],
)
def test_charsets(encoding: str, head: str) -> None:
    """A page is read rightly when it declares its encoding, when it does not, and when it declares the wrong one."""
    text = {"koi8-r": "Отпуск утверждает руководитель.", "iso2022_jp": "休暇は二十日間です。"}.get(
        encoding, "Größere Änderungen übernimmt das Büro für Gebäude."
    )
    found = parsed(f"<html><head>{head}</head><body><p>{text}</p></body></html>".encode(encoding))
    assert [one.text for one in found if isinstance(one, Section)] == [text]


@pytest.mark.parametrize(
    "markup",
    ["", "   ", "<!-- x -->", "text only", "<p>a<b>b</p>c", "</div></p>", "<", "<p", "&#xd800;&#0;\0", "<tr>x"],
)
def test_no_markup_is_too_broken(markup: str) -> None:
    """Whatever is handed in, sections come out, or nothing."""
    assert all(isinstance(one, Section) for one in html_sections(markup))


def test_depth_is_bounded_and_costs_no_recursion() -> None:
    """Elements in elements are read as deep as libxml2 goes, and refused in words beyond."""
    assert texts("<div>" * 1500 + "deep") == "deep"
    with pytest.raises(BadFile) as problem:
        texts("<div>" * 5000 + "deep")
    assert problem.value.status == "too_large"


def test_no_style_sheet_takes_forever() -> None:
    """Variables that double themselves stay short, and brackets without end are no value."""
    doubled = "".join(f"--v{i + 1}:var(--v{i}) var(--v{i});" for i in range(40))
    page = f'<style>:root{{--v0:x;{doubled}}}</style><p style="color:var(--v40)">a</p><p style="color:{"(" * 9999}">b'
    assert texts(page) == "a\nb"
