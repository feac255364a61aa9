"""The running text of OpenDocument files (OASIS, ODF 1.3, part 3, 5 and 6): paragraphs, lists, tables, frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from appliance.types import Section, SectionKind
from ingest.parsers import grid
from ingest.parsers.kept import Kept
from ingest.parsers.odf.styles import Ink, Styles
from ingest.parsers.trees import attribute, local

# What is declared, what has been deleted, what repeats the headings, and what stands for drawings is not text.
_NO_TEXT = frozenset({
    "tracked-changes", "sequence-decls", "variable-decls", "user-field-decls", "dde-connection-decls", "forms",
    "table-of-content", "settings", "page-number", "page-count", "note-citation", "date-string", "ruby-text",
    "event-listeners", "enhanced-geometry", "page-thumbnail", "glue-point", "image", "object", "object-ole", "script",
    "bibliography-configuration", "alphabetical-index-auto-mark-file", "sender-initials", "creator-initials",
})  # fmt: skip
# Authors and dates of comments, and descriptions of drawings; fields in the text have the same names in another.
_NO_TEXT_SPACES = ("{http://purl.org/dc/elements/1.1/}", "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}")
_DRAWN = frozenset({
    "frame", "custom-shape", "rect", "ellipse", "circle", "line", "path", "polygon", "polyline", "connector", "caption",
    "g", "a",
})  # fmt: skip
_LEVELS = 9
# As deep as the XML parser goes.
_NESTED = 256
_SPACES = 100
_COLUMNS, _SPANNED_ROWS = 1024, 200


class Reader:
    """Reads text of one document. `where` names the place that findings are reported for."""

    def __init__(self, styles: Styles, unseen: Kept, where: str) -> None:
        self.styles = styles
        self.unseen = unseen
        self.where = where
        self.page: int | None = None

    def blocks(self, element: Any, ink: Ink, kind: SectionKind = "paragraph", depth: int = 0) -> Iterator[Section]:
        """Yield what stands in an element: paragraphs, lists, tables, and what is anchored in them, behind them."""
        if depth > _NESTED:
            return
        for child in element:
            name = _name(child)
            if not name:
                continue
            if name in ("p", "h"):
                yield from self._paragraph(child, name, ink, kind)
            elif name == "table":
                yield from self.table(child, ink)
            elif name in _DRAWN:
                yield from self.shape(child, ink, kind)
            elif name in ("annotation", "note"):
                yield from self._aside(child, ink)
            else:
                inner: SectionKind = "list_item" if name in ("list-item", "list-header") else kind
                yield from self.blocks(child, self._section(child, name, ink), inner, depth + 1)

    def text(self, element: Any, ink: Ink, aside: list[Any]) -> str:
        """Return the text of a paragraph that is seen, and count the rest. What stands beside it goes to `aside`."""
        parts: list[str] = []
        self._inline(element, ink, aside, parts)
        return "\n".join(" ".join(line.split()) for line in "".join(parts).split("\n")).strip()

    def shape(self, element: Any, ink: Ink, kind: SectionKind = "paragraph") -> Iterator[Section]:
        """Yield the text of a frame or another shape."""
        ink = self.ground(element, ink)
        yield from self.blocks(element, ink, kind, 1)

    def ground(self, element: Any, ink: Ink) -> Ink:
        """Return how text is drawn in a shape."""
        family = "presentation" if _named(element, "presentation") else "graphic"
        ink = ink.under(self.styles.get(family, _named(element, "presentation") or _named(element, "draw")))
        return ink.under(self.styles.get("paragraph", attribute(element, "text-style-name")))

    def table(self, element: Any, ink: Ink) -> Iterator[Section]:
        """Yield a table as one section, and what is anchored in its cells."""
        if self.styles.get("table", attribute(element, "style-name")).get("table-display") == "false":
            ink = Ink(ink.font, ink.ground, hidden=True)
        ink = ink.under(self.styles.get("table", attribute(element, "style-name")))
        rows: list[grid.Row] = []
        merged: list[grid.Area] = []
        aside: list[Section] = []
        stated = 0
        for number, row in enumerate(_rows(element), 1):
            stated += local(row.getparent()) == "table-header-rows"
            style = self.styles.get("table-row", attribute(row, "style-name"))
            cells, bold = self._cells(row, ink.under(style), aside)
            rows.append(grid.Row(number, cells, bold))
            merged.extend(_merged(row, number))
        if not stated and attribute(element, "use-first-row-styles") == "true":
            # A cell over several columns has the names of these below it: how many rows that takes is found out there.
            stated = int(not any(area.top == 1 and area.right > area.left for area in merged))
        headers = [grid.Area(1, 1, stated, _COLUMNS)] if 0 < stated < len(rows) else []
        for section in chain(grid.sections(rows, grid.Layout(merged, headers)), aside):
            yield replace(section, page=self.page)

    def _cells(self, row: Any, ink: Ink, aside: list[Section]) -> tuple[dict[int, str], bool]:
        """Return the texts of a row's cells by column, and whether all of them are bold."""
        cells: dict[int, str] = {}
        bold = True
        column = 1
        for cell in row:
            if local(cell) not in ("table-cell", "covered-table-cell") or column > _COLUMNS:
                continue
            repeated = _count(cell, "number-columns-repeated", _COLUMNS)
            style = attribute(cell, "style-name") or attribute(row, "default-cell-style-name")
            own = ink.under(self.styles.get("table-cell", style))
            found = list(self.blocks(cell, own))
            aside.extend(section for section in found if section.kind == "table")
            text = " ".join(section.text.removeprefix("- ") for section in found if section.kind != "table")
            if text:
                bold = bold and self._is_bold(cell, own)
                # Equal cells side by side are written once.
                cells.update(dict.fromkeys(range(column, min(column + repeated, _COLUMNS + 1)), text))
            column += repeated
        return cells, bold and bool(cells)

    def _is_bold(self, cell: Any, ink: Ink) -> bool:
        """Tell whether a cell's first paragraph, or its first words, are bold."""
        for part in cell.iter("{*}p", "{*}h"):
            ink = ink.under(self.styles.get("paragraph", attribute(part, "style-name")))
            span = next(iter(part), None)
            if span is not None and local(span) == "span" and not part.text:
                ink = ink.under(self.styles.get("text", attribute(span, "style-name")))
            return ink.font.bold
        return False

    def _section(self, element: Any, name: str, ink: Ink) -> Ink:
        if name == "section":
            display = attribute(element, "display")
            gone = display == "none" or (display == "condition" and attribute(element, "is-hidden") == "true")
            ink = Ink(ink.font, ink.ground, ink.hidden or gone)
            return ink.under(self.styles.get("section", attribute(element, "style-name")))
        return ink

    def _paragraph(self, element: Any, name: str, ink: Ink, kind: SectionKind) -> Iterator[Section]:
        style = attribute(element, "style-name")
        own = ink.under(self.styles.get("paragraph", style))
        if any(attribute(part, "is-hidden") == "true" for part in element.iter("{*}hidden-paragraph")):
            own = Ink(own.font, own.ground, hidden=True)
        aside: list[Any] = []
        if text := self.text(element, own, aside):
            if name == "h" or self.styles.is_title(style):
                level = attribute(element, "outline-level", "1")
                number = min(max(int(level), 1), _LEVELS) if level.isdecimal() and len(level) < 4 else 1
                yield Section(text.replace("\n", " "), self.page, "heading", level=number)
            else:
                yield Section(f"- {text}" if kind == "list_item" else text, self.page, kind)
        for part in aside:
            if local(part) in _DRAWN:
                yield from self.shape(part, ink)
            else:
                yield from self._aside(part, ink)

    def _inline(self, element: Any, ink: Ink, aside: list[Any], parts: list[str], depth: int = 0) -> None:
        self._words(element.text, ink, parts)
        for child in element:
            name = _name(child)
            match name:
                case "s":
                    parts.append(" " * _count(child, "c", _SPACES))
                case "tab":
                    parts.append("\t")
                case "line-break":
                    parts.append("\n")
                case "note" | "annotation":
                    aside.append(child)
                case "hidden-text":
                    gone = ink.hidden or attribute(child, "is-hidden", "true") == "true"
                    self._inline(child, Ink(ink.font, ink.ground, gone), aside, parts, depth + 1)
                case "a" if _named(child, "draw"):
                    aside.append(child)
                case _ if name in _DRAWN and name != "a":
                    aside.append(child)
                case _ if name and name != "hidden-paragraph" and depth < _NESTED:
                    style = self.styles.get("text", attribute(child, "style-name")) if name in ("span", "a") else {}
                    self._inline(child, ink.under(style), aside, parts, depth + 1)
            self._words(child.tail, ink, parts)

    def _words(self, text: str | None, ink: Ink, parts: list[str]) -> None:
        if not text:
            return
        # Line breaks in the XML are spaces.
        if why := ink.unseen():
            self.unseen.out(why, self.where, text)
        else:
            parts.append(text.replace("\n", " "))

    def _aside(self, element: Any, ink: Ink) -> Iterator[Section]:
        """Yield a footnote or a comment."""
        label = "Comment: "
        if local(element) == "note":
            number = next((part for part in element if local(part) == "note-citation"), None)
            label = f"[{''.join(number.itertext()).strip()}] " if number is not None else ""
        texts = [section.text for section in self.blocks(element, Ink(ink.font, ink.ground, ink.hidden), depth=1)]
        if texts:
            yield Section(label + "\n".join(texts), self.page, "paragraph")


