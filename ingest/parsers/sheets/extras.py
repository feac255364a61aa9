"""What an XLSX sheet says about itself outside of its rows: merged cells, filters, tables, comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ingest.parsers.grid import COLUMNS, Area, column_number
from ingest.parsers.ooxml.package import Package
from ingest.parsers.trees import attribute, local

_ROWS_END = re.compile(rb"</(?:\w{1,20}:)?sheetData\s*>|<(?:\w{1,20}:)?sheetData\s*/>")
_MERGED = re.compile(rb'<(?:\w{1,20}:)?mergeCell\s[^>]{0,200}?\bref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
_FILTER = re.compile(rb'<(?:\w{1,20}:)?autoFilter\s[^>]{0,200}?\bref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")
_BLOCK_BYTES = 1 << 18
_OVERLAP_BYTES = 100
_TAIL_BYTES = 32_000_000
_MERGES = 100_000
# Excel writes this above what newer versions show in its place.
_THREADED = "[Threaded comment]"


@dataclass(slots=True)
class Extras:
    """`comments` by row: the column and the element with the text. `shaded`: where a table's style colours cells."""

    merged: list[Area] = field(default_factory=list)
    headers: list[Area] = field(default_factory=list)
    shaded: list[Area] = field(default_factory=list)
    comments: dict[int, list[tuple[int, Any]]] = field(default_factory=dict)
    frozen: int = 0


def read_extras(package: Package, sheet: str) -> Extras:
    """Read what stands behind the rows of a sheet, and the parts that belong to it. Raises BadFile."""
    extras = Extras()
    tail = _tail(package, sheet)
    extras.merged = [
        a for m, _ in zip(_MERGED.finditer(tail), range(_MERGES), strict=False) if (a := area(m[1].decode()))
    ]
    for match in _FILTER.finditer(tail):
        if found := area(match[1].decode()):
            extras.headers.append(Area(found.top, found.left, found.top, found.right))
    parts = [(relation.kind, relation.target) for relation in package.related(sheet).values()]
    threaded = {place for kind, part in parts if kind == "threadedComment" for place in _threads(package, part, extras)}
    for kind, part in parts:
        if kind == "table":
            _table(package.tree(part), extras)
        elif kind == "comments":
            _comments(package.tree(part), extras, threaded)
    return extras


def area(reference: str) -> Area | None:
    """Return the cells that "B2:D9", or "B2", names."""
    match = _REFERENCE.fullmatch(reference)
    if not match:
        return None
    left, top = column_number(match[1]), int(match[2])
    right, bottom = (column_number(match[3]), int(match[4])) if match[3] else (left, top)
    return Area(min(top, bottom), min(left, right), max(top, bottom), min(max(left, right), COLUMNS))


def _tail(package: Package, sheet: str) -> bytes:
    """Return what a sheet's XML holds behind its rows: the rows cannot be read right without it."""
    with package.stream(sheet) as part:
        before = b""
        while block := part.read(_BLOCK_BYTES):
            window = before + block
            if end := _ROWS_END.search(window):
                return window[end.end() :] + part.read(_TAIL_BYTES)
            before = window[-_OVERLAP_BYTES:]
    return b""


def _table(root: Any, extras: Extras) -> None:
    whole = area(attribute(root, "ref")) if root is not None else None
    if whole is None:
        return
    rows = attribute(root, "headerRowCount", "1")
    if rows.isdecimal() and int(rows) and int(rows) < 10:
        extras.headers.append(Area(whole.top, whole.left, whole.top + int(rows) - 1, whole.right))
    style = next((attribute(part, "name") for part in root if local(part) == "tableStyleInfo"), "")
    if style.startswith("TableStyleDark"):
        extras.shaded.append(whole)
    elif style.startswith("TableStyleMedium"):
        extras.shaded.append(Area(whole.top, whole.left, whole.top, whole.right))
        extras.shaded.append(Area(whole.bottom, whole.left, whole.bottom, whole.right))


def _comments(root: Any, extras: Extras, threaded: set[str]) -> None:
    for comment in () if root is None else root.iter("{*}comment"):
        reference = attribute(comment, "ref")
        place = area(reference)
        text = next((part for part in comment if local(part) == "text"), None)
        if place and text is not None and not (reference in threaded and _THREADED in "".join(text.itertext())):
            extras.comments.setdefault(place.top, []).append((place.left, text))


def _threads(package: Package, part: str, extras: Extras) -> Iterator[str]:
    """Take up the comments of a thread and yield where they stand."""
    root = package.tree(part)
    for comment in () if root is None else root.iter("{*}threadedComment"):
        reference = attribute(comment, "ref")
        if place := area(reference):
            # Its only text is in an element named "text", where a comment of before has runs.
            for text in comment.iter("{*}text"):
                text.tag = "t"
            extras.comments.setdefault(place.top, []).append((place.left, comment))
            yield reference
