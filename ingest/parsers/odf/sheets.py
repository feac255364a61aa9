"""The sheets of an OpenDocument spreadsheet (OASIS, ODF 1.3, part 3, 9), row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from lxml import etree

from appliance.types import Finding, FindingKind, Section
from ingest.files import BadFile
from ingest.parsers import grid, trees
from ingest.parsers.kept import Kept
from ingest.parsers.odf.styles import Ink, Styles, points
from ingest.parsers.odf.text import Reader
from ingest.parsers.trees import attribute, forget, local
from ingest.parsers.zipped import Package, damaged

# A row or cell that is not empty, and repeated more often than this, is not data.
_REPEATED_ROWS, _REPEATED_CELLS = 1000, 1024
_LEAST_POINTS = 1.0
# Merged cells are only known with their rows, so a sheet is kept until its end; this is what it may hold.
_SHEET_CHARACTERS = 100_000_000
_CELL_COST = 20
_VALUES = ("date-value", "time-value", "boolean-value", "string-value", "value")
_TAGS = ("table", "table-column", "table-row", "automatic-styles", "shapes")


def sheet_sections(package: Package, styles: Styles) -> Iterator[Section | Finding]:
    """Yield the sheets of a spreadsheet, each under its name. Raises BadFile."""
    sheet: _Sheet | None = None
    inside = 0
    with package.stream("content.xml") as part:
        try:
            for event, element in trees.walk(part, _TAGS, ("start", "end")):
                match event, local(element):
                    case "start", "table":
                        inside += 1
                        sheet = sheet if inside > 1 else _Sheet(element, styles)
                    case "end", "table":
                        inside -= 1
                        if inside == 0 and sheet is not None:
                            yield from sheet.sections()
                            sheet = None
                            forget(element)
                    case "end", "automatic-styles":
                        styles.add(element.iter("{*}style"))
                    case "end", "table-column" if sheet is not None and inside == 1:
                        sheet.column(element)
                    case "end", "table-row" if sheet is not None and inside == 1:
                        sheet.row(element)
                        forget(element)
                    case "end", "shapes" if sheet is not None:
                        sheet.shapes(element)
        except etree.XMLSyntaxError as error:
            raise damaged(f"its content is broken: {error}") from error


@dataclass(frozen=True, slots=True)
class _Column:
    style: str
    hidden: bool
    last: int


@dataclass(slots=True)
class _Kept:
    """What has been read of a sheet."""

    rows: list[grid.Row] = field(default_factory=list)
    merged: list[grid.Area] = field(default_factory=list)
    headers: list[int] = field(default_factory=list)
    shapes: list[Section] = field(default_factory=list)
    cost: int = 0


class _Sheet:
    def __init__(self, table: Any, styles: Styles) -> None:
        self._name = attribute(table, "name")
        self._styles = styles
        self._style = attribute(table, "style-name")
        self._where = f"sheet {self._name[:100]}"
        self._unseen = Kept()
        self._reader = Reader(styles, self._unseen, self._where)
        self._columns: list[_Column] = []
        self._number = 0
        self._kept = _Kept()
        self._inks: dict[str, Ink] = {}

    def column(self, element: Any) -> None:
        """Take up a description of columns."""
        first = self._columns[-1].last if self._columns else 0
        width = points(self._styles.get("table-column", attribute(element, "style-name")).get("width", ""), 100.0)
        hidden = attribute(element, "visibility") in ("collapse", "filter") or width < _LEAST_POINTS
        last = min(first + _count(element, "number-columns-repeated"), grid.COLUMNS)
        self._columns.append(_Column(attribute(element, "default-cell-style-name"), hidden, last))

    def row(self, element: Any) -> None:
        """Take up a row, as often as it is repeated. Raises BadFile where the sheet becomes too large."""
        repeated = _count(element, "number-rows-repeated")
        first = self._number + 1
        self._number += repeated
        height = points(self._styles.get("table-row", attribute(element, "style-name")).get("height", ""), 10.0)
        hidden = attribute(element, "visibility") in ("collapse", "filter") or height < _LEAST_POINTS
        if not hidden and not any(len(cell) or _value(cell) for cell in element):
            return
        cells, notes, bold = self._cells(element, hidden, first)
        if local(element.getparent()) == "table-header-rows":
            self._kept.headers.append(first)
        cost = sum(_CELL_COST + len(text) for text in cells.values())
        for number in range(first, first + min(repeated, _REPEATED_ROWS)):
            self._kept.rows.append(grid.Row(number, cells, bold, notes, hidden))
            self._kept.cost += cost
            if self._kept.cost > _SHEET_CHARACTERS:
                raise BadFile("too_large", f"one of its sheets has more than {number} rows to read", "Split the sheet.")

    def shapes(self, element: Any) -> None:
        """Take up what is drawn over the sheet."""
        self._kept.shapes.extend(self._reader.blocks(element, self._styles.default("graphic")))

    def sections(self) -> Iterator[Section | Finding]:
        """Yield the sheet's name and what stands on it, then what was kept out of it."""
        kept = self._kept
        headers = []
        if kept.headers:
            headers = [grid.Area(min(kept.headers), 1, max(kept.headers), grid.COLUMNS)]
        hidden_columns: set[int] = set()
        first = 1
        for column in self._columns:
            if column.hidden:
                hidden_columns.update(range(first, column.last + 1))
            first = column.last + 1
        layout = grid.Layout(kept.merged, headers, 0, frozenset(hidden_columns))
        found = chain(grid.sections(kept.rows, layout), kept.shapes)
        if self._styles.get("table", self._style).get("table-display") == "false":
            for section in found:
                self._unseen.out("hidden", self._where, section.text)
            yield from self._unseen.whole("hidden", self._where)
            return
        start = next(found, None)
        if start is not None:
            yield Section(self._name, None, "heading", level=2)
            yield from chain((start,), found)
        yield from self._unseen.findings()

    def _cells(self, row: Any, hidden: bool, number: int) -> tuple[dict[int, str], tuple[str, ...], bool]:
        """Return the shown texts of a row by column, the comments on it, and whether all of it is bold."""
        cells: dict[int, str] = {}
        notes: list[str] = []
        bold = True
        column, place = 1, 0
        default = attribute(row, "default-cell-style-name")
        for cell in row:
            repeated = _count(cell, "number-columns-repeated")
            while place < len(self._columns) - 1 and self._columns[place].last < column:
                place += 1
            known = self._columns[place] if self._columns else _Column("", False, grid.COLUMNS)
            if len(cell) or _value(cell):
                ink = self._ink(attribute(cell, "style-name") or default or known.style)
                out_of_sight = hidden or known.hidden
                text, comments = self._read(cell, Ink(ink.font, ink.ground, ink.hidden or out_of_sight))
                notes.extend(comments)
                if text:
                    bold = bold and ink.font.bold
                    for i in range(column, min(column + min(repeated, _REPEATED_CELLS), grid.COLUMNS + 1)):
                        cells[i] = text
                self._merge(cell, number, column)
            column += repeated
            if column > grid.COLUMNS:
                break
        return cells, tuple(notes), bold and bool(cells)

    def _ink(self, style: str) -> Ink:
        if style not in self._inks:
            self._inks[style] = self._styles.default("table-cell").under(self._styles.get("table-cell", style))
        return self._inks[style]

    def _merge(self, cell: Any, row: int, column: int) -> None:
        down, across = _count(cell, "number-rows-spanned"), _count(cell, "number-columns-spanned")
        if down > 1 or across > 1:
            right = min(column + across - 1, grid.COLUMNS)
            self._kept.merged.append(grid.Area(row, column, row + down - 1, right))

    def _read(self, cell: Any, ink: Ink) -> tuple[str, list[str]]:
        """Return what a cell shows, and the comments on it."""
        lines: list[str] = []
        aside: list[Any] = []
        written = False
        for part in cell:
            name = local(part)
            if name == "p":
                written = True
                lines.append(
                    self._reader.text(
                        part, ink.under(self._styles.get("paragraph", attribute(part, "style-name"))), aside
                    )
                )
            elif name == "annotation":
                aside.append(part)
        notes = [text for part in aside for text in self._comment(part, ink)]
        text = " ".join(" ".join(line.split()) for line in lines if line)
        kind = attribute(cell, "value-type")
        value = _value(cell)
        if lines and not text and "".join("".join(part.itertext()) for part in cell if local(part) == "p").strip():
            # All of it has been counted as unseen.
            return "", notes
        if kind == "date" and value and text:
            # Shown in whatever order the writer's country has.
            return value.removesuffix("T00:00:00").replace("T", " "), notes
        if text or not value:
            return text, notes
        why: FindingKind | None = "hidden" if written and kind != "string" else ink.unseen()
        if why:
            self._unseen.out(why, self._where, value)
            return "", notes
        return ("" if written else value), notes

    def _comment(self, element: Any, ink: Ink) -> list[str]:
        text = " ".join(section.text for section in self._reader.blocks(element, Ink(hidden=ink.hidden)))
        return [" ".join(text.split())] if text.strip() else []


def _value(cell: Any) -> str:
    if not attribute(cell, "value-type"):
        return ""
    return next((value for name in _VALUES if (value := attribute(cell, name))), "")


def _count(element: Any, name: str) -> int:
    text = attribute(element, name, "1")
    return max(1, int(text)) if text.isdecimal() and len(text) < 10 else 1
