"""Plain text: paragraphs are what blank lines divide.

unstructured is not asked here: without a language model its classes are guesses, and there is nothing else to find.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from charset_normalizer import from_bytes

from appliance.types import Section
from ingest import media
from ingest.parsers.options import Options

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 100_000
_LIST_ITEM = re.compile(r"\s*([-*•–]|\d{1,3}[.)]|[a-z][.)])\s+\S")
_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
# Below this a line ends where its author pressed return, not where the page was full.
_FULL_LINE = 50


class TextParser:
    """Reads text files in any common encoding."""

    media_types = frozenset({media.TEXT})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section]:
        """Yield one section a paragraph, its hard line breaks undone."""
        yield from paragraphs(decode(file.read()))


def paragraphs(text: str) -> Iterator[Section]:
    """Yield the paragraphs of plain text, their hard line breaks undone."""
    for paragraph in _BLANK_LINES.split(text):
        joined = unwrap(paragraph.split("\n"), _FULL_LINE)
        if joined:
            yield Section(joined, None, "paragraph")


def decode(data: bytes) -> str:
    """Return the text of these bytes, line ends as "\\n". Never fails: a byte that fits no guess becomes U+FFFD."""
    return _decode(data).replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data[:_SAMPLE_BYTES]:
        zeros_first = data[0:_SAMPLE_BYTES:2].count(0) > data[1:_SAMPLE_BYTES:2].count(0)
        return data.decode("utf-16-be" if zeros_first else "utf-16-le", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(guess(data), "replace")


def guess(data: bytes) -> str:
    """Return the encoding that these bytes are most likely in, if not in UTF-8."""
    best = from_bytes(data[:_SAMPLE_BYTES]).best()
    return best.encoding if best else "cp1252"


def unwrap(lines: Sequence[str], full_line: int) -> str:
    """Join the lines of a paragraph that was wrapped at a margin; keep lists, addresses and rows line by line.

    A line of `full_line` characters or more is taken to go on in the next one.
    """
    joined: list[str] = []
    before = ""
    for line in (line.strip() for line in lines if line.strip()):
        if joined and len(before) >= full_line and not _LIST_ITEM.match(line):
            joined[-1] += " " + line
        else:
            joined.append(line)
        before = line
    return "\n".join(joined)
