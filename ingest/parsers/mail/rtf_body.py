"""The body of an Outlook message in RTF: decompressed ([MS-OXRTFCP]), and the page that it wraps ([MS-OXRTFEX])."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace

from ingest.files import BadFile

_COMPRESSED, _PLAIN = b"LZFu", b"MELA"
_HEADER_BYTES = 16
_WINDOW = 4096
# Outlook's own limit for a body is far below; the format can grow its input by 17 times at most per turn.
_MOST_BYTES = 50_000_000
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,9})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\'?"
)
_WORDS = {
    b"par": "\r\n", b"line": "\r\n", b"tab": "\t", b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c",
    b"rdblquote": "\u201d", b"bullet": "\u2022", b"endash": "\u2013", b"emdash": "\u2014",
}  # fmt: skip
_SIGNS = {b"\\": "\\", b"{": "{", b"}": "}", b"~": "&nbsp;", b"_": "&shy;", b"\n": "\r\n", b"\r": "\r\n"}
_CHARSETS = {
    128: "cp932", 129: "cp949", 134: "cp936", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255",
    178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_NO_TEXT = frozenset({b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pntext", b"pict", b"generator", b"listtable"})


def decompress(data: bytes) -> bytes:
    """Return the RTF in a compressed stream. Raises BadFile where it is broken or unpacks to more than any mail has."""
    if len(data) < _HEADER_BYTES:
        raise BadFile("damaged", "its text is cut off", "Save the message again.")
    raw_size, kind = int.from_bytes(data[4:8], "little"), data[8:12]
    if raw_size > _MOST_BYTES:
        raise BadFile("too_large", "its text unpacks to more than any mail holds", "Save the message as PDF.")
    if kind == _PLAIN:
        return data[_HEADER_BYTES : _HEADER_BYTES + raw_size]
    if kind != _COMPRESSED:
        raise BadFile("damaged", "its text is packed in an unknown way", "Save the message again.")
    return _unpacked(data, raw_size)


def _unpacked(data: bytes, raw_size: int) -> bytes:
    window = bytearray(_DICTIONARY.ljust(_WINDOW, b"\0"))
    end = len(_DICTIONARY)
    found = bytearray()
    at = _HEADER_BYTES
    while at < len(data) and len(found) < raw_size:
        control = data[at]
        at += 1
        for bit in range(8):
            if control >> bit & 1:
                reference = int.from_bytes(data[at : at + 2], "big")
                at += 2
                # A reference to the end of the window is how the stream ends.
                if at > len(data) or reference >> 4 == end:
                    return bytes(found[:raw_size])
                piece = bytearray()
                for i in range((reference & 15) + 2):
                    byte = window[((reference >> 4) + i) % _WINDOW]
                    window[end] = byte
                    end = (end + 1) % _WINDOW
                    piece.append(byte)
                found += piece
            elif at < len(data):
                window[end] = data[at]
                found.append(data[at])
                end = (end + 1) % _WINDOW
                at += 1
    return bytes(found[:raw_size])


@dataclass(frozen=True, slots=True)
class _Group:
    """What holds inside of one pair of braces."""

    skipped: bool = False
    rtf_only: bool = False
    fonts: bool = False
    font: int = 0
    star: bool = False
    per_character: int = 1


def page(rtf: bytes) -> str | None:
    """Return the HTML that an RTF body wraps, None for one that was written as RTF. Linear; never fails."""
    if b"\\fromhtml" not in rtf[:2000]:
        return None
    return _Page().read(rtf)


class _Page:
    def __init__(self) -> None:
        self._found: list[str] = []
        self._bytes = bytearray()
        self._group = _Group()
        self._above: list[_Group] = []
        self._codepage = "cp1252"
        self._fonts: dict[int, str] = {}
        self._defined = 0
        self._replaced = 0

    def read(self, rtf: bytes) -> str:
        for token in _TOKEN.finditer(rtf):
            word, number, code, sign, brace, text = token.groups()
            if brace == b"{":
                self._above.append(self._group)
                self._group = replace(self._group, star=False)
            elif brace == b"}":
                self._flush()
                self._group = self._above.pop() if self._above else self._group
            elif word:
                self._word(word, int(number) if number else None)
            elif code:
                self._raw(bytes([int(code, 16)]))
            elif sign == b"*":
                self._group = replace(self._group, star=True)
            elif sign:
                self._say(_SIGNS.get(sign, ""))
            elif text:
                self._raw(text)
        self._flush()
        return "".join(self._found)

    def _shown(self) -> bool:
        return not (self._group.skipped or self._group.rtf_only)

    def _raw(self, data: bytes) -> None:
        # A character in Unicode is followed by what older programs show in its place.
        if self._replaced:
            dropped = min(self._replaced, len(data))
            self._replaced -= dropped
            data = data[dropped:]
        if self._shown():
            self._bytes += data

    def _say(self, text: str) -> None:
        self._flush()
        if self._shown() and text:
            self._found.append(text)

    def _flush(self) -> None:
        if self._bytes:
            encoding = self._fonts.get(self._group.font, self._codepage)
            self._found.append(self._bytes.decode(encoding, "replace"))
            self._bytes.clear()

    def _word(self, word: bytes, number: int | None) -> None:
        group = self._group
        self._flush()
        if word == b"htmltag":
            self._group = replace(group, skipped=False, star=False)
        elif word == b"htmlrtf":
            self._group = replace(group, rtf_only=number != 0)
        elif group.star or word in _NO_TEXT:
            self._group = replace(group, skipped=True, star=False, fonts=word == b"fonttbl")
        elif word == b"f" and number is not None:
            self._defined = number
            self._group = replace(group, font=number)
        elif word == b"fcharset" and group.fonts and number in _CHARSETS:
            self._fonts[self._defined] = _CHARSETS[number]
        elif word == b"ansicpg" and number:
            self._codepage = _codepage(number)
        elif word == b"uc":
            self._group = replace(group, per_character=max(0, min(number or 0, 8)))
        elif word == b"u" and number is not None:
            self._say(chr(number % 65536))
            self._replaced = group.per_character
        elif word in _WORDS:
            self._say(_WORDS[word])


def _codepage(number: int) -> str:
    try:
        return codecs.lookup("utf-8" if number == 65001 else f"cp{number}").name
    except LookupError:
        return "cp1252"
