"""Tables in text: values divided by commas, semicolons, tabs or bars.

Read by the standard library: unstructured refuses a file in which one row is longer than the others. Its sniffer of
dialects is not used, as it takes letters for delimiters and decimal commas for columns.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import BinaryIO

from charset_normalizer import from_bytes

from appliance.types import Section
from ingest import media
from ingest.parsers import grid, tables
from ingest.parsers.options import Options
from ingest.parsers.text.plain import decode

_DELIMITERS = "\t;|,"
_SAMPLE_LINES = 200
_SAMPLE_CHARACTERS = 200_000
_LINE_CHARACTERS = 20_000
# Up to this size a file is decoded at once.
_WHOLE_BYTES = 16_000_000
_BLOCK_BYTES = 1 << 20
_GUESS_BYTES = 65_536
# A quotation that goes on for longer than this was never meant to be one.
_RECORD_LINES = 500
_RECORD_CHARACTERS = 1_000_000
_NAME_CHARACTERS = 40
# Signs that divide nearly as many lines in the same way as the best one does.
_AS_REGULAR = 0.9
_WORDS_BETWEEN = 25
_PROSE_COMMA = re.compile(r",(?=\s|$)")


class CsvParser:
    """Reads CSV and TSV files in any common encoding."""

    media_types = frozenset({media.CSV, media.TSV})

    def __init__(self, options: Options) -> None:
        self._options = options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section]:
        """Yield tables, a line a row. A single value above a table is its caption; one column is text."""
        lines = read_lines(file)
        sample = _sample(lines)
        rows = _rows(_records(chain(sample, lines), _delimiter(sample, media_type == media.TSV)))
        first = list(islice(rows, _SAMPLE_LINES))
        yield from grid.sections(chain(first, rows), grid.Layout(headers=_headers(first)))


def read_lines(file: BinaryIO, at_once_bytes: int = _WHOLE_BYTES) -> Iterator[str]:
    """Yield the lines of a file with their ends. Only one of at most `at_once_bytes` is held in memory as a whole."""
    head = file.read(at_once_bytes + 1)
    text: io.TextIOBase
    if len(head) <= at_once_bytes:
        text = io.StringIO(decode(head), newline="")
    else:
        file.seek(0)
        encoding = _encoding(file)
        file.seek(0)
        text = io.TextIOWrapper(file, encoding, "replace", newline="")
    for line in text:
        yield line.replace("\0", "") if "\0" in line else line


def _encoding(file: BinaryIO) -> str:
    """Return the encoding of a large file: what `text.decode` would take, without holding the file in memory."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    foreign = b""
    valid = True
    first = block = file.read(_BLOCK_BYTES)
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if first[:_GUESS_BYTES].count(0) > len(first[:_GUESS_BYTES]) // 4:
        return "utf-16-be" if first[0:_GUESS_BYTES:2].count(0) > first[1:_GUESS_BYTES:2].count(0) else "utf-16-le"
    while block:
        if valid:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                valid = False
        if len(foreign) < _GUESS_BYTES and not block.isascii():
            # Lines of plain letters say nothing about the encoding.
            foreign += b"\n".join(line for line in block.split(b"\n") if not line.isascii())[:_GUESS_BYTES]
        elif not valid and len(foreign) >= _GUESS_BYTES:
            break
        block = file.read(_BLOCK_BYTES)
    if valid:
        return "utf-8-sig"
    guess = from_bytes(foreign[:_GUESS_BYTES] if first[:_GUESS_BYTES].isascii() else first[:_GUESS_BYTES]).best()
    return guess.encoding if guess else "cp1252"


def _sample(lines: Iterator[str]) -> list[str]:
    sample: list[str] = []
    characters = 0
    for line in lines:
        sample.append(line)
        characters += len(line)
        if len(sample) >= _SAMPLE_LINES or characters > _SAMPLE_CHARACTERS:
            break
    return sample


def _delimiter(sample: Sequence[str], tabs: bool) -> str:
    """Return the sign that divides the sample's rows into the same number of values, "" where none does.

    Commas come last: where another sign divides the rows as regularly, they stand in numbers and texts.
    """
    regular: dict[str, float] = {}
    short = [line[:_LINE_CHARACTERS] for line in sample]
    for sign in _DELIMITERS:
        widths = [len(row) for row in _records(iter(short), sign) if any(row)]
        several = [width for width in widths if width > 1]
        usual = max(set(several), key=several.count, default=1)
        # Where most rows are not divided, the sign belongs to their words.
        if usual > 1 and len(several) * 2 > len(widths):
            regular[sign] = widths.count(usual) / len(widths)
    if tabs and "\t" in regular:
        return "\t"
    most = max(regular.values(), default=0.0)
    best = next((sign for sign in _DELIMITERS if regular.get(sign, 0.0) > _AS_REGULAR * most), "")
    return "" if best == "," and _is_prose(sample) else best


def _is_prose(sample: Sequence[str]) -> bool:
    """Tell whether the commas are those of sentences: a space behind each, and quoted by nobody."""
    text = "".join(sample)
    commas = text.count(",")
    return (
        '"' not in text
        and commas > 0
        and len(_PROSE_COMMA.findall(text)) == commas
        and len(text) > _WORDS_BETWEEN * commas
    )


class _Runaway(Exception):
    """A quotation does not end."""


def _records(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the values of each row. A quotation mark that is never closed is a sign like any other."""
    if not delimiter:
        for line in lines:
            yield [line]
        return
    pending: list[str] = []

    def feed() -> Iterator[str]:
        characters = 0
        for line in lines:
            characters = len(line) + (characters if pending else 0)
            pending.append(line)
            if len(pending) > _RECORD_LINES or characters > _RECORD_CHARACTERS:
                raise _Runaway
            yield line

    reader = csv.reader(feed(), delimiter=delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except (_Runaway, csv.Error):
            yield from _plain(pending, delimiter)
            pending.clear()
            reader = csv.reader(feed(), delimiter=delimiter)
            continue
        if len(pending) > 1 and "".join(pending).count('"') % 2:
            # The file ended within a quotation.
            yield from _plain(pending, delimiter)
        else:
            yield row
        pending.clear()


def _plain(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    for line in lines:
        yield line.rstrip("\r\n").split(delimiter)


def _rows(records: Iterable[list[str]]) -> Iterator[grid.Row]:
    for number, record in enumerate(records, 1):
        yield grid.Row(number, {i: text for i, cell in enumerate(record, 1) if (text := cell.strip())})


def _headers(rows: Sequence[grid.Row]) -> list[grid.Area]:
    """Return where the header is when the first rows leave no doubt: two columns of words may be a table as well,
    where a program wrote them.
    """
    filled = [row for row in rows if len(row.cells) > 1]
    if len(filled) < 3:
        return []
    names = filled[0].cells
    below = filled[1:]
    if len(names) != 2 or max(len(row.cells) for row in below) > 2 or len(set(names.values())) < 2:
        return []
    if any(tables.is_number(name) or name[0].isdigit() or len(name) > _NAME_CHARACTERS for name in names.values()):
        return []
    if any(row.cells.get(column) == name for row in below for column, name in names.items()):
        return []
    return [grid.Area(filled[0].number, 1, filled[0].number, 2)]
