"""Colours of text and of what it stands on, as far as they decide whether a person sees the text."""

from __future__ import annotations

import colorsys
import re
from collections import Counter
from collections.abc import Iterator

from appliance.types import Finding, FindingKind

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
# Below this, in points, text is a line to the eye.
TINY_POINTS = 2.0
# Channels that all differ by less than this (of 255) are one colour to the eye: light grey marks (#e7e6e6) on white
# are the faintest that ordinary documents use for text.
_NEAR = 24
_HEX = re.compile(r"#?(?:[0-9a-fA-F]{2})?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


class Unseen:
    """Counts the characters that are kept out, by kind and place."""

    def __init__(self) -> None:
        self._characters: Counter[tuple[FindingKind, str]] = Counter()

    def add(self, kind: FindingKind, where: str, text: str) -> None:
        """Count a text, spaces around it left out."""
        self._characters[kind, where] += len(text.strip())

    def findings(self) -> Iterator[Finding]:
        """Yield what has been counted since the last call."""
        for (kind, where), characters in self._characters.items():
            if characters:
                yield Finding(kind, where, characters)
        self._characters.clear()


def read_colour(code: str) -> Colour | None:
    """Return the colour of "RRGGBB", "#RRGGBB" or "AARRGGBB"; None for everything else."""
    match = _HEX.fullmatch(code.strip())
    return (int(match[1], 16), int(match[2], 16), int(match[3], 16)) if match else None


def near(text: Colour | None, ground: Colour | None) -> bool:
    """Tell whether text of one colour cannot be seen on the other. What is not known (None) counts as seen."""
    if text is None or ground is None:
        return False
    return all(abs(a - b) < _NEAR for a, b in zip(text, ground, strict=True))


def tinted(colour: Colour, tint: float) -> Colour:
    """Return a colour made darker (tint down to -1) or lighter (up to 1), as ECMA-376, part 1, 18.8.19 defines it."""
    hue, light, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in colour))
    tint = max(-1.0, min(1.0, tint))
    light = light * (1 + tint) if tint < 0 else light * (1 - tint) + tint
    red, green, blue = colorsys.hls_to_rgb(hue, light, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)
