"""Lines of printed pages, whether they come from a PDF or off an image: the box around them, words that they divide."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from appliance.types import Box

# A word, or several with hyphens between them.
WORD = re.compile(r"\w+(?:-\w+)*")


def around(boxes: Iterable[Box]) -> Box:
    """Return the smallest box around these; there must be one."""
    lefts, tops, rights, bottoms = zip(*((box.left, box.top, box.right, box.bottom) for box in boxes), strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


def words_in(texts: Iterable[str]) -> set[str]:
    """Return the words of texts, casefolded."""
    return {word.casefold() for text in texts for word in WORD.findall(text)}


def hyphen(left: str, right: str, known: Collection[str]) -> str:
    """Return the hyphen between two parts of a word, or nothing where only the end of the line put it there.

    The words `known` from elsewhere tell: it stays when the compound, or both of its parts, are among them.
    """
    one_word = right.islower() or (left.isupper() and right.isupper())
    left, right = left.casefold(), right.casefold()
    apart = left in known and right in known and f"{left}{right}" not in known
    return "-" if f"{left}-{right}" in known or apart or not one_word else ""
