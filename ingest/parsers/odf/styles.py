"""What the styles of an OpenDocument file (OASIS, ODF 1.3, part 3, 16 and 20) make of text: whether it is seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from appliance.types import FindingKind
from ingest.parsers.legible import BLACK, RGB, WHITE, Font, read_colour
from ingest.parsers.trees import attribute, local

_PARENTS = 30
_POINTS = {"pt": 1.0, "cm": 72 / 2.54, "mm": 72 / 25.4, "in": 72.0, "px": 0.75, "pc": 12.0}
_TRANSPARENT_PERCENT = 10.0
_FONT = Font()
# Of which element which attributes are read, and under which name they are kept.
_READ: Mapping[str, Mapping[str, str]] = {
    "text-properties": {
        "color": "color", "use-window-font-color": "automatic", "font-size": "size", "display": "display",
        "background-color": "ground", "font-weight": "weight", "opacity": "opacity",
    },
    "paragraph-properties": {"background-color": "block-ground"},
    "table-cell-properties": {"background-color": "block-ground"},
    "graphic-properties": {"fill": "fill", "fill-color": "fill-color", "background-color": "block-ground"},
    "drawing-page-properties": {"fill": "fill", "fill-color": "fill-color", "visibility": "visibility"},
    "table-properties": {"display": "table-display", "background-color": "block-ground"},
    "table-column-properties": {"column-width": "width"},
    "table-row-properties": {"row-height": "height", "background-color": "block-ground"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ink:
    """How text is drawn at some place: its font, the colour it stands on (None: not known), whether it is hidden."""

    font: Font = _FONT
    ground: RGB | None = WHITE
    hidden: bool = False

    def unseen(self) -> FindingKind | None:
        """Say why text cannot be seen; None where it can."""
        return "hidden" if self.hidden else self.font.unseen(self.ground)

    def under(self, style: Mapping[str, str]) -> Ink:
        """Return what a style makes of this."""
        if not style:
            return self
        font = replace(self.font, colour=self._colour(style), points=self._points(style.get("size", "")))
        if "weight" in style:
            font = replace(font, bold=style["weight"] in ("bold", "600", "700", "800", "900"))
        # LibreOffice writes the automatic colour as one that is fully transparent.
        clear = _percent(style.get("opacity", "")) < _TRANSPARENT_PERCENT and style.get("automatic") != "true"
        return Ink(font, self._ground(style), self.hidden or clear or style.get("display") == "none")

    def _colour(self, style: Mapping[str, str]) -> RGB | None:
        if style.get("automatic") == "true":
            # The program takes a colour that can be seen.
            return None
        return read_colour(style["color"]) if "color" in style else self.font.colour

    def _points(self, size: str) -> float:
        if size.endswith("%"):
            return self.font.points * min(_percent(size), 400.0) / 100
        return points(size, self.font.points)

    def _ground(self, style: Mapping[str, str]) -> RGB | None:
        ground = self.ground
        if "block-ground" in style and style["block-ground"] != "transparent":
            ground = read_colour(style["block-ground"])
        fill = style.get("fill", "")
        if fill == "solid":
            ground = read_colour(style.get("fill-color", ""))
        elif fill not in ("", "none"):
            ground = None
        if "ground" in style and style["ground"] != "transparent":
            ground = read_colour(style["ground"])
        return ground


class Styles:
    """The styles of a document by family and name, what they inherit included."""

    def __init__(self, *parts: Any) -> None:
        self._styles: dict[tuple[str, str], tuple[str, dict[str, str]]] = {}
        self._resolved: dict[tuple[str, str], dict[str, str]] = {}
        self._titles: dict[str, bool] = {}
        for part in parts:
            self.add(() if part is None else part.iter("{*}style", "{*}default-style"))

    def add(self, elements: Iterable[Any]) -> None:
        """Take up more styles; one of the same name takes the place of the one before."""
        for element in elements:
            kept: dict[str, str] = {}
            for part in element:
                names = _READ.get(local(part), {})
                for key, value in part.items():
                    name = names.get(key.rpartition("}")[2])
                    # "text:display" hides; another "display" would not.
                    if name:
                        kept[name] = value
            family = attribute(element, "family")
            name = attribute(element, "name") if local(element) == "style" else ""
            self._styles[family, name] = (attribute(element, "parent-style-name"), kept)
        self._resolved.clear()

    def get(self, family: str, name: str) -> dict[str, str]:
        """Return what a style says, without the defaults of its family."""
        key = (family, name)
        if not name or key not in self._styles:
            return {}
        if key not in self._resolved:
            found: dict[str, str] = {}
            for _ in range(_PARENTS):
                parent, own = self._styles.get((family, name), ("", {}))
                # A colour of its own takes the place of an inherited automatic one.
                kept = {k: v for k, v in own.items() if k != "automatic" or "color" not in found}
                found = kept | found
                name = parent
                if not name:
                    break
            self._resolved[key] = found
        return self._resolved[key]

    def default(self, family: str) -> Ink:
        """Return how text is drawn where no style says anything."""
        return Ink(Font(BLACK, 12.0)).under(self._styles.get((family, ""), ("", {}))[1])

    def is_title(self, name: str) -> bool:
        """Tell whether a paragraph's style is the one for a document's title, or made from it."""
        for _ in range(_PARENTS):
            if name == "Title":
                return True
            name = self._styles.get(("paragraph", name), ("", {}))[0]
            if not name:
                break
        return False


def points(length: str, otherwise: float) -> float:
    """Return a length ("2.5cm") in points."""
    try:
        return float(length[:-2]) * _POINTS[length[-2:]]
    except (KeyError, ValueError):
        return otherwise


def _percent(text: str) -> float:
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        return 100.0
