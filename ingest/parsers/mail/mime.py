"""Takes a mail apart (RFC 5322, RFC 2045 to 2049, RFC 2231): what a mail program shows, and what is attached.

The standard library parses; here is decided which parts are shown. Headers are cut at a bound before anything looks
into them: several of the library's functions take time that grows with the square of a header's length.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from typing import Any

from ingest.files import BadFile
from ingest.parsers.text.plain import decode

HEADER_CHARACTERS = 20_000
_HEADER_LINES = 1000
_DEPTH = 30
# What the library may stumble over in a part that breaks the rules.
STUMBLES = (ValueError, LookupError, AttributeError, TypeError, AssertionError, MessageError, binascii.Error)
_UTF8_WIDE = ("utf-16", "utf-32", "utf16", "utf32")
_META = re.compile(rb"<meta[^<>]{0,300}?charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{2,40})", re.IGNORECASE)
_CID = re.compile(r"\bcid:([^\s\"'<>)]{1,300})", re.IGNORECASE)
_SIGNATURES = frozenset({
    "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
    "application/pgp-keys",
})  # fmt: skip
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
# Other versions of the text for special programs.
_VERSIONS = frozenset({"text/x-amp-html", "text/watch-html", "text/enriched", "text/richtext"})
_ENVELOPED = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
_PGP = "-----BEGIN PGP MESSAGE-----"
# By these a text is told from others that have no signature; everything else is recognized by its content.
_SUFFIXES = {
    "text/plain": "txt", "text/html": "html", "text/csv": "csv", "text/calendar": "ics", "text/markdown": "md",
    "text/xml": "xml", "application/json": "json", "application/xml": "xml", "message/rfc822": "eml",
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "application/pdf": "pdf",
    "message/delivery-status": "txt", "text/rfc822-headers": "txt", "text/vcard": "vcf", "text/x-vcard": "vcf",
}  # fmt: skip

Part = Message


class _Bounded(Compat32):
    """Headers as they stand, readable, and no longer than `HEADER_CHARACTERS`."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines[:_HEADER_LINES])
        return name[:HEADER_CHARACTERS], value[:HEADER_CHARACTERS]

    def header_fetch_parse(self, name: str, value: str) -> str:
        raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else str(value).encode()
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("cp1252", "replace")

    def fold_binary(self, name: str, value: str) -> bytes:
        """Write a header as it was read, so that an attached mail keeps its own."""
        return f"{name}: {value}\n".encode("utf-8", "surrogateescape")


@dataclass(slots=True)
class Contents:
    """What a mail consists of: the parts that a mail program shows, the texts that it does not show in favour of them,
    and what is attached. `sealed` says why a part cannot be read: "encrypted", or "signed" with the text inside
    the signature.
    """

    shown: list[Part] = field(default_factory=list)
    hidden: list[Part] = field(default_factory=list)
    attached: list[Part] = field(default_factory=list)
    sealed: str = ""


def parse(data: bytes) -> Part:
    """Return a mail's parts. Raises BadFile for one whose parts are nested to do harm."""
    try:
        return BytesParser(policy=_Bounded(mangle_from_=False)).parsebytes(data)
    except RecursionError as error:
        raise _nested() from error


def contents(mail: Part) -> Contents:
    """Return what is shown of a mail and what is attached to it. Raises BadFile."""
    found = Contents()
    try:
        _collect(mail, found, 0)
    except STUMBLES as error:
        raise BadFile("damaged", f"its parts are broken: {error}"[:300], "Save the mail again.") from error
    return found


def _nested() -> BadFile:
    return BadFile("damaged", "its parts are nested deeper than any mail program does it", "Save its text on its own.")


def _collect(part: Part, found: Contents, depth: int) -> None:
    if depth > _DEPTH:
        raise _nested()
    kind = part.get_content_type()
    inner = children(part)
    if kind == "multipart/encrypted":
        found.sealed = "encrypted"
    elif kind == "multipart/alternative" and inner:
        _alternative(inner, found, depth)
    elif kind == "multipart/related" and inner:
        _related(part, inner, found, depth)
    elif kind.startswith("multipart/") and inner:
        for child in inner:
            _collect(child, found, depth + 1)
    elif kind in _SMIME and not found.shown:
        found.sealed = found.sealed or _seal(part)
    elif kind in _SIGNATURES or kind.startswith("multipart/"):
        # A multipart without parts has text at most in front of its first boundary, which nobody is shown.
        return
    elif _is_body(part, kind, depth):
        if _PGP in text(part)[:1000]:
            found.sealed = "encrypted"
        else:
            found.shown.append(part)
    else:
        found.attached.append(part)


def children(part: Part) -> list[Part]:
    """Return the parts of a part, none for one that is a leaf."""
    inner: Any = part.get_payload() if part.is_multipart() else []
    return list(inner)


