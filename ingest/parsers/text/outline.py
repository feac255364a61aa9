"""Outlines in plain text: reStructuredText and Org, line by line.

docutils is not asked: it follows includes, runs roles and directives, and takes a hundred times as long. What a
directive would fetch from elsewhere (`include`, `raw` and `csv-table` with a file, `#+INCLUDE`) is never fetched.
Comments are not displayed by either format, nor is a COMMENT subtree of Org: they are kept out, and reported where
they are long enough to say something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from appliance.types import Finding, Section, SectionKind
from ingest import media
from ingest.parsers import tables
from ingest.parsers.options import Options
from ingest.parsers.text.plain import decode, unwrap

_FULL_LINE = 50
# Comments shorter than this in all are remarks of an author to themselves.
_COMMENT_CHARACTERS = 100
# A simple table is looked through for its end so far.
_TABLE_LINES = 300

_RULE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*")
_GRID = re.compile(r"[ \t]*\+(?:[-=]+\+)+[ \t]*")
_SIMPLE = re.compile(r"[ \t]*=+(?: +=+)+[ \t]*")
_ITEM = re.compile(r"([ \t]*)(?:[-*+•]|#\.|\(?(?:\d{1,3}|[a-zA-Z])[.)])[ \t]+(\S.*)")
_DIRECTIVE = re.compile(r"\.\. +(?:\|[^|]{1,80}\| +)?([\w:-]{1,40}?) ?::(?:[ \t]+(.*))?")
_EXPLICIT = re.compile(r"\.\.(?:[ \t]+(.*))?$")
_TARGET = re.compile(r"_[^\n]*:|__ |\[(?:\d+|#\w*|\*|[\w.-]+)\]")
_FOOTNOTE = re.compile(r"\[(?:\d+|#\w*|\*|[\w.-]+)\][ \t]+(.*)")
_OPTION = re.compile(r"[ \t]*:[\w-]+:")
_ROLE = re.compile(r":[\w:+.-]{1,60}:`([^`\n]{1,1000})`")
_LINK = re.compile(r"`([^`<>\n]{1,500}?)\s*<[^<>`\n]{1,1000}>`_{0,2}")
_QUOTED = re.compile(r"``?([^`\n]{1,1000})``?_{0,2}")
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,2}(?=\S)([^*\n]{1,500})(?<=\S)\*{1,2}(?![\w*])")
# Their body is text that is displayed; of those in `_CODE` letter by letter. What else there is says nothing to a
# reader.
_PROSE = frozenset({
    "note", "warning", "tip", "hint", "important", "attention", "caution", "danger", "error", "admonition", "topic",
    "sidebar", "epigraph", "pull-quote", "highlights", "rubric", "compound", "container", "figure", "versionadded",
    "versionchanged", "deprecated", "seealso", "list-table", "table", "class", "glossary", "only", "centered",
})  # fmt: skip
_CODE = frozenset({"code", "code-block", "sourcecode", "literal", "parsed-literal", "math", "highlight", "prompt"})

_ORG_HEADING = re.compile(r"(\*+)[ \t]+(.*)")
_ORG_STATE = re.compile(r"(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED)\s+)?(?:\[#[A-Z]\]\s+)?")
_ORG_TAGS = re.compile(r"[ \t]+:[\w@#%:]+:[ \t]*$")
_ORG_KEYWORD = re.compile(r"[ \t]*#\+(\w+)(?:\[[^\]\n]*\])?:[ \t]*(.*)")
_ORG_BEGIN = re.compile(r"[ \t]*#\+begin_(\w+)", re.IGNORECASE)
_ORG_DRAWER = re.compile(r"[ \t]*:(?:PROPERTIES|LOGBOOK):[ \t]*$", re.IGNORECASE)
_ORG_LINK = re.compile(r"\[\[([^\[\]\n]{1,1000})\](?:\[([^\[\]\n]{1,1000})\])?\]")
_ORG_MARK = re.compile(r"(?<![\w*/_=~+])([*/_=~+])(?=\S)([^\n]{1,150}?)(?<=\S)\1(?![\w*/_=~+])")
_ORG_RULE = re.compile(r"[ \t]*\|[-+|]+[ \t]*$")


class OutlineParser:
    """Reads reStructuredText and Org."""

    media_types = frozenset({media.RST, media.ORG})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding]:
        """Yield headings with their levels, paragraphs, list items, tables (a line a row) and code."""
        lines = [line.expandtabs(8) if "\t" in line else line for line in decode(file.read()).split("\n")]
        reader = _Org(lines) if media_type == media.ORG else _Rst(lines)
        yield from reader.sections()
        if reader.hidden >= _COMMENT_CHARACTERS:
            yield Finding("hidden", "comments", reader.hidden)


class _Reader:
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
                if _indent(line) <= margin:
                    break
                last = self.at + 1
            self.at += 1
        self.at = last
        found = self.lines[start:last]
        least = min((_indent(line) for line in found if line.strip()), default=0)
        return [line[least:].rstrip() for line in found]

    def hide(self, lines: Sequence[str]) -> None:
        self.hidden += sum(len(line.strip()) for line in lines)


class _Rst(_Reader):
    """Reads reStructuredText, as its specification has it, without nested structure."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(lines)
        # The adornments met so far, in the order of their levels.
        self._styles: list[str] = []

    def sections(self) -> Iterator[Section]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip():
                self.at += 1
            elif (heading := self._heading()) is not None:
                yield heading
            elif _GRID.fullmatch(line):
                yield from _table(_grid(self.block()))
            elif _SIMPLE.fullmatch(line):
                yield from _table(_simple(self._until_rule()))
            elif _EXPLICIT.match(line.lstrip()):
                yield from self._explicit(line)
            else:
                yield from self._text()

    def _heading(self) -> Section | None:
        """Return the heading that begins here and stand behind it: a line with a rule below, or between two."""
        line = self.lines[self.at]
        following = [*self.lines[self.at + 1 : self.at + 3], "", ""]
        if _RULE.fullmatch(line) and following[0].strip() and following[1].rstrip() == line.rstrip():
            style, text, length = line[0] * 2, following[0], 3
        elif (
            not line[0].isspace()
            and _RULE.fullmatch(following[0])
            and not _RULE.fullmatch(line)
            and len(following[0].rstrip()) >= min(len(line.rstrip()), 4)
        ):
            style, text, length = following[0][0], line, 2
        else:
            return None
        self.at += length
        if style not in self._styles:
            self._styles.append(style)
        return Section(_plain(text), None, "heading", level=self._styles.index(style) + 1)

    def _explicit(self, line: str) -> Iterator[Section]:
        """Read what begins with "..": a directive, a target, a footnote or a comment."""
        margin = _indent(line)
        content = line.strip()
        self.at += 1
        directive = _DIRECTIVE.fullmatch(content)
        rest = (_EXPLICIT.match(content) or [None, ""])[1] or ""
        if directive:
            yield from self._directive(directive[1].rpartition(":")[2], directive[2] or "", margin)
        elif footnote := _FOOTNOTE.fullmatch(rest):
            yield from _paragraph([footnote[1], *self.indented(margin)])
        elif _TARGET.match(rest):
            self.indented(margin)
        elif rest or (self.at < len(self.lines) and self.lines[self.at].strip()):
            self.hide([rest, *self.indented(margin)])

    def _directive(self, name: str, argument: str, margin: int) -> Iterator[Section]:
        body = self.indented(margin)
        while body and _OPTION.match(body[0]):
            del body[0]
        text = "\n".join(body).strip("\n")
        if name in _CODE:
            if text.strip():
                yield Section(text, None, "code")
        elif name == "csv-table":
            yield from _paragraph([argument])
            rows = [[cell.strip().strip('"') for cell in row.split(",")] for row in body if row.strip()]
            yield from _table(rows)
        elif name in _PROSE:
            if argument and name not in ("figure", "container", "class", "only"):
                yield from _paragraph([argument])
            # Not read as an outline of its own: a directive in a directive in a directive would take forever.
            for block in "\n".join(body).split("\n\n"):
                yield from _block(block.split("\n"))

    def _text(self) -> Iterator[Section]:
        lines = self.block()
        literal = lines[-1].rstrip().endswith("::")
        if literal:
            lines[-1] = lines[-1].rstrip()[:-1].removesuffix(" :") if lines[-1].strip() != "::" else ""
        yield from _block(lines)
        if literal:
            while self.at < len(self.lines) and not self.lines[self.at].strip():
                self.at += 1
            margin = min((_indent(line) for line in lines if line.strip()), default=0)
            if code := "\n".join(self.indented(margin)).strip("\n"):
                yield Section(code, None, "code")

    def _until_rule(self) -> list[str]:
        """Return a simple table: up to the rule that a blank line or the end follows; one without is over with the
        first blank line.
        """
        start = self.at
        self.at += 1
        for place in range(start + 1, min(len(self.lines), start + _TABLE_LINES)):
            ends = place + 1 >= len(self.lines) or not self.lines[place + 1].strip()
            if ends and _SIMPLE.fullmatch(self.lines[place]):
                self.at = place + 1
                return list(self.lines[start : self.at])
        self.block()
        return list(self.lines[start : self.at])


