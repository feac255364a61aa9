"""Outlook messages ([MS-OXMSG]): read from the compound file itself. Nothing is ever written.

Each property of a message is a stream named by its id and type in hex ([MS-OXPROPS]); numbers and dates stand together
in a stream of their own.
"""

from __future__ import annotations

import datetime
import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import olefile

from appliance.types import Finding, Member, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.mail import eml, rtf_body
from ingest.parsers.mail.mime import referenced
from ingest.parsers.options import Options
from ingest.parsers.text.plain import decode, paragraphs

_BROKEN = (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error, RecursionError)
_RESTORE = "Open it in Outlook and save it again."
_HEADER_CHARACTERS = 300
_DEPTH = 5

_CLASS, _SUBJECT, _BODY, _RTF, _HTML = 0x001A, 0x0037, 0x1000, 0x1009, 0x1013
_SENDER, _SENDER_SMTP, _SENDER_ADDRESS = 0x0C1A, 0x5D01, 0x0C1F
_AUTHOR, _AUTHOR_SMTP, _AUTHOR_ADDRESS = 0x0042, 0x5D02, 0x0065
_TO, _CC, _SUBMITTED, _DELIVERED, _CODEPAGE, _INTERNET_CODEPAGE = 0x0E04, 0x0E03, 0x0039, 0x0E06, 0x3FFD, 0x3FDE
_DATA, _LONG_NAME, _SHORT_NAME, _DISPLAY_NAME, _CONTENT_ID = 0x3701, 0x3707, 0x3704, 0x3001, 0x3712
_MIME_TYPE = 0x370E
_EMBEDDED = "__substg1.0_3701000d"
_PROPERTIES = "__properties_version1.0"
_ATTACHMENT = re.compile(r"__attach_version1\.0_#[0-9a-f]{8}")
# The stream of numbers begins with so many bytes for the message itself, one inside it, an attachment.
_TOP_BYTES, _INNER_BYTES, _ATTACHMENT_BYTES = 32, 24, 8
_PROPERTY = struct.Struct("<HHI8s")
_EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)


class OutlookParser:
    """Reads MSG files."""

    media_types = frozenset({media.MSG})

    def __init__(self, options: Options) -> None:
        self._options = options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding | Member]:
        """Yield the subject as title, who wrote to whom and when, the body that Outlook shows, the attachments.

        A message that is attached to this one follows as text under its own subject, its attachments with the others.
        Raises BadFile for a message that is broken or encrypted.
        """
        try:
            with olefile.OleFileIO(file) as container:
                # Names are the same in capitals and small letters; olefile finds them in any.
                names = {tuple(part.lower() for part in path) for path in container.listdir(True, True)}
                yield from self._message(_Store(container, frozenset(names), ()), 0)
        except _BROKEN as error:
            raise BadFile("damaged", f"the message is broken: {error}"[:300], _RESTORE) from error

    def _message(self, store: _Store, depth: int) -> Iterator[Section | Finding | Member]:
        start = _INNER_BYTES if depth else _TOP_BYTES
        numbers = store.numbers(start)
        kind = store.text(_CLASS).lower()
        if ".smime" in kind and "multipartsigned" not in kind:
            raise BadFile("encrypted", "the message is encrypted or sealed (S/MIME)", "Save it decrypted.")
        if any(each.text(_MIME_TYPE).lower() == "application/pgp-encrypted" for each in store.attachments()):
            raise BadFile("encrypted", "the message is encrypted (PGP)", "Save it decrypted.")
        if ".rpmsg" in kind or any("rpmsg" in each.file_name().lower() for each in store.attachments()):
            raise BadFile("encrypted", "reading the message is restricted (rights management)", "Save it unrestricted.")
        yield from eml.headers(_headers(store, numbers))
        pages: set[str] = set()
        yield from self._body(store, numbers, pages)
        for number, attachment in enumerate(store.attachments(), 1):
            yield from self._attachment(attachment, number, pages, depth)

    def _body(self, store: _Store, numbers: dict[int, int], pages: set[str]) -> Iterator[Section | Finding | Member]:
        plain, rtf = store.text(_BODY), store.data(_RTF)
        markup = store.text(_HTML) or _markup(store.data(_HTML), numbers)
        unpacked = b"" if markup or not rtf else rtf_body.decompress(rtf)
        markup = markup or rtf_body.page(unpacked) or ""
        shown: Iterator[Section | Finding | Member]
        if markup:
            pages.update(referenced(markup))
            shown = eml.page(markup)
        elif unpacked and b"\\fromtext" not in unpacked[:2000]:
            shown = self._rich(unpacked)
        else:
            yield from paragraphs(plain.replace("\r\n", "\n").replace("\r", "\n"))
            return
        displayed = []
        for each in shown:
            displayed.append(each.text if isinstance(each, Section) else "")
            yield each
        yield from eml.beyond(plain, "\n".join(displayed))

    def _rich(self, rtf: bytes) -> Iterator[Section | Finding | Member]:
        # Imported here: it needs this only for messages that were written as rich text.
        from ingest.parsers.rtf.parser import RtfParser

        yield from RtfParser(self._options).parse(io.BytesIO(rtf), media.RTF)

    def _attachment(
        self, store: _Store, number: int, pages: set[str], depth: int
    ) -> Iterator[Section | Finding | Member]:
        name = store.file_name()
        inner = store.below(_EMBEDDED)
        if inner.exists(_PROPERTIES):
            if depth >= _DEPTH:
                raise BadFile("damaged", "messages are nested deeper than any mail program does it", _RESTORE)
            yield from self._message(inner, depth + 1)
            return
        image = store.text(_MIME_TYPE).lower().startswith("image/")
        if image and store.text(_CONTENT_ID).strip("<> ") in pages:
            return
        # What is signed is a whole mail, whatever it is called.
        if store.text(_MIME_TYPE).lower() == "multipart/signed":
            name = "signed message.eml"
        yield Member(name or f"attachment-{number}", _content(store))


