"""The fence around text that is not ours: what would read as a frame of the prompt is broken up in it.

Texts are compared folded: case, compatibility forms (NFKC: full-width, mathematical and circled letters, ligatures)
and everything a mark's letters may be set apart by (blanks, line breaks, invisible characters, accents) make no
difference. What is changed is one character for one: the sign that makes the frame. The rest stays as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

from appliance.errors import ConfigError

_LINE_BREAKS = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
# Nobody sees them, though their category says letter or sign; and characters that are reserved for being ignored.
_FILLERS = frozenset("\u115f\u1160\u2065\u2800\u3164\uffa0\ufff0\ufff1\ufff2\ufff3\ufff4\ufff5\ufff6\ufff7\ufff8")
_RESERVED = range(0xE0000, 0xE1000)
_GAPS = {"Zs", "Zl", "Zp", "Cc", "Cf", "Mn", "Me"}
_GAP = r"[ \n]*+"


class Fence:
    """Breaks up `marks` anywhere and `lines` at the start of a line, where `starts` takes the place of a mark's first
    sign and `ends` that of a line's last.

    Takes time in proportion to the text, and leaves a text without them as it is.
    """

    def __init__(self, marks: Sequence[str], lines: Sequence[str], starts: str, ends: str) -> None:
        """Raise ConfigError where what takes a sign's place could itself be part of a mark. A mark's first sign, such
        as "<", stands in it only once.
        """
        self._marks, self._lines = [_letters(mark) for mark in marks], [_letters(line) for line in lines]
        for sign in (starts, ends):
            # So that what was broken up cannot be a mark again, and neither can anything around it.
            if len(sign) != 1 or _fold(sign) != sign or any(sign in mark for mark in (*self._marks, *self._lines)):
                raise ConfigError(f'"{sign}" cannot take the place of a sign of a mark', "Choose a sign of no mark.")
        self._starts, self._ends = starts, ends
        self._beginnings = tuple({mark[:end] for mark in self._marks for end in range(1, len(mark))})
        self._compounds = _compounds((*self._marks, *self._lines))
        self._mark = re.compile(
            "|".join(f"{re.escape(mark[0])}(?={_GAP}{self._rest(mark, 1)})" for mark in self._marks)
        )
        self._line = re.compile(rf"^ *+(?:{'|'.join(self._rest(line, 0) for line in self._lines)})", re.MULTILINE)

    def broken(self, text: str) -> str:
        """Return `text` without marks, as long as it was. A mark that only begins at its end is broken up as well:
        what we write behind it must not complete it. Done twice, it is the same as done once.
        """
        folded = text.translate(_FOLDS)
        # Where nothing is to be done, this says so far faster than looking for the places does.
        squeezed = self._squeezed(folded)
        if any(mark in squeezed for mark in self._marks):
            text = _put(text, (match.start() for match in self._mark.finditer(folded)), self._starts)
        if any(line in squeezed for line in self._lines):
            text = _put(text, (match.end() - 1 for match in self._line.finditer(folded)), self._ends)
        if squeezed.endswith(self._beginnings):
            place = max(folded.rfind(mark[0]) for mark in self._marks)
            text = _put(text, [place], self._starts)
        return text

    def _squeezed(self, folded: str) -> str:
        squeezed = folded.replace(" ", "").replace("\n", "")
        if not squeezed.isascii():
            for compound, letters in self._compounds.items():
                squeezed = squeezed.replace(compound, letters)
        return squeezed

    def _rest(self, mark: str, at: int) -> str:
        """Return the pattern of a mark from a letter on."""
        rest = mark[at:]
        ways = [re.escape(rest[0]) + ("" if len(rest) == 1 else _GAP + self._rest(mark, at + 1))]
        for compound, letters in self._compounds.items():
            if letters.startswith(rest):
                ways.append(re.escape(compound))
            elif rest.startswith(letters):
                ways.append(re.escape(compound) + _GAP + self._rest(mark, at + len(letters)))
        return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"


def without_lone(text: str, sign: str, instead: str) -> str:
    """Return `text` with `instead` for every `sign`, in whatever form, that stands between blanks or at an end."""
    lone = re.finditer(rf"(?<![^ \n]){re.escape(sign)}(?![^ \n])", text.translate(_FOLDS))
    return _put(text, (match.start() for match in lone), instead)


def is_quote(c: str) -> bool:
    """Return whether a character is the straight quotation mark, in whatever form."""
    return _fold(c) == '"'


class _Folds(dict[int, str]):
    """What characters are compared as, by code point, one for one: a letter, a blank for what may stand between
    letters, a line break. Characters that fold into several letters stay themselves.
    """

    def __missing__(self, code: int) -> str:
        c = chr(code)
        folded = _fold(c)
        self[code] = "\n" if c in _LINE_BREAKS else " " if not folded else folded if len(folded) == 1 else c
        return self[code]


_FOLDS = _Folds()


def _fold(c: str) -> str:
    """Return what a character is compared as; "" for one that may stand between the letters of a mark."""
    if _is_gap(c):
        return ""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", c).casefold())
    return "".join(letter for letter in folded if not _is_gap(letter))


def _is_gap(c: str) -> bool:
    return unicodedata.category(c) in _GAPS or c in _FILLERS or ord(c) in _RESERVED


def _letters(mark: str) -> str:
    return "".join(map(_fold, mark))


def _compounds(marks: Iterable[str]) -> dict[str, str]:
    """Return the characters that fold into several letters, where a mark holds those, or ends in their first ones."""
    held = tuple(marks)
    ends = tuple({mark[at:] for mark in held for at in range(1, len(mark))})
    return {
        c: letters
        for c, letters in _all_compounds().items()
        if any(letters in mark for mark in held) or letters.startswith(ends)
    }


@cache
def _all_compounds() -> dict[str, str]:
    # The planes beyond hold no letters that are written as one character.
    characters = map(chr, range(0x80, 0x20000))
    # Only these differ from themselves; the others are most, and need not be folded.
    folding = (c for c in characters if unicodedata.decomposition(c) or c.casefold() != c)
    return {c: letters for c in folding if len(letters := _fold(c)) > 1}


def _put(text: str, places: Iterable[int], sign: str) -> str:
    parts, end = [], 0
    for place in places:
        parts += [text[end:place], sign]
        end = place + 1
    return "".join([*parts, text[end:]]) if parts else text