class _Org(_Reader):
    """Reads Org, as its syntax description has it."""

    def sections(self) -> Iterator[Section]:
        commented = 0
        while self.at < len(self.lines):
            line = self.lines[self.at]
            heading = _ORG_HEADING.fullmatch(line.rstrip())
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
                text = _org_plain(_ORG_TAGS.sub("", _ORG_STATE.sub("", heading[2], count=1)))
                if text:
                    yield Section(text, None, "heading", level=len(heading[1]))
            else:
                yield from self._line(line)

    def _line(self, line: str) -> Iterator[Section]:
        begin = _ORG_BEGIN.match(line)
        keyword = _ORG_KEYWORD.fullmatch(line)
        self.at += 1
        if begin:
            yield from self._environment(begin[1].lower())
        elif keyword:
            # The rest, `#+INCLUDE` among it, is for the program.
            if keyword[1].upper() in ("TITLE", "CAPTION") and keyword[2]:
                title = keyword[1].upper() == "TITLE"
                text = _org_plain(keyword[2])
                yield Section(text, None, "heading" if title else "paragraph", level=1 if title else 0)
        elif line.lstrip() == "#" or line.lstrip().startswith("# "):
            self.hide([line.lstrip()[1:]])
        elif _ORG_DRAWER.match(line):
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
                yield from _block(block.split("\n"), org=True)

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
            if not _ORG_RULE.match(line):
                rows.append([_org_plain(cell) for cell in line.strip().strip("|").split("|")])
            elif len(rows) == 1:
                header = True
        yield from _table(rows, header)

    def _text(self) -> Iterator[Section]:
        start = self.at
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip() or (self.at > start and re.match(r"\*+ |\s*#|\s*\||\s*:[A-Za-z]+:\s*$", line)):
                break
            self.at += 1
        yield from _block(self.lines[start : self.at], org=True)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _block(lines: Sequence[str], org: bool = False) -> Iterator[Section]:
    """Yield a block of lines: the items of a list, or a paragraph."""
    part: list[str] = []
    depth: list[int] = []
    for line in lines:
        item = _ITEM.fullmatch(line.rstrip())
        if item:
            yield from _paragraph(part, org, bool(depth))
            margin = len(item[1])
            depth = [*(other for other in depth if other < margin), margin]
            part = ["  " * (len(depth) - 1) + line.strip()]
        else:
            part.append(line.strip())
    yield from _paragraph(part, org, bool(depth))


