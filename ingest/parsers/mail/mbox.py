"""Mailboxes in one file (mbox, RFC 4155): every mail is a document of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from appliance.types import Member
from ingest import media
from ingest.files import BadFile
from ingest.parsers.mail import mime
from ingest.parsers.options import Options

_LINE_BYTES = 65_536
_BLOCK_BYTES = 65_536
_HEADERS_BYTES = 65_536
_SUBJECT_CHARACTERS = 80
_HEADER = re.compile(rb"[!-9;-~]{1,200}:|>?From ")
_QUOTED = re.compile(rb">+From ")
_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


class MboxParser:
    """Reads mbox files."""

    media_types = frozenset({media.MBOX})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Member]:
        """Yield each mail as a member "0001 subject.eml", in the order of the file; there are no sections.

        A mail begins at a line "From " at the beginning, or after a blank line, that is followed by a header. Quoted
        lines (">From ") lose one sign. Memory does not grow with the file. Raises BadFile where no mail begins.
        """
        lines = _Lines(file)
        while lines.peek() in (b"\n", b"\r\n"):
            lines.take()
        if not lines.at_mail(after_blank=True):
            raise BadFile("damaged", "it is named a mailbox, but no mail begins in it", "Export the mailbox again.")
        number = 0
        while lines.peek():
            number += 1
            lines.take()
            headers = _headers(lines)
            yield Member(_name(headers, number), _mail(lines, headers))
            # What nobody has read is passed over.
            for _ in _rest(lines):
                pass


class _Lines:
    """A file line by line, looking two lines ahead. Lines of more than `_LINE_BYTES` come in pieces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._ahead: list[bytes] = []
        self._whole = True
        # Of the line that was taken last: whether the next piece begins a line, and whether it was blank.
        self._starts = True
        self.blank = True

    def _look(self, index: int) -> bytes:
        while len(self._ahead) <= index:
            self._ahead.append(self._file.readline(_LINE_BYTES))
        return self._ahead[index]

    def peek(self) -> bytes:
        return self._look(0)

    def take(self) -> bytes:
        line = self._look(0)
        del self._ahead[0]
        self.blank = self._starts and line in (b"\n", b"\r\n")
        self._starts = line.endswith(b"\n")
        return line

    def at_mail(self, after_blank: bool) -> bool:
        """Tell whether the next line begins a mail."""
        if not (after_blank and self._starts and self._look(0).startswith(b"From ")):
            return False
        return _HEADER.match(self._look(1)) is not None


def _headers(lines: _Lines) -> list[bytes]:
    """Return the lines of a mail's headers, as far as they are of ordinary length; the blank line stays."""
    found: list[bytes] = []
    size = 0
    while size < _HEADERS_BYTES and (line := lines.peek()) and line not in (b"\n", b"\r\n"):
        found.append(lines.take())
        size += len(line)
    return found


def _rest(lines: _Lines) -> Iterator[bytes]:
    """Yield the lines up to where the next mail begins, without the blank line in front of it."""
    held = b""
    while lines.peek() and not lines.at_mail(lines.blank):
        line = lines.take()
        if held:
            yield held
            held = b""
        if lines.blank:
            held = line
        else:
            yield line[1:] if _QUOTED.match(line) else line


def _mail(lines: _Lines, headers: list[bytes]) -> Iterator[bytes]:
    block = bytearray().join(headers)
    for line in _rest(lines):
        block += line
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _name(headers: list[bytes], number: int) -> str:
    subject = mime.header(mime.parse(b"".join(headers)), "Subject", _SUBJECT_CHARACTERS)
    return f"{number:04} {' '.join(_UNFIT.sub(' ', subject).split()) or 'no subject'}.eml"
