"""Web pages and pieces of HTML: what is displayed becomes sections, what is not becomes findings.

unstructured is not asked here: it sees neither style sheets nor attributes, so it takes hidden text for text. The tree
is judged and cleaned first, then read by `markup`, in the same way for whole pages, bodies of mails, chapters of
e-books and HTML inside Markdown.

Not displayed, and of no interest: scripts, styles, comments, `<noscript>`, what frames and media show where they fail.
Kept out, but too ordinary to report when short: labels for screen readers (clipped to nothing) and descriptions of
images, which are displayed only where an image fails. Descriptions are never text: a person sees the image.
Kept as displayed: closed `<details>`, `aria-hidden`, text over images.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from html.entities import html5
from typing import BinaryIO

import webencodings
from lxml import etree, html

from appliance.types import Finding, FindingKind, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers import trees
from ingest.parsers.options import Options
from ingest.parsers.text.plain import decode, guess
from ingest.parsers.web import markup
from ingest.parsers.web.css import Styles, applies
from ingest.parsers.web.visibility import Look, look

_DECLARED = re.compile(
    rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]{2,40})|^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})""",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31};)")
_XML_ENTITIES = frozenset({"lt;", "gt;", "amp;", "quot;", "apos;"})
# libxml2 stops reading at this depth, whatever it is told.
_DEPTH = "2048"
_TITLE_CHARACTERS = 300
# Labels for screen readers and descriptions of images shorter than this are ordinary and not reported, and neither is
# less hidden text than that in the whole page.
_LABEL_CHARACTERS = 40
_DESCRIPTION_CHARACTERS = 100
_FEW_CHARACTERS = 10
# Not displayed by itself, like an element with `display: none`; the rest of `UNSEEN` is no text to begin with.
_SILENT = markup.UNSEEN - {"template", "canvas", "datalist", "object", "video", "audio", "noembed", "noframes"}
_NOT_DISPLAYED = markup.UNSEEN - _SILENT


class WebParser:
    """Reads HTML and XHTML pages in any encoding, however malformed."""

    media_types = frozenset({media.HTML})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding]:
        """Yield headings, paragraphs, list items, tables (a line a row) and code that a browser would display.

        The page's title is its first heading where it has no heading of the first level. Raises BadFile where elements
        or style sheets are made to exhaust a reader.
        """
        root = _tree(page_text(file.read()))
        if root is None:
            return
        title = root.find(".//title")
        words = "" if title is None else " ".join("".join(title.itertext()).split())[:_TITLE_CHARACTERS]
        yield from _seen(root, words)


def html_sections(source: str, xml: bool = False, sheets: Sequence[str] = ()) -> Iterator[Section | Finding]:
    """Yield the displayed sections of a page or a piece of one, then the findings about the rest.

    `xml`: the source is XHTML to be read as XML, as e-books are; broken XML is read as HTML all the same. `sheets`:
    style sheets that hold beside those in the source.
    """
    root = (_xml_tree(source) if xml else None) if source.strip() else None
    if root is None:
        root = _tree(source)
    if root is not None:
        yield from _seen(root, "", sheets)


def html_text(source: str, sheets: Sequence[str] = ()) -> tuple[str, list[Finding]]:
    """Return the displayed text of a piece of HTML inside a line, `<br>` as a line break, and the findings."""
    root = _tree(source)
    if root is None:
        return "", []
    findings = _clean(root, sheets)
    return markup.text_of(root), findings


def page_text(data: bytes) -> str:
    """Return a page's text: by its mark, else as UTF-8 where it is that, else by what it declares, else by guessing."""
    if data.startswith(_MARKS):
        return decode(data)
    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    encoding = webencodings.lookup((declared[1] or declared[2]).decode("ascii", "replace")) if declared else None
    # Pages often declare what their editor wrote long ago; but nothing else looks like UTF-8. ISO-2022 is all ASCII.
    if encoding is not None and b"\0" not in data and (b"\x1b" in data or not _is_utf8(data)):
        if encoding.name in ("utf-8", "utf-16le", "utf-16be"):
            return data.decode(guess(data), "replace")
        return data.decode(encoding.codec_info.name, "replace")
    return decode(data)


