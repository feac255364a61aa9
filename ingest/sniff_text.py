"""What kind of text a text is: by its looks where they are unmistakable, else by its name, else by weaker looks."""

from __future__ import annotations

import codecs
import json
import re

from ingest import media
from ingest.files import BadFile
from ingest.signatures import CONVERT, find_text

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Text by its name: nothing in it says more than the name does.
_BY_SUFFIX = {
    **dict.fromkeys(("md", "markdown", "mkd", "mdown", "mdx", "qmd", "rmd"), media.MARKDOWN),
    "rst": media.RST, "org": media.ORG, "csv": media.CSV, "tsv": media.TSV, "tab": media.TSV, "json": media.JSON,
    "geojson": media.JSON, "jsonld": media.JSON, "ipynb": media.JSON, "ndjson": media.NDJSON, "jsonl": media.NDJSON,
    "yaml": media.YAML, "yml": media.YAML,
    **dict.fromkeys(("html", "htm", "xhtml", "shtml"), media.HTML),
    **dict.fromkeys(("xml", "xsd", "xsl", "xslt", "rss", "atom", "kml", "gpx", "svg", "nxml", "fodt", "fods", "fodp"),
                    media.XML),
    **dict.fromkeys(("eml", "mht", "mhtml"), media.MAIL),
    "mbox": media.MBOX,
    **dict.fromkeys(("txt", "text", "log", "nfo", "adoc", "asciidoc", "textile", "srt", "vtt", "ics", "vcf", "diff",
                     "patch"), media.TEXT),
}  # fmt: skip
# Source code and settings, of which what they are about (a page, a mail) is no business of the sniffer's.
_CODE = frozenset({
    "py", "pyw", "java", "kt", "scala", "groovy", "c", "h", "cc", "cpp", "cxx", "hpp", "cs", "go", "rs", "swift", "js",
    "mjs", "ts", "tsx", "jsx", "vue", "php", "jsp", "asp", "aspx", "rb", "pl", "pm", "sh", "bash", "zsh", "bat", "cmd",
    "ps1", "psm1", "vbs", "sql", "r", "jl", "lua", "m", "f", "f90", "pas", "vb", "bas", "hs", "erl", "ex", "clj",
    "lisp", "el", "dart", "ini", "toml", "cfg", "conf", "properties", "env", "css", "scss", "less", "tex", "bib",
    "sty", "cls", "ltx", "dockerfile", "makefile", "mk", "cmake", "gradle", "tf", "proto", "graphql", "sas", "do",
    "abap", "cbl",
})  # fmt: skip
# Texts by their form, that hold nothing a person reads.
_UNREAD = {
    "dxf": ("a drawing (DXF)", CONVERT),
    "stl": ("a 3D model", CONVERT),
    "obj": ("a 3D model", CONVERT),
    "eps": ("a PostScript file", CONVERT),
    "ps": ("a PostScript file", CONVERT),
}
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x08\x1b")) + b"\x7f"
_MANY_CONTROLS = 0.02
_HEADER_LINES = 200
_HEADER = re.compile(rb"([!-9;-~]+):[ \t\r]?|[ \t]")
_MAIL_NAMES = frozenset({
    b"from", b"to", b"cc", b"date", b"subject", b"received", b"return-path", b"message-id", b"mime-version", b"sender",
    b"delivered-to", b"reply-to", b"content-type", b"content-transfer-encoding", b"dkim-signature", b"references",
})  # fmt: skip
# One of these has to be among them: pages of a web server have a date and a content type as well.
_MAIL_ONLY = frozenset({b"from", b"to", b"received", b"return-path", b"message-id", b"mime-version", b"delivered-to"})
_MAIL_HEADERS_AT_LEAST = 3
_ENVELOPE = re.compile(rb"From \S[^\r\n]*\d\d[^\r\n]*\r?\n(>?From |[!-9;-~]+:)")
_HTML_ROOTS = frozenset({b"html", b"head", b"body"})
_HTML_PIECES = frozenset({
    b"title", b"meta", b"link", b"style", b"script", b"base", b"table", b"div", b"p", b"span", b"font", b"center",
    b"h1", b"h2", b"h3", b"h4", b"ul", b"ol", b"form", b"article", b"section", b"frameset",
})  # fmt: skip
_TAG = re.compile(rb"<([A-Za-z_][\w.:-]{0,60})(?=[\s/>])")
_DOCTYPE = re.compile(rb"<!doctype\s+([\w:-]{1,60})", re.IGNORECASE)
_TABLE_LINES = 20


