"""Slides of OpenDocument presentations, and the pages of drawings: where things stand on them decides what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from appliance.types import Finding, Section
from ingest.files import BadFile
from ingest.parsers.kept import Kept
from ingest.parsers.legible import RGB, WHITE
from ingest.parsers.odf.styles import Ink, Styles, points
from ingest.parsers.odf.text import Reader
from ingest.parsers.trees import attribute, local

_TITLES = frozenset({"title", "subtitle"})
_SHAPES_LOOKED_AT = 500
_FRAMES = ("frame", "custom-shape", "rect", "ellipse", "circle", "path", "polygon", "caption", "g")
_WIDTH, _HEIGHT = 28.0 / 2.54 * 72, 21.0 / 2.54 * 72


@dataclass(frozen=True, slots=True)
class _Box:
    """Where a shape stands, in points, and its colour (None: an image, or not known)."""

    left: float
    top: float
    right: float
    bottom: float
    colour: RGB | None

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.top <= y <= self.bottom


class Slides:
    """Reads the pages of a presentation, at most `pages` of them."""

    def __init__(self, styles: Styles, master: Any, pages: int) -> None:
        self._styles = styles
        self._pages = pages
        self._unseen = Kept()
        found = [] if master is None else list(master.iter("{*}master-page", "{*}page-layout"))
        self._masters = {attribute(part, "name"): part for part in found if local(part) == "master-page"}
        self._sizes = {attribute(part, "name"): _size(part) for part in found if local(part) == "page-layout"}

    def sections(self, body: Any) -> Iterator[Section | Finding]:
        """Yield the slides as pages, each from its title on, with what was kept out of it. Raises BadFile."""
        number = 0
        for page in body:
            if local(page) != "page":
                continue
            number += 1
            if number > self._pages:
                raise BadFile("too_large", f"it has more than {self._pages} slides", "Split it, or raise ingest.pages.")
            reader = Reader(self._styles, self._unseen, f"page {number}")
            reader.page = number
            style = self._styles.get("drawing-page", attribute(page, "style-name"))
            found = list(self._page(page, reader, style, first=number == 1))
            if style.get("visibility") == "hidden":
                for section in found:
                    self._unseen.out("hidden", reader.where, section.text)
                yield from self._unseen.whole("hidden", reader.where)
            else:
                yield from found
                yield from self._unseen.findings()

    def _page(self, page: Any, reader: Reader, style: dict[str, str], first: bool) -> Iterator[Section]:
        master = self._masters.get(attribute(page, "master-page-name"))
        ground = self._ground(style, master)
        size = self._sizes.get(attribute(master, "page-layout-name") if master is not None else "", (_WIDTH, _HEIGHT))
        under = self._boxes(master) if master is not None else []
        titles: list[Section] = []
        rest: list[Section] = []
        notes: list[Section] = []
        for shape in page:
            if local(shape) == "notes":
                for frame in shape:
                    if attribute(frame, "class") == "notes":
                        notes.extend(reader.shape(frame, self._styles.default("graphic")))
                continue
            found = self._shape(shape, reader, Ink(self._styles.default("graphic").font, ground), under, size)
            (titles if attribute(shape, "class") == "title" else rest).extend(found)
            under.extend(self._boxes([shape]))
        for i, title in enumerate(titles):
            # The first title is the presentation's: the others stand below it.
            if i == 0:
                yield replace(title, text=title.text.removeprefix("- "), kind="heading", level=1 if first else 2)
            else:
                yield title
        yield from rest
        yield from notes

    def _shape(
        self, shape: Any, reader: Reader, ink: Ink, under: list[_Box], size: tuple[float, float]
    ) -> Iterator[Section]:
        box = _box(shape)
        if box is not None:
            width, height = size
            if box.right <= 0 or box.bottom <= 0 or box.left >= width or box.top >= height:
                for section in reader.shape(shape, ink):
                    self._unseen.out("off_page", reader.where, section.text)
                return
            x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
            below = next((other for other in reversed(under) if other.holds(x, y)), None)
            if below is not None:
                ink = replace(ink, ground=below.colour)
        if local(shape) == "g":
            inner = list(under)
            for part in shape:
                yield from self._shape(part, reader, ink, inner, size)
                inner.extend(self._boxes([part]))
        elif local(shape) == "table":
            yield from reader.table(shape, ink)
        else:
            yield from reader.blocks([shape], ink)

    def _boxes(self, shapes: Any) -> list[_Box]:
        """Return the filled shapes and images among these, in the order in which they are drawn."""
        found = []
        for shape in shapes:
            if local(shape) == "g":
                found.extend(self._boxes(shape))
            elif local(shape) in _FRAMES and (box := _box(shape)) is not None:
                ink = Reader(self._styles, self._unseen, "").ground(shape, Ink(ground=(1, 2, 3)))
                image = any(local(part) in ("image", "object", "object-ole", "plugin") for part in shape)
                if image or ink.ground != (1, 2, 3):
                    found.append(replace(box, colour=None if image else ink.ground))
        return found[:_SHAPES_LOOKED_AT]

    def _ground(self, style: dict[str, str], master: Any) -> RGB | None:
        above = self._styles.get("drawing-page", attribute(master, "style-name")) if master is not None else {}
        fill = style if style.get("fill") not in (None, "none") else above
        return Ink(ground=WHITE).under({name: fill[name] for name in ("fill", "fill-color") if name in fill}).ground


def _box(shape: Any) -> _Box | None:
    names = ("x", "y", "width", "height")
    values = [points(attribute(shape, name), float("nan")) for name in names]
    # What is turned stands elsewhere.
    if any(value != value for value in values) or attribute(shape, "transform"):
        return None
    x, y, width, height = values
    return _Box(x, y, x + width, y + height, None)


def _size(layout: Any) -> tuple[float, float]:
    for part in layout:
        if local(part) == "page-layout-properties":
            return points(attribute(part, "page-width"), _WIDTH), points(attribute(part, "page-height"), _HEIGHT)
    return _WIDTH, _HEIGHT
