"""Office files and web pages, by unstructured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any, BinaryIO

from appliance.types import Section
from ingest import media
from ingest.parsers.elements import partition, sections


class OfficeParser:
    """Reads DOCX, PPTX, XLSX and HTML files."""

    media_types = frozenset({media.DOCX, media.PPTX, media.XLSX, media.HTML})

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section]:
        """Yield sections; slides count as pages, sheets' and slides' names are headings."""
        match media_type:
            case media.DOCX:
                yield from sections(partition("docx", file))
            case media.PPTX:
                yield from _slides(partition("pptx", file, include_slide_notes=True))
            case media.XLSX:
                yield from _sheets(partition("xlsx", file))
            case _:
                yield from sections(partition("html", file))


def _slides(elements: list[Any]) -> Iterator[Section]:
    """Yield each slide's title, then the rest of it. The first title is the deck's, so the others stand below it."""
    for number, slide in groupby(elements, key=lambda element: element.metadata.page_number):
        found = list(sections(slide))
        titles = [section for section in found if section.kind == "heading" and section.level == 1]
        for title in titles:
            yield replace(title, page=number, level=1 if number == 1 else 2)
        for section in found:
            if section in titles:
                continue
            # unstructured calls the short lines of a slide's body titles of a lower level.
            kind = "list_item" if section.kind == "heading" else section.kind
            yield replace(section, page=number, kind=kind, level=0)


def _sheets(elements: list[Any]) -> Iterator[Section]:
    for name, sheet in groupby(elements, key=lambda element: element.metadata.page_name):
        if name:
            # Level 2: the workbook's own name is the title.
            yield Section(name, None, "heading", level=2)
        yield from sections(sheet)
