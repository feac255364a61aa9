"""Tables as text of which every line can be understood by itself: "Article: Pump A | Price: 12"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_DIGIT = re.compile(r"\d")
# What names a column although it begins with a digit: a year, a month, a day.
_PERIOD = re.compile(r"(19|20)\d\d([-/](\d\d){1,2}){0,2}")
_PERIOD_NAME = re.compile(rf"{_PERIOD.pattern}(\s+[^\W\d]|$)")
_NUMBER = re.compile(r"[-+(]?\W?\d[\d.,'\s]*\)?\s?\W?")
# A header in every row makes it findable by itself; past this length it would drown the row.
_HEADER_CHARACTERS = 60
# Names are short. A first row of sentences is no header.
_NAME_CHARACTERS = 200
# What the first rows say about a header, the others do not change.
_SAMPLE_ROWS = 100


def render(rows: Sequence[Sequence[str]], header: bool | None = None) -> str:
    """Return one line per row, cells divided by " | ", each with its column's header where the table has one.

    `header` says whether the first row is one; None: decide by what it looks like. Line breaks in cells become spaces.
    """
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if not cells:
        return ""
    if header is None:
        header = looks_like_header(cells)
    if not header or len(cells) == 1:
        return "\n".join(line(("", cell) for cell in row) for row in cells)
    names = [*cells[0], *[""] * (max(map(len, cells)) - len(cells[0]))]
    return "\n".join(line(zip(names, row, strict=False)) for row in cells[1:])


def line(cells: Iterable[tuple[str, str]]) -> str:
    """Return one row as text, of pairs of a column's header ("" where it has none) and a cell. Empty cells are left
    out; so is a header that the cell repeats.
    """
    parts = []
    for name, cell in cells:
        if cell:
            parts.append(f"{name[:_HEADER_CHARACTERS].rstrip(': ')}: {cell}" if name and name != cell else cell)
    return " | ".join(parts)


def looks_like_header(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row names the columns: words or years, all different, above rows of something else.

    The corner may be empty where the first column names the rows. Two columns may as well be names and values; there
    the second has to hold numbers under a name without one.
    """
    first = rows[0]
    if (
        len(rows) < 2
        or not first
        or not all(first[1:])
        or len(set(first)) < len(first)
        or max(map(len, first)) > _NAME_CHARACTERS
    ):
        return False
    body = rows[1:_SAMPLE_ROWS]
    if not first[0] and not any(row[0] for row in body if row):
        return False
    periods = [bool(_PERIOD.fullmatch(cell)) for cell in first]
    if any(_DIGIT.match(cell) and not _PERIOD_NAME.match(cell) for cell in first):
        return False
    if any(periods):
        # Years stand above columns only where the first column is not one of them, and names the rows.
        return not periods[0] and not any(is_number(row[0]) for row in body if row)
    if len(first) > 2:
        return not any(is_number(cell) for cell in first)
    if len(first) < 2:
        return False
    numbers = sum(bool(_DIGIT.search(row[1])) for row in body if len(row) > 1)
    return not _DIGIT.search(first[1]) and numbers * 2 > len(body)


def is_number(cell: str) -> bool:
    """Tell whether a cell holds a number ("12", "1,234.50 €", "(3)"), years left out: they may name columns."""
    return bool(_NUMBER.fullmatch(cell)) and not _PERIOD.fullmatch(cell)
