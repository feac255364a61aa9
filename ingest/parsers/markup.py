"""Pieces of HTML inside other formats: no document, no head, often not even balanced."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree, html

from appliance.types import Section
from ingest.parsers import tables

_UNSEEN = frozenset({"script", "style", "template", "noscript", "head", "iframe", "object", "video", "audio", "svg"})
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "figcaption",
    "figure", "footer", "form", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre", "section", "summary",
    "ul", "table", "tbody", "thead", "tfoot", "tr", "caption", "h1", "h2", "h3", "h4", "h5", "h6",
})  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def fragment_sections(markup: str) -> Iterator[Section]:
    """Yield the sections of a piece of HTML: headings, list items, tables (a line a row), paragraphs."""
    root = _parse(markup)
    if root is not None:
        yield from _walk(root)


def fragment_text(markup: str) -> str:
    """Return the text of a piece of HTML, spaces joined, `<br>` as a line break."""
    root = _parse(markup)
    return "" if root is None else _text(root)


def table_rows(table: html.HtmlElement) -> tuple[list[list[str]], bool]:
    """Return the rows of a `<table>`, and whether its first row consists of header cells."""
    rows, headers = [], []
    for row in table.iter("tr"):
        cells = [cell for cell in row if cell.tag in ("td", "th")]
        if cells:
            rows.append([_text(cell) for cell in cells])
            headers.append(all(cell.tag == "th" for cell in cells))
    return rows, bool(headers) and headers[0]


def _parse(markup: str) -> html.HtmlElement | None:
    if not markup.strip():
        return None
    try:
        # A parser of its own: lxml's default one looks up entities and networks by settings made elsewhere.
        parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
        return html.fragment_fromstring(f"<div>{markup}</div>", create_parent="div", parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None


def _walk(element: html.HtmlElement) -> Iterator[Section]:
    """Yield an element's sections: each block's own words, with the blocks inside it in between."""
    own: list[str] = [_flow(element.text)]
    for child in element:
        tag = child.tag if isinstance(child.tag, str) else ""
        if tag in _BLOCKS:
            yield from _own(element, own)
            own = []
            yield from _block(child, tag)
        elif tag == "br":
            own.append("\n")
        elif tag not in _UNSEEN and any(inner.tag in _BLOCKS for inner in child.iter()):
            yield from _own(element, own)
            own = []
            yield from _walk(child)
        elif tag not in _UNSEEN:
            own.append(_raw(child))
        own.append(_flow(child.tail))
    yield from _own(element, own)


def _block(element: html.HtmlElement, tag: str) -> Iterator[Section]:
    if tag == "table":
        rows, header = table_rows(element)
        text = tables.render(rows, header or None)
        if text:
            yield Section(text, None, "table")
    elif tag in _HEADINGS:
        if text := _text(element):
            yield Section(text.replace("\n", " "), None, "heading", level=_HEADINGS[tag])
    elif tag == "pre":
        if text := "".join(element.itertext()).strip("\n"):
            yield Section(text, None, "code")
    else:
        yield from _walk(element)


def _own(element: html.HtmlElement, parts: list[str]) -> Iterator[Section]:
    text = _tidy("".join(parts))
    if text and element.tag == "li":
        yield Section(f"- {text}", None, "list_item")
    elif text:
        yield Section(text, None, "paragraph")


def _raw(element: html.HtmlElement) -> str:
    if not isinstance(element.tag, str) or element.tag in _UNSEEN:
        return ""
    if element.tag == "br":
        return "\n"
    if element.tag == "img":
        return element.get("alt") or ""
    text = _flow(element.text) + "".join(_raw(child) + _flow(child.tail) for child in element)
    return f" {text} " if element.tag in _BLOCKS or element.tag in ("td", "th") else text


def _text(element: html.HtmlElement) -> str:
    return _tidy(_raw(element))


def _flow(text: str | None) -> str:
    """Return running text as HTML means it: a line break in the source is a space."""
    return re.sub(r"\s+", " ", text or "")


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
