"""Colours and fills of DrawingML (ECMA-376, part 1, 20.1.2.3 and 20.1.8), and whether letters differ from a ground.

Elements are told by their local names, so that Word's own variant of the same vocabulary (MS-DOCX, w14) is read too.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ingest.parsers.legible import BLACK, RGB, WHITE, near, read_colour
from ingest.parsers.ooxml.package import A, Element, number
from ingest.parsers.trees import attribute, local

_WHOLE = 100_000
_STOPS = 20
_NAMED: Mapping[str, RGB] = {
    "black": BLACK, "white": WHITE, "red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255),
    "yellow": (255, 255, 0), "cyan": (0, 255, 255), "magenta": (255, 0, 255), "gray": (128, 128, 128),
    "grey": (128, 128, 128), "ltGray": (211, 211, 211), "dkGray": (169, 169, 169), "snow": (255, 250, 250),
    "ivory": (255, 255, 240), "whiteSmoke": (245, 245, 245), "ghostWhite": (248, 248, 255),
    "floralWhite": (255, 250, 240), "mintCream": (245, 255, 250), "azure": (240, 255, 255),
    "aliceBlue": (240, 248, 255), "seashell": (255, 245, 238), "lightYellow": (255, 255, 224),
}  # fmt: skip
_FILLS = frozenset({"solidFill", "gradFill", "noFill", "blipFill", "pattFill", "grpFill"})


@dataclass(frozen=True, slots=True)
class Fill:
    """What an area or a letter is painted with: `colours`, all that occur in it, none where that is not known (a
    picture); `alpha` from 0, nothing is painted, to 1.
    """

    colours: tuple[RGB, ...] = ()
    alpha: float = 1.0


NOTHING = Fill((), 0.0)
UNKNOWN = Fill()
PAPER = Fill((WHITE,))


@dataclass(frozen=True, slots=True)
class Scheme:
    """A theme's colours by name ("accent1"), other names for them ("bg1" for "lt1"), and the theme's own fills."""

    colours: Mapping[str, RGB] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    fills: tuple[Element, ...] = ()
    backgrounds: tuple[Element, ...] = ()

    def colour(self, name: str) -> RGB | None:
        """Return a colour by its name in the theme, or by another name for it."""
        return self.colours.get(self.names.get(name, name))


def scheme(theme: Element | None, names: Mapping[str, str]) -> Scheme:
    """Return the colours of a theme part."""
    if theme is None:
        return Scheme({}, names)
    colours = {}
    for element in theme.iterfind(f"{A}themeElements/{A}clrScheme/*"):
        for value in element.iterchildren("*"):
            found = colour(value, Scheme())
            if found and found.colours:
                colours[local(element)] = found.colours[0]
    formats = f"{A}themeElements/{A}fmtScheme"
    fills = tuple(theme.iterfind(f"{formats}/{A}fillStyleLst/*"))
    return Scheme(colours, names, fills, tuple(theme.iterfind(f"{formats}/{A}bgFillStyleLst/*")))


def fill(parent: Element | None, theme: Scheme, placeholder: Fill | None = None) -> Fill | None:
    """Return the fill among an element's children; None where it says nothing about one."""
    for child in parent.iterchildren("*") if parent is not None else ():
        if local(child) in _FILLS:
            return painted(child, theme, placeholder)
    return None


def painted(element: Element, theme: Scheme, placeholder: Fill | None = None) -> Fill:
    """Return what a fill element paints. `placeholder` is what the theme's fills are to be filled with."""
    match local(element):
        case "noFill":
            return NOTHING
        case "solidFill":
            found = [colour(child, theme, placeholder) for child in element.iterchildren("*")]
            return found[0] if found and found[0] else UNKNOWN
        case "gradFill":
            stops = list(islice(element.iter("{*}gs"), _STOPS))
            paints = [colour(child, theme, placeholder) for stop in stops for child in stop.iterchildren("*")]
            known = [paint for paint in paints if paint and paint.colours]
            if not known or len(known) < len(paints):
                return UNKNOWN
            return Fill(tuple(paint.colours[0] for paint in known), max(paint.alpha for paint in known))
        case _:
            return UNKNOWN


def referred(reference: Element | None, theme: Scheme) -> Fill | None:
    """Return the theme's fill that a style refers to (a:fillRef, p:bgRef); None where it refers to none."""
    index = int(number(reference.get("idx"))) if reference is not None else 0
    fills, place = (theme.backgrounds, index - 1001) if index > 1000 else (theme.fills, index - 1)
    if reference is None or not 0 <= place < len(fills):
        return None
    inner = [colour(child, theme) for child in reference.iterchildren("*")]
    return painted(fills[place], theme, inner[0] if inner else None)