def as_text(head: bytes, suffix: str) -> bytes | None:
    """Return the beginning of a text, in UTF-8 where it was in UTF-16 or UTF-32; None for what is no text."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace").encode("utf-8", "replace")
    if b"\0" in head and (encoding := _wide(head)):
        return head.decode(encoding, "replace").encode("utf-8", "replace")
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > _MANY_CONTROLS * len(head):
        return None
    if _is_utf8(head) or suffix in _BY_SUFFIX or suffix in _CODE or is_mail(head):
        return head
    # Old encodings of any script have blanks and line ends; compressed, encrypted and EBCDIC data hardly have any.
    blanks = sum(map(head.count, (b" ", b"\n", b"\t", b"\r")))
    return head if controls == 0 and blanks * 200 > len(head) else None


def _wide(head: bytes) -> str:
    """Return the encoding of text in two or four bytes a character, "" where this is none: where the zeros are, and
    that the rest has no control characters.
    """
    wide = (4, 0.6, ("utf-32-le", "utf-32-be")), (2, 0.3, ("utf-16-le", "utf-16-be"))
    for width, least, encodings in wide:
        for encoding in encodings:
            place = 0 if encoding.endswith("le") else width - 1
            low = head[place::width]
            others = [head[i::width] for i in range(width) if i != place]
            zeros = sum(part.count(0) for part in others)
            controls = len(low) - len(low.translate(None, _CONTROLS))
            if zeros > least * sum(map(len, others)) and controls <= _MANY_CONTROLS * len(low):
                return encoding
    return ""


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def kind(text: bytes, suffix: str) -> str:
    """Return the media type of a text that begins with these bytes. Raises BadFile for a kind that is not read."""
    if signature := find_text(text.lstrip()[:200]):
        raise signature.problem()
    if text.lstrip().startswith(b"{\\rtf"):
        return media.RTF
    if suffix in _CODE:
        return media.TEXT
    if found := _unmistakable(text, suffix):
        return found
    if suffix in _UNREAD:
        what, hint = _UNREAD[suffix]
        raise BadFile("unsupported", what, hint)
    return _BY_SUFFIX.get(suffix) or _by_looks(text)


def _unmistakable(text: bytes, suffix: str) -> str | None:
    if _ENVELOPE.match(text):
        return media.MAIL if suffix == "eml" else media.MBOX
    # Markdown may begin with lines like headers.
    if _BY_SUFFIX.get(suffix) != media.MARKDOWN and is_mail(text):
        return media.MAIL
    doctype, root = _first_tag(text)
    if doctype == b"html" or root in _HTML_ROOTS:
        return media.HTML
    if text.lstrip().startswith(b"<?xml") or doctype:
        return media.XML if _BY_SUFFIX.get(suffix) != media.HTML else media.HTML
    # Programs write tables as HTML and name them for Excel or Word; in Markdown, HTML is at home.
    if root in _HTML_PIECES and suffix not in _BY_SUFFIX:
        return media.HTML
    return None


def is_mail(text: bytes) -> bool:
    """Tell whether this begins with the headers of a mail (RFC 5322)."""
    known: set[bytes] = set()
    for line in text.lstrip(b"\xef\xbb\xbf\r\n")[:16_384].split(b"\n", _HEADER_LINES)[:_HEADER_LINES]:
        if not line.strip():
            break
        header = _HEADER.match(line)
        if header is None:
            # The last line may be cut off by the end of what was read; one strange line before is no mail.
            return False
        if header[1]:
            known.add(header[1].lower())
    return len(known & _MAIL_NAMES) >= _MAIL_HEADERS_AT_LEAST and bool(known & _MAIL_ONLY)


def _first_tag(text: bytes) -> tuple[bytes, bytes]:
    """Return the name in the document type declaration and that of the first element, in small letters, "" for none.

    What may stand before them is passed over: XML declaration, processing instructions, comments.
    """
    doctype, at = b"", 0
    while True:
        while at < len(text) and text[at : at + 1].isspace():
            at += 1
        if text.startswith(b"<?", at):
            end = text.find(b"?>", at)
        elif text.startswith(b"<!--", at):
            end = text.find(b"-->", at)
        elif declared := _DOCTYPE.match(text, at):
            doctype, end = declared[1].lower(), text.find(b">", at)
        else:
            break
        if end < 0:
            return doctype, b""
        at = text.index(b">", end) + 1
    tag = _TAG.match(text, at)
    return doctype, tag[1].lower() if tag else b""


def _by_looks(text: bytes) -> str:
    """Return what a text looks like of which the name says nothing."""
    lines = [line for line in text[:16_384].split(b"\n")[:_TABLE_LINES] if line.strip()]
    stripped = text.strip()
    if stripped[:1] in (b"{", b"[") and _is_json(stripped):
        return media.JSON
    if len(lines) > 1 and all(line.lstrip()[:1] == b"{" and _is_json(line) for line in lines[:-1]):
        return media.NDJSON
    _, root = _first_tag(text)
    if root and b"xmlns" in text[:2000] and stripped.startswith(b"<"):
        return media.XML
    for sign, least, media_type in ((b"\t", 1, media.TSV), (b";", 2, media.CSV), (b",", 2, media.CSV)):
        counts = {line.count(sign) for line in lines}
        if len(lines) > 2 and len(counts) == 1 and min(counts) >= least:
            return media_type
    return media.TEXT


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
