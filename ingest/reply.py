"""Reads what a parsing child answered. A file may have taken it over: what it says is checked, not trusted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from appliance.types import Box, Finding, FindingKind, Place
from ingest.chunk import Draft
from ingest.files import BadFile
from ingest.names import Names
from ingest.parsed import Budget, Extracted, Parsed

# What a file can earn by being parsed, and how long the words about it may be.
_STATUSES = frozenset({"empty", "unsupported", "encrypted", "damaged", "too_large"})
_KINDS = frozenset(get_args(FindingKind))
_WORDS_CHARACTERS = 500
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+/-]{0,126}|")
_PAGES = 10_000_000
_FINDINGS = 100
_HEADINGS = 1000
_POINTS = 1e9
# The chunker counts a token for ten characters at least; glue between pieces comes on top.
_CHARACTERS_PER_TOKEN = 40


class Nonsense(ValueError):
    """No honest child answers this."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an answer has to keep within: tokens of a chunk, characters of all text, and what was asked for."""

    chunk_tokens: int
    text_characters: int
    budget: Budget
    spool_bytes: int


def read(answer: Mapping[str, Any], bounds: Bounds) -> Parsed:
    """Return what a child answered, without the spool. Raises the BadFile that it answered, or Nonsense."""
    try:
        media_type = _fit(_MEDIA_TYPE, answer["media_type"])
        if "status" in answer:
            problem = _problem(answer, media_type)
        else:
            return Parsed(
                media_type=media_type,
                pages=None if answer["pages"] is None else _count(answer["pages"], _PAGES),
                title=_text(answer["title"], bounds.text_characters),
                drafts=tuple(_drafts(answer["chunks"], bounds)),
                findings=tuple(_finding(each) for each in _at_most(answer["findings"], _FINDINGS)),
                members=tuple(_members(answer["members"], bounds)),
            )
    except Nonsense:
        raise
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Nonsense(str(error)) from error
    raise problem


def _problem(answer: Mapping[str, Any], media_type: str = "") -> BadFile:
    if answer["status"] not in _STATUSES:
        raise Nonsense("no status of a file")
    return BadFile(answer["status"], _words(answer["reason"]), _words(answer["hint"]), media_type)


def _drafts(chunks: Any, bounds: Bounds) -> Iterator[Draft]:
    most = _CHARACTERS_PER_TOKEN * bounds.chunk_tokens
    # Headings become text where small neighbours are put together.
    left = 2 * bounds.text_characters
    for chunk in _at_most(chunks, bounds.text_characters):
        text = _text(chunk["text"], min(most, left))
        left -= len(text)
        page = None if chunk["page"] is None else _count(chunk["page"], _PAGES)
        headings = tuple(_text(heading, most) for heading in _at_most(chunk["headings"], _HEADINGS))
        yield Draft(text, page, headings, tuple(_places(chunk["places"], len(text))))


def _places(given: Any, characters: int) -> Iterator[Place]:
    """Yield the places of a text with so many characters: one behind the other, none empty."""
    last = 0
    for row in _at_most(given, characters):
        start, end, *edges = _at_most(row, 6)
        if not last <= _count(start, characters) < _count(end, characters):
            raise Nonsense("places in disorder")
        last = end
        yield Place(start, end, _box(edges))


def _box(edges: list[Any]) -> Box:
    left, top, right, bottom = (float(edge) for edge in edges)
    if not all(math.isfinite(edge) and abs(edge) < _POINTS for edge in (left, top, right, bottom)):
        raise Nonsense("a box beyond any page")
    return Box(left, top, right, bottom)


def _finding(given: Mapping[str, Any]) -> Finding:
    if given["kind"] not in _KINDS:
        raise Nonsense("no kind of finding")
    return Finding(given["kind"], _words(given["where"]), _count(given["characters"], 1 << 62))


def _members(given: Any, bounds: Bounds) -> Iterator[Extracted]:
    names = Names()
    left = min(bounds.budget.size_bytes, bounds.spool_bytes)
    for member in _at_most(given, bounds.budget.files if bounds.budget.depth > 0 else 0):
        name = names.take(_string(member["name"]))
        offset = _count(member["offset"], bounds.spool_bytes)
        size = _count(member["size"], min(left, bounds.spool_bytes - offset))
        left -= size
        yield Extracted(name, offset, size, _problem(member) if "status" in member else None)


def _count(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise Nonsense("no number between its bounds")
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise Nonsense("no text")
    return value


def _text(value: Any, most: int) -> str:
    """Return a text as it is. Halves of characters in it would fail later, wherever it is written down."""
    text = _string(value)
    if len(text) > most:
        raise Nonsense("a text past its bounds")
    text.encode()
    return text


def _words(value: Any) -> str:
    """Return words to be shown: printable, and not too many."""
    return "".join(c if c.isprintable() else " " for c in _string(value)[:_WORDS_CHARACTERS])


def _fit(pattern: re.Pattern[str], value: Any) -> str:
    if not pattern.fullmatch(_string(value)):
        raise Nonsense("not of its form")
    return str(value)


def _at_most(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise Nonsense("no list, or one past its bounds")
    return value
