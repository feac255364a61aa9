"""Rows of a sheet as sections: finds the tables that stand on it, and the headers of their columns.

A sheet is no table. Blank rows and blank columns divide what stands on it, titles stand above tables, headers may take
several rows, and cells may be merged. Whatever comes from a spreadsheet passes here, in one pass: what is looked at
before it is cut is at most `_LOOKED_AT` rows, of `_LOOKED_AT_CELLS` cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from appliance.types import Section
from ingest.parsers import tables

# The widest sheet that programs make.
COLUMNS = 16_384

_LOOKED_AT = 1000
_LOOKED_AT_CELLS = 200_000
_SECTION_CHARACTERS = 20_000
# Headers of more rows are rather data, and more merged ranges at a time, or columns, than a person makes.
_HEADER_ROWS = 4
_ACTIVE_MERGES = 300
# Nobody puts more tables beside each other.
_SIDE_BY_SIDE = 16
# A header may stand apart from its rows by one blank row or two.
_GAP = 3
_LOOKED_AT_COLUMNS = 300


@dataclass(frozen=True, slots=True)
class Row:
    """A row with text in it: its number from 1, and the shown text of cells by column from 1. `bold` says that all of
    it is; `notes` are the comments on its cells. A row that is hidden has no cells, and divides nothing.
    """

    number: int
    cells: dict[int, str]
    bold: bool = False
    notes: tuple[str, ...] = ()
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of cells, all bounds included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What a sheet says about its tables: merged ranges, header rows (of tables and filters; `bottom` is the last
    row of the header), the last row that stays in place when the sheet is scrolled (0: none), and hidden columns.
    """

    merged: Sequence[Area] = ()
    headers: Sequence[Area] = ()
    frozen: int = 0
    hidden: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Block:
    """A table on its way out: the names of its columns, and what its last row looked like."""

    names: dict[int, str]
    last: dict[int, str] = field(default_factory=dict)


def column_number(letters: str) -> int:
    """Return the number of a column by its letters: 1 for "A", 27 for "AA"."""
    number = 0
    for letter in letters[:3]:
        number = number * 26 + ord(letter) - 64
    return max(1, number)


def sections(rows: Iterable[Row], layout: Layout) -> Iterator[Section]:
    """Yield what stands on a sheet, from the top: tables, a line a row, and single cells as paragraphs."""
    reader = _Reader(layout)
    for band, goes_on in _bands(_filled(rows, layout.merged)):
        yield from _joined(reader.band(band, goes_on))


