"""Spreadsheets of Excel: each sheet a heading, tables with their headers in every row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from appliance.types import Finding, Member, Section
from ingest import media
from ingest.parsers.options import Options
from ingest.parsers.sheets.xlsx import workbook


class SheetsParser:
    """Reads XLSX and XLS files."""

    media_types = frozenset({media.XLSX, media.XLS})

    def __init__(self, options: Options) -> None:
        self._options = options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding | Member]:
        """Yield, for each sheet, its name as a heading, its tables and texts, files embedded in it, and what was kept
        out: hidden sheets, rows and columns, values that a format hides, text that cannot be seen.

        Rows that a filter hides are kept out as well: nothing in the file tells them from rows hidden by hand, and
        what nobody sees when the sheet is opened must not answer. The finding says how much that was.

        Raises BadFile where the workbook is broken or encrypted.
        """
        if media_type == media.XLS:
            # Imported here: most shares have few of these.
            from ingest.parsers.sheets.xls import old_workbook

            yield from old_workbook(file)
        else:
            yield from workbook(file)