def _seen(root: etree._Element, title: str, sheets: Sequence[str] = ()) -> Iterator[Section | Finding]:
    findings = _clean(root, sheets)
    if title and not any(markup.text_of(heading) for heading in root.iter("h1")):
        yield Section(title, None, "heading", level=1)
    yield from markup.sections(root)
    yield from findings


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _tree(source: str) -> etree._Element | None:
    # A parser of its own: lxml's default one looks up entities and networks by settings made elsewhere.
    parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=True, encoding="utf-8")
    try:
        root = html.document_fromstring(source.replace("\0", "").encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        # Nothing in it but spaces and comments.
        root = None
    if any("depth" in entry.message and _DEPTH in entry.message for entry in parser.error_log):
        raise BadFile("too_large", f"its elements are nested more than {_DEPTH} deep", "Save the page as PDF.")
    return root


def _xml_tree(source: str) -> etree._Element | None:
    """Return XHTML as a tree without namespaces, None where it is not well-formed."""
    text = _ENTITY.sub(lambda match: match[0] if match[1] in _XML_ENTITIES else html5.get(match[1], ""), source)
    # What is declared holds for the bytes the text was made from.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text.removeprefix("\ufeff"), count=1)
    try:
        root = trees.parsed(text.encode("utf-8", "replace"))
    except (etree.XMLSyntaxError, ValueError):
        return None
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = etree.QName(element).localname.lower()
    etree.strip_tags(root, etree.Entity)
    return root


def _clean(root: etree._Element, sheets: Sequence[str]) -> list[Finding]:
    """Take everything out of a tree that is not displayed, and return what has to be reported of it."""
    own = [
        style.text or "" for style in root.iter("style") if applies(style.get("media") or "all") and not _inert(style)
    ]
    styles, kept_out = Styles([*sheets, *own]), KeptOut()
    first = Look()
    # Of each open element, how its text looks and why nobody sees it.
    looks: list[tuple[Look, FindingKind | None]] = [(first, first.unseen())]
    # Removed afterwards: a walk does not outlive the loss of the element that it stands at.
    gone: list[etree._Element] = []
    events = etree.iterwalk(root, events=("start", "end"))
    for event, element in events:
        if event == "end":
            looks.pop()
            _drop_text(element, "tail", looks[-1][1], kept_out)
            continue
        tag = element.tag if isinstance(element.tag, str) else ""
        outer = looks[-1]
        looks.append(outer)
        if not tag or tag in markup.UNSEEN:
            # `markup` passes over these.
            if tag in _NOT_DISPLAYED:
                kept_out.add("hidden", _length(element), element.sourceline, _DESCRIPTION_CHARACTERS)
            events.skip_subtree()
            continue
        now = look(outer[0], element, styles.of(element))
        if now is not outer[0]:
            looks[-1] = (now, now.unseen())
        if now.gone:
            kept_out.add(now.gone, _length(element), element.sourceline, _LABEL_CHARACTERS if now.label else 0)
            gone.append(element)
            events.skip_subtree()
            continue
        _drop_text(element, "text", looks[-1][1], kept_out)
        if tag == "img":
            kept_out.add("hidden", len(element.get("alt") or ""), element.sourceline, _DESCRIPTION_CHARACTERS)
    for element in gone:
        if element is root:
            root.clear()
        else:
            _drop(element)
    return kept_out.findings()


def _drop_text(element: etree._Element, part: str, why: FindingKind | None, kept_out: KeptOut) -> None:
    text = (element.text if part == "text" else element.tail) if why else None
    if why and text and not text.isspace():
        kept_out.add(why, len(" ".join(text.split())), element.sourceline)
        setattr(element, part, " ")


def _drop(element: etree._Element) -> None:
    """Remove an element and leave what follows it."""
    parent, before = element.getparent(), element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (element.tail or "")
    else:
        parent.text = (parent.text or "") + (element.tail or "")
    element.tail = None
    parent.remove(element)


def _inert(style: etree._Element) -> bool:
    return any(ancestor.tag in ("noscript", "template", "svg") for ancestor in style.iterancestors())


def _length(element: etree._Element) -> int:
    return len(" ".join("".join(element.itertext()).split()))


class KeptOut:
    """Counts what is not displayed, by kind."""

    def __init__(self) -> None:
        self._lines: dict[FindingKind, list[int]] = {}
        self._characters: dict[FindingKind, int] = {}

    def add(self, kind: FindingKind, characters: int, line: int | None, least: int = 0) -> None:
        """Count text at a line of the source; of no interest where it has fewer characters than `least`."""
        if characters and characters >= least:
            self._lines.setdefault(kind, []).append(line or 0)
            self._characters[kind] = self._characters.get(kind, 0) + characters

    def findings(self) -> list[Finding]:
        """Return one finding a kind."""
        return [
            Finding(kind, _where(self._lines[kind]), characters)
            for kind, characters in self._characters.items()
            if characters >= _FEW_CHARACTERS
        ]


def _where(lines: list[int]) -> str:
    first, last = min(lines), max(lines)
    if first == last:
        return f"line {first}"
    return f"lines {first} to {last} ({len(lines)} places)"
