"""XLS workbooks (BIFF, Excel 2 to 2003), by xlrd: nothing else that is kept well tells what is hidden in them."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

import xlrd
from xlrd.compdoc import CompDocError

from appliance.types import Finding, FindingKind, Section
from ingest.files import BadFile
from ingest.parsers import grid
from ingest.parsers.kept import Kept
from ingest.parsers.legible import BLACK, RGB, WHITE, Font
from ingest.parsers.sheets.formats import Format, read_format
from ingest.parsers.zipped import damaged

# What xlrd stumbles over in broken files besides its own error.
_BROKEN = (
    xlrd.XLRDError, CompDocError, AssertionError, struct.error, LookupError, ValueError, TypeError,
    AttributeError, OverflowError, ZeroDivisionError, RecursionError, UnboundLocalError, EOFError,
)  # fmt: skip
# The entry of the compound file that holds a newer Office file when that has a password.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_UNCHANGED = 0x7FFF  # "automatic" among the numbers of colours
_SOLID, _NO_FILL = 1, 0
_SHEETS = frozenset({xlrd.XL_CELL_TEXT, xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE, xlrd.XL_CELL_BOOLEAN})


def old_workbook(file: BinaryIO) -> Iterator[Section | Finding]:
    """Yield the sheets of a workbook, each under its name. Raises BadFile."""
    data = file.read()
    if _ENCRYPTED in data:
        raise _problem(xlrd.XLRDError("encrypted"))
    try:
        book = xlrd.open_workbook(
            file_contents=data, formatting_info=True, ragged_rows=True, on_demand=True, logfile=io.StringIO()
        )
        names = book.sheet_names()
    except _BROKEN as error:
        raise _problem(error) from error
    for number, name in enumerate(names):
        try:
            sheet = book.sheet_by_index(number)
        except _BROKEN as error:
            raise _problem(error) from error
        yield from _Sheet(book, sheet, f"sheet {name[:100]}").sections(name)
        book.unload_sheet(number)


def _problem(error: Exception) -> BadFile:
    words = str(error)
    if "encrypted" in words.lower():
        return BadFile("encrypted", "the workbook is protected by a password", "Save it without a password.")
    if "Can't find workbook" in words or "Excel xlsx" in words:
        return BadFile("unsupported", "it holds no workbook that can be read", "Save it as XLSX.")
    return damaged(f"the workbook is broken: {words or type(error).__name__}")


class _Sheet:
    def __init__(self, book: Any, sheet: Any, where: str) -> None:
        self._book = book
        self._sheet = sheet
        self._where = where
        self._unseen = Kept()
        self._formats: dict[int, Format] = {}
        self._looks: dict[int, FindingKind | None] = {}
        self._hidden = frozenset(c + 1 for c, info in sheet.colinfo_map.items() if info.hidden or info.width == 0)

    def sections(self, name: str) -> Iterator[Section | Finding]:
        """Yield the sheet's name and what stands on it, then what was kept out of it."""
        found = grid.sections(self._rows(), self._layout())
        if self._sheet.visibility:
            for section in found:
                self._unseen.out("hidden", self._where, section.text)
            yield from self._unseen.whole("hidden", self._where)
            return
        first = next(found, None)
        if first is not None:
            yield Section(name, None, "heading", level=2)
            yield from chain((first,), found)
        yield from self._unseen.findings()

    def _layout(self) -> grid.Layout:
        merged = [grid.Area(top + 1, left + 1, bottom, right) for top, bottom, left, right in self._sheet.merged_cells]
        frozen = int(self._sheet.horz_split_pos) if self._sheet.panes_are_frozen else 0
        return grid.Layout(merged, (), frozen, self._hidden)

    def _rows(self) -> Iterator[grid.Row]:
        notes: dict[int, list[tuple[int, str]]] = {}
        for (row, column), note in self._sheet.cell_note_map.items():
            notes.setdefault(row, []).append((column + 1, " ".join(note.text.split())))
        for row in range(self._sheet.nrows):
            yield self._row(row, notes.pop(row, []))
        for row in sorted(notes):
            yield grid.Row(row + 1, {}, notes=tuple(text for _, text in notes[row] if text))

    def _row(self, row: int, notes: list[tuple[int, str]]) -> grid.Row:
        info = self._sheet.rowinfo_map.get(row)
        hidden = info is not None and (bool(info.hidden) or (info.height == 0 and not info.has_default_height))
        cells: dict[int, str] = {}
        bold = True
        for column in range(self._sheet.row_len(row)):
            kind = self._sheet.cell_type(row, column)
            if kind not in _SHEETS:
                continue
            style = self._sheet.cell_xf_index(row, column)
            value = self._sheet.cell_value(row, column)
            text = self._shown(kind, value, style)
            why: FindingKind | None = "hidden" if hidden or column + 1 in self._hidden or text is None else None
            why = why or self._look(style)
            if why:
                self._unseen.out(why, self._where, str(value) if text is None else text)
            elif text and not text.isspace():
                cells[column + 1] = text
                bold = bold and self._bold(style)
        shown = []
        for column, note in notes:
            if hidden or column in self._hidden:
                self._unseen.out("hidden", self._where, note)
            elif note:
                shown.append(note)
        return grid.Row(row + 1, cells, bold and bool(cells), tuple(shown), hidden)

    def _shown(self, kind: int, value: Any, style: int) -> str | None:
        if kind == xlrd.XL_CELL_BOOLEAN:
            return "TRUE" if value else "FALSE"
        number_format = self._format(style)
        if kind == xlrd.XL_CELL_TEXT:
            return number_format.text(value)
        return number_format.number(float(value))

    def _format(self, style: int) -> Format:
        key = self._book.xf_list[style].format_key if style < len(self._book.xf_list) else 0
        if key not in self._formats:
            known = self._book.format_map.get(key)
            self._formats[key] = read_format(known.format_str if known else "", self._book.datemode == 1)
        return self._formats[key]

    def _look(self, style: int) -> FindingKind | None:
        if style not in self._looks:
            self._looks[style] = self._font(style).unseen(self._ground(style))
        return self._looks[style]

    def _font(self, style: int) -> Font:
        fonts, styles = self._book.font_list, self._book.xf_list
        if style >= len(styles) or styles[style].font_index >= len(fonts):
            return Font()
        font = fonts[styles[style].font_index]
        return Font(
            self._colour(font.colour_index, BLACK), font.height / 20 or 11.0, bool(font.bold or font.weight >= 600)
        )

    def _bold(self, style: int) -> bool:
        return self._font(style).bold

    def _ground(self, style: int) -> RGB | None:
        if style >= len(self._book.xf_list):
            return WHITE
        background = self._book.xf_list[style].background
        if background.fill_pattern == _NO_FILL:
            return WHITE
        return self._colour(background.pattern_colour_index, WHITE) if background.fill_pattern == _SOLID else None

    def _colour(self, index: int, automatic: RGB) -> RGB | None:
        if index == _UNCHANGED or index == 64 + (automatic == WHITE):
            return automatic
        # None there means that the system decides.
        return self._book.colour_map.get(index) or {64: BLACK, 65: WHITE}.get(index, automatic)
