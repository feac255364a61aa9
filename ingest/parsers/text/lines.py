"""Outlines line by line: what reStructuredText and Org have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from appliance.types import Section, SectionKind
from ingest.parsers import tables
from ingest.parsers.text.plain import unwrap

# Takes the markup out of a line.
Plain = Callable[[str], str]

_FULL_LINE = 50
_ITEM = re.compile(r"([ \t]*)(?:[-*+•]|#\.|\(?(?:\d{1,3}|[a-zA-Z])[.)])[ \t]+(\S.*)")


class Lines:
    """A place in the lines of a file. `hidden` counts the characters of comments."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.at = 0
        self.hidden = 0

    def block(self) -> list[str]:
        """Return the lines up to the next blank one, and stand behind them."""
        start = self.at
        while self.at < len(self.lines) and self.lines[self.at].strip():
            self.at += 1
        return list(self.lines[start : self.at])

    def indented(self, margin: int) -> list[str]:
        """Return the lines indented by more than `margin`, blank ones between them too, without their indentation."""
        start = last = self.at
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.strip():
                if indent_of(line) <= margin:
                    break
                last = self.at + 1
            self.at += 1
        self.at = last
        found = self.lines[start:last]
        least = min((indent_of(line) for line in found if line.strip()), default=0)
        return [line[least:].rstrip() for line in found]

    def hide(self, lines: Sequence[str]) -> None:
        self.hidden += sum(len(line.strip()) for line in lines)


def indent_of(line: str) -> int:
    """Return how many blanks a line begins with."""
    return len(line) - len(line.lstrip())


def block_sections(lines: Sequence[str], plain: Plain) -> Iterator[Section]:
    """Yield a block of lines: the items of a list, or a paragraph."""
    part: list[str] = []
    depth: list[int] = []
    for line in lines:
        item = _ITEM.fullmatch(line.rstrip())
        if item:
            yield from paragraph_sections(part, plain, bool(depth))
            margin = len(item[1])
            depth = [*(other for other in depth if other < margin), margin]
            part = ["  " * (len(depth) - 1) + line.strip()]
        else:
            part.append(line.strip())
    yield from paragraph_sections(part, plain, bool(depth))


def paragraph_sections(lines: Sequence[str], plain: Plain, item: bool = False) -> Iterator[Section]:
    """Yield lines as one paragraph, or one item of a list."""
    kind: SectionKind = "list_item" if item else "paragraph"
    indent = " " * indent_of(lines[0]) if item and lines else ""
    text = " ".join(" ".join(lines).split()) if item else unwrap(lines, _FULL_LINE)
    text = indent + plain(text)
    if text.strip():
        yield Section(text, None, kind)


def table_sections(rows: Sequence[Sequence[str]], header: bool | None = None) -> Iterator[Section]:
    """Yield rows as a table, if there is any text in them."""
    if text := tables.render(rows, header):
        yield Section(text, None, "table")
