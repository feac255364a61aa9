"""Where a sentence ends: for answers as they are written, and for the texts that have to support them.

Rules and the abbreviations of all language files at once, so that no language is assumed. When in doubt two
sentences stay together: a quote gets longer, but no sentence is cut in half.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from appliance.language import load_languages

# A boundary is certain once this much of what follows is known: the longest month and its first neighbour.
LOOKAHEAD = 11

_END = re.compile(r"[.!?…]+[\"'”’»)\]*_]*(?=\s|$)|[。！？｡][”’」』）]*")
_MARKER = re.compile(r"\s*(?:[-*•–·▪◦]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+")
_BLOCK = re.compile(r"\s*(?:[-*•–·▪◦|#>]|\(?\d{1,3}[.)]\s)")
# A line at least this long that does not end a sentence was broken by a page's margin, not by its writer.
_MARGIN = 45


class Span(NamedTuple):
    """Characters start <= i < end of a text."""

    start: int
    end: int


class _Periods(NamedTuple):
    """What ends in a period that ends no sentence: abbreviations, those before digits, and days before these months."""

    titles: frozenset[str]
    numbered: frozenset[str]
    months: frozenset[str]


class Part(NamedTuple):
    """A sentence and the white space that stood before it."""

    lead: str
    text: str


def split(text: str, wrapped: bool = False) -> list[Span]:
    """Return the sentences of `text`, in order, without the white space around them; nothing else is left out.

    A line break ends a sentence; with `wrapped` only where the line was not merely full.
    """
    spans: list[Span] = []
    for line in _lines(text, wrapped):
        start = line.start
        for match in _END.finditer(text, line.start, line.end):
            if _ends(text, start, match, line.end):
                _add(spans, text, start, match.end())
                start = match.end()
        _add(spans, text, start, line.end)
    return spans


def marker_length(sentence: str) -> int:
    """Return how many characters at the beginning are a list marker ("- ", "2. ")."""
    match = _MARKER.match(sentence)
    return match.end() if match else 0


def is_finished(sentence: str) -> bool:
    """Return whether a sentence ends like one."""
    return any(match.end() == len(sentence) for match in _END.finditer(sentence))


class Splitter:
    """Cuts a growing text into sentences. What it returns does not depend on how the text was cut into pieces."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, text: str) -> list[Part]:
        """Take more text and return the sentences that are certainly finished."""
        self._text += text
        spans = split(self._text)
        done = [a for a, b in pairwise(spans) if len(self._text) - b.start >= LOOKAHEAD]
        return self._take(done)

    def rest(self) -> list[Part]:
        """Return what is left when the text is over. The last sentence may lack its end."""
        return self._take(split(self._text))

    def _take(self, spans: list[Span]) -> list[Part]:
        parts, at = [], 0
        for span in spans:
            parts.append(Part(self._text[at : span.start], self._text[span.start : span.end]))
            at = span.end
        self._text = self._text[at:]
        return parts


@cache
def _periods() -> _Periods:
    languages = load_languages()
    return _Periods(
        frozenset[str]().union(*(language.titles for language in languages)),
        frozenset[str]().union(*(language.numbered for language in languages)),
        frozenset[str]().union(*(language.months for language in languages if language.ordinal_period)),
    )


def _lines(text: str, wrapped: bool) -> list[Span]:
    lines, start = [], 0
    for match in re.finditer(r"\n", text):
        if wrapped and _runs_on(text, start, match.start()):
            continue
        lines.append(Span(start, match.start()))
        start = match.end()
    return [*lines, Span(start, len(text))]


def _runs_on(text: str, start: int, newline: int) -> bool:
    """Return whether the line break at `newline` stands inside a sentence."""
    line = text[text.rfind("\n", start, newline) + 1 : newline].strip()
    following = text[newline + 1 :].split("\n", 1)[0]
    if not line or not following.strip() or _BLOCK.match(following):
        return False
    # Rows of a table, with their bars outside ("| a | b |") or between ("A: a | B: b").
    if line.startswith("|") or line.endswith("|") or " | " in line or " | " in following:
        return False
    return following.lstrip()[0].islower() or (len(line) >= _MARGIN and line[-1] not in ".!?…:;。！？")


def _ends(text: str, start: int, match: re.Match[str], limit: int) -> bool:
    if match[0][0] in "。！？｡":
        return True
    after = text[match.end() : limit].lstrip()
    if not after:
        return True
    if after[0].islower():
        return False
    if match[0][0] != "." or len(match[0].rstrip("\"'”’»)]*_")) > 1:
        return True
    # Corpora put a space before the period; it changes nothing about the word.
    before = re.split(r"[\s(\"'“„«]", text[start : match.start()].rstrip())[-1]
    if not before or _MARKER.fullmatch(text[start : match.end()].lstrip() + " "):
        return False
    if before.isdigit() and len(before) <= 2:
        return re.split(r"\W", after.lower(), maxsplit=1)[0] not in _periods().months
    if (len(before) == 1 and before.isalpha()) or re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", before):
        # An initial, or letters with periods between them: "U.S.", "z.B.", "e.g.".
        return False
    word, periods = before.lower(), _periods()
    return word not in periods.titles and not (word in periods.numbered and after[0].isdigit())


def _add(spans: list[Span], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append(Span(start, end))