@dataclass(frozen=True)
class _Store:
    """A storage of the compound file: the message, an attachment, a message in an attachment."""

    container: Any
    names: frozenset[tuple[str, ...]]
    path: tuple[str, ...]

    def exists(self, name: str) -> bool:
        return (*self.path, name) in self.names

    def below(self, name: str) -> _Store:
        return _Store(self.container, self.names, (*self.path, name))

    def attachments(self) -> list[_Store]:
        depth = len(self.path)
        found = sorted(
            path[-1]
            for path in self.names
            if len(path) == depth + 1 and path[:depth] == self.path and _ATTACHMENT.fullmatch(path[-1])
        )
        return [self.below(name) for name in found]

    def read(self, name: str) -> bytes:
        if not self.exists(name):
            return b""
        data: bytes = self.container.openstream([*self.path, name]).read()
        return data

    def data(self, tag: int) -> bytes:
        """Return a binary property."""
        return self.read(f"__substg1.0_{tag:04x}0102")

    def text(self, tag: int) -> str:
        """Return a property of characters, "" where it is missing."""
        if wide := self.read(f"__substg1.0_{tag:04x}001f"):
            return wide.decode("utf-16-le", "replace").rstrip("\0")
        return decode(self.read(f"__substg1.0_{tag:04x}001e").rstrip(b"\0"))

    def numbers(self, start: int) -> dict[int, int]:
        """Return the properties of fixed length by id: numbers, or dates in 100 ns since 1601."""
        data = self.read(_PROPERTIES)[start:]
        rows = _PROPERTY.iter_unpack(data[: len(data) // _PROPERTY.size * _PROPERTY.size])
        return {tag: int.from_bytes(value if kind == 0x0040 else value[:4], "little") for kind, tag, _, value in rows}

    def file_name(self) -> str:
        """Return the name of an attachment, "" for none."""
        names = (self.text(tag) for tag in (_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME))
        return next((" ".join(name.split()) for name in names if name.strip()), "")


def _headers(store: _Store, numbers: dict[int, int]) -> dict[str, str]:
    values = {"Subject": store.text(_SUBJECT), "To": store.text(_TO), "Cc": store.text(_CC)}
    for name, address in ((_AUTHOR, (_AUTHOR_SMTP, _AUTHOR_ADDRESS)), (_SENDER, (_SENDER_SMTP, _SENDER_ADDRESS))):
        who, where = store.text(name), next((a for tag in address if "@" in (a := store.text(tag))), "")
        if who or where:
            values["From"] = f"{who} <{where}>" if who and where and who != where else who or where
            break
    if ticks := numbers.get(_SUBMITTED) or numbers.get(_DELIVERED):
        try:
            date = _EPOCH + datetime.timedelta(microseconds=ticks // 10)
            values["Date"] = date.strftime("%a, %d %b %Y %H:%M:%S +0000")
        except (OverflowError, ValueError):
            pass
    return {name: " ".join(value.split())[:_HEADER_CHARACTERS] for name, value in values.items()}


def _markup(data: bytes, numbers: dict[int, int]) -> str:
    """Return a page by the code page that the message names; by its bytes alone where that does not fit."""
    number = numbers.get(_INTERNET_CODEPAGE) or numbers.get(_CODEPAGE) or 0
    names = {65001: "utf-8", 20127: "ascii", 28591: "cp1252", 50220: "iso2022_jp", 20866: "koi8_r"}
    try:
        return data.decode(names.get(number, f"cp{number}") if number else "utf-8")
    except (LookupError, ValueError):
        return decode(data)


def _content(store: _Store) -> Iterator[bytes]:
    try:
        yield store.data(_DATA)
    except _BROKEN as error:
        raise BadFile("damaged", f"the attachment is broken: {error}"[:300], _RESTORE) from error