class _Reader:
    """Knows what has been read of a sheet so far."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._across: dict[int, list[Area]] = {}
        for area in layout.merged:
            if area.right > area.left:
                self._across.setdefault(area.top, []).append(area)
        self._headers: dict[int, list[Area]] = {}
        for area in layout.headers:
            self._headers.setdefault(area.top, []).append(area)
        self._blocks: list[_Block] = []

    def band(self, rows: Sequence[Row], goes_on: bool) -> Iterator[Section]:
        """Yield rows without a blank one between them. `goes_on`: they follow the last band's without one, too."""
        columns = [self._blocks[0].names.keys()] if goes_on and len(self._blocks) == 1 else self._columns(rows)
        before, self._blocks = self._blocks, []
        if len(columns) == 1:
            yield from self._stretch(rows, before, goes_on)
            return
        for part in columns:
            own = [
                Row(r.number, cells, r.bold) for r in rows if (cells := {c: r.cells[c] for c in part if c in r.cells})
            ]
            if own:
                yield from self._stretch(own, before, goes_on)
        for row in rows:
            yield from _noted(row)

    def _columns(self, rows: Sequence[Row]) -> list[range]:
        """Return the ranges of columns that tables side by side take."""
        used = {c for row in rows for c in (*row.cells, *self._covered(row))}
        if not used:
            return [range(1, 2)]
        runs = _runs(used | {c for c in self._layout.hidden if min(used) < c < max(used)})
        if len(runs) == 1 or len(runs) > _SIDE_BY_SIDE:
            return [range(runs[0].start, runs[-1].stop)]
        spans = [_Span(rows, run) for run in runs]
        kept: list[tuple[range, _Span]] = []
        for run, span in zip(runs, spans, strict=True):
            if kept and not (kept[-1][1].is_table and span.is_table and kept[-1][1].differs(span)):
                joined = range(kept[-1][0].start, run.stop)
                kept[-1] = (joined, _Span(rows, joined))
            else:
                kept.append((run, span))
        return [run for run, _ in kept]

    def _covered(self, row: Row) -> Iterator[int]:
        """Yield the columns that the row's merged cells reach over."""
        for area in self._across.get(row.number, ())[:_LOOKED_AT_COLUMNS]:
            if area.left in row.cells:
                yield from range(area.left, min(area.right, area.left + _LOOKED_AT_COLUMNS) + 1)

    def _stretch(self, rows: Sequence[Row], before: Sequence[_Block], goes_on: bool) -> Iterator[Section]:
        """Yield the rows of one range of columns, cut where the sheet says that a table begins."""
        start = 0
        for i in range(1, len(rows)):
            if self._stated(rows[i]) and i - start > self._depth(rows[start:], 1):
                yield from self._table(rows[start:i], before, goes_on)
                start, before, goes_on = i, (), False
        yield from self._table(rows[start:], before, goes_on)

    def _stated(self, row: Row) -> Area | None:
        areas = self._headers.get(row.number, ())
        return next((a for a in areas if any(a.left <= c <= a.right for c in row.cells)), None)

    def _table(self, rows: Sequence[Row], before: Sequence[_Block], goes_on: bool) -> Iterator[Section]:
        known = _continued(rows[0], before, goes_on)
        if known is None:
            above, rows, depth = self._head(rows)
            for row in above:
                yield from _loose(row)
            names = self._names(rows[:depth]) if depth else {}
            for row in rows[:depth]:
                yield from _noted(row)
            if depth == len(rows):
                # A header and nothing else is text as well.
                for row in rows:
                    yield from _loose(row, noted=False)
                rows = rows[:0]
            known = _Block(names or dict.fromkeys(sorted({c for row in rows for c in row.cells}), ""))
            rows = rows[depth:]
        self._blocks.append(known)
        named = any(known.names.values())
        for row in rows:
            cells = [(known.names.get(c, ""), " ".join(text.split())) for c, text in sorted(row.cells.items())]
            notes = [("Comment", note) for note in row.notes]
            single = len(cells) == 1 and not (named and cells[0][0])
            yield Section(tables.line([*cells, *notes]), None, "paragraph" if single else "table")
        if rows:
            known.last = rows[-1].cells

    def _head(self, rows: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row], int]:
        """Return the titles above a table, its rows, and how many of these are the header."""
        for i, row in enumerate(rows[: _HEADER_ROWS * 2]):
            if (area := self._stated(row)) is not None:
                return rows[:i], rows[i:], max(1, sum(r.number <= area.bottom for r in rows[i:]))
        wide = max(len(row.cells) for row in rows)
        start = 0
        while start < len(rows) and wide > 1 and self._is_title(rows[start], wide):
            start += 1
        rows, above = rows[start:], rows[:start]
        if wide == 1:
            one = len(rows) > 1 and rows[0].bold and not rows[1].bold
            return above, rows, int(one)
        frozen = sum(row.number <= self._layout.frozen for row in rows)
        if 0 < frozen < len(rows) and frozen <= _HEADER_ROWS:
            return above, rows, frozen
        least = self._depth(rows, 1)
        for depth in range(least, min(_HEADER_ROWS, len(rows) - 1) + 1):
            if any(map(tables.is_number, rows[depth - 1].cells.values())):
                break
            if self._bold(rows, depth) or tables.looks_like_header(self._sample(rows, depth)):
                return above, rows, depth
            # Names that go on in the next row only above numbers: without those, that row is as likely the first one.
            if not _numbers(rows[depth + 1 : depth + 10]):
                break
        return above, rows, 0

    def _is_title(self, row: Row, wide: int) -> bool:
        """Tell whether a row is a line above the table: a single cell, not one that is merged over a group of columns
        beside others.
        """
        if len(row.cells) > 1:
            return False
        column = next(iter(row.cells), 1)
        across = [a for a in self._across.get(row.number, ()) if a.left == column]
        return not across or across[0].right - across[0].left + 1 >= wide or column == 1

    def _bold(self, rows: Sequence[Row], depth: int) -> bool:
        return all(row.bold for row in rows[:depth]) and not all(row.bold for row in rows[depth : depth + 3])

    def _depth(self, rows: Sequence[Row], least: int) -> int:
        """Return how many rows the header has, as far as merged cells tell: those that a cell reaches down to, and the
        one below a cell that reaches across.
        """
        depth = least
        first = min((c for row in rows[: _HEADER_ROWS + 1] for c in row.cells), default=1)
        i = 0
        while i < min(depth, len(rows), _HEADER_ROWS):
            across = any(area.left in rows[i].cells for area in self._across.get(rows[i].number, ()))
            # An empty corner stays empty down to the first row that has a name.
            if across and i + 1 < len(rows) and not (first not in rows[0].cells and first in rows[i + 1].cells):
                depth = max(depth, i + 2)
            i += 1
        return min(depth, _HEADER_ROWS)

    def _names(self, rows: Sequence[Row]) -> dict[int, str]:
        """Return the names of columns; those of several rows joined, from the top."""
        parts: dict[int, list[str]] = {}
        for row in rows:
            own = dict(row.cells)
            for area in self._across.get(row.number, ()):
                if area.left in row.cells:
                    for column in range(area.left, min(area.right, area.left + _LOOKED_AT_COLUMNS) + 1):
                        own.setdefault(column, row.cells[area.left])
            for column, text in own.items():
                known = parts.setdefault(column, [])
                if text not in known:
                    known.append(text)
        return {column: " ".join(" ".join(texts).split()) for column, texts in sorted(parts.items())}

    def _sample(self, rows: Sequence[Row], depth: int) -> list[list[str]]:
        names = self._names(rows[:depth])
        some = rows[depth : depth + 50]
        filled = Counter(c for row in some for c in row.cells)
        # Behind the last name there may be a few values that some rows have more than others.
        last = max(names, default=0)
        used = {c for c, rows_with in filled.items() if c < last or rows_with * 2 > len(some)}
        columns = sorted(used | set(names))[:_LOOKED_AT_COLUMNS]
        if any(row.number in self._across for row in rows[:depth]):
            # Columns under one merged cell have one name, and are none the less named for that.
            taken: set[str] = set()
            for c in columns:
                names[c] = f"{names.get(c, '')} {c}" if names.get(c, "") in taken else names.get(c, "")
                taken.add(names[c])
        return [[names.get(c, "") for c in columns], *([row.cells.get(c, "") for c in columns] for row in some)]


