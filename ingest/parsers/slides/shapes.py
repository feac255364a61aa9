"""The shapes of a slide in the order they are drawn: where each is, what it paints, what it lies on and what covers it.

Lengths are EMU (914,400 to an inch) from the slide's top left corner. ECMA-376, part 1, 19.3 and 20.1.7.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ingest.parsers.ooxml.drawing import UNKNOWN, Fill, Scheme, fill, over, referred
from ingest.parsers.ooxml.package import A, Element, P, Package, R, Relation, number
from ingest.parsers.trees import local

_HEAD_BYTES = 4096
_RECTANGLES = frozenset(
    {"rect", "roundRect", "round1Rect", "round2SameRect", "snip1Rect", "flowChartProcess", "plaque"}
)
_COLOUR_WITHOUT_ALPHA = (0, 2, 3)
# So much of a text's box has to lie over something before the text may be standing on it.
_OVERLAP = 0.25
_OPAQUE = 0.95
_EDGE = 0.01
# A slide with more shapes than this is a drawing; only its largest ones are looked at as covers and grounds.
_MOST = 500
_TURN = 21_600_000


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def size(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def shared(self, other: Area) -> float:
        """Return how much of this rectangle lies in the other, 0 to 1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height / self.size if width > 0 and height > 0 and self.size else 0.0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A slide, or the layout or master that it takes from (`below`)."""

    root: Element
    part: str
    related: dict[str, Relation]
    theme: Scheme
    below: Sheet | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """One drawn thing. `area` is None where it cannot be told; `inherited` are the placeholders of layout and master
    that it takes from, the nearest first; `place` is the number of what stands at the top of the slide that it is in.
    """

    element: Element
    area: Area | None
    fill: Fill | None
    hidden: bool
    opaque: bool
    place: int
    inherited: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class _Move:
    """What groups do to the places in them."""

    x: float = 0.0
    y: float = 0.0
    across: float = 1.0
    down: float = 1.0
    turned: bool = False


@dataclass(slots=True)
class _Ahead:
    element: Element
    move: _Move
    hidden: bool
    place: int
    group: Fill | None = field(default=None)


def placeholder(element: Element) -> Element | None:
    """Return the p:ph of a shape; None for a shape of its own."""
    return next(element.iterfind(f"*/{P}nvPr/{P}ph"), None)


def shapes(sheet: Sheet, package: Package) -> list[Shape]:
    """Return the shapes of one sheet in the order they are drawn, groups taken apart."""
    tree = sheet.root.find(f"{P}cSld/{P}spTree")
    found: list[Shape] = []
    children = list(tree.iterchildren("*")) if tree is not None else []
    ahead = [_Ahead(child, _Move(), False, place) for place, child in enumerate(children)][::-1]
    animated = {target.get("spid") for target in sheet.root.iter(f"{P}spTgt")}
    while ahead:
        item = ahead.pop()
        named = next(item.element.iterfind(f"*/{P}cNvPr"), None)
        hidden = item.hidden or (named is not None and named.get("hidden", "0") in ("1", "true"))
        if item.element.tag == f"{P}grpSp":
            properties = item.element.find(f"{P}grpSpPr")
            move, paint = _into(item.move, properties), fill(properties, sheet.theme) or item.group
            inside = item.element.iterchildren("*", reversed=True)
            ahead.extend(_Ahead(child, move, hidden, item.place, paint) for child in inside)
        elif local(item.element) in ("sp", "pic", "graphicFrame", "cxnSp"):
            moving = named is not None and named.get("id") in animated
            found.append(_shape(item, sheet, package, hidden, moving))
    return found


def _shape(item: _Ahead, sheet: Sheet, package: Package, hidden: bool, moving: bool) -> Shape:
    element = item.element
    inherited = tuple(_inherited(element, sheet))
    properties = [part for part in (source.find(f"{P}spPr") for source in (element, *inherited)) if part is not None]
    frame = element.find(f"{P}xfrm")
    transforms = (part.find(f"{A}xfrm") for part in properties)
    transform = frame if frame is not None else next((t for t in transforms if t is not None), None)
    area, upright = _area(transform, item.move)
    if element.tag == f"{P}pic":
        paint: Fill | None = UNKNOWN
        opaque = _picture_is_opaque(element, sheet, package)
    else:
        paint = next((own for part in properties if (own := _paint(part, sheet.theme, item.group))), None)
        if paint is None:
            paint = referred(element.find(f"{P}style/{A}fillRef"), sheet.theme)
        # What a fill is made of is not known for pictures: they may let shine through what lies under them.
        opaque = paint is not None and bool(paint.colours) and paint.alpha >= _OPAQUE
    form = next((form for part in properties for form in part.iterchildren(f"{A}prstGeom", f"{A}custGeom")), None)
    rectangle = form is not None and form.get("prst", "") in _RECTANGLES
    covers = opaque and rectangle and upright and not hidden and not moving and not item.move.turned
    return Shape(element, area, paint, hidden, covers, item.place, inherited)


def _paint(properties: Element, theme: Scheme, group: Fill | None) -> Fill | None:
    if properties.find(f"{A}grpFill") is not None:
        return group or UNKNOWN
    return fill(properties, theme)


def _inherited(element: Element, sheet: Sheet) -> Iterator[Element]:
    """Yield the placeholders that a shape takes from: the layout's by its number, the master's by its type."""
    mark = placeholder(element)
    below = sheet.below
    while mark is not None and below is not None:
        match = _same(mark, below)
        if match is None:
            # A placeholder that the layout does not have takes from the master all the same.
            below = below.below
            continue
        yield match
        mark, below = placeholder(match), below.below


def _same(mark: Element, sheet: Sheet) -> Element | None:
    kind, index = _kind(mark), mark.get("idx", "0")
    others = [(other, sign) for other in sheet.root.iter(f"{P}sp") if (sign := placeholder(other)) is not None]
    if sheet.below is not None:
        numbered = next((other for other, sign in others if sign.get("idx", "0") == index and index != "0"), None)
        if numbered is not None:
            return numbered
    return next((other for other, sign in others if _kind(sign) == kind), None)


def _kind(mark: Element) -> str:
    """Return a placeholder's type as masters know it."""
    kind = str(mark.get("type", "obj"))
    if kind in ("ctrTitle", "title"):
        return "title"
    return kind if kind in ("dt", "ftr", "sldNum") else "body"


