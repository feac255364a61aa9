"""What the styles of an XLSX workbook make of a cell: how its value is shown, and whether a person sees it."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from appliance.types import FindingKind
from ingest.parsers.legible import BLACK, RGB, WHITE, Font, read_colour
from ingest.parsers.sheets.formats import BUILT_IN, Format, read_format
from ingest.parsers.trees import attribute, local

# ECMA-376, part 1, 18.8.27: the colours of spreadsheets from before 2007, from number 8 on; 0 to 7 are those of 8 to
# 15 once more.
_INDEXED = (
    "000000 FFFFFF FF0000 00FF00 0000FF FFFF00 FF00FF 00FFFF 800000 008000 000080 808000 800080 008080 C0C0C0 808080 "
    "9999FF 993366 FFFFCC CCFFFF 660066 FF8080 0066CC CCCCFF 000080 FF00FF FFFF00 00FFFF 800080 800000 008080 0000FF "
    "00CCFF CCFFFF CCFFCC FFFF99 99CCFF FF99CC CC99FF FFCC99 3366FF 33CCCC 99CC00 FFCC00 FF9900 FF6600 666699 969696 "
    "003366 339966 003300 333300 993300 993366 333399 333333"
)
# The order in which themes list their colours is not the one in which styles count them.
_THEME = (
    "lt1",
    "dk1",
    "lt2",
    "dk2",
    "accent1",
    "accent2",
    "accent3",
    "accent4",
    "accent5",
    "accent6",
    "hlink",
    "folHlink",
)
_USUAL_POINTS = 11.0


@dataclass(frozen=True, slots=True)
class Look:
    """How a cell looks. `bare` cells have no ground of their own: that of a table's style may shine through."""

    format: Format
    font: Font
    ground: RGB | None
    bare: bool
    unseen: FindingKind | None


class Styles:
    """The looks of a workbook, by the numbers that cells carry."""

    def __init__(self, styles: Any, theme: Any, dates_from_1904: bool) -> None:
        self._theme = _theme_colours(theme)
        parts = {local(part): part for part in styles} if styles is not None else {}
        indexed = [c for part in _children(parts.get("colors"), "indexedColors") for c in part]
        self._indexed = [read_colour(attribute(colour, "rgb")) for colour in indexed]
        codes = BUILT_IN | {
            _int(attribute(part, "numFmtId")): attribute(part, "formatCode") for part in parts.get("numFmts", ())
        }
        fonts = [self.font(part) for part in _children(parts.get("fonts"), "font")] or [Font()]
        grounds = [self._ground(part) for part in _children(parts.get("fills"), "fill")] or [(WHITE, True)]
        formats: dict[int, Format] = {}
        self._looks: list[Look] = []
        for xf in _children(parts.get("cellXfs"), "xf"):
            number = _int(attribute(xf, "numFmtId"))
            if number not in formats:
                formats[number] = read_format(codes.get(number, ""), dates_from_1904)
            font = fonts[min(_int(attribute(xf, "fontId")), len(fonts) - 1)]
            ground, bare = grounds[min(_int(attribute(xf, "fillId")), len(grounds) - 1)]
            self._looks.append(Look(formats[number], font, ground, bare, font.unseen(ground)))
        self._looks = self._looks or [Look(read_format("", dates_from_1904), Font(), WHITE, True, None)]

    def look(self, number: str | None) -> Look:
        """Return the look of a cell by its attribute "s"."""
        index = _int(number or "0")
        return self._looks[index if index < len(self._looks) else 0]

    def font(self, element: Any) -> Font:
        """Return the font that a `font` or `rPr` element describes."""
        colour: RGB | None = BLACK
        points, bold = _USUAL_POINTS, False
        for part in element:
            match local(part):
                case "color":
                    colour = self._colour(part, BLACK)
                case "sz":
                    points = _float(attribute(part, "val"), _USUAL_POINTS)
                case "b":
                    bold = attribute(part, "val", "1") not in ("0", "false")
        return Font(colour, points, bold)

    def named(self, name: str) -> RGB | None:
        """Return a colour of the theme by its name in drawings ("bg1", "accent1")."""
        return self._theme.get({"bg1": "lt1", "tx1": "dk1", "bg2": "lt2", "tx2": "dk2"}.get(name, name))

    def _ground(self, fill: Any) -> tuple[RGB | None, bool]:
        pattern = next(iter(_children(fill, "patternFill")), None)
        if pattern is None:
            return (None, False) if len(fill) else (WHITE, True)
        kind = attribute(pattern, "patternType", "none")
        if kind != "solid":
            return (WHITE, True) if kind == "none" else (None, False)
        colour = next(iter(_children(pattern, "fgColor")), None)
        return (WHITE if colour is None else self._colour(colour, WHITE)), False

    def _colour(self, element: Any, automatic: RGB) -> RGB | None:
        if attribute(element, "auto") in ("1", "true"):
            return automatic
        colour: RGB | None = None
        if code := attribute(element, "rgb"):
            colour = read_colour(code)
        elif code := attribute(element, "theme"):
            index = _int(code)
            colour = self._theme.get(_THEME[index]) if index < len(_THEME) else None
        elif code := attribute(element, "indexed"):
            colour = self._index(_int(code))
        tint = _float(attribute(element, "tint"), 0.0)
        return _tinted(colour, tint) if colour and tint else colour

    def _index(self, index: int) -> RGB | None:
        if index >= 64:
            return {64: BLACK, 65: WHITE}.get(index)
        if index < len(self._indexed):
            return self._indexed[index]
        return read_colour(_INDEXED[7 * (index % 8 if index < 8 else index - 8) :][:6])


def _tinted(colour: RGB, tint: float) -> RGB:
    """Return a colour made darker (tint down to -1) or lighter (up to 1), as ECMA-376, part 1, 18.8.19 defines it."""
    hue, light, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in colour))
    tint = max(-1.0, min(1.0, tint))
    light = light * (1 + tint) if tint < 0 else light * (1 - tint) + tint
    red, green, blue = colorsys.hls_to_rgb(hue, light, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _theme_colours(theme: Any) -> dict[str, RGB]:
    found: dict[str, RGB] = {"lt1": WHITE, "dk1": BLACK}
    schemes = [] if theme is None else [part for part in theme.iter() if local(part) == "clrScheme"]
    for part in schemes[0] if schemes else ():
        for value in part:
            colour = read_colour(attribute(value, "lastClr") or attribute(value, "val"))
            if colour:
                found[local(part)] = colour
    return found


def _children(element: Any, name: str) -> Iterable[Any]:
    return () if element is None else [part for part in element if local(part) == name]


def _int(text: str) -> int:
    try:
        return max(0, int(text))
    except ValueError:
        return 0


def _float(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise
