"""What a person sees of a cell of an XLSX sheet (ECMA-376, part 1, 18.3.1.4 and 18.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from appliance.types import FindingKind
from ingest.parsers.legible import Font
from ingest.parsers.sheets.extras import Extras
from ingest.parsers.sheets.formats import plain
from ingest.parsers.sheets.styles import Look, Styles
from ingest.parsers.trees import local

# What a cell can hold in the program that made the format.
_CELL_CHARACTERS = 32_767
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_MIDNIGHT = re.compile(r"T00:00(:00(\.0+)?)?Z?$")
# Numbers of fewer digits are written as they are shown.
_SHORT = 15

# A text as a whole, or in parts that have fonts of their own (None: that of the cell).
Text = str | tuple[tuple[str, Font | None], ...]

# What is seen, what is not, why not, and whether it is bold.
Read = tuple[str, str, FindingKind, bool]


def read_text(element: Any, styles: Styles) -> Text:
    """Return the text of a shared or inline string, or of a comment."""
    if len(element) == 1 and local(element[0]) == "t":
        return _unescaped(element[0].text or "")[:_CELL_CHARACTERS]
    runs: list[tuple[str, Font | None]] = []
    for part in element:
        name = local(part)
        if name == "t":
            runs.append((_unescaped(part.text or ""), None))
        elif name == "r":
            font = next((styles.font(inner) for inner in part if local(inner) == "rPr"), None)
            text = "".join(inner.text or "" for inner in part if local(inner) == "t")
            runs.append((_unescaped(text), font))
    if all(font is None for _, font in runs):
        return "".join(text for text, _ in runs)[:_CELL_CHARACTERS]
    return tuple((text[:_CELL_CHARACTERS], font) for text, font in runs)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


class CellReader:
    """Reads the cells of one sheet. `strings` are the workbook's shared ones."""

    def __init__(self, styles: Styles, strings: Sequence[Text], extras: Extras) -> None:
        self._styles = styles
        self._strings = strings
        self._shaded_areas = extras.shaded
        self._looks: dict[str | None, Look] = {}

    def read(self, cell: Any, row: int, column: int) -> Read:
        """Return what is seen of a cell, and what is not with the reason. Nothing for a cell without a value."""
        style = cell.get("s")
        look = self._looks.get(style) or self._look(style)
        text, kept_out = self._value(cell, look)
        if text is None:
            return "", kept_out, "hidden", False
        if isinstance(text, str):
            why = look.unseen
            if why is None or (why == "background_colour" and self._shaded(look, row, column)):
                return text, "", "hidden", look.font.bold
            return "", text, why, False
        return self._parts(text, look, None if self._shaded(look, row, column) else look.ground)

    def _look(self, style: str | None) -> Look:
        look = self._looks[style] = self._styles.look(style)
        return look

    def _parts(self, text: tuple[tuple[str, Font | None], ...], look: Look, ground: Any) -> Read:
        seen: list[str] = []
        unseen: list[str] = []
        kind: FindingKind = "hidden"
        for part, font in text:
            why = (font or look.font).unseen(ground)
            (unseen if why else seen).append(part)
            kind = why or kind
        return "".join(seen), "".join(unseen), kind, look.font.bold

    def _shaded(self, look: Look, row: int, column: int) -> bool:
        """Tell whether a cell without a ground of its own stands on one that comes with its table."""
        return look.bare and any(a.top <= row <= a.bottom and a.left <= column <= a.right for a in self._shaded_areas)

    def _value(self, cell: Any, look: Look) -> tuple[Text | None, str]:
        """Return the text that the cell shows, or None and what its format makes disappear. No value, no text."""
        kind = cell.get("t")
        part = cell[-1]
        if local(part) not in ("v", "is"):
            part = next((inner for inner in cell if local(inner) in ("v", "is")), part)
        if kind == "inlineStr":
            return self._formatted(read_text(part, self._styles), look)
        raw = part.text
        if not raw or local(part) != "v":
            return "", ""
        try:
            match kind:
                case "s":
                    return self._formatted(self._strings[int(raw)], look)
                case None | "n":
                    return self._number(raw, look)
                case "e":
                    return "", ""
                case "b":
                    return ("TRUE" if raw.strip() in ("1", "true") else "FALSE"), ""
                case "d":
                    return _MIDNIGHT.sub("", raw).replace("T", " "), ""
                case _:
                    return self._formatted(_unescaped(raw)[:_CELL_CHARACTERS], look)
        except (ValueError, IndexError, OverflowError):
            return "", ""

    def _number(self, raw: str, look: Look) -> tuple[Text | None, str]:
        if not look.format.sections:
            whole = len(raw) < _SHORT and raw.isdecimal() and raw.isascii() and (raw[0] != "0" or raw == "0")
            return (raw if whole else plain(float(raw))), ""
        shown = look.format.number(float(raw))
        return (shown, "") if shown is not None else (None, raw)

    def _formatted(self, text: Text, look: Look) -> tuple[Text | None, str]:
        if len(look.format.sections) < 4:
            return text, ""
        whole = text if isinstance(text, str) else "".join(part for part, _ in text)
        shown = look.format.text(whole)
        if shown is None:
            return None, whole
        return (shown if isinstance(text, str) else text), ""