def _into(move: _Move, properties: Element | None) -> _Move:
    transform = properties.find(f"{A}xfrm") if properties is not None else None
    if transform is None:
        return move
    x, y = _pair(transform.find(f"{A}off"), "x", "y")
    width, height = _pair(transform.find(f"{A}ext"), "cx", "cy")
    inner_x, inner_y = _pair(transform.find(f"{A}chOff"), "x", "y")
    inner_width, inner_height = _pair(transform.find(f"{A}chExt"), "cx", "cy")
    across = width / inner_width if inner_width else 1.0
    down = height / inner_height if inner_height else 1.0
    turned = move.turned or bool(number(transform.get("rot")) % _TURN)
    return _Move(
        move.x + (x - inner_x * across) * move.across,
        move.y + (y - inner_y * down) * move.down,
        move.across * across,
        move.down * down,
        turned,
    )


def _area(transform: Element | None, move: _Move) -> tuple[Area | None, bool]:
    """Return the rectangle around a shape, and whether it fills it."""
    if transform is None or move.turned:
        return None, False
    x, y = _pair(transform.find(f"{A}off"), "x", "y")
    width, height = _pair(transform.find(f"{A}ext"), "cx", "cy")
    left, top = move.x + x * move.across, move.y + y * move.down
    width, height = width * move.across, height * move.down
    angle = number(transform.get("rot")) / _TURN * 2 * math.pi
    if not angle:
        return Area(left, top, left + width, top + height), True
    across = abs(width * math.cos(angle)) + abs(height * math.sin(angle))
    down = abs(width * math.sin(angle)) + abs(height * math.cos(angle))
    x, y = left + width / 2, top + height / 2
    around = Area(x - across / 2, y - down / 2, x + across / 2, y + down / 2)
    return around, math.isclose(angle % math.pi, 0, abs_tol=0.001)


def _pair(element: Element | None, one: str, other: str) -> tuple[float, float]:
    return (number(element.get(one)), number(element.get(other))) if element is not None else (0.0, 0.0)


def _picture_is_opaque(element: Element, sheet: Sheet, package: Package) -> bool:
    """Tell whether a picture lets nothing shine through: by its kind, and for PNG by what its header says."""
    blip = element.find(f"{P}blipFill/{A}blip")
    if blip is None or any(local(effect).startswith("alpha") for effect in blip.iterchildren("*")):
        return False
    relation = sheet.related.get(blip.get(f"{R}embed", ""))
    head = b""
    for piece in package.pieces(relation.target) if relation else ():
        head = piece[:_HEAD_BYTES]
        break
    if head.startswith(b"\x89PNG"):
        return len(head) > 25 and head[25] in _COLOUR_WITHOUT_ALPHA and b"tRNS" not in head
    return head.startswith((b"\xff\xd8\xff", b"BM"))


class Stack:
    """All that is drawn on one slide, the master's shapes at the bottom."""

    def __init__(self, slide: Sequence[Shape], below: Sequence[Shape], background: Fill) -> None:
        painted = [s for s in (*below, *slide) if s.fill and s.fill.alpha > 0 and s.area and not s.hidden]
        largest = sorted(painted, key=lambda shape: shape.area.size if shape.area else 0.0)[-_MOST:]
        order = {id(shape.element): place for place, shape in enumerate((*below, *slide))}
        self._painted = sorted(largest, key=lambda shape: order[id(shape.element)])
        self._order = order
        self._background = background

    def covered(self, shape: Shape) -> bool:
        """Tell whether a later shape lies wholly over this one."""
        if shape.area is None or not shape.area.size:
            return False
        place = self._order[id(shape.element)]
        later = (other for other in reversed(self._painted) if self._order[id(other.element)] > place)
        return any(other.opaque and other.area and shape.area.shared(other.area) >= 1 - _EDGE for other in later)

    def grounds(self, shape: Shape) -> list[Fill]:
        """Return all that the text of this shape may stand on, from its own fill downwards to what it wholly lies on.

        Where the text lies over several things it may be readable on any of them.
        """
        place = self._order[id(shape.element)]
        own = shape.fill if shape.fill and shape.fill.alpha > 0 else None
        if own and own.alpha >= _OPAQUE:
            return [own]
        found: list[Fill] = []
        for other in reversed(self._painted):
            if self._order[id(other.element)] >= place or other.area is None or other.fill is None:
                continue
            part = shape.area.shared(other.area) if shape.area and shape.area.size else 1.0
            if part >= _OVERLAP:
                found.append(over(other.fill, self._background))
            if part >= 1 - _EDGE and other.fill.alpha >= _OPAQUE and shape.area:
                break
        else:
            found.append(self._background)
        return [over(own, ground) for ground in found] if own else found
