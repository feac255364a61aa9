"""Tables as text of which every line can be understood by itself: "Article: Pump A | Price: 12"."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DIGIT = re.compile(r"\d")
# A header in every row makes it findable by itself; past this length it would drown the row.
_HEADER_CHARACTERS = 60


def render(rows: Sequence[Sequence[str]], header: bool | None = None) -> str:
    """Return one line per row, cells divided by " | ", each with its column's header where the table has one.

    `header` says whether the first row is one; None: decide by what it looks like. Line breaks in cells become spaces.
    """
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if not cells:
        return ""
    if header is None:
        header = _looks_like_header(cells)
    if not header or len(cells) == 1:
        return "\n".join(" | ".join(cell for cell in row if cell) for row in cells)
    names = cells[0]
    return "\n".join(_line(names, row) for row in cells[1:])


def _line(names: Sequence[str], row: Sequence[str]) -> str:
    parts = []
    for i, cell in enumerate(row):
        name = names[i].rstrip(":") if i < len(names) else ""
        if cell:
            parts.append(f"{name[:_HEADER_CHARACTERS]}: {cell}" if name and name != cell else cell)
    return " | ".join(parts)


def _looks_like_header(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row names the columns: words, all different, above rows of something else.

    Two columns may as well be names and values; there the second has to hold numbers under a name without one.
    """
    first = rows[0]
    if len(rows) < 2 or not all(first) or len(set(first)) < len(first) or any(_DIGIT.match(cell) for cell in first):
        return False
    if len(first) > 2:
        return True
    if len(first) < 2:
        return False
    numbers = sum(bool(_DIGIT.search(row[1])) for row in rows[1:] if len(row) > 1)
    return not _DIGIT.search(first[1]) and numbers * 2 > len(rows) - 1
