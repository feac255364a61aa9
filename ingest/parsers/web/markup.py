"""HTML trees as sections: what markup there is says headings, list items, tables, code and paragraphs.

Reads whatever stands in the tree; what a person would not see has been taken out before (see `html`). Nothing here
calls itself, so no depth of elements is too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree, html

from appliance.types import Section
from ingest.parsers import tables

# What browsers show something else for, or nothing.
UNSEEN = frozenset({
    "script", "style", "noscript", "head", "title", "iframe", "svg", "annotation", "annotation-xml", "template",
    "object", "video", "audio", "canvas", "datalist", "noembed", "noframes", "rp",
})  # fmt: skip
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "dir", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "hr", "html", "legend", "li", "main",
    "menu", "nav", "ol", "option", "p", "pre", "listing", "xmp", "search", "section", "summary", "ul", "table", "tbody",
    "thead", "tfoot", "tr", "td", "th", "caption", "h1", "h2", "h3", "h4", "h5", "h6",
})  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_VERBATIM = frozenset({"pre", "listing", "xmp"})
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
# A table with one of these inside arranges a page; it is no table of values.
_LAYOUT = (*_HEADINGS, "p", "ul", "ol", "pre")
_INDENTED_AT_MOST = 8
_SPACES = re.compile(r"\s+")
# A cell over several rows says the same in each, if it is short; over several columns, only a header does.
_SPAN_CHARACTERS = 200
_SPAN_COLUMNS = 50


def sections(root: etree._Element) -> Iterator[Section]:
    """Yield the sections of a tree, in order."""
    walk = _Walk()
    events = etree.iterwalk(root, events=("start", "end"))
    for event, element in events:
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            done = walk.enter(element, tag)
            yield from walk.ready()
            if done:
                events.skip_subtree()
        else:
            walk.leave(element, tag, tail=element is not root)
            yield from walk.ready()
    walk.flush()
    yield from walk.ready()


class _Walk:
    """The words since the last block began or ended, and the lists around them."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._ready: list[Section] = []
        # One number a list: how many items it has had, or -1 where they have no numbers.
        self._lists: list[int] = []
        self._marker = ""

    def ready(self) -> list[Section]:
        found, self._ready = self._ready, []
        return found

    def enter(self, element: etree._Element, tag: str) -> bool:
        """Begin an element. True: all of it has been read, its inside is to be skipped."""
        if tag in UNSEEN or not tag:
            return True
        if tag == "br":
            self._words.append("\n")
        if tag in _BLOCKS:
            self.flush()
        if tag in _HEADINGS:
            if heading := text_of(element):
                self._ready.append(Section(heading.replace("\n", " "), None, "heading", level=_HEADINGS[tag]))
            return True
        if tag in _VERBATIM:
            if code := _verbatim(element).strip("\n"):
                self._ready.append(Section(code, None, "code"))
            return True
        if tag == "table" and not _is_layout(element):
            rows, header = table_rows(element)
            if text := tables.render(rows, header or None):
                caption = element.find("caption")
                if caption is not None and (words := text_of(caption)):
                    self._ready.append(Section(words, None, "paragraph"))
                self._ready.append(Section(text, None, "table"))
            return True
        if tag in _LISTS:
            self._lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self._item()
        self._words.append(_flow(element.text))
        return False

    def leave(self, element: etree._Element, tag: str, tail: bool) -> None:
        if tag in _BLOCKS:
            self.flush()
        if tag in _LISTS and self._lists:
            self._lists.pop()
        if tag == "li":
            self._marker = ""
        if tail:
            self._words.append(_flow(element.tail))

    def flush(self) -> None:
        words = "".join(self._words)
        self._words = []
        if words and not words.isspace():
            text = _tidy(words)
            self._ready.append(Section(self._marker + text, None, "list_item" if self._marker else "paragraph"))
            self._marker = ""

    def _item(self) -> None:
        indent = "  " * min(max(0, len(self._lists) - 1), _INDENTED_AT_MOST)
        number = -1
        if self._lists and self._lists[-1] >= 0:
            self._lists[-1] += 1
            number = self._lists[-1]
        self._marker = f"{indent}{number}. " if number > 0 else f"{indent}- "


def text_of(element: etree._Element) -> str:
    """Return the text of an element, spaces joined, `<br>` as a line break."""
    parts: list[str] = []
    events = etree.iterwalk(element, events=("start", "end"))
    for event, inner in events:
        tag = inner.tag if isinstance(inner.tag, str) else ""
        apart = " " if tag in _BLOCKS else ""
        if event == "start" and (tag in UNSEEN or not tag):
            events.skip_subtree()
        elif event == "start":
            parts += ("\n" if tag == "br" else apart, _flow(inner.text))
        else:
            parts += (apart, _flow(inner.tail) if inner is not element else "")
    return _tidy("".join(parts))


def table_rows(table: html.HtmlElement) -> tuple[list[list[str]], bool]:
    """Return the rows of a `<table>`, and whether its first row consists of header cells."""
    rows: list[list[str]] = []
    header = False
    # By column: the text of a cell that reaches further down, and how many rows more.
    below: dict[int, tuple[str, int]] = {}
    for row in table.iter("tr"):
        cells = [cell for cell in row if cell.tag in ("td", "th")]
        if not cells:
            continue
        heads = all(cell.tag == "th" for cell in cells)
        if not rows:
            header = heads
        values: list[str] = []
        for cell in cells:
            _reach(values, below)
            text, wide, high = text_of(cell), _span(cell, "colspan"), _span(cell, "rowspan")
            if high > 1 and len(text) <= _SPAN_CHARACTERS:
                below[len(values)] = (text, high - 1)
            values.append(text)
            values += [text if heads else ""] * (min(wide, _SPAN_COLUMNS) - 1)
        _reach(values, below)
        rows.append(values)
    return rows, header


def _reach(values: list[str], below: dict[int, tuple[str, int]]) -> None:
    """Fill in the cells that reach down from the rows above, up to the next column that is free."""
    while len(values) in below:
        column = len(values)
        text, rows = below.pop(column)
        values.append(text)
        if rows > 1:
            below[column] = (text, rows - 1)


def _span(cell: etree._Element, name: str) -> int:
    value = (cell.get(name) or "").strip()
    return max(1, int(value)) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def _is_layout(table: etree._Element) -> bool:
    """Tell whether a table arranges a page: it holds blocks, or never two cells side by side."""
    if table.tag != "table":
        return False
    nested = table.iter("table")
    next(nested)
    # First, and only as far as needed: tables in tables in tables must not be read through once for each level.
    if next(nested, None) is not None:
        return True
    blocks = [element.tag for element in table.iter(*_LAYOUT)]
    # A paragraph in each cell is how some programs write any table.
    cells = sum(1 for _ in table.iter("td", "th"))
    if any(tag in _HEADINGS for tag in blocks) or len(blocks) > 2 * cells:
        return True
    return all(sum(cell.tag in ("td", "th") for cell in row) < 2 for row in table.iter("tr"))


def _verbatim(element: etree._Element) -> str:
    parts: list[str] = []
    for inner in element.iter():
        if inner.tag == "br":
            parts.append("\n")
        if isinstance(inner.tag, str) and inner.tag not in UNSEEN:
            parts.append(inner.text or "")
        if inner is not element:
            parts.append(inner.tail or "")
    return "".join(parts)


def _flow(text: str | None) -> str:
    """Return running text as HTML means it: a line break in the source is a space."""
    return _SPACES.sub(" ", text) if text else ""


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
