"""Formatting of RTF text (RTF 1.9.1, "Document Text"): what the control words of one group say about how it looks."""

from __future__ import annotations

from dataclasses import dataclass

# Past this, text is off every page.
FAR_TWIPS = 22_000
BODY_TEXT = 9
_CHARACTERS = frozenset(("v", "deleted", "cf", "cb", "chcbpat", "highlight", "fs", "charscalex", "f", "uc", "plain"))
FORMATTING = _CHARACTERS | frozenset(("pard", "intbl", "itap", "outlinelevel", "s", "ls", "cbpat", "li", "lin", "sl"))


@dataclass(slots=True)
class State:
    """What holds until the end of the group: where text goes (`to`), and how it looks. Colours are places in the file's
    table, `indent` and `exact` (the height of lines) twentieths of a point.
    """

    to: int = 0
    vanish: bool = False
    deleted: bool = False
    colour: int = 0
    ground: int = 0
    half_points: int = 24
    width: int = 100
    font: int = -1
    skip: int = 1
    off: bool = False
    in_table: bool = False
    depth: int = 1
    outline: int = BODY_TEXT
    style: int = 0
    listed: bool = False
    shade: int = 0
    indent: int = 0
    exact: int = 0

    def take(self, word: str, value: int | None) -> None:
        """Do what one of the FORMATTING words says."""
        if word in _CHARACTERS:
            self._take_character(word, value)
        else:
            self._take_paragraph(word, value)

    def _take_character(self, word: str, value: int | None) -> None:
        match word:
            case "v":
                self.vanish = value != 0
            case "deleted":
                self.deleted = value != 0
            case "cf":
                self.colour = value or 0
            case "cb" | "chcbpat" | "highlight":
                self.ground = value or 0
            case "fs":
                self.half_points = 24 if value is None else value
            case "charscalex":
                self.width = 100 if value is None else value
            case "f":
                self.font = value or 0
            case "uc":
                self.skip = max(0, min(1 if value is None else value, 100))
            case _:
                self.vanish = self.deleted = False
                self.colour = self.ground = 0
                self.half_points, self.width, self.font = 24, 100, -1

    def _take_paragraph(self, word: str, value: int | None) -> None:
        match word:
            case "intbl":
                self.in_table = value != 0
            case "itap":
                self.depth = 1 if value is None else value
                self.in_table = self.depth > 0
            case "outlinelevel":
                self.outline = BODY_TEXT if value is None else value
            case "s":
                self.style = value or 0
            case "ls":
                self.listed = bool(value)
            case "cbpat":
                self.shade = value or 0
            case "li" | "lin":
                self.indent = value or 0
            case "sl":
                self.exact = value or 0
            case _:
                self.in_table, self.depth, self.outline = False, 1, BODY_TEXT
                self.style, self.listed, self.shade = 0, False, 0
                self.indent = self.exact = 0
