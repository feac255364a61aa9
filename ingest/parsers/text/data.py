"""Data for programs as text for people: JSON, NDJSON, YAML and XML, every value with its path ("store.city: Bonn").

Lists of records with the same fields become tables. Nothing is looked up, resolved or built: YAML is read as events,
aliases stay names and tags are ignored; XML is read without a DTD, its entities stay unknown. Comments are left out. A
file that is not what it says is read as plain text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO

import yaml
from lxml import etree

from appliance.types import Finding, Section
from ingest import media
from ingest.parsers import tables, trees
from ingest.parsers.options import Options
from ingest.parsers.text.plain import decode, paragraphs
from ingest.parsers.web.html import html_sections

_PATH_CHARACTERS = 160
# Values of a list that are shorter than this together stand on one line.
_LINE_CHARACTERS = 300
_LINES = 40
_COLUMNS = 60
# An ASCII text this long, of words as long as a line of base64, is none.
_BLOB_CHARACTERS = 500
_BLOB_WORD = 60
# Fields that only a few records have do not make a column.
_SHARED = 0.5


@dataclass(frozen=True, slots=True)
class _Record:
    """Named values in order; a name may come more than once."""

    fields: list[tuple[str, _Node]]


_Node = str | _Record | list["_Node"]


class DataParser:
    """Reads JSON, NDJSON, YAML and XML."""

    media_types = frozenset({media.JSON, media.NDJSON, media.YAML, media.XML})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding]:
        """Yield tables, and paragraphs with a value a line."""
        data = file.read()
        if media_type == media.XML:
            yield from _xml(data)
            return
        text = decode(data)
        try:
            match media_type:
                case media.JSON:
                    node = _json(text)
                case media.NDJSON:
                    node = _lines(text)
                case _:
                    node = _yaml(text)
        except (ValueError, RecursionError, yaml.YAMLError):
            yield from paragraphs(text)
            return
        yield from _sections(node)


def _json(text: str) -> _Node:
    return _converted(json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_pairs))


def _pairs(pairs: list[tuple[str, object]]) -> _Record:
    return _Record([(name, _converted(value)) for name, value in pairs])


def _converted(value: object) -> _Node:
    if isinstance(value, str | _Record):
        return value
    if isinstance(value, list):
        return [_converted(item) for item in value]
    return "" if value is None else str(value).lower()


def _lines(text: str) -> _Node:
    """Return one value a line. Raises ValueError where the first lines are no JSON; later ones are taken as text."""
    found: list[_Node] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            found.append(_json(line))
        except (ValueError, RecursionError):
            if not any(isinstance(node, _Record | list) for node in found):
                raise
            found.append(line.strip())
    return found


def _yaml(text: str) -> _Node:
    """Return the documents of a YAML stream, one or a list of them."""
    documents: list[_Node] = []
    # What is open: its names and values in turn for a mapping, its items for a sequence.
    stack: list[list[_Node]] = [documents]
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for event in yaml.parse(text, Loader=loader):
        match event:
            case yaml.ScalarEvent():
                stack[-1].append("" if event.value in ("~", "null") and not event.style else event.value)
            case yaml.AliasEvent():
                stack[-1].append(f"*{event.anchor}")
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                stack.append([])
            case yaml.SequenceEndEvent():
                items = stack.pop()
                stack[-1].append(items)
            case yaml.MappingEndEvent():
                turns = stack.pop()
                names = (name if isinstance(name, str) else "?" for name in turns[::2])
                stack[-1].append(_Record(list(zip(names, turns[1::2], strict=True))))
            case _:
                pass
    return documents[0] if len(documents) == 1 else documents


def _xml(data: bytes) -> Iterator[Section | Finding]:
    try:
        root = trees.parsed(data)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        yield from paragraphs(decode(data))
        return
    if trees.local(root) == "html":
        yield from html_sections(etree.tostring(root, encoding="unicode"), xml=True)
        return
    yield from _sections(_Record([(trees.local(root), _element(root))]))


def _element(root: etree._Element) -> _Node:
    """Return an element as a value: its text, or its attributes and children. libxml2 has bounded the depth."""
    open_records: list[list[tuple[str, _Node]]] = [[]]
    events = etree.iterwalk(root, events=("start", "end"))
    for event, element in events:
        if event == "start":
            if not isinstance(element.tag, str):
                events.skip_subtree()
            elif _is_mixed(element):
                open_records.append([("", _words(element))])
                events.skip_subtree()
            else:
                attributes = [(_local(name), str(value)) for name, value in element.attrib.items()]
                open_records.append([*attributes])
        elif isinstance(element.tag, str):
            fields = open_records.pop()
            if not _is_mixed(element):
                own = " ".join((element.text or "").split())
                if own:
                    fields.append(("", own))
            value: _Node = fields[0][1] if [name for name, _ in fields] == [""] else _Record(fields)
            open_records[-1].append((trees.local(element), value))
    return open_records[0][0][1]


def _words(element: etree._Element) -> str:
    """Return an element's text, entities left out but not what follows them."""
    parts: list[str] = []
    for inner in element.iter():
        parts.append((inner.text or "") if isinstance(inner.tag, str) else "")
        parts.append((inner.tail or "") if inner is not element else "")
    return " ".join("".join(parts).split())


