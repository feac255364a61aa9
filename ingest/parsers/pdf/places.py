"""Where on a page things lie, coarsely and fast: what touches what is asked for thousands of objects."""

from __future__ import annotations

from collections.abc import Iterable

from ingest.parsers.pdf.page import Rect


class Grid:
    """Where on a page something lies, in cells: 256 rows of 64, as text is wide and low."""

    _ROWS, _COLUMNS = 256, 64

    def __init__(self, rect: Rect, things: Iterable[Rect] = ()) -> None:
        self._left, self._bottom = rect[:2]
        self._across = self._COLUMNS / max(rect[2] - rect[0], 1e-3)
        self._up = self._ROWS / max(rect[3] - rect[1], 1e-3)
        self._rows = [0] * self._ROWS
        self._empty = True
        for thing in things:
            self.mark(thing)

    def mark(self, rect: Rect) -> None:
        """Note that something lies here."""
        self._empty = False
        bits = self._bits(rect)
        for row in self._span(rect):
            self._rows[row] |= bits

    def touches(self, rect: Rect) -> bool:
        """Tell whether something lies in one of the cells of this rectangle."""
        if self._empty:
            return False
        bits = self._bits(rect)
        return any(self._rows[row] & bits for row in self._span(rect))

    def _span(self, rect: Rect) -> range:
        first = _cell((rect[1] - self._bottom) * self._up, self._ROWS)
        return range(first, _cell((rect[3] - self._bottom) * self._up, self._ROWS) + 1)

    def _bits(self, rect: Rect) -> int:
        first = _cell((rect[0] - self._left) * self._across, self._COLUMNS)
        last = _cell((rect[2] - self._left) * self._across, self._COLUMNS)
        return ((2 << last) - 1) & ~((1 << first) - 1)


class Counts(Grid):
    """How many things lie in each row of cells that a thing touches; columns are those of any of them."""

    def __init__(self, rect: Rect) -> None:
        super().__init__(rect)
        self._many = [0] * self._ROWS

    def mark(self, rect: Rect) -> None:
        """Count a thing."""
        super().mark(rect)
        for row in self._span(rect):
            self._many[row] += 1

    def most(self, rect: Rect) -> int:
        """Return how many things at most lie in a row of this rectangle, 0 where none touches it."""
        return sum(self._many[row] for row in self._span(rect)) if self.touches(rect) else 0


def _cell(value: float, cells: int) -> int:
    return int(min(max(value, 0), cells - 1))