def _paragraph(lines: Sequence[str], org: bool = False, item: bool = False) -> Iterator[Section]:
    kind: SectionKind = "list_item" if item else "paragraph"
    indent = " " * _indent(lines[0]) if item and lines else ""
    text = " ".join(" ".join(lines).split()) if item else unwrap(lines, _FULL_LINE)
    text = indent + (_org_plain(text) if org else _plain(text))
    if text.strip():
        yield Section(text, None, kind)


def _table(rows: Sequence[Sequence[str]], header: bool | None = None) -> Iterator[Section]:
    if text := tables.render(rows, header):
        yield Section(text, None, "table")


def _grid(lines: Sequence[str]) -> list[list[str]]:
    """Return the rows of a grid table; a cell over several columns stays one."""
    rows: list[list[str]] = [[]]
    for line in lines:
        if _GRID.fullmatch(line):
            rows.append([])
            continue
        for i, cell in enumerate(line.strip().strip("|").split("|")):
            if i >= len(rows[-1]):
                rows[-1].append("")
            rows[-1][i] = f"{rows[-1][i]} {_plain(cell.strip())}".strip()
    return [row for row in rows if row]


def _simple(lines: Sequence[str]) -> list[list[str]]:
    """Return the rows of a simple table. A row whose first cell is empty goes on with the row before."""
    starts = [match.start() for match in re.finditer("=+", lines[0])]
    rows: list[list[str]] = []
    for line in lines[1:]:
        if not line.strip() or _RULE.fullmatch(line.replace(" ", "") or "x"):
            continue
        ends = [*starts[1:], None]
        cells = [_plain(line[start:end].strip()) for start, end in zip(starts, ends, strict=True)]
        if cells[0] or not rows:
            rows.append(cells)
        else:
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], cells, strict=True)]
    return rows


def _plain(text: str) -> str:
    """Return a line of reStructuredText without its markup: links and roles are their text."""
    if "`" in text:
        text = _QUOTED.sub(r"\1", _LINK.sub(r"\1", _ROLE.sub(lambda match: match[1].partition(" <")[0], text)))
    return (_EMPHASIS.sub(r"\1", text) if "*" in text else text).strip()


def _org_plain(text: str) -> str:
    if "[[" in text:
        text = _ORG_LINK.sub(lambda match: match[2] or match[1].removeprefix("file:"), text)
    return _ORG_MARK.sub(r"\2", text).strip()
