"""The signs before list items and headings, which Word computes but does not store (ECMA-376, part 1, 17.9)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.parsers.ooxml.package import Element, W, number

BULLET = "-"
_LEVELS = 9
_PLACE = re.compile(r"%([1-9])")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
# Higher numbers than these come from broken files.
_MOST = 32_767


@dataclass(frozen=True, slots=True)
class _Level:
    start: int
    kind: str
    text: str
    restart: int | None


class Numbering:
    """Counts the items of all lists of a document, which is read from its beginning."""

    def __init__(self, root: Element | None) -> None:
        self._abstract: dict[str, dict[int, _Level]] = {}
        self._lists: dict[str, tuple[str, dict[int, _Level]]] = {}
        self._counters: dict[str, dict[int, int]] = {}
        self._begun: set[str] = set()
        self._starts: dict[str, dict[int, int]] = {}
        if root is None:
            return
        for abstract in root.iterchildren(f"{W}abstractNum"):
            levels = dict(map(_level, abstract.iterchildren(f"{W}lvl")))
            self._abstract[abstract.get(f"{W}abstractNumId", "")] = levels
        for item in root.iterchildren(f"{W}num"):
            self._read(item)

    def _read(self, item: Element) -> None:
        name = item.get(f"{W}numId", "")
        reference = item.find(f"{W}abstractNumId")
        abstract = reference.get(f"{W}val", "") if reference is not None else ""
        levels = dict(self._abstract.get(abstract, {}))
        starts = {}
        for override in item.iterchildren(f"{W}lvlOverride"):
            place = int(number(override.get(f"{W}ilvl")))
            levels.update(map(_level, override.iterchildren(f"{W}lvl")))
            start = override.find(f"{W}startOverride")
            if start is not None:
                starts[place] = int(number(start.get(f"{W}val"), 1))
        self._lists[name] = (abstract, levels)
        self._starts[name] = starts

    def sign(self, name: str, place: int) -> str:
        """Return the sign of the next item of a list at a level from 0: "-" for bullets, "2.1" for numbers, "" for
        none.
        """
        if name not in self._lists or not 0 <= place < _LEVELS:
            return BULLET
        abstract, levels = self._lists[name]
        level = levels.get(place)
        if level is None or level.kind == "bullet":
            return BULLET
        counters = self._counters.setdefault(abstract, {})
        if name not in self._begun:
            # A list that says where it starts does so once; others that look alike go on counting.
            self._begun.add(name)
            for overridden, start in self._starts[name].items():
                counters[overridden] = start - 1
        counters[place] = counters.get(place, level.start - 1) + 1
        for deeper in range(place + 1, _LEVELS):
            restart = levels[deeper].restart if deeper in levels else None
            if deeper in counters and (restart is None or 0 < place + 1 <= restart):
                del counters[deeper]
        if level.kind == "none":
            return ""
        return _PLACE.sub(lambda match: self._shown(levels, counters, int(match[1]) - 1), level.text).strip()

    def _shown(self, levels: dict[int, _Level], counters: dict[int, int], place: int) -> str:
        level = levels.get(place)
        if level is None:
            return ""
        return _written(counters.setdefault(place, level.start), level.kind)


def _level(element: Element) -> tuple[int, _Level]:
    values = {child.tag.removeprefix(W): child.get(f"{W}val", "") for child in element.iterchildren("*")}
    restart = int(number(values["lvlRestart"])) if "lvlRestart" in values else None
    level = _Level(
        int(number(values.get("start"), 1)), values.get("numFmt", "decimal"), values.get("lvlText", ""), restart
    )
    return int(number(element.get(f"{W}ilvl"))), level


def _written(value: int, kind: str) -> str:
    """Return a number in the way of a list level; in digits where the way is not known."""
    if not 0 < value <= _MOST:
        return str(value)
    match kind:
        case "lowerLetter" | "upperLetter":
            text = chr(ord("a") + (value - 1) % 26) * min((value - 1) // 26 + 1, 10)
        case "lowerRoman" | "upperRoman":
            text = ""
            for worth, letters in _ROMAN:
                text += letters * (value // worth)
                value %= worth
        case "decimalZero":
            return f"{value:02}"
        case "bullet" | "none":
            return ""
        case _:
            return str(value)
    return text.upper() if kind.startswith("upper") else text
