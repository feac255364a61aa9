"""Matrices of a PDF (ISO 32000-1, 8.3), and what they make of rectangles."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ingest.parsers.pdf.page import Rect

Matrix = tuple[float, float, float, float, float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def bounds_of(points: Sequence[tuple[float, float]]) -> Rect:
    """Return the least rectangle around points, of which there is one at least."""
    xs, ys = zip(*points, strict=True)
    return (min(xs), min(ys), max(xs), max(ys))


def rectangular(points: Sequence[tuple[float, float]], bounds: Rect) -> bool:
    """Tell whether the points of a path within these bounds make a rectangle."""
    left, bottom, right, top = bounds
    return len(points) <= 5 and all(x in (left, right) and y in (bottom, top) for x, y in points)


def askew(matrix: Matrix) -> bool:
    """Tell whether a matrix turns by anything but right angles, or slants."""
    a, b, c, d = matrix[:4]
    return (a != 0 or d != 0) and (b != 0 or c != 0)


def times(inner: Matrix, outer: Matrix) -> Matrix:
    """Return what two matrices do, one after the other."""
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def moved(rect: Rect, matrix: Matrix) -> Rect:
    """Return the least rectangle around what a matrix makes of one."""
    if matrix == IDENTITY:
        return rect
    a, b, c, d, e, f = matrix
    xs = [a * x + c * y + e for x in (rect[0], rect[2]) for y in (rect[1], rect[3])]
    ys = [b * x + d * y + f for x in (rect[0], rect[2]) for y in (rect[1], rect[3])]
    return (min(xs), min(ys), max(xs), max(ys))


def scale(matrix: Matrix) -> float:
    """Return by how much a matrix makes things larger, at most."""
    return max(math.hypot(matrix[0], matrix[1]), math.hypot(matrix[2], matrix[3]))
