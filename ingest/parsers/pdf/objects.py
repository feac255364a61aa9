"""The cheap look at everything that is drawn on a PDF page: which texts could be such that nobody sees them.

It only asks PDFium for colours, sizes and places, and errs on the side of doubt; what is in doubt is judged by its
pixels (see `screen`).
"""

from __future__ import annotations

import ctypes
import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pypdfium2 import raw

from ingest.parsers.legible import RGB, TINY_POINTS, WHITE
from ingest.parsers.pdf.geometry import IDENTITY, Matrix, askew, bounds_of, moved, rectangular, scale, times
from ingest.parsers.pdf.page import Frame, Rect, area, intersection, within_reason
from ingest.parsers.pdf.places import Counts, Grid

# a, b, c, d, e, f as PDF writes them (ISO 32000-1, 8.3.3).

INVISIBLE, CLIP_ONLY = 3, 7
_STROKED, _BOTH = (1, 5), (2, 6)
# PDFium itself stops at forms nested deeper than 40.
_NESTED = 64
# Colours that differ by less in red, green and blue are worth a look at the pixels.
_DOUBT = 48
_THIN_POINTS = 1.0
_THICK_STROKE_POINTS = 2.0
# Thin lines drawn over a text: an underline or two are usual, more may be made to cover.
_THIN_LINES = 4
_OVERHANG_POINTS = 3.0
# How much wider than high letters may be drawn, or the other way round, to be read.
_FLAT = 4.0
_LINE_UNITS = 1000
_REPLACEMENT = b"ActualText"
_OPAQUE = 255
# Unicode's categories of separators, controls and what only acts on its neighbours.
_WITHOUT_INK = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cn"})
_NOWHERE = (0.0, 0.0, 0.0, 0.0)
# Annotations that can be drawn over text; links, notes and marks under or beside text cannot.
_COVERING = frozenset(
    {
        raw.FPDF_ANNOT_SQUARE, raw.FPDF_ANNOT_CIRCLE, raw.FPDF_ANNOT_POLYGON, raw.FPDF_ANNOT_STAMP, raw.FPDF_ANNOT_INK,
        raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_REDACT, raw.FPDF_ANNOT_WATERMARK, raw.FPDF_ANNOT_LINE,
        raw.FPDF_ANNOT_HIGHLIGHT,
    }
)  # fmt: skip


@dataclass(slots=True)
class Text:
    """One text object, and its bounds on the page. `colour` is None where it is no plain colour. `order` counts the
    objects in the order of drawing; the rest says why it may be unseen.
    """

    handle: Any
    rect: Rect
    colour: RGB | None
    opaque: bool
    mode: int
    size: float
    order: int = 0
    small: bool = False
    flat: bool = False
    outside: bool = False
    clipped: bool = False
    covered: bool = False
    near: bool = False
    dimmed: bool = False
    blank: bool = False

    @property
    def doubtful(self) -> bool:
        """Tell whether there is anything to look at."""
        return (
            self.mode in (INVISIBLE, CLIP_ONLY)
            or self.small
            or self.outside
            or self.clipped
            or self.covered
            or self.near
            or self.dimmed
            or self.blank
        )


@dataclass(frozen=True, slots=True)
class Clip:
    """What is left by clipping: all where `rect` is None, and not even all of `rect` where it is `odd`."""

    rect: Rect | None
    odd: bool


@dataclass(frozen=True, slots=True)
class Image:
    """An image object and its place on the page."""

    handle: Any
    rect: Rect
    order: int


@dataclass(slots=True)
class Drawn:
    """What is drawn on a page: its texts, its images, and how many objects there are; and `replacements`, what the file
    says to read in place of texts that are drawn (ActualText, ISO 32000-1, 14.9.4).
    """

    texts: list[Text] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    objects: int = 0
    replacements: list[str] = field(default_factory=list)


def drawn(page: Any, text_page: Any, frame: Frame, layered: bool) -> Drawn:
    """Return what is drawn on a page, its texts marked with what makes them doubtful.

    Takes away the replacements: PDFium would give them as the page's text, and nobody sees them. The page's text has to
    be loaded anew where there were any. `layered`: the document has layers, so that parts of a page may be off.
    """
    walk = _Walk(frame, text_page, layered)
    for i in range(raw.FPDFPage_CountObjects(page)):
        walk.visit(raw.FPDFPage_GetObject(page, i), IDENTITY, Clip(None, False), 0)
    for rect in _covering_annotations(page):
        walk.found.objects += 1
        walk.cover(rect)
    walk.finish()
    return walk.found


