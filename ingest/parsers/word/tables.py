"""Tables of Word: their grid, and how cells look by the table's style (ECMA-376, part 1, 17.4 and 17.7.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.parsers.ooxml.drawing import NOTHING, Fill
from ingest.parsers.ooxml.package import Element, W, number, on
from ingest.parsers.word.styles import RunLook, Styles, run_look, shading

# What only wraps other content.
WRAPPERS = frozenset(
    f"{W}{name}" for name in ("sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo", "hyperlink", "fldSimple")
) | frozenset(f"{W}{name}" for name in ("dir", "bdo", "subDoc", "rubyBase"))
# Word's tables have at most 63 columns.
_COLUMNS = 63
_EXACT_TWIPS = 40
# Bits of w:tblLook (17.4.55), for writers that do not spell them out.
_LOOK = {
    "firstRow": 0x20, "lastRow": 0x40, "firstColumn": 0x80, "lastColumn": 0x100, "noHBand": 0x200, "noVBand": 0x400,
}  # fmt: skip
_NO_LOOK = RunLook()


@dataclass(frozen=True, slots=True)
class Cell:
    """One w:tc: the column it begins in, how many it spans, and whether it goes on from the row above."""

    element: Element
    column: int
    span: int
    continues: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One w:tr: its cells, whether it repeats on every page as a header, and whether it is hidden or cut to nothing."""

    cells: tuple[Cell, ...]
    header: bool
    hidden: bool
    clipped: bool


def rows(table: Element) -> list[Row]:
    """Return the rows of a table without those that were deleted with changes tracked."""
    return [row for element in _inside(table, f"{W}tr") if (row := _row(element))]


def _row(element: Element) -> Row | None:
    properties = element.find(f"{W}trPr")
    column = 0
    header = hidden = clipped = False
    if properties is not None:
        if properties.find(f"{W}del") is not None:
            return None
        before = properties.find(f"{W}gridBefore")
        column = min(int(number(before.get(f"{W}val"))), _COLUMNS) if before is not None else 0
        header, hidden = on(properties.find(f"{W}tblHeader")), on(properties.find(f"{W}hidden"))
        height = properties.find(f"{W}trHeight")
        if height is not None and height.get(f"{W}hRule") == "exact":
            clipped = number(height.get(f"{W}val"), _EXACT_TWIPS) < _EXACT_TWIPS
    cells = []
    for cell in _inside(element, f"{W}tc"):
        span, continues = _merged(cell.find(f"{W}tcPr"))
        cells.append(Cell(cell, column, span, continues))
        column += span
    return Row(tuple(cells), header, hidden, clipped)


def _merged(properties: Element | None) -> tuple[int, bool]:
    if properties is None:
        return 1, False
    span, merge = properties.find(f"{W}gridSpan"), properties.find(f"{W}vMerge")
    columns = int(number(span.get(f"{W}val"), 1)) if span is not None else 1
    continues = merge is not None and merge.get(f"{W}val", "continue") == "continue"
    return max(1, min(columns, _COLUMNS)), continues


def _inside(element: Element, tag: str) -> Iterator[Element]:
    for child in element.iterchildren("*"):
        if child.tag == tag:
            yield child
        elif child.tag in WRAPPERS:
            yield from _inside(child, tag)


