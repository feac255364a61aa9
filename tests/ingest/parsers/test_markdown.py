from __future__ import annotations

import io

import pytest

from ingest.parsers.markdown import MarkdownParser


def parsed(text: str) -> list[tuple[str, int, str]]:
    sections = MarkdownParser().parse(io.BytesIO(text.encode()), "text/markdown")
    return [(section.kind, section.level, section.text) for section in sections]


def texts(text: str) -> list[str]:
    return [section[2] for section in parsed(text)]


def test_structure_is_kept() -> None:
    """Headings keep their level, lists their marks and depth, code its lines."""
    found = parsed("# A\n\nText\nwrapped.\n\n## B\n\n- one\n  - two\n\n3. three\n\n```sh\nls\n  -l\n```\n\nC\n---\n")
    assert found == [
        ("heading", 1, "A"),
        ("paragraph", 0, "Text wrapped."),
        ("heading", 2, "B"),
        ("list_item", 0, "- one"),
        ("list_item", 0, "  - two"),
        ("list_item", 0, "3. three"),
        ("code", 0, "ls\n  -l"),
        ("heading", 2, "C"),
    ]


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("See [the **guide**](x.md#y) and <https://a.example>.", "See the guide and https://a.example."),
        ("![A chart](chart.png) shows _growth_ of `x_y`.", "A chart shows growth of x_y."),
        ("**Note: **read ~~this~~ that.", "Note: read this that."),
        ("Broken [link](two words) here.", "Broken link here."),
        ("a&nbsp;b &amp; c \\* d", "a b & c * d"),
        ("Line<br>break and <kbd>Ctrl</kbd> if a < b", "Line\nbreak and Ctrl if a < b"),
        ("Text <!-- not for readers --> goes on", "Text goes on"),
        ("Term {#anchor}", "Term"),
    ],
)
def test_a_reader_sees_no_markup(source: str, seen: str) -> None:
    """Links are their text, images their description; emphasis, anchors and comments are gone."""
    assert texts(source) == [seen]


def test_front_matter_and_comments_are_not_text() -> None:
    """What stands between the dashes above, and in comments, is for programs."""
    assert texts("---\ntitle: X\n---\n\n<!-- draft -->\n\nText\n\n---\n\nMore\n") == ["Text", "More"]


def test_tables_give_every_row_its_headers() -> None:
    """Each row of a table says by itself what its cells are."""
    assert parsed("| City | Limit |\n|---|--:|\n| Paris | [200](x) |\n| Oslo | |\n") == [
        ("table", 0, "City: Paris | Limit: 200\nCity: Oslo")
    ]


def test_html_inside_is_read_as_html() -> None:
    """Tables and lists in HTML, blank lines inside or not, become tables and list items; scripts and styles do not."""
    source = """
<style>p {}</style>

<table>

<tr><th>Site</th><th>Phone</th></tr>

<tr><td>Bern</td><td>44<br>10</td></tr>
</table>

<div class="x">
  <p>One</p>
  <ul><li>Two</li></ul>
  <script>alert(1)</script>
</div>
"""
    assert parsed(source) == [
        ("table", 0, "Site: Bern | Phone: 44 10"),
        ("paragraph", 0, "One"),
        ("list_item", 0, "- Two"),
    ]
