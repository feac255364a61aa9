"""Pages of a PDF as PDFium gives them: where they lie, what is drawn on them, and how they look."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pypdfium2 import raw

from appliance.types import Box

Rect = tuple[float, float, float, float]

POINTS_PER_INCH = 72
# PDF readers show nothing larger; such pages come from broken or hostile files.
_SIDE_POINTS = 14_400.0
_FAR_POINTS = 1e6
# Pixels that differ by less (red, green or blue, 0 to 255) look alike. Less than `legible.NEAR`, which compares colours
# as they are written: of a thin stroke's colour only a part comes to the pixels.
CONTRAST = 24


@dataclass(frozen=True, slots=True)
class Frame:
    """What is shown of a page: `rect` (left, bottom, right, top) in the page's own coordinates, and the turns by 90
    degrees clockwise under which it is displayed.
    """

    rect: Rect
    turns: int

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height as displayed, in points."""
        width, height = self.rect[2] - self.rect[0], self.rect[3] - self.rect[1]
        return (height, width) if self.turns % 2 else (width, height)

    def displayed(self, rect: Rect) -> Rect:
        """Return where a rectangle of the page stands as displayed: left, top, right, bottom from the top left."""
        left, bottom, right, top = rect
        x0, y0, x1, y1 = self.rect
        match self.turns:
            case 1:
                return (bottom - y0, left - x0, top - y0, right - x0)
            case 2:
                return (x1 - right, bottom - y0, x1 - left, top - y0)
            case 3:
                return (y1 - top, x1 - right, y1 - bottom, x1 - left)
            case _:
                return (left - x0, y1 - top, right - x0, y1 - bottom)

    def box(self, rect: Rect) -> Box:
        """Return the displayed place of a rectangle, to a tenth of a point and not beyond the page's edges."""
        width, height = self.size
        left, top, right, bottom = self.displayed(rect)
        return Box(
            round(min(max(left, 0), width), 1),
            round(min(max(top, 0), height), 1),
            round(min(max(right, 0), width), 1),
            round(min(max(bottom, 0), height), 1),
        )


@contextmanager
def opened(document: Any, number: int) -> Iterator[Any]:
    """Give the page with this number, from 0; None where PDFium cannot load it."""
    page = raw.FPDF_LoadPage(document, number)
    try:
        yield page or None
    finally:
        if page:
            raw.FPDF_ClosePage(page)


@contextmanager
def text_of(page: Any) -> Iterator[Any]:
    """Give the text page of a page, None where there is none."""
    text_page = raw.FPDFText_LoadPage(page)
    try:
        yield text_page or None
    finally:
        if text_page:
            raw.FPDFText_ClosePage(text_page)


def frame_of(page: Any) -> Frame:
    """Return what is shown of a page: the part of its crop box that lies in its media box."""
    rect = raw.FS_RECTF()
    raw.FPDF_GetPageBoundingBox(page, rect)
    edges = (rect.left, min(rect.bottom, rect.top), rect.right, max(rect.bottom, rect.top))
    return Frame(within_reason(edges), raw.FPDFPage_GetRotation(page) % 4)


def address(handle: Any) -> int:
    """Return what tells one of PDFium's objects from another, 0 for none."""
    return ctypes.addressof(handle.contents) if handle else 0


def union(rects: Iterable[Rect]) -> Rect:
    """Return the smallest rectangle around all of these; there must be one."""
    lefts, bottoms, rights, tops = zip(*rects, strict=True)
    return (min(lefts), min(bottoms), max(rights), max(tops))


def intersection(one: Rect, other: Rect) -> Rect:
    """Return what two rectangles share; its area is 0 where they share nothing."""
    left, bottom = max(one[0], other[0]), max(one[1], other[1])
    return (left, bottom, max(left, min(one[2], other[2])), max(bottom, min(one[3], other[3])))


def area(rect: Rect) -> float:
    """Return the area of a rectangle."""
    return max(0.0, rect[2] - rect[0]) * max(0.0, rect[3] - rect[1])


