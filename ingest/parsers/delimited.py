"""Tables in text: values divided by commas, semicolons or tabs.

Read by the standard library: unstructured refuses a file in which one row is longer than the others.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from appliance.types import Section
from ingest import media
from ingest.parsers import tables
from ingest.parsers.text import decode

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50


class CsvParser:
    """Reads CSV and TSV files in any common encoding."""

    media_types = frozenset({media.CSV})

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section]:
        """Yield one table, a line a row. A single row above the table, with one value, is its caption."""
        text = decode(file.read()).replace("\0", "")
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)))
        while rows and sum(map(bool, rows[0])) < 2 and max(map(len, rows)) > 1:
            if any(rows[0]):
                yield Section(" ".join(filter(None, rows[0])), None, "paragraph")
            del rows[0]
        table = tables.render(rows)
        if table:
            yield Section(table, None, "table")


def _delimiter(text: str) -> str:
    """Return the sign that divides the first lines into the same number of values most often."""
    lines = text.split("\n", _SAMPLE_LINES)[:_SAMPLE_LINES]

    def regularity(sign: str) -> tuple[int, int]:
        counts = [line.count(sign) for line in lines if line.strip()]
        usual = max(set(counts), key=counts.count, default=0)
        return (counts.count(usual) if usual else 0, usual)

    return max(_DELIMITERS, key=regularity)
