"""Pages that were put on the glass askew: how far, straightened, and where things were before.

Tesseract reads most pages that are askew by two degrees, and loses two thirds of some.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

BoxPixels = tuple[float, float, float, float]

# Rows of ink and white stand out in an image of about this many rows already.
_ROWS = 780
_INK_AT_LEAST = 200
_MOST_DEGREES, _STEP_DEGREES = 4.0, 0.25
# Below this Tesseract loses nothing; and an angle has to explain the page that much better than none.
_LEAST_DEGREES = 0.5
_CLEARLY = 1.6


def slant(grey: Image.Image) -> float:
    """Return by how many degrees counterclockwise a page has to be turned for its lines to be level; 0 where that is
    not clear, or makes no difference.

    Along level lines, the sums of ink change most from row to row (the projection profile of Postl, 1986).
    """
    factor = max(1, round(max(grey.size) / _ROWS))
    small = np.asarray(grey.reduce(factor))
    dark, light = np.percentile(small, (1, 90))
    ys, xs = np.nonzero(small < (dark + light) / 2)
    if not _INK_AT_LEAST <= ys.size < small.size / 2:
        return 0.0
    steps = round(_MOST_DEGREES / _STEP_DEGREES)
    scores = {step * _STEP_DEGREES: _contrast(xs, ys, step * _STEP_DEGREES) for step in range(-steps, steps + 1)}
    best = max(scores, key=lambda degrees: scores[degrees])
    return best if abs(best) >= _LEAST_DEGREES and scores[best] > _CLEARLY * scores[0.0] else 0.0


def _contrast(xs: np.ndarray, ys: np.ndarray, degrees: float) -> float:
    rows = np.floor(ys - xs * math.tan(math.radians(degrees))).astype(np.int64)
    sums = np.bincount(rows - rows.min())
    return float((np.diff(sums) ** 2).sum())


def level(grey: Image.Image, degrees: float) -> Image.Image:
    """Return a page turned counterclockwise about its centre, at the same size, the corners as its paper."""
    histogram = grey.histogram()
    return grey.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=histogram.index(max(histogram)))


def before(box: BoxPixels, degrees: float, size: tuple[int, int]) -> BoxPixels:
    """Return the box on the page as it came around a box on the page that `level` made; both are of `size`."""
    middle_x, middle_y = size[0] / 2, size[1] / 2
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(x - middle_x, y - middle_y) for x in box[::2] for y in box[1::2]]
    xs = [middle_x + cosine * x - sine * y for x, y in corners]
    ys = [middle_y + sine * x + cosine * y for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)