class _Walk:
    """One pass over a page in drawing order."""

    def __init__(self, frame: Frame, text_page: Any, layered: bool) -> None:
        self.found = Drawn()
        self._text_page = text_page
        self._frame = frame
        self._layered = layered
        self._covers: list[tuple[int, Rect]] = []
        self._thin: list[tuple[int, Rect]] = []
        self._uneven: list[Rect] = []
        self._fills: dict[RGB, list[Rect]] = {}
        self._edges = tuple(ctypes.c_float() for _ in range(4))
        self._rgba = tuple(ctypes.c_uint() for _ in range(4))
        self._number = ctypes.c_float()
        self._matrix = raw.FS_MATRIX()

    def visit(self, handle: Any, matrix: Matrix, clip: Clip, depth: int, dimmed: bool = False) -> None:
        """Note one object; of a form, everything in it."""
        self.found.objects += 1
        match raw.FPDFPageObj_GetType(handle):
            case raw.FPDF_PAGEOBJ_TEXT:
                self._text(handle, matrix, clip, dimmed or (self._layered and depth > 0))
            case raw.FPDF_PAGEOBJ_PATH:
                self._path(handle, matrix)
            case raw.FPDF_PAGEOBJ_FORM if depth < _NESTED:
                dimmed = dimmed or bool(raw.FPDFPageObj_HasTransparency(handle))
                clip = self._clip(handle, matrix, clip)
                inner = times(self._matrix_of(handle), matrix)
                for i in range(raw.FPDFFormObj_CountObjects(handle)):
                    self.visit(raw.FPDFFormObj_GetObject(handle, i), inner, clip, depth + 1, dimmed)
            case kind:
                rect = self._rect(handle, matrix)
                if kind == raw.FPDF_PAGEOBJ_IMAGE:
                    self.found.images.append(Image(handle, rect, self.found.objects))
                self.cover(rect)
                self._uneven.append(rect)

    def cover(self, rect: Rect) -> None:
        """Note that something is drawn here that may hide what was drawn before."""
        self._covers.append((self.found.objects, rect))

    def finish(self) -> None:
        """Mark the texts that stand on, or under, something that could hide them."""
        texts = self.found.texts
        if not texts:
            return
        near: dict[RGB | None, Grid] = {None: Grid(self._frame.rect, (self._frame.rect,))}
        uneven, later = Grid(self._frame.rect, self._uneven), Grid(self._frame.rect)
        for text in reversed(texts):
            while self._covers and self._covers[-1][0] > text.order:
                later.mark(self._covers.pop()[1])
            if text.colour not in near:
                near[text.colour] = self._near(text.colour)
            text.near = near[text.colour].touches(text.rect) or uneven.touches(text.rect)
            text.covered = later.touches(text.rect)
        if len(self._thin) >= _THIN_LINES:
            self._strike(texts)

    def _near(self, colour: RGB | None) -> Grid:
        """Return where something is filled with a colour like this one: everywhere, where it is like paper."""
        if _close(colour, WHITE):
            return Grid(self._frame.rect, (self._frame.rect,))
        rects = (rect for fill, rects in self._fills.items() if _close(colour, fill) for rect in rects)
        return Grid(self._frame.rect, rects)

    def _strike(self, texts: list[Text]) -> None:
        # Thin lines seldom lie over text, and then one or two of them: the grid tells of anything there at all.
        lines = Counts(self._frame.rect)
        remaining = list(self._thin)
        for text in reversed(texts):
            while remaining and remaining[-1][0] > text.order:
                lines.mark(remaining.pop()[1])
            text.covered = text.covered or lines.most(text.rect) >= _THIN_LINES

    def _text(self, handle: Any, matrix: Matrix, clip: Clip, dimmed: bool) -> None:
        rect = self._rect(handle, matrix)
        own = self._matrix_of(handle)
        if matrix is not IDENTITY:
            own = times(own, matrix)
        raw.FPDFTextObj_GetFontSize(handle, self._number)
        size = abs(self._number.value) * min(math.hypot(own[0], own[1]), math.hypot(own[2], own[3]))
        mode = raw.FPDFTextObj_GetTextRenderMode(handle)
        colour, alpha = self._colour(handle, mode in _STROKED)
        text = Text(handle, rect, None if mode in _BOTH else colour, alpha == _OPAQUE, mode, size)
        text.order = self.found.objects
        sides = (rect[2] - rect[0], rect[3] - rect[1])
        # Squeezed flat, whatever the font says of its own size.
        scales = sorted((math.hypot(own[0], own[1]), math.hypot(own[2], own[3])))
        text.flat = size < TINY_POINTS and scales[1] > _FLAT * scales[0]
        text.small = size < TINY_POINTS or (0 < min(sides) < TINY_POINTS / 2 and max(sides) > 3 * TINY_POINTS)
        text.dimmed = dimmed or bool(raw.FPDFPageObj_HasTransparency(handle)) or alpha != _OPAQUE
        if (marks := raw.FPDFPageObj_CountMarks(handle)) > 0:
            text.dimmed = text.dimmed or self._layered
            self._unreplace(handle, marks)
        clip = self._clip(handle, matrix, clip)
        text.outside = _overhangs(rect, self._frame.rect)
        text.clipped = clip.rect is not None and (clip.odd or _overhangs(rect, clip.rect))
        text.blank = min(sides) <= 0 and self._says_something(handle)
        self.found.texts.append(text)

    def _path(self, handle: Any, matrix: Matrix) -> None:
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        raw.FPDFPath_GetDrawMode(handle, fill, stroke)
        if not fill.value:
            if not stroke.value:
                return
            raw.FPDFPageObj_GetStrokeWidth(handle, self._number)
            if self._number.value * scale(matrix) < _THICK_STROKE_POINTS:
                return
        rect = self._rect(handle, matrix)
        if min(rect[2] - rect[0], rect[3] - rect[1]) < _THIN_POINTS:
            self._thin.append((self.found.objects, rect))
            return
        colour, alpha = self._colour(handle, not fill.value)
        if colour is None or alpha != _OPAQUE or raw.FPDFPageObj_HasTransparency(handle):
            self._uneven.append(rect)
        else:
            self._fills.setdefault(colour, []).append(rect)
        self.cover(rect)

    def _unreplace(self, handle: Any, marks: int) -> None:
        for i in reversed(range(marks)):
            mark = raw.FPDFPageObj_GetMark(handle, i)
            if raw.FPDFPageObjMark_GetParamValueType(mark, _REPLACEMENT) == raw.FPDF_OBJECT_UNKNOWN:
                continue
            said = words_of(handle, self._text_page)
            raw.FPDFPageObj_RemoveMark(handle, mark)
            # PDFium says it with the first of the objects that it stands for.
            if said:
                self.found.replacements.append(said)

    def _says_something(self, handle: Any) -> bool:
        """Tell whether a text that takes no room, as spaces do, is more than spaces though its font came with it."""
        font = raw.FPDFTextObj_GetFont(handle)
        if not font or raw.FPDFFont_GetIsEmbedded(font) != 1:
            return False
        return any(inky(character) for character in words_of(handle, self._text_page))

    def _colour(self, handle: Any, stroked: bool) -> tuple[RGB | None, int]:
        ask = raw.FPDFPageObj_GetStrokeColor if stroked else raw.FPDFPageObj_GetFillColor
        red, green, blue, alpha = self._rgba
        if not ask(handle, red, green, blue, alpha):
            return None, _OPAQUE
        return (red.value, green.value, blue.value), alpha.value

    def _rect(self, handle: Any, matrix: Matrix) -> Rect:
        left, bottom, right, top = self._edges
        if not raw.FPDFPageObj_GetBounds(handle, left, bottom, right, top):
            return _NOWHERE
        return within_reason(moved((left.value, bottom.value, right.value, top.value), matrix))

    def _matrix_of(self, handle: Any) -> Matrix:
        m = self._matrix
        if not raw.FPDFPageObj_GetMatrix(handle, m):
            return IDENTITY
        return (m.a, m.b, m.c, m.d, m.e, m.f)

    def _clip(self, handle: Any, matrix: Matrix, outer: Clip) -> Clip:
        """Return what the clipping paths of an object leave: their bounds, and whether they are mere rectangles."""
        path = raw.FPDFPageObj_GetClipPath(handle)
        for i in range(raw.FPDFClipPath_CountPaths(path)):
            points = list(_points(path, i))
            # A path without points leaves nothing.
            own = bounds_of(points) if points else _NOWHERE
            rect = moved(own, matrix)
            odd = not rectangular(points, own) or askew(matrix)
            outer = Clip(intersection(outer.rect, rect) if outer.rect else rect, outer.odd or odd)
        return outer


