"""XLSX workbooks (ECMA-376, part 1, 18): cells as a person sees them.

Read from the XML itself. What unstructured and pandas make of a workbook has no number formats, and nobody can tell any
more what was hidden; openpyxl builds an object for each cell, and its fast mode does not know hidden rows and columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO

from appliance.types import Finding, Member, Section
from ingest.parsers import grid
from ingest.parsers.kept import Kept
from ingest.parsers.legible import RGB, Font
from ingest.parsers.ooxml.package import Package
from ingest.parsers.sheets.cells import CellReader, Text, read_text
from ingest.parsers.sheets.drawings import drawing_sections
from ingest.parsers.sheets.extras import Extras, read_extras
from ingest.parsers.sheets.styles import Styles
from ingest.parsers.trees import attribute, local
from ingest.parsers.zipped import damaged

# Less is a line on the screen: in points of height, in characters of width.
_LEAST_HEIGHT, _LEAST_WIDTH = 1.0, 0.2
_PAPER_OF_NOTES: RGB = (255, 255, 225)


def workbook(file: BinaryIO) -> Iterator[Section | Finding | Member]:
    """Yield the sheets of a workbook, each under its name. Raises BadFile."""
    package = Package(file)
    main = package.one("", "officeDocument") or "xl/workbook.xml"
    root = package.tree(main)
    if root is None or local(root) != "workbook":
        raise damaged("it has no workbook inside")
    book = _Book(package, main, root)
    for sheet in root.iter():
        if local(sheet) == "sheet":
            relation = package.related(main).get(attribute(sheet, "id"))
            if relation and relation.kind in ("worksheet", "chartsheet"):
                name, state = attribute(sheet, "name"), attribute(sheet, "state", "visible")
                yield from _Sheet(book, relation.target, f"sheet {name[:100]}").sections(name, state)


class _Book:
    """What all sheets of a workbook share."""

    def __init__(self, package: Package, main: str, root: Any) -> None:
        self.package = package
        theme = package.tree(package.one(main, "theme"))
        properties = next((part for part in root if local(part) == "workbookPr"), None)
        from_1904 = properties is not None and attribute(properties, "date1904") in ("1", "true")
        self.styles = Styles(package.tree(package.one(main, "styles")), theme, from_1904)
        strings = package.each(package.one(main, "sharedStrings"), ("si",))
        self.strings: list[Text] = [read_text(item, self.styles) for item in strings]


class _Sheet:
    def __init__(self, book: _Book, part: str, where: str) -> None:
        self._book = book
        self._part = part
        self._where = where
        self._unseen = Kept()
        self._columns: dict[str, int] = {}
        self._hidden_columns: set[int] = set()
        self._extras = Extras()
        self._cells = CellReader(book.styles, book.strings, self._extras)

    def sections(self, name: str, state: str) -> Iterator[Section | Finding | Member]:
        """Yield the sheet's name and what stands on it, then what was kept out of it."""
        found = self._content()
        if state != "visible":
            for section in found:
                self._unseen.out("hidden", self._where, section.text)
        else:
            first = next(found, None)
            if first is not None:
                # Level 2: the workbook's own name is the title.
                yield Section(name, None, "heading", level=2)
                yield from chain((first,), found)
            yield from self._book.package.members(self._part)
        if state == "visible":
            yield from self._unseen.findings()
        else:
            yield from self._unseen.whole("hidden", self._where)

    def _content(self) -> Iterator[Section]:
        package = self._book.package
        self._extras = read_extras(package, self._part)
        self._cells = CellReader(self._book.styles, self._book.strings, self._extras)
        rows = self._rows()
        # The first row comes behind the columns and the panes: by then it is known which columns are hidden.
        first = next(rows, None)
        if first is not None:
            yield from grid.sections(chain((first,), rows), self._layout())
        yield from self._late_comments()
        for relation in package.related(self._part).values():
            if relation.kind == "drawing":
                yield from drawing_sections(package, relation.target, self._book.styles, self._unseen, self._where)

    def _layout(self) -> grid.Layout:
        extras = self._extras
        return grid.Layout(extras.merged, extras.headers, extras.frozen, frozenset(self._hidden_columns))

    def _rows(self) -> Iterator[grid.Row]:
        last = 0
        for element in self._book.package.each(self._part, ("row", "col", "pane")):
            match local(element):
                case "row":
                    last = _number(element.get("r"), last + 1)
                    yield self._row(element, last)
                case "col":
                    self._column(element)
                case _ if attribute(element, "state") in ("frozen", "frozenSplit"):
                    self._extras.frozen = _number(attribute(element, "ySplit").partition(".")[0], 0)

    def _column(self, element: Any) -> None:
        width = _float(attribute(element, "width"))
        if len(self._hidden_columns) >= grid.COLUMNS:
            return
        if attribute(element, "hidden") in ("1", "true") or (width is not None and width < _LEAST_WIDTH):
            first, last = _number(attribute(element, "min"), 1), _number(attribute(element, "max"), 1)
            self._hidden_columns.update(range(first, min(last, grid.COLUMNS) + 1))

    def _row(self, element: Any, number: int) -> grid.Row:
        height = element.get("ht")
        hidden = element.get("hidden") in ("1", "true") or (
            height is not None and (_float(height) or 0) < _LEAST_HEIGHT
        )
        cells: dict[int, str] = {}
        bold = True
        column = 0
        read, columns = self._cells.read, self._columns
        for cell in element:
            reference = cell.get("r")
            if reference is None:
                column += 1
            else:
                letters = reference.rstrip("0123456789")
                column = columns.get(letters, 0) or self._letters(letters)
            if not len(cell):
                continue
            text, kept_out, kind, strong = read(cell, number, column)
            if hidden or column in self._hidden_columns:
                self._unseen.out("hidden", self._where, text + kept_out)
                continue
            if kept_out:
                self._unseen.out(kind, self._where, kept_out)
            if text and not text.isspace():
                cells[column] = text
                bold = bold and strong
        notes = self._notes(number, hidden) if number in self._extras.comments else ()
        return grid.Row(number, cells, bold and bool(cells), notes, hidden)

    def _letters(self, letters: str) -> int:
        column = grid.column_number(letters)
        self._columns[letters] = column
        return column

    def _notes(self, number: int, hidden: bool) -> tuple[str, ...]:
        kept = []
        for column, element in self._extras.comments.pop(number):
            text = read_text(element, self._book.styles)
            parts: Sequence[tuple[str, Font | None]] = ((text, None),) if isinstance(text, str) else text
            seen = ""
            for part, font in parts:
                why = font.unseen(_PAPER_OF_NOTES) if font else None
                if hidden or column in self._hidden_columns:
                    why = "hidden"
                if why:
                    self._unseen.out(why, self._where, part)
                else:
                    seen += part
            if seen := " ".join(seen.split()):
                kept.append(seen)
        return tuple(kept)

    def _late_comments(self) -> Iterator[Section]:
        """Yield the comments on rows that have no cells."""
        for number in sorted(self._extras.comments):
            for note in self._notes(number, hidden=False):
                yield Section(f"Comment: {note}", None, "paragraph")


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else otherwise


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