def _is_mixed(element: etree._Element) -> bool:
    """Tell whether words stand around an element's children: it is a paragraph then."""
    if len(element) == 0:
        return False
    return bool(element.text and element.text.strip()) or any(child.tail and child.tail.strip() for child in element)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _sections(root: _Node) -> Iterator[Section]:
    """Yield a value as sections. Nothing here calls itself: depth costs no more than length."""
    lines: list[str] = []
    stack: list[tuple[str, _Node]] = [("", root)]
    while stack:
        path, node = stack.pop()
        if len(lines) >= _LINES or (lines and isinstance(node, list) and _columns(node)):
            yield Section("\n".join(lines), None, "paragraph")
            lines = []
        if isinstance(node, str):
            if node.strip() and not _is_blob(node):
                lines.append(_line(path, node))
        elif isinstance(node, _Record):
            stack.extend((_joined(path, name), value) for name, value in reversed(_grouped(node)))
        elif columns := _columns(node):
            yield Section(_table(path, columns, node), None, "table")
        elif _is_short(node):
            lines.append(_line(path, ", ".join(item for item in node if isinstance(item, str) and item)))
        else:
            stack.extend((f"{path}[{i}]", item) for i, item in reversed(list(enumerate(node))))
    if lines:
        yield Section("\n".join(lines), None, "paragraph")


def _is_blob(text: str) -> bool:
    """Tell whether this is a file in letters (base64, hexadecimal), which is no text."""
    if len(text) <= _BLOB_CHARACTERS or not text.isascii() or "://" in text[:_BLOB_CHARACTERS]:
        return False
    return len(text) > _BLOB_WORD * len(text.split())


def _grouped(record: _Record) -> list[tuple[str, _Node]]:
    """Return a record's fields, those of one name in a row as a list."""
    found: list[tuple[str, _Node]] = []
    for name, group in groupby(record.fields, key=lambda pair: pair[0]):
        values = [value for _, value in group]
        found.append((name, values[0] if len(values) == 1 else values))
    return found


def _joined(path: str, name: str) -> str:
    whole = f"{path}.{name}" if path and name else path or name
    # Paths of any depth would make a small file a large one.
    return whole if len(whole) <= _PATH_CHARACTERS else "…" + whole[-_PATH_CHARACTERS:]


def _line(path: str, text: str) -> str:
    text = "\n".join(" ".join(line.split()) for line in text.strip().split("\n"))
    return f"{path}: {text}" if path else text


def _is_short(items: Sequence[_Node]) -> bool:
    length = 0
    for item in items:
        if not isinstance(item, str) or "\n" in item:
            return False
        length += len(item)
        if length > _LINE_CHARACTERS:
            return False
    return length > 0


def _columns(items: Sequence[_Node]) -> list[str]:
    """Return the fields of a list of records of one form, in order; nothing where it is something else."""
    if len(items) < 2:
        return []
    columns: dict[str, int] = {}
    for item in items:
        if not isinstance(item, _Record) or not all(
            isinstance(value, str) or _is_words(value) for _, value in item.fields
        ):
            return []
        for name in {name for name, _ in item.fields}:
            columns[name] = columns.get(name, 0) + 1
        if len(columns) > _COLUMNS:
            return []
    if not columns or sum(columns.values()) <= _SHARED * len(columns) * len(items):
        return []
    order = [name for item in items[:20] if isinstance(item, _Record) for name, _ in item.fields]
    return list(dict.fromkeys([*order, *columns]))


def _is_words(value: _Node) -> bool:
    return isinstance(value, list) and (not value or _is_short(value))


def _table(path: str, columns: Sequence[str], items: Iterable[_Node]) -> str:
    rows = [list(columns)]
    for item in items:
        if not isinstance(item, _Record):
            continue
        cells = dict.fromkeys(columns, "")
        for name, value in item.fields:
            text = ", ".join(word for word in value if isinstance(word, str)) if isinstance(value, list) else str(value)
            cells[name] = f"{cells[name]}, {text}" if cells[name] else text
        rows.append(list(cells.values()))
    table = tables.render(rows, header=True)
    return "\n".join(f"{path} | {row}" for row in table.split("\n")) if path else table