def _name(element: Any) -> str:
    """Return an element's name; "" for what holds no text."""
    name = local(element)
    return "" if name in _NO_TEXT or not name or element.tag.startswith(_NO_TEXT_SPACES) else name


def _named(element: Any, prefix: str) -> str:
    """Return the name of an element's style in one of the namespaces that have such an attribute."""
    for key, value in element.items():
        space, _, name = key.rpartition("}")
        if name == "style-name" and {"draw": ":drawing:", "presentation": ":presentation:"}[prefix] in space:
            return str(value)
    return ""


def _rows(table: Any) -> Iterator[Any]:
    """Yield the rows of a table, not those of tables inside it."""
    for child in table:
        name = local(child)
        if name == "table-row":
            yield child
        elif name in ("table-rows", "table-header-rows", "table-row-group"):
            yield from _rows(child)


def _merged(row: Any, number: int) -> Iterator[grid.Area]:
    column = 1
    for cell in row:
        across = _count(cell, "number-columns-spanned", _COLUMNS)
        down = _count(cell, "number-rows-spanned", _SPANNED_ROWS)
        if across > 1 or down > 1:
            yield grid.Area(number, column, number + down - 1, column + across - 1)
        column += _count(cell, "number-columns-repeated", _COLUMNS)


def _count(element: Any, name: str, most: int) -> int:
    """Return how often something is repeated: what a file says, within reason."""
    text = attribute(element, name, "1")
    return min(int(text), most) if text.isdecimal() and len(text) < 10 else 1
