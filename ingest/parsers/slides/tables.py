"""Tables on slides: cells, and how the table's style paints them (ECMA-376, part 1, 21.1.3 and 20.1.4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ingest.parsers.legible import WHITE
from ingest.parsers.ooxml.drawing import UNKNOWN, Fill, Scheme, colour, fill, referred, tinted
from ingest.parsers.ooxml.package import A, Element, number

# "Medium Style 2 - Accent 1", what a new table has. Files name the built-in styles without saying what they are; the
# fills of this one are the theme's first accent, and so much of it in bands and elsewhere.
_USUAL = "{5C22544A-7EE6-4342-B048-85BDC9FD1C3A}"
_STRIPE, _PLAIN = 0.4, 0.2
_SWITCHES = ("firstRow", "lastRow", "firstCol", "lastCol", "bandRow", "bandCol")


@dataclass(frozen=True, slots=True)
class Cell:
    """One a:tc: its place, how many columns it spans, whether it goes on from above, its fill (None: none of its own),
    and the colour its letters have by the table's style.
    """

    element: Element
    column: int
    span: int
    continues: bool
    fill: Fill | None
    ink: Fill | None


def table_styles(root: Element | None) -> dict[str, Element]:
    """Return the styles that a deck brings along for its tables, by their ids."""
    return {style.get("styleId", ""): style for style in (root.iterchildren("*") if root is not None else ())}


def rows(table: Element, styles: Mapping[str, Element], theme: Scheme) -> Iterator[list[Cell]]:
    """Yield the rows of a table."""
    properties = table.find(f"{A}tblPr")
    switches = {name: properties is not None and properties.get(name, "0") in ("1", "true") for name in _SWITCHES}
    named = properties.find(f"{A}tableStyleId") if properties is not None else None
    name = (named.text or "").strip() if named is not None else ""
    whole = fill(properties, theme)
    lines = list(table.iterchildren(f"{A}tr"))
    columns = max((len(line.findall(f"{A}tc")) for line in lines), default=0)
    for row, line in enumerate(lines):
        cells = []
        for column, element in enumerate(line.iterchildren(f"{A}tc")):
            if element.get("hMerge", "0") in ("1", "true"):
                continue
            conditions = _conditions(switches, (row, column), (len(lines), columns))
            ground, ink = _styled(name, styles, conditions, theme)
            own = fill(element.find(f"{A}tcPr"), theme)
            span = max(1, min(int(number(element.get("gridSpan"), 1)), columns))
            continues = element.get("vMerge", "0") in ("1", "true")
            cells.append(Cell(element, column, span, continues, own or ground or whole, ink))
        yield cells


def _conditions(switches: Mapping[str, bool], place: tuple[int, int], size: tuple[int, int]) -> list[str]:
    """Return the parts of a table's style that hold for a cell, the strongest first."""
    (row, column), (count, columns) = place, size
    found = [
        name
        for name, holds in (
            ("firstRow", row == 0),
            ("lastRow", row == count - 1),
            ("firstCol", column == 0),
            ("lastCol", column == columns - 1),
        )
        if holds and switches[name]
    ]
    if switches["bandRow"] and "firstRow" not in found:
        found.append("band2H" if (row - switches["firstRow"]) % 2 else "band1H")
    if switches["bandCol"] and "firstCol" not in found:
        found.append("band2V" if (column - switches["firstCol"]) % 2 else "band1V")
    return [*found, "wholeTbl"]


def _styled(
    name: str, styles: Mapping[str, Element], conditions: list[str], theme: Scheme
) -> tuple[Fill | None, Fill | None]:
    """Return the fill and the letters' colour that a table's style gives a cell. A style that is not known may paint
    anything.
    """
    if name not in styles:
        return _built_in(conditions, theme) if name == _USUAL else (UNKNOWN if name else None, None)
    ground: Fill | None = None
    ink: Fill | None = None
    for condition in conditions:
        part = styles[name].find(f"{A}{condition}")
        if part is None:
            continue
        painted = part.find(f"{A}tcStyle")
        if painted is not None:
            own = fill(painted.find(f"{A}fill"), theme)
            ground = ground or own or referred(painted.find(f"{A}fillRef"), theme)
        letters = part.find(f"{A}tcTxStyle")
        for child in letters.iterchildren("*") if letters is not None else ():
            ink = ink or colour(child, theme)
    return ground, ink


def _built_in(conditions: list[str], theme: Scheme) -> tuple[Fill | None, Fill | None]:
    accent = theme.colour("accent1")
    if accent is None:
        return UNKNOWN, None
    if conditions[0] in ("firstRow", "lastRow", "firstCol", "lastCol"):
        return Fill((accent,)), Fill((theme.colour("lt1") or WHITE,))
    share = _STRIPE if conditions[0] in ("band1H", "band1V") else _PLAIN
    red, green, blue = (round(255 * part) for part in tinted(tuple(part / 255 for part in accent), share))
    return Fill(((red, green, blue),)), None