def colour(element: Element, theme: Scheme, placeholder: Fill | None = None) -> Fill | None:
    """Return a colour element as a fill; None where it is not known."""
    value = attribute(element, "val")
    base: RGB | None
    match local(element):
        case "srgbClr":
            base = read_colour(value)
        case "sysClr":
            base = read_colour(attribute(element, "lastClr")) or (BLACK if "Text" in value else WHITE)
        case "schemeClr" if value == "phClr":
            base = placeholder.colours[0] if placeholder and placeholder.colours else None
        case "schemeClr":
            base = theme.colour(value)
        case "prstClr":
            base = _NAMED.get(value)
        case "scrgbClr":
            parts = [number(attribute(element, name)) / _WHOLE for name in "rgb"]
            base = _eight_bits(_gamma(part) for part in parts)
        case "hslClr":
            hue, light, full = (number(attribute(element, name)) for name in ("hue", "lum", "sat"))
            base = _eight_bits(colorsys.hls_to_rgb(hue / 21_600_000, light / _WHOLE, full / _WHOLE))
        case _:
            base = None
    return _changed(base, element) if base is not None else None


def _changed(base: RGB, element: Element) -> Fill:
    """Return a colour after the changes that its element's children ask for."""
    parts: tuple[float, ...] = tuple(part / 255 for part in base)
    alpha = 1.0
    for child in element.iterchildren("*"):
        value = number(attribute(child, "val"), _WHOLE) / _WHOLE
        match local(child):
            case "lumMod" | "lumOff" | "lum" | "satMod" as kind:
                parts = _relit(parts, kind, value)
            case "tint":
                parts = tinted(parts, value)
            case "shade":
                parts = tuple(_gamma(_linear(part) * value) for part in parts)
            case "alpha":
                # Word's own vocabulary counts transparency, DrawingML opacity.
                alpha = 1 - value if "word" in child.tag else value
    return Fill((_eight_bits(parts),), _unit(alpha))


def _relit(parts: tuple[float, ...], kind: str, value: float) -> tuple[float, ...]:
    hue, light, full = colorsys.rgb_to_hls(*parts)
    match kind:
        case "lumMod":
            light *= value
        case "lumOff":
            light += value
        case "lum":
            light = value
        case _:
            full *= value
    return colorsys.hls_to_rgb(hue, _unit(light), _unit(full))


def tinted(parts: tuple[float, ...], share: float) -> tuple[float, ...]:
    """Return a colour, in parts from 0 to 1, of which so much is left and the rest is white light."""
    return tuple(_gamma(1 - (1 - _linear(part)) * share) for part in parts)


def lightened(base: RGB, tint: str | None, shade: str | None) -> RGB:
    """Return a colour as Word's themeTint and themeShade change it: two hexadecimal digits, FF leaves it as it is."""
    hue, light, full = colorsys.rgb_to_hls(*(part / 255 for part in base))
    try:
        if tint:
            light = 1 - (1 - light) * int(tint, 16) / 255
        if shade:
            light *= int(shade, 16) / 255
    except ValueError:
        return base
    return _eight_bits(colorsys.hls_to_rgb(hue, _unit(light), full))


def unreadable(letters: Fill, ground: Fill) -> bool:
    """Tell whether letters cannot be told from the ground they stand on. What is not known can be read."""
    if letters.alpha == 0:
        return True
    if not letters.colours or not ground.colours:
        return False
    shown = [(mixed(letter, behind, letters.alpha), behind) for letter in letters.colours for behind in ground.colours]
    return all(near(letter, behind) for letter, behind in shown)


def mixed(top: RGB, bottom: RGB, alpha: float) -> RGB:
    """Return the colour of one over another."""
    return _eight_bits((a * alpha + b * (1 - alpha)) / 255 for a, b in zip(top, bottom, strict=True))


def over(top: Fill, bottom: Fill) -> Fill:
    """Return the ground that two fills make, one upon the other."""
    if top.alpha >= 1 or (top.alpha > 0 and not top.colours):
        return top
    if top.alpha == 0 or not bottom.colours:
        return bottom
    colours = [mixed(a, b, top.alpha) for a in top.colours for b in bottom.colours]
    return Fill(tuple(dict.fromkeys(colours)), bottom.alpha)


def _eight_bits(parts: Iterable[Any]) -> RGB:
    red, green, blue = (round(255 * _unit(part)) for part in parts)
    return (red, green, blue)


def _unit(value: float) -> float:
    return max(0.0, min(1.0, value))


def _gamma(value: float) -> float:
    """Return a part of a colour in sRGB, from an amount of light."""
    value = _unit(value)
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def _linear(value: float) -> float:
    """Return an amount of light from a part of a colour in sRGB."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