class _Span:
    """What the rows hold in a range of columns."""

    def __init__(self, rows: Sequence[Row], run: range) -> None:
        # Titles above do not count.
        filled = [row for row in rows if sum(c in run for c in row.cells) > 1]
        self._extent = (filled[0].number, filled[-1].number) if filled else (0, 0)
        self._first = [text for c, text in sorted(filled[0].cells.items()) if c in run] if filled else []
        self.is_table = len(run) > 1 and len(filled) > 1 and len(self._first) > 1

    def differs(self, other: _Span) -> bool:
        return self._extent != other._extent or bool(set(self._first) & set(other._first))


def _runs(columns: set[int]) -> list[range]:
    runs: list[range] = []
    for column in sorted(columns):
        if runs and runs[-1].stop == column:
            runs[-1] = range(runs[-1].start, column + 1)
        else:
            runs.append(range(column, column + 1))
    return runs


def _filled(rows: Iterable[Row], merged: Sequence[Area]) -> Iterator[Row]:
    """Yield rows with the value of a cell that is merged downwards in each row it reaches."""
    waiting = sorted((a for a in merged if a.bottom > a.top), key=lambda area: area.top, reverse=True)
    active: list[tuple[Area, str]] = []
    for row in rows:
        active = [(area, text) for area, text in active if area.bottom >= row.number]
        if active and row.cells:
            cells = dict(row.cells)
            for area, text in active:
                cells.setdefault(area.left, text)
            row = Row(row.number, cells, row.bold, row.notes)
        while waiting and waiting[-1].top <= row.number:
            area = waiting.pop()
            if area.top == row.number and area.left in row.cells and len(active) < _ACTIVE_MERGES:
                active.append((area, row.cells[area.left]))
        yield row


def _bands(rows: Iterable[Row]) -> Iterator[tuple[list[Row], bool]]:
    """Yield rows that no blank row divides (but one below a header), and whether they go on with the ones before:
    not too many come at once.
    """
    band: list[Row] = []
    goes_on, last, held = False, -1, 0
    for row in rows:
        if row.hidden and row.number == last + 1:
            last = row.number
        if not row.cells and not row.notes:
            continue
        blank = row.number != last + 1
        if blank and row.number - last <= _GAP and _may_be_header(band) and _numbers([row]):
            blank = False
        if band and (blank or len(band) >= _LOOKED_AT or held > _LOOKED_AT_CELLS):
            yield band, goes_on
            band, goes_on, held = [], not blank, 0
        band.append(row)
        held += len(row.cells)
        last = row.number
    if band:
        yield band, goes_on


def _may_be_header(rows: Sequence[Row]) -> bool:
    """Tell whether rows above a blank one may be the header of what stands below it: a few, of words only, and of more
    than a name and a value.
    """
    if not 0 < len(rows) <= _HEADER_ROWS or len(rows[-1].cells) < 3:
        return False
    return not any(tables.is_number(cell) for row in rows for cell in row.cells.values())


def _continued(row: Row, before: Sequence[_Block], goes_on: bool) -> _Block | None:
    """Return the table that a row goes on with: without a blank row between, or one that looks as its last row did."""
    for block in before:
        inside = all(column in block.names for column in row.cells)
        if goes_on and (inside or len(before) == 1):
            return block
        if not goes_on and inside and len(row.cells) > 1 and block.last and not row.bold and any(block.names.values()):
            shared = [c for c in row.cells if c in block.last]
            alike = sum(_numeric(row.cells[c]) == _numeric(block.last[c]) for c in shared)
            if any(_numeric(row.cells[c]) for c in shared) and alike == len(row.cells):
                return block
    return None


def _numeric(cell: str) -> bool:
    return any(sign.isdigit() for sign in cell) and not any(sign.isalpha() for sign in cell)


def _numbers(rows: Sequence[Row]) -> bool:
    """Tell whether most rows have numbers behind their first cell."""
    behind = [list(row.cells.values())[1:] for row in rows]
    return sum(any(map(tables.is_number, cells)) for cells in behind) * 2 > len(rows)


def _loose(row: Row, noted: bool = True) -> Iterator[Section]:
    text = tables.line(("", " ".join(cell.split())) for _, cell in sorted(row.cells.items()))
    if text:
        yield Section(text, None, "paragraph" if len(row.cells) == 1 else "table")
    if noted:
        yield from _noted(row)


def _noted(row: Row) -> Iterator[Section]:
    for note in row.notes:
        yield Section(f"Comment: {note}", None, "paragraph")


def _joined(found: Iterable[Section]) -> Iterator[Section]:
    """Put lines of one kind that follow each other together."""
    kept: list[str] = []
    characters, kind = 0, None
    for section in found:
        if kept and (section.kind != kind or characters > _SECTION_CHARACTERS):
            yield Section("\n".join(kept), None, kind or "table")
            kept, characters = [], 0
        kept.append(section.text)
        kind = section.kind
        characters += len(section.text)
    if kept:
        yield Section("\n".join(kept), None, kind or "table")