def _is_body(part: Part, kind: str, depth: int) -> bool:
    if not kind.startswith("text/") or kind in ("text/calendar", "text/rfc822-headers", "text/vcard", "text/x-vcard"):
        return False
    return part.get_content_disposition() != "attachment" and (depth == 0 or not file_name(part))


def _alternative(inner: list[Part], found: Contents, depth: int) -> None:
    """Keep the version that is shown: the last one with HTML, else the last one that can be shown at all."""
    versions = []
    for child in inner:
        if child.get_content_type() in _VERSIONS:
            continue
        version = Contents()
        _collect(child, version, depth + 1)
        versions.append(version)
        found.attached.extend(version.attached)
        found.hidden.extend(version.hidden)
        found.sealed = found.sealed or version.sealed
    ordered = [version for version in versions if version.shown]
    ordered.sort(key=lambda version: any(each.get_content_type() == "text/html" for each in version.shown))
    if ordered:
        *others, best = ordered
        found.shown.extend(best.shown)
        found.hidden.extend(part for other in others for part in other.shown)


def _related(part: Part, inner: list[Part], found: Contents, depth: int) -> None:
    start = str(part.get_param("start", "") or "").strip("<> ")
    root = next((child for child in inner if start and content_id(child) == start), inner[0])
    _collect(root, found, depth + 1)
    for child in inner:
        if child is root:
            continue
        if child.get_content_type().startswith("multipart/"):
            _collect(child, found, depth + 1)
        else:
            # What belongs to a page is shown in it, never by itself.
            found.attached.append(child)


def _seal(part: Part) -> str:
    kind = str(part.get_param("smime-type", "") or "").lower()
    if kind:
        return "signed" if kind in ("signed-data", "compressed-data", "certs-only") else "encrypted"
    return "encrypted" if _ENVELOPED in payload(part)[:64] else "signed"


def content_id(part: Part) -> str:
    """Return what a page names a part by, "" for none."""
    return str(part.get("Content-ID", "")).strip("<> \t\r\n")


def payload(part: Part) -> bytes:
    """Return a part's bytes, decoded as far as they can be."""
    try:
        decoded: Any = part.get_payload(decode=True)
        if isinstance(decoded, bytes):
            return decoded
        return _inner(part)
    except (*STUMBLES, RecursionError):
        return b""


def _inner(part: Part) -> bytes:
    """Return an attached mail as a file; the library has parsed it already, and writes it as it was."""
    data = b"\n".join(child.as_bytes() for child in children(part))
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() == "base64":
        # The standard forbids it, programs do it: then there is nothing but base64 where the headers should be.
        try:
            return binascii.a2b_base64(data.strip()) or data
        except binascii.Error:
            return data
    return data


def text(part: Part) -> str:
    """Return a part's text; by its bytes alone where the charset is missing, unknown or wrong."""
    data = payload(part)
    try:
        charset = str(part.get_content_charset() or "")
    except STUMBLES:
        charset = ""
    # A whole mail in UTF-16 was turned into UTF-8 before.
    if charset.lower().startswith(_UTF8_WIDE) and b"\0" not in data:
        charset = ""
    if not charset and part.get_content_type() == "text/html" and (declared := _META.search(data[:4096])):
        charset = declared[1].decode("ascii", "replace")
    try:
        return data.decode(charset or "utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except (LookupError, ValueError):
        return decode(data)


def header(part: Part, name: str, most: int) -> str:
    """Return a header in one line of at most `most` characters, its encoded words (RFC 2047) as text."""
    try:
        value = str(part.get(name, ""))
    except STUMBLES:
        return ""
    return " ".join(words(value).split())[:most]


def words(value: str) -> str:
    """Return a header's value with its encoded words decoded; what cannot be decoded stays as it stands."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except STUMBLES:
        return value
    return "".join(_word(piece, charset) for piece, charset in pieces)


def _word(piece: Any, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    data = bytes(piece)
    if charset is None:
        # What stands between encoded words; the library writes it in this encoding.
        return data.decode("raw-unicode-escape", "replace")
    try:
        return data.decode(charset)
    except (LookupError, ValueError):
        return decode(data)


def file_name(part: Part) -> str:
    """Return the name that a part is attached with, "" for none."""
    try:
        return " ".join(words(str(part.get_filename("") or "")).split())
    except STUMBLES:
        return ""


def suffix(part: Part) -> str:
    """Return the suffix that a part without a name gets."""
    kind = part.get_content_type()
    tail = kind.rpartition("/")[2]
    return _SUFFIXES.get(kind) or (tail if tail.isalnum() and len(tail) <= 4 else "bin")


def referenced(page: str) -> Iterator[str]:
    """Yield the content ids of the parts that a page shows inside itself (RFC 2392)."""
    for found in _CID.finditer(page):
        yield found[1].replace("%40", "@")
