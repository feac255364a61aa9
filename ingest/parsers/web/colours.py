"""The colours of a style sheet (CSS Color Level 4, as far as sRGB shows them), and which cannot be told apart."""

from __future__ import annotations

import math
from typing import Any

import tinycss2
from tinycss2.color5 import parse_color

from ingest.parsers import legible
from ingest.parsers.legible import RGB

# Red, green, blue and opacity, 0 to 1 each.
Colour = tuple[float, float, float, float]

WHITE: Colour = (1.0, 1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0, 1.0)


def colours(value: str) -> list[Colour]:
    """Return the colours in a value, those of its gradients too."""
    found = []
    for token in tinycss2.parse_component_value_list(value):
        read = _parsed(token)
        if read is not None:
            found.append(read)
        elif token.type == "function" and "gradient" in token.lower_name:
            found += [inner for inner in map(_parsed, token.arguments) if inner is not None]
    return found


def colour(value: str) -> Colour | None:
    """Return the one colour that a value is, None where it is something else."""
    tokens = [token for token in tinycss2.parse_component_value_list(value) if token.type != "whitespace"]
    return _parsed(tokens[0]) if len(tokens) == 1 else None


def over(front: Colour, behind: Colour) -> Colour:
    """Return what is seen of a colour over an opaque one."""
    alpha = front[3]
    mixed = [top * alpha + bottom * (1 - alpha) for top, bottom in zip(front[:3], behind[:3], strict=True)]
    return (mixed[0], mixed[1], mixed[2], 1.0)


def near(one: Colour, other: Colour) -> bool:
    """Tell whether nobody sees one of these on the other."""
    return legible.near(_eight_bits(one), _eight_bits(other))


def _eight_bits(colour: Colour) -> RGB:
    red, green, blue, _ = (round(255 * part) for part in colour)
    return (red, green, blue)


def _parsed(token: Any) -> Colour | None:
    if token.type not in ("ident", "hash", "function"):
        return None
    try:
        read = parse_color(token)
        if read is None or isinstance(read, str):
            return None
        red, green, blue, alpha = _srgb(read)
    except (ValueError, TypeError, AttributeError):
        return None
    return (_part(red), _part(green), _part(blue), _part(alpha))


def _part(value: float | None) -> float:
    return max(0.0, min(1.0, float(value or 0.0)))


def _srgb(read: Any) -> tuple[float | None, ...]:
    try:
        return tuple(read.to("srgb"))
    except NotImplementedError:
        first, second, third = (float(part or 0.0) for part in list(read)[:3])
    if read.space in ("lch", "oklch"):
        second, third = second * math.cos(math.radians(third)), second * math.sin(math.radians(third))
    if read.space in ("oklab", "oklch"):
        return (*_oklab(first, second, third), read.alpha)
    if read.space in ("lab", "lch"):
        # CIELAB: near to OKLab with these scales, which is enough to tell light from dark.
        return (*_oklab(first / 100, second / 250, third / 250), read.alpha)
    # The wide spaces of "color()" agree with sRGB as far as it goes.
    return (first, second, third, read.alpha)


def _oklab(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    """Convert OKLab to sRGB (CSS Color Level 4, section 9.3)."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return (_gamma(red), _gamma(green), _gamma(blue))


def _gamma(linear: float) -> float:
    linear = max(0.0, min(1.0, linear))
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
