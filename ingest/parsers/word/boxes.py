"""What floats over a Word page: text boxes and pictures, where they are and what lies behind their text.

DrawingML (ECMA-376, part 1, 20.4, and MS-ODRAWXML) and its predecessor VML (part 4, 19). A document is not laid out
here, so a box counts as off the page only where it is so wherever its anchor may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.types import FindingKind
from ingest.parsers.legible import WHITE, read_colour
from ingest.parsers.ooxml.drawing import UNKNOWN, Fill, Scheme, fill, referred
from ingest.parsers.ooxml.package import Element, W, number
from ingest.parsers.trees import local

_WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_VML = "{urn:schemas-microsoft-com:vml}"
_EMU = 12_700
_TWIPS = 20
# Smaller things lie behind nobody's text.
_BACKDROP_POINTS = 36.0
_NOTHING_POINTS = 1.0
_VML_SHAPES = frozenset({"shape", "rect", "roundrect", "oval", "line", "polyline", "curve", "arc", "image"})
_COLOURS = {"white": WHITE, "black": (0, 0, 0), "silver": (192, 192, 192), "yellow": (255, 255, 0)}
_UNITS = {"pt": 1.0, "in": 72.0, "cm": 28.35, "mm": 2.835, "px": 0.75, "pc": 12.0}
_LENGTH = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?|-?\.\d{1,9})(pt|in|cm|mm|px|pc|)")


@dataclass(frozen=True, slots=True)
class Page:
    """A page's size and its margins, in points."""

    width: float
    height: float
    left: float
    top: float

    def lengths(self) -> tuple[float, float, float, float]:
        """Return all four."""
        return (self.width, self.height, self.left, self.top)


@dataclass(frozen=True, slots=True)
class Backdrop:
    """Something painted that text may stand on. `behind`: it lies behind the text of the page."""

    fill: Fill
    behind: bool
    height: float


@dataclass(frozen=True, slots=True)
class Box:
    """A text box: the element that holds its blocks, or a word that is drawn as a picture in the colour `ink`; what it
    is filled with (None: with nothing), and why it cannot be seen.
    """

    content: Element | str
    fill: Fill | None
    unseen: FindingKind | None
    ink: Fill | None = None


def text_boxes(drawing: Element, theme: Scheme, page: Page) -> Iterator[Box]:
    """Yield the text boxes of a drawing, those inside of them left out."""
    frame = next(drawing.iterchildren(f"{_WP}anchor", f"{_WP}inline"), None)
    reason = _frame_unseen(frame, page) if frame is not None else None
    for element in _outermost(drawing):
        if local(element) == "textpath":
            shape = element.getparent()
            ink = _vml_fill(shape) or None
            yield Box(element.get("string", ""), None, _vml_unseen(shape, page), ink)
            continue
        shape = element.getparent().getparent() if frame is None else element.getparent()
        while shape is not None and local(shape) in ("txbx", "textbox"):
            shape = shape.getparent()
        if shape is None:
            continue
        if str(shape.tag).startswith(_VML):
            yield Box(element, _vml_fill(shape), reason or _vml_unseen(shape, page))
        else:
            yield Box(element, _shape_fill(shape, theme), reason or _shape_unseen(shape))


def backdrops(drawing: Element, theme: Scheme) -> Iterator[Backdrop]:
    """Yield what a drawing paints that text may stand on."""
    frame = next(drawing.iterchildren(f"{_WP}anchor", f"{_WP}inline"), None)
    boxed = next(drawing.iter(f"{W}txbxContent"), None) is not None
    if frame is not None:
        if frame.tag == f"{_WP}inline" and not boxed:
            return
        extent = frame.find(f"{_WP}extent")
        width, height = (number(extent.get(side)) / _EMU if extent is not None else 0.0 for side in ("cx", "cy"))
        if min(width, height) < _BACKDROP_POINTS:
            return
        behind = frame.get("behindDoc", "0") in ("1", "true")
        for element in frame.iter("{*}pic", "{*}wsp"):
            paint = UNKNOWN if local(element) == "pic" else _shape_fill(element, theme)
            if paint is not None and paint.alpha > 0:
                yield Backdrop(paint, behind, height)
        return
    for shape in drawing.iter(f"{_VML}*"):
        if local(shape) not in _VML_SHAPES:
            continue
        style = _style(shape)
        if style.get("position") != "absolute" and not boxed:
            continue
        picture = next(shape.iterchildren(f"{_VML}imagedata"), None) is not None
        paint = UNKNOWN if picture else _vml_fill(shape)
        size = [_points(style.get(side, "")) for side in ("width", "height")]
        if paint is not None and min(length or 0.0 for length in size) >= _BACKDROP_POINTS:
            yield Backdrop(paint, style.get("z-index", "").startswith("-"), size[1] or 0.0)


