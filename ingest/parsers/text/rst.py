"""reStructuredText, as its specification has it, without nested structure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from appliance.types import Section
from ingest.parsers.text.lines import Lines, block_sections, indent_of, paragraph_sections, table_sections

# A simple table is looked through for its end so far.
_TABLE_LINES = 300

_RULE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*")
_GRID = re.compile(r"[ \t]*\+(?:[-=]+\+)+[ \t]*")
_SIMPLE = re.compile(r"[ \t]*=+(?: +=+)+[ \t]*")
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


class Rst(Lines):
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
                yield from table_sections(_grid(self.block()))
            elif _SIMPLE.fullmatch(line):
                yield from table_sections(_simple(self._until_rule()))
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
        margin = indent_of(line)
        content = line.strip()
        self.at += 1
        directive = _DIRECTIVE.fullmatch(content)
        rest = (_EXPLICIT.match(content) or [None, ""])[1] or ""
        if directive:
            yield from self._directive(directive[1].rpartition(":")[2], directive[2] or "", margin)
        elif footnote := _FOOTNOTE.fullmatch(rest):
            yield from paragraph_sections([footnote[1], *self.indented(margin)], _plain)
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
            yield from paragraph_sections([argument], _plain)
            rows = [[cell.strip().strip('"') for cell in row.split(",")] for row in body if row.strip()]
            yield from table_sections(rows)
        elif name in _PROSE:
            if argument and name not in ("figure", "container", "class", "only"):
                yield from paragraph_sections([argument], _plain)
            # Not read as an outline of its own: a directive in a directive in a directive would take forever.
            for block in "\n".join(body).split("\n\n"):
                yield from block_sections(block.split("\n"), _plain)

    def _text(self) -> Iterator[Section]:
        lines = self.block()
        literal = lines[-1].rstrip().endswith("::")
        if literal:
            lines[-1] = lines[-1].rstrip()[:-1].removesuffix(" :") if lines[-1].strip() != "::" else ""
        yield from block_sections(lines, _plain)
        if literal:
            while self.at < len(self.lines) and not self.lines[self.at].strip():
                self.at += 1
            margin = min((indent_of(line) for line in lines if line.strip()), default=0)
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
