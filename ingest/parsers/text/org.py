"""Org, as its syntax description has it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.types import Section
from ingest.parsers.text.lines import Lines, block_sections, table_sections

_HEADING = re.compile(r"(\*+)[ \t]+(.*)")
_STATE = re.compile(r"(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED)\s+)?(?:\[#[A-Z]\]\s+)?")
_TAGS = re.compile(r"[ \t]+:[\w@#%:]+:[ \t]*$")
_KEYWORD = re.compile(r"[ \t]*#\+(\w+)(?:\[[^\]\n]*\])?:[ \t]*(.*)")
_BEGIN = re.compile(r"[ \t]*#\+begin_(\w+)", re.IGNORECASE)
_DRAWER = re.compile(r"[ \t]*:(?:PROPERTIES|LOGBOOK):[ \t]*$", re.IGNORECASE)
_LINK = re.compile(r"\[\[([^\[\]\n]{1,1000})\](?:\[([^\[\]\n]{1,1000})\])?\]")
_MARK = re.compile(r"(?<![\w*/_=~+])([*/_=~+])(?=\S)([^\n]{1,150}?)(?<=\S)\1(?![\w*/_=~+])")
_RULE = re.compile(r"[ \t]*\|[-+|]+[ \t]*$")


class Org(Lines):
    """Reads Org, as its syntax description has it."""

    def sections(self) -> Iterator[Section]:
        commented = 0
        while self.at < len(self.lines):
            line = self.lines[self.at]
            heading = _HEADING.fullmatch(line.rstrip())
            if heading:
                level = len(heading[1])
                commented = 0 if level <= commented else commented
                if not commented and heading[2].startswith("COMMENT"):
                    commented = level
            if commented:
                self.hide([line])
                self.at += 1
            elif heading:
                self.at += 1
                text = _plain(_TAGS.sub("", _STATE.sub("", heading[2], count=1)))
                if text:
                    yield Section(text, None, "heading", level=len(heading[1]))
            else:
                yield from self._line(line)

    def _line(self, line: str) -> Iterator[Section]:
        begin = _BEGIN.match(line)
        keyword = _KEYWORD.fullmatch(line)
        self.at += 1
        if begin:
            yield from self._environment(begin[1].lower())
        elif keyword:
            # The rest, `#+INCLUDE` among it, is for the program.
            if keyword[1].upper() in ("TITLE", "CAPTION") and keyword[2]:
                title = keyword[1].upper() == "TITLE"
                text = _plain(keyword[2])
                yield Section(text, None, "heading" if title else "paragraph", level=1 if title else 0)
        elif line.lstrip() == "#" or line.lstrip().startswith("# "):
            self.hide([line.lstrip()[1:]])
        elif _DRAWER.match(line):
            self._until(":end:")
        elif line.lstrip().startswith("|"):
            self.at -= 1
            yield from self._table()
        elif line.strip():
            self.at -= 1
            yield from self._text()

    def _environment(self, name: str) -> Iterator[Section]:
        lines = self._until(f"#+end_{name}")
        if name == "comment":
            self.hide(lines)
        elif name in ("src", "example", "export"):
            if name != "export" and (code := "\n".join(lines).strip("\n")):
                yield Section(code, None, "code")
        else:
            for block in "\n".join(lines).split("\n\n"):
                yield from block_sections(block.split("\n"), _plain)

    def _until(self, end: str) -> list[str]:
        start = self.at
        while self.at < len(self.lines) and self.lines[self.at].strip().lower() != end:
            self.at += 1
        self.at += 1
        return list(self.lines[start : self.at - 1])

    def _table(self) -> Iterator[Section]:
        rows: list[list[str]] = []
        header = None
        while self.at < len(self.lines) and self.lines[self.at].lstrip().startswith("|"):
            line = self.lines[self.at]
            self.at += 1
            if not _RULE.match(line):
                rows.append([_plain(cell) for cell in line.strip().strip("|").split("|")])
            elif len(rows) == 1:
                header = True
        yield from table_sections(rows, header)

    def _text(self) -> Iterator[Section]:
        start = self.at
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip() or (self.at > start and re.match(r"\*+ |\s*#|\s*\||\s*:[A-Za-z]+:\s*$", line)):
                break
            self.at += 1
        yield from block_sections(self.lines[start : self.at], _plain)


def _plain(text: str) -> str:
    """Return a line of Org without its markup: links are their text."""
    if "[[" in text:
        text = _LINK.sub(lambda match: match[2] or match[1].removeprefix("file:"), text)
    return _MARK.sub(r"\2", text).strip()
