"""Markdown (CommonMark with tables and strikethrough, as markdown-it reads it), as its reader would see it.

Links are their text, images their description; emphasis, front matter and comments are gone. HTML inside is read as
HTML.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from html import escape
from typing import BinaryIO

from markdown_it import MarkdownIt
from markdown_it.token import Token

from appliance.types import Finding, Section, SectionKind
from ingest import media
from ingest.parsers import tables
from ingest.parsers.options import Options
from ingest.parsers.text.plain import decode
from ingest.parsers.web.html import KeptOut, html_sections, html_text

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n.*?^(---|\.\.\.)[ \t]*$\n?", re.DOTALL | re.MULTILINE)
# Kramdown's attribute lists, "{#anchor}" and "{:.class}", are for the renderer.
_ATTRIBUTES = re.compile(r"\s*\{[:#][^{}\n]*\}")
# What authors meant as markup although CommonMark takes it literally: "**Note: **text", "[text](two words)".
_STRAY_EMPHASIS = re.compile(r"\*\*")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})\b([^<>]{0,2000})>")
_STYLED = re.compile(r"style|hidden|class|color|id\s*=", re.IGNORECASE)
_SHEET = re.compile(r"<style[^<>]{0,200}>(.*?)</style", re.IGNORECASE | re.DOTALL)
# What a reader would see, were there nothing else.
_PROBE = "probe"
_ENCLOSING = (
    "div",
    "section",
    "article",
    "aside",
    "main",
    "header",
    "footer",
    "center",
    "font",
    "span",
    "p",
    "template",
)
_STRAY_LINK = re.compile(r"!?\[([^\[\]]+)\]\([^()]*\)")


class MarkdownParser:
    """Reads Markdown files."""

    media_types = frozenset({media.MARKDOWN})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding]:
        """Yield headings, paragraphs, list items, tables (a line a row) and code, in order; then what the HTML inside
        does not display.
        """
        text = _FRONT_MATTER.sub("", decode(file.read()), count=1)
        tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
        yield from _Reader(tokens).sections()


class _Html:
    """Pieces of HTML that belong together: a table or list, or what an element with a style of its own encloses, come
    in pieces wherever they have blank lines.
    """

    def __init__(self) -> None:
        self.line = 0
        self._pieces: list[str] = []
        self._open: Counter[str] = Counter()
        self._styled = False
        self._hides: bool | None = None

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, piece: str, line: int = 0) -> None:
        if not self._pieces:
            self.line = line
        self._pieces.append(piece)
        self._hides = None if _TAG.search(piece) else self._hides
        for closing, tag, attributes in _TAG.findall(piece):
            self._open[tag.lower()] += -1 if closing else 1
            self._styled |= not closing and _STYLED.search(attributes) is not None

    def awaits_items(self) -> bool:
        return any(self._open[tag] > 0 for tag in ("table", "ul", "ol"))

    def hides(self, sheets: Sequence[str]) -> bool:
        """Tell whether what follows stands in an element that is not displayed."""
        if not self._styled or not any(self._open[tag] > 0 for tag in _ENCLOSING):
            return False
        if self._hides is None:
            self._hides = not html_text(f"{self.markup()}{_PROBE}", sheets)[0].endswith(_PROBE)
        return self._hides

    def markup(self) -> str:
        return "".join(self._pieces)


class _Reader:
    """Goes through the tokens of a file."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        blocks = (token.content for token in tokens if token.type == "html_block")
        # A style sheet holds for the whole page, wherever it stands.
        self._sheets = [sheet for block in blocks for sheet in _SHEET.findall(block)]
        self._kept_out = KeptOut()
        self._html = _Html()
        self._line = 0
        self._depth = 0
        self._marker = ""

    def sections(self) -> Iterator[Section | Finding]:
        i = 0
        while i < len(self._tokens):
            token = self._tokens[i]
            self._line = token.map[0] + 1 if token.map else self._line
            if token.type == "html_block":
                self._html.add(token.content, self._line)
            elif self._html.hides(self._sheets):
                if token.type in ("inline", "fence", "code_block"):
                    self._html.add(escape(f"{token.content} "))
            else:
                if self._html and not self._html.awaits_items():
                    yield from self._fragment()
                i = yield from self._block(token, i)
            i += 1
        yield from self._fragment()
        yield from self._kept_out.findings()

    def _block(self, token: Token, i: int) -> Generator[Section, None, int]:
        """Yield what begins at a token, and return the place of its last one."""
        match token.type:
            case "heading_open":
                if text := self._inline(self._tokens[i + 1]):
                    yield Section(text, None, "heading", level=int(token.tag[1]))
            case "paragraph_open":
                text = self._inline(self._tokens[i + 1])
                if text and self._html:
                    self._html.add(escape(text))
                elif text:
                    kind: SectionKind = "list_item" if self._depth else "paragraph"
                    yield Section(self._marker + text, None, kind)
                self._marker = ""
            case "list_item_open":
                self._marker = "  " * self._depth + (f"{token.info}. " if token.info else "- ")
                self._depth += 1
            case "list_item_close":
                self._depth, self._marker = self._depth - 1, ""
            case "table_open":
                text, i = self._table(i)
                if text:
                    yield Section(text, None, "table")
            case "fence" | "code_block":
                if token.content.strip():
                    yield Section(token.content.strip("\n"), None, "code")
            case _:
                pass
        return i

    def _fragment(self) -> Iterator[Section]:
        html, self._html = self._html, _Html()
        for found in html_sections(html.markup(), sheets=self._sheets):
            if isinstance(found, Finding):
                self._kept_out.add(found.kind, found.characters, html.line)
            else:
                yield found

    def _table(self, i: int) -> tuple[str, int]:
        """Return a table as text, and the place of its last token."""
        rows: list[list[str]] = []
        while self._tokens[i].type != "table_close":
            if self._tokens[i].type == "tr_open":
                rows.append([])
            elif self._tokens[i].type == "inline":
                rows[-1].append(self._inline(self._tokens[i]))
            i += 1
        return tables.render(rows, header=any(rows[0])), i

    def _inline(self, token: Token) -> str:
        """Return what a reader sees of a line: no markup, images by their description."""
        children = token.children or ()
        mixed = any(child.type == "html_inline" for child in children)
        text = "".join(_piece(child, mixed) for child in children)
        if mixed:
            text, findings = html_text(text.replace("\n", "<br>"), self._sheets)
            for found in findings:
                self._kept_out.add(found.kind, found.characters, self._line)
        if not any(child.type == "code_inline" for child in children):
            text = _STRAY_LINK.sub(r"\1", _STRAY_EMPHASIS.sub("", _ATTRIBUTES.sub("", text)))
        return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()


def _piece(child: Token, mixed: bool) -> str:
    """Return one part of a line, as HTML where the line has some."""
    match child.type:
        case "text" | "code_inline":
            return escape(child.content) if mixed else child.content
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "image":
            description = "".join(_piece(inner, False) for inner in child.children or ())
            return escape(description) if mixed else description
        case "html_inline":
            return child.content
        case _:
            return ""
