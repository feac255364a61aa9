from __future__ import annotations

import io
from pathlib import Path

import pytest

from appliance.types import Finding, Section
from ingest.parsers.options import Options
from ingest.parsers.text.markdown import MarkdownParser


def found(text: str) -> list[Section | Finding]:
    return list(MarkdownParser(Options(1, (), Path())).parse(io.BytesIO(text.encode()), "text/markdown"))


def parsed(text: str) -> list[tuple[str, int, str]]:
    return [(one.kind, one.level, one.text) for one in found(text) if isinstance(one, Section)]


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


SECRET = "These words are for nobody to read."


@pytest.mark.parametrize(
    "source",
    [
        f"Seen <span style='display:none'>{SECRET}</span>text.",
        f"Seen\n\n<div style='display:none'>\n{SECRET}\n</div>\n\ntext.",
        f"Seen\n\n<div hidden>\n\n# {SECRET}\n\n- {SECRET}\n\n```\n{SECRET}\n```\n\n</div>\n\ntext.",
        f"<style>.x {{ color: white }}</style>\n\nSeen <b class=x>{SECRET}</b>text.",
        f"Seen\n\n| A | B |\n|---|---|\n| <i hidden>{SECRET}</i> | text. |\n",
    ],
)
def test_html_that_is_not_displayed_is_kept_out_and_reported(source: str) -> None:
    """Hidden HTML hides the Markdown inside of it, too, in lines, blocks and tables."""
    words = " ".join(text for _, _, text in parsed(source))
    assert "nobody" not in words
    assert words.startswith("Seen")
    assert words.endswith("text.")
    findings = [one for one in found(source) if isinstance(one, Finding)]
    assert [one.characters % len(SECRET) < 20 for one in findings] == [True]


def test_html_around_markdown_leaves_it_markdown() -> None:
    """What stands in an element that is displayed keeps its structure."""
    assert parsed("<div style='color:red'>\n\n## A\n\n- one\n\n</div>\n") == [
        ("heading", 2, "A"),
        ("list_item", 0, "- one"),
    ]