def frame_is_off(properties: Element | None, page: Page) -> bool:
    """Tell whether a paragraph's frame (w:framePr) lies outside of the page."""
    frame = properties.find(f"{W}framePr") if properties is not None else None
    if frame is None:
        return False
    x, y, width = (number(frame.get(f"{W}{name}")) / _TWIPS for name in ("x", "y", "w"))
    return abs(x) >= page.width + width or x >= page.width or abs(y) >= page.height


def _outermost(drawing: Element) -> Iterator[Element]:
    """Yield the contents of text boxes, and words drawn as pictures, in order, without looking inside of the boxes."""
    ahead = [drawing]
    while ahead:
        element = ahead.pop()
        if element.tag == f"{W}txbxContent" or (element.tag == f"{_VML}textpath" and element.get("string")):
            yield element
        else:
            ahead.extend(element.iterchildren("*", reversed=True))


def _frame_unseen(frame: Element, page: Page) -> FindingKind | None:
    named = frame.find(f"{_WP}docPr")
    if named is not None and named.get("hidden", "0") in ("1", "true"):
        return "hidden"
    extent = frame.find(f"{_WP}extent")
    width, height = (number(extent.get(side)) / _EMU if extent is not None else 100.0 for side in ("cx", "cy"))
    grows = next(frame.iter("{*}spAutoFit"), None) is not None
    if min(width, height) < _NOTHING_POINTS and not grows:
        return "off_page"
    for name, size, length, margin in (
        ("positionH", width, page.width, page.left),
        ("positionV", height, page.height, page.top),
    ):
        position = frame.find(f"{_WP}{name}")
        offset = position.find(f"{_WP}posOffset") if position is not None else None
        if offset is None:
            continue
        place = number(offset.text) / _EMU
        if place >= length or place + size + _from(position.get("relativeFrom", ""), length, margin) <= 0:
            return "off_page"
    return None


def _from(relative: str, length: float, margin: float) -> float:
    """Return how far from the page's edge at most the place is that an offset counts from."""
    match relative:
        case "page" | "leftMargin" | "topMargin":
            return 0.0
        case "margin":
            return margin
        case "column" | "insideMargin" | "outsideMargin":
            return length / 2
        case _:
            return length


def _shape_fill(shape: Element, theme: Scheme) -> Fill | None:
    properties = next(shape.iterchildren("{*}spPr"), None)
    own = fill(properties, theme)
    if own is not None:
        return own
    style = next(shape.iterchildren("{*}style"), None)
    return referred(next(style.iterchildren("{*}fillRef"), None), theme) if style is not None else None


def _shape_unseen(shape: Element) -> FindingKind | None:
    named = next(shape.iterchildren("{*}cNvPr"), None)
    return "hidden" if named is not None and named.get("hidden", "0") in ("1", "true") else None


def _style(shape: Element) -> dict[str, str]:
    pairs = (part.partition(":") for part in shape.get("style", "").lower().split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _points(text: str) -> float | None:
    match = _LENGTH.fullmatch(text)
    # A bare number counts in the units of the group around, or in pixels.
    return float(match[1]) * _UNITS.get(match[2], 0.75) if match else None


def _vml_fill(shape: Element) -> Fill | None:
    if shape.get("filled", "t").lower() in ("f", "false"):
        return None
    inner = next(shape.iterchildren(f"{_VML}fill"), None)
    if inner is not None and inner.get("type", "solid") != "solid":
        return UNKNOWN
    name = (shape.get("fillcolor") or "white").split(" ")[0].lower()
    colour = _COLOURS.get(name) or read_colour(name if len(name) != 4 else "#" + "".join(sign * 2 for sign in name[1:]))
    return Fill((colour,)) if colour else UNKNOWN


def _vml_unseen(shape: Element, page: Page) -> FindingKind | None:
    outer = shape
    while outer.getparent() is not None and str(outer.getparent().tag).startswith(_VML):
        outer = outer.getparent()
    for style in (_style(outer), _style(shape)):
        if style.get("visibility") == "hidden" or style.get("display") == "none":
            return "hidden"
    style = _style(outer)
    width, height = _points(style.get("width", "")), _points(style.get("height", ""))
    grows = "fit-shape-to-text" in style.get("mso-fit-shape-to-text", "") or "mso-fit-shape-to-text:t" in "".join(
        box.get("style", "") for box in outer.iter(f"{_VML}textbox")
    )
    if not grows and any(size is not None and size < _NOTHING_POINTS for size in (width, height)):
        return "off_page"
    for names, size, length in (
        (("margin-left", "left"), width, page.width),
        (("margin-top", "top"), height, page.height),
    ):
        place = next((found for name in names if (found := _points(style.get(name, ""))) is not None), 0.0)
        if place >= length or place + (size or 0.0) + length <= 0:
            return "off_page"
    return None
