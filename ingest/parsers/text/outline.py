"""Outlines in plain text: reStructuredText and Org, line by line.

docutils is not asked: it follows includes, runs roles and directives, and takes a hundred times as long. What a
directive would fetch from elsewhere (`include`, `raw` and `csv-table` with a file, `#+INCLUDE`) is never fetched.
Comments are not displayed by either format, nor is a COMMENT subtree of Org: they are kept out, and reported where
they are long enough to say something.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from appliance.types import Finding, Section
from ingest import media
from ingest.parsers.options import Options
from ingest.parsers.text.org import Org
from ingest.parsers.text.plain import decode
from ingest.parsers.text.rst import Rst

# Comments shorter than this in all are remarks of an author to themselves.
_COMMENT_CHARACTERS = 100


class OutlineParser:
    """Reads reStructuredText and Org."""

    media_types = frozenset({media.RST, media.ORG})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding]:
        """Yield headings with their levels, paragraphs, list items, tables (a line a row) and code."""
        lines = [line.expandtabs(8) if "\t" in line else line for line in decode(file.read()).split("\n")]
        reader = Org(lines) if media_type == media.ORG else Rst(lines)
        yield from reader.sections()
        if reader.hidden >= _COMMENT_CHARACTERS:
            yield Finding("hidden", "comments", reader.hidden)
