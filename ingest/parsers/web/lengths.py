"""Lengths of style sheets in pixels (CSS Values Level 4), for a window of 1280 by 800.

A percentage is taken of that window, as the size of what stands around an element would need a layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_WINDOW_PX = {"vw": 12.8, "vh": 8.0, "vmin": 8.0, "vmax": 12.8, "%": 9.0}
_UNITS_PX = {
    "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6, "rem": 16.0,
}  # fmt: skip
_SIZES_PX = {
    "xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0,
    "xx-large": 32.0, "xxx-large": 48.0,
}  # fmt: skip
_LENGTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(px|pt|pc|in|cm|mm|q|rem|em|ex|ch|vw|vh|vmin|vmax|%|)")
# A function of a value without another one in it: its name, and what it is given.
FUNCTION = re.compile(r"([a-z0-9-]+)\(([^()]*)\)")


def px(value: str, font_px: float, otherwise: float, percent_px: float | None = None) -> float:
    """Return a length in pixels; `otherwise` where it is none. `percent_px` is what one percent is."""
    match = _LENGTH.fullmatch(value)
    if match is None:
        inner = re.fullmatch(r"calc\(\s*([^()\s]+)\s*\)", value)
        return px(inner[1], font_px, otherwise, percent_px) if inner else otherwise
    number, unit = _finite(match[1]), match[2]
    if unit == "%" and percent_px is not None:
        return number * percent_px
    if unit in ("em", "ex", "ch"):
        return number * font_px * (1.0 if unit == "em" else 0.5)
    return number * (_UNITS_PX.get(unit) or _WINDOW_PX.get(unit) or 1.0)


def _finite(text: str) -> float:
    return max(-1e9, min(1e9, float(text)))


def font_size_px(values: Mapping[str, str], parent_px: float) -> float:
    """Return the size of letters that these declarations ask for."""
    size = values.get("font-size", "")
    if not size and "font" in values:
        # The size is the first length of the shorthand, before the family, perhaps with the line height behind it.
        for word in values["font"].replace(" /", "/").split():
            candidate = word.partition("/")[0]
            if candidate in _SIZES_PX or (_LENGTH.fullmatch(candidate) and not candidate.isdigit()):
                size = candidate
                break
    if size in _SIZES_PX:
        return _SIZES_PX[size]
    if size in ("smaller", "larger"):
        return parent_px * (1.2 if size == "larger" else 1 / 1.2)
    return max(0.0, px(size, parent_px, parent_px, parent_px / 100))


def numbers_in(text: str) -> list[float]:
    """Return the numbers in a value; a percentage is a part of one."""
    return [_finite(match[1]) / (100 if match[2] == "%" else 1) for match in _LENGTH.finditer(text)]
