"""The only door to unstructured: no telemetry, no download, no advertisement; elements become sections."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, BinaryIO

from lxml import html

from appliance.types import Section
from ingest.parsers import tables
from ingest.parsers.markup import table_rows

# An empty code switches language detection off: nothing here uses it, and it guesses differently from run to run.
_NO_LANGUAGES = ("",)
_MIDNIGHT = " 00:00:00"


def partition(module: str, file: BinaryIO, **options: Any) -> list[Any]:
    """Return the elements that `unstructured.partition.<module>` finds in an open file."""
    _silence()
    partitioner = getattr(importlib.import_module(f"unstructured.partition.{module}"), f"partition_{module}")
    found: list[Any] = partitioner(file=file, languages=list(_NO_LANGUAGES), **options)
    return found


@cache
def _silence() -> None:
    """Make unstructured work without a network and without telling anyone.

    It reports to its makers while it is imported unless DO_NOT_TRACK is set by then, and it downloads a spaCy model
    at the first text it classifies. A blank pipeline that only knows where sentences end takes that model's place:
    what is lost is a guess whether a line is a title, which `sections` does not use.
    """
    os.environ.update(DO_NOT_TRACK="1", SCARF_NO_ANALYTICS="1", UNSTRUCTURED_DISABLE_NOTICE="1")
    import spacy
    from unstructured.nlp import tokenize

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    tokenize._load_spacy_model = lambda: pipeline


def sections(elements: Iterable[Any]) -> Iterator[Section]:
    """Yield elements as sections.

    A title counts as a heading only where the format says so (`category_depth`), not where its words look like one.
    """
    for element in elements:
        metadata = element.metadata
        text = "\n".join(" ".join(line.split()) for line in element.text.split("\n")).strip()
        match element.category:
            case "PageBreak":
                continue
            case "Title" if metadata.category_depth is not None:
                section = Section(text.replace("\n", " "), None, "heading", level=metadata.category_depth + 1)
            case "Table":
                section = Section(_table(metadata.text_as_html, text), None, "table")
            case "ListItem":
                section = Section(f"- {text}", None, "list_item")
            case "CodeSnippet":
                section = Section(element.text.strip("\n"), None, "code")
            case _:
                section = Section(text, None, "paragraph")
        if text:
            yield section


def _table(markup: str | None, text: str) -> str:
    if not markup:
        return text
    rows, header = table_rows(html.fragment_fromstring(markup, parser=html.HTMLParser(no_network=True)))
    # A spreadsheet's dates come with the time of day that a date does not have.
    rows = [[cell.removesuffix(_MIDNIGHT) for cell in row] for row in rows]
    return tables.render(rows, header or None)