class TableLook:
    """How the cells of one table look: by its style's conditions, and by its own shading."""

    def __init__(self, table: Element, styles: Styles) -> None:
        properties = table.find(f"{W}tblPr")
        named = properties.find(f"{W}tblStyle") if properties is not None else None
        look = properties.find(f"{W}tblLook") if properties is not None else None
        name = named.get(f"{W}val", "") if named is not None else styles.default("table")
        self._switches = {name: _switch(look, name) for name in _LOOK}
        self._conditions: dict[str, list[Element]] = {}
        self._bands = (1, 1)
        self._theme = styles.theme
        for style in styles.chain(name):
            self._conditions.setdefault("wholeTable", []).append(style)
            for element in style.iterchildren(f"{W}tblStylePr"):
                self._conditions.setdefault(element.get(f"{W}type", ""), []).append(element)
            for size in style.iterfind(f"{W}tblPr/{W}tblStyleRowBandSize"):
                self._bands = (max(1, int(number(size.get(f"{W}val"), 1))), self._bands[1])
            for size in style.iterfind(f"{W}tblPr/{W}tblStyleColBandSize"):
                self._bands = (self._bands[0], max(1, int(number(size.get(f"{W}val"), 1))))
        self._own = _ground(properties, styles)
        self._styles = styles
        self._looks: dict[tuple[str, ...], tuple[RunLook, Fill]] = {}

    def cell(self, cell: Cell, row: int, count: int, last_column: int) -> tuple[RunLook, tuple[Fill, ...]]:
        """Return how the runs of a cell look, and the grounds under them, the lowest first."""
        conditions = self._conditions_of(cell, row, count, last_column)
        if conditions not in self._looks:
            look, ground = RunLook(), NOTHING
            for element in (e for condition in conditions for e in self._conditions.get(condition, ())):
                look.update(run_look(element.find(f"{W}rPr"), self._theme))
                for place in ("tblPr", "tcPr"):
                    ground = _ground(element.find(f"{W}{place}"), self._styles) or ground
            self._looks[conditions] = (look, ground)
        look, ground = self._looks[conditions]
        properties = cell.element.find(f"{W}tcPr")
        direct = properties.find(f"{W}shd") if properties is not None else None
        # A cell's own shading takes the place of the style's, also where it says "none".
        return look, (self._own or NOTHING, ground if direct is None else shading(direct, self._theme))

    def _conditions_of(self, cell: Cell, row: int, count: int, last_column: int) -> tuple[str, ...]:
        """Return the names of the conditions that a cell meets, the weakest first."""
        if len(self._conditions) < 2:
            return ("wholeTable",)
        switch = self._switches
        first_row, last_row = switch["firstRow"] and row == 0, switch["lastRow"] and row == count - 1
        first, last = switch["firstColumn"] and cell.column == 0, switch["lastColumn"] and cell.column == last_column
        names = ["wholeTable"]
        if not switch["noVBand"] and not first and not last:
            band = (cell.column - switch["firstColumn"]) // self._bands[1] % 2
            names.append(f"band{band + 1}Vert")
        if not switch["noHBand"] and not first_row and not last_row:
            band = (row - switch["firstRow"]) // self._bands[0] % 2
            names.append(f"band{band + 1}Horz")
        names += [n for n, holds in (("firstCol", first), ("lastCol", last)) if holds]
        names += [n for n, holds in (("firstRow", first_row), ("lastRow", last_row)) if holds]
        corners = (("nw", first_row, first), ("ne", first_row, last), ("sw", last_row, first), ("se", last_row, last))
        names += [f"{corner}Cell" for corner, one, other in corners if one and other]
        return tuple(names)


def _ground(properties: Element | None, styles: Styles) -> Fill | None:
    shade = properties.find(f"{W}shd") if properties is not None else None
    return shading(shade, styles.theme) if shade is not None else None


def _switch(look: Element | None, name: str) -> bool:
    if look is None:
        return False
    if look.get(f"{W}{name}") is not None:
        return on(look, f"{W}{name}")
    try:
        return bool(int(look.get(f"{W}val", "0"), 16) & _LOOK[name])
    except ValueError:
        return False


def matrix(texts: Sequence[tuple[Row, Sequence[str]]]) -> tuple[list[str], list[list[str]], bool | None]:
    """Return the texts of a table's cells as titles above it, rows of columns, and whether the first row is a header.

    A cell that spans rows stands in each of them, so that each can be understood by itself; one that spans columns of a
    header stands over each of these. Several rows of headers become one. None: not known.
    """
    titles: list[str] = []
    while len(texts) > 1 and len(texts[0][0].cells) == 1 and texts[0][0].cells[0].span > 1:
        titles.extend(text for text in texts[0][1] if text)
        texts = texts[1:]
    headers = 0
    while headers < len(texts) - 1 and texts[headers][0].header:
        headers += 1
    above: dict[int, str] = {}
    lines = []
    for i, (row, words) in enumerate(texts):
        line: list[str] = []
        for cell, text in zip(row.cells, words, strict=True):
            shown = above.get(cell.column, "") if cell.continues else text
            above[cell.column] = shown
            line += [""] * (cell.column - len(line))
            line += [shown, *([shown if i < max(headers, 1) else ""] * (cell.span - 1))]
        lines.append(line)
    if headers > 1:
        columns = max(map(len, lines[:headers]))
        names = [dict.fromkeys(line[c] for line in lines[:headers] if c < len(line)) for c in range(columns)]
        lines = [[" ".join(filter(None, name)) for name in names], *lines[headers:]]
    return titles, lines, True if headers else None
