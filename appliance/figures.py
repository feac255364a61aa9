"""Which numbers of a sentence do not occur in its quotes.

Simple on purpose, and apart from how grounding compares numbers: digits alone, compared by value. Grounding asks it
last, so that no sentence is ever shown as supported with a number that its quotes do not have. It is never milder than
the evaluation's own judge, with which it shares no code: neither reads a number in letters as one in digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_MARKER = re.compile(r"\s*\(?\d{1,3}[.)]\s")
_THIN = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_RUN = re.compile(r"\d+(?:[.,'’]\d+)*")
# Groups with plain spaces: one number, or several ("room 12 345").
_SPACED = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?:[.,]\d+)?(?!\d)")


def numbers_missing(sentence: str, quotes: Sequence[str]) -> list[str]:
    """Return the numbers of `sentence`, as written, that occur in none of `quotes`.

    1,250.00 is 1250, 1 250,00 and 1.250; 05 is 5. Of a date or a version in digits each part must occur. The number of
    a list item is none, and one in letters is not read, on neither side: "3 May" is not "03.05.", but "03.05." has the
    numbers of "3 May".
    """
    quoted = {value for quote in quotes for value in _values_in(_plain(quote))}
    text = _plain(sentence[match.end() :] if (match := _MARKER.match(sentence)) else sentence)
    for spaced in reversed(list(_SPACED.finditer(text))):
        if not quoted.isdisjoint(_values(spaced[0].replace(" ", ""))):
            text = text[: spaced.start()] + " " + text[spaced.end() :]
    return [run for run in _RUN.findall(text) if not _stands(run, quoted)]


def _plain(text: str) -> str:
    """Return `text` in compatibility forms, with an apostrophe for each thin space within a number."""
    return unicodedata.normalize("NFKC", _THIN.sub("'", text))


def _values_in(text: str) -> set[str]:
    runs = _RUN.findall(text) + [spaced.replace(" ", "") for spaced in _SPACED.findall(text)]
    return {value for run in runs for value in _values(run) or {run, *_parts(run)}}


def _stands(run: str, quoted: set[str]) -> bool:
    values = _values(run)
    return not values.isdisjoint(quoted) if values else run in quoted or _parts(run) <= quoted


def _values(run: str) -> set[str]:
    """Return what digits may stand for, "." before decimals; nothing if they are no number as a whole."""
    parts, signs = re.split(r"\D", run), re.findall(r"\D", run)
    values = set()
    if _grouped(parts) and not {".", ","} <= set(signs):
        values.add(_whole(parts))
    if signs and signs[-1] in ".," and signs.count(signs[-1]) == 1 and _grouped(parts[:-1]):
        # 1.000 may be a thousand, so it is never 1.
        fraction = parts[-1] if len(parts[-1]) == 3 else parts[-1].rstrip("0")
        values.add(f"{_whole(parts[:-1])}.{fraction}" if fraction else _whole(parts[:-1]))
    return values


def _grouped(parts: Sequence[str]) -> bool:
    return len(parts) == 1 or (len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:]))


def _whole(parts: Sequence[str]) -> str:
    return "".join(parts).lstrip("0") or "0"


def _parts(run: str) -> set[str]:
    return {part.lstrip("0") or "0" for part in re.split(r"\D", run)}
