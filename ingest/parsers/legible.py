"""When letters cannot be read for their size or colour: the same bounds in every family of formats."""

from __future__ import annotations

import re
from dataclasses import dataclass

from appliance.types import FindingKind

# Red, green, blue: 0 to 255.
RGB = tuple[int, int, int]

WHITE: RGB = (255, 255, 255)
BLACK: RGB = (0, 0, 0)
# The largest difference of red, green or blue that is no contrast: #dfdfdf on white cannot be read.
NEAR = 32
# Below this, in points, text is a line to the eye.
TINY_POINTS = 2.0
_HEX = re.compile(r"#?(?:[0-9a-fA-F]{2})?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Font:
    """Of text in a sheet or an OpenDocument file. A colour that is not known is None."""

    colour: RGB | None = BLACK
    points: float = 11.0
    bold: bool = False

    def unseen(self, ground: RGB | None) -> FindingKind | None:
        """Say why text in this font cannot be seen on a ground; None where it can, or the ground is not known."""
        if self.points < TINY_POINTS:
            return "tiny"
        return "background_colour" if self.colour and ground and near(self.colour, ground) else None


def near(one: RGB, other: RGB) -> bool:
    """Tell whether there is no contrast between two colours."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= NEAR


def read_colour(code: str) -> RGB | None:
    """Return the colour of "RRGGBB", "#RRGGBB" or "AARRGGBB"; None for everything else."""
    match = _HEX.fullmatch(code.strip())
    return (int(match[1], 16), int(match[2], 16), int(match[3], 16)) if match else None
