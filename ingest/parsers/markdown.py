"""Markdown (CommonMark with tables and strikethrough, as markdown-it reads it), as its reader would see it.

Links are their text, images their description; emphasis, front matter and comments are gone. HTML inside is read as
HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import BinaryIO

from markdown_it import MarkdownIt
from markdown_it.token import Token

from appliance.types import Section, SectionKind
from ingest import media
from ingest.parsers import tables
from ingest.parsers.markup import fragment_sections, fragment_text
from ingest.parsers.text import decode

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n.*?^(---|\.\.\.)[ \t]*$\n?", re.DOTALL | re.MULTILINE)
# Kramdown's attribute lists, "{#anchor}" and "{:.class}", are for the renderer.
_ATTRIBUTES = re.compile(r"\s*\{[:#][^{}\n]*\}")
# What authors meant as markup although CommonMark takes it literally: "**Note: **text", "[text](two words)".
_STRAY_EMPHASIS = re.compile(r"\*\*")
_STRAY_LINK = re.compile(r"!?\[([^\[\]]+)\]\([^()]*\)")


class MarkdownParser:
    """Reads Markdown files."""

    media_types = frozenset({media.MARKDOWN})

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section]:
        """Yield headings, paragraphs, list items, tables (a line a row) and code, in order."""
        text = _FRONT_MATTER.sub("", decode(file.read()), count=1)
        tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
        yield from _sections(tokens)


def _sections(tokens: Sequence[Token]) -> Iterator[Section]:
    i, depth, marker = 0, 0, ""
    html: list[str] = []
    while i < len(tokens):
        token = tokens[i]
        # A table or list written in HTML reaches us in pieces wherever it has blank lines.
        if html and not _continues(token, html):
            yield from fragment_sections("".join(html))
            html = []
        match token.type:
            case "heading_open":
                text = _inline(tokens[i + 1])
                if text:
                    yield Section(text, None, "heading", level=int(token.tag[1]))
            case "paragraph_open":
                text = _inline(tokens[i + 1])
                if text and html:
                    html.append(text)
                elif text:
                    kind: SectionKind = "list_item" if depth else "paragraph"
                    yield Section(marker + text, None, kind)
                marker = ""
            case "list_item_open":
                depth, marker = depth + 1, "  " * depth + (f"{token.info}. " if token.info else "- ")
            case "list_item_close":
                depth, marker = depth - 1, ""
            case "table_open":
                text, i = _table(tokens, i)
                if text:
                    yield Section(text, None, "table")
            case "fence" | "code_block":
                if token.content.strip():
                    yield Section(token.content.strip("\n"), None, "code")
            case "html_block":
                html.append(token.content)
            case _:
                pass
        i += 1
    yield from fragment_sections("".join(html))


def _continues(token: Token, html: Sequence[str]) -> bool:
    """Tell whether a token still belongs to a table or list that HTML has opened and not yet closed."""
    if token.type == "html_block":
        return True
    opened = "".join(html).lower()
    return any(opened.count(f"<{tag}") > opened.count(f"</{tag}") for tag in ("table", "ul", "ol"))


def _table(tokens: Sequence[Token], i: int) -> tuple[str, int]:
    """Return a table as text, and the place of its last token."""
    rows: list[list[str]] = []
    while tokens[i].type != "table_close":
        if tokens[i].type == "tr_open":
            rows.append([])
        elif tokens[i].type == "inline":
            rows[-1].append(_inline(tokens[i]))
        i += 1
    return tables.render(rows, header=any(rows[0])), i


def _inline(token: Token) -> str:
    """Return what a reader sees of a line: no markup, images by their description."""
    children = token.children or ()
    mixed = any(child.type == "html_inline" for child in children)
    parts = []
    for child in children:
        match child.type:
            case "text" | "code_inline":
                parts.append(escape(child.content) if mixed else child.content)
            case "softbreak":
                parts.append(" ")
            case "hardbreak":
                parts.append("\n")
            case "image":
                parts.append(escape(_inline(child)) if mixed else _inline(child))
            case "html_inline":
                parts.append(child.content)
            case _:
                pass
    text = "".join(parts)
    if mixed:
        text = fragment_text(text.replace("\n", "<br>"))
    if not any(child.type == "code_inline" for child in children):
        text = _STRAY_LINK.sub(r"\1", _STRAY_EMPHASIS.sub("", _ATTRIBUTES.sub("", text)))
    return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