@dataclass(frozen=True, slots=True)
class Picture:
    """A page, or the part `rect` of it, as displayed. `pixels` has shape (height, width, channels), 8 bits each, in
    the order blue, green, red; one channel where it is grey.
    """

    pixels: NDArray[np.uint8]
    frame: Frame
    origin: tuple[float, float]
    per_point: float

    def slices(self, rect: Rect) -> tuple[slice, slice]:
        """Return the rows and columns that a rectangle of the page touches; possibly none."""
        left, top, right, bottom = self.frame.displayed(rect)
        height, width = self.pixels.shape[:2]
        x, y = self.origin
        return (
            slice(_within((top - y) * self.per_point, height), _within((bottom - y) * self.per_point + 1, height)),
            slice(_within((left - x) * self.per_point, width), _within((right - x) * self.per_point + 1, width)),
        )


def render(
    page: Any, frame: Frame, limits: tuple[float, int], part: Rect | None = None, grey: bool = False, form: Any = None
) -> Picture:
    """Return a page, or a part of it, as a reader shows it, annotations included; fields too, where `form` is given.

    `limits` are the dots per inch, and the number of pixels at most, for which the former is lowered.
    """
    part = part or frame.rect
    dpi, most_pixels = limits
    left, top, right, bottom = frame.displayed(intersection(part, frame.rect))
    width, height = (min(max(side, 1.0), _SIDE_POINTS) for side in (right - left, bottom - top))
    per_point = min(dpi / POINTS_PER_INCH, math.sqrt(most_pixels / (width * height)))
    columns, rows = max(1, math.ceil(width * per_point)), max(1, math.ceil(height * per_point))
    # A strip a pixel high could otherwise still be wider than what is allowed.
    columns, rows = min(columns, most_pixels), min(rows, max(1, most_pixels // columns))
    whole = [min(max(1, round(side * per_point)), 1 << 20) for side in frame.size]
    # Rows begin at multiples of four bytes.
    pixels = np.full((rows, -(-columns // 4) * 4) if grey else (rows, columns, 4), 255, dtype=np.uint8)
    kind = raw.FPDFBitmap_Gray if grey else raw.FPDFBitmap_BGRx
    bitmap = raw.FPDFBitmap_CreateEx(columns, rows, kind, pixels.ctypes.data_as(ctypes.c_void_p), pixels.strides[0])
    if not bitmap:
        raise MemoryError
    try:
        flags = raw.FPDF_ANNOT | (raw.FPDF_GRAYSCALE if grey else 0)
        place = (-round(left * per_point), -round(top * per_point), *whole)
        raw.FPDF_RenderPageBitmap(bitmap, page, *place, 0, flags)
        if form:
            raw.FPDF_FFLDraw(form, bitmap, page, *place, 0, flags)
    finally:
        raw.FPDFBitmap_Destroy(bitmap)
    pixels = pixels[:, :columns, None] if grey else pixels[:, :, :3]
    return Picture(pixels, frame, (left, top), per_point)


def char_box(text_page: Any, index: int) -> Rect | None:
    """Return the place of a character on the page, in the page's coordinates."""
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    if not raw.FPDFText_GetCharBox(text_page, index, left, right, bottom, top):
        return None
    return within_reason((left.value, bottom.value, right.value, top.value))


def within_reason(rect: Rect) -> Rect:
    """Return a rectangle with edges that one can calculate with: broken files give infinite ones, and none at all."""
    if all(-_FAR_POINTS < edge < _FAR_POINTS for edge in rect):
        return rect
    left, bottom, right, top = (min(max(edge, -_FAR_POINTS), _FAR_POINTS) if edge == edge else 0.0 for edge in rect)
    return (left, bottom, right, top)


def line_rects(text_page: Any, start: int, count: int) -> Sequence[Rect]:
    """Return the rectangles around the characters from `start` on."""
    rects = []
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    for i in range(raw.FPDFText_CountRects(text_page, start, count)):
        if raw.FPDFText_GetRect(text_page, i, left, top, right, bottom):
            rects.append(within_reason((left.value, bottom.value, right.value, top.value)))
    return rects


def _within(value: float, most: int) -> int:
    return int(min(max(value, 0), most))