def words_of(handle: Any, text_page: Any) -> str:
    """Return what a text object says, as far as it fits a long line."""
    units = (ctypes.c_ushort * _LINE_UNITS)()
    size = raw.FPDFTextObj_GetText(handle, text_page, units, ctypes.sizeof(units))
    return bytes(units)[: min(size, ctypes.sizeof(units))].decode("utf-16-le", "replace").rstrip("\0")


def inky(character: str) -> bool:
    """Tell whether a character is drawn: spaces, controls and signs without width are not."""
    return unicodedata.category(character) not in _WITHOUT_INK


def _covering_annotations(page: Any) -> Iterator[Rect]:
    for i in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, i)
        if not annotation:
            continue
        rect = raw.FS_RECTF()
        if raw.FPDFAnnot_GetSubtype(annotation) in _COVERING and raw.FPDFAnnot_GetRect(annotation, rect):
            yield (rect.left, min(rect.bottom, rect.top), rect.right, max(rect.bottom, rect.top))
        raw.FPDFPage_CloseAnnot(annotation)


def _points(path: Any, index: int) -> Iterator[tuple[float, float]]:
    x, y = ctypes.c_float(), ctypes.c_float()
    for i in range(raw.FPDFClipPath_CountPathSegments(path, index)):
        if raw.FPDFPathSegment_GetPoint(raw.FPDFClipPath_GetPathSegment(path, index, i), x, y):
            yield x.value, y.value


def _overhangs(rect: Rect, edges: Rect) -> bool:
    """Tell whether more than a hair of a rectangle lies outside of others' edges."""
    whole, inside = area(rect), area(intersection(rect, edges))
    if whole <= 0:
        return False
    outward = max(edges[0] - rect[0], edges[1] - rect[1], rect[2] - edges[2], rect[3] - edges[3])
    return inside < whole / 2 or outward > _OVERHANG_POINTS


def _close(one: RGB | None, other: RGB) -> bool:
    return one is None or max(abs(a - b) for a, b in zip(one, other, strict=True)) < _DOUBT
