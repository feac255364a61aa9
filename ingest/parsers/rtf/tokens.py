"""Rich Text Format 1.9.1 as tokens, and the character sets of its fonts."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

_TOKEN = re.compile(
    rb"(?P<text>[^\\{}\r\n\0]+)|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|(?P<group>[{}])"
    rb"|\\'(?P<byte>[0-9a-fA-F]{2})|\\(?P<sign>[^a-zA-Z'])|[\r\n\0]+|\\'?",
    re.DOTALL,
)
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "cp950", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
    238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_PAGES = {65001: "utf-8", 10000: "mac_roman", 708: "iso8859_6", 936: "gbk", 950: "cp950", 1361: "johab"}
DEFAULT = "cp1252"


class Token(NamedTuple):
    """A brace ("{", "}"), a control word with its number (None without one), a control sign, or bytes of text."""

    kind: Literal["open", "close", "word", "sign", "text"]
    word: str = ""
    number: int | None = None
    data: bytes = b""


_OPEN, _CLOSE = Token("open"), Token("close")


def tokens(data: bytes) -> Iterator[Token]:
    """Yield the tokens of a file. Binary data (\\bin) is left out. Takes time in proportion to the length."""
    place = 0
    match = _TOKEN.match
    while found := match(data, place):
        place = found.end()
        kind = found.lastgroup
        if kind == "text":
            yield Token("text", data=found["text"])
        elif kind == "group":
            yield _OPEN if found["group"] == b"{" else _CLOSE
        elif kind in ("word", "number"):
            word, number = found["word"].decode("ascii"), found["number"]
            value = int(number) if number else None
            if word == "bin":
                place += max(0, value or 0)
            else:
                yield Token("word", word, value)
        elif kind == "byte":
            yield Token("text", data=bytes.fromhex(found["byte"].decode("ascii")), number=1)
        elif kind == "sign":
            yield Token("sign", found["sign"].decode("latin-1"))


def codec_of_charset(charset: int) -> str:
    """Return the encoding of a font's \\fcharset; "" where the document's own holds."""
    return _CHARSETS.get(charset, "")


def codec_of_page(page: int) -> str:
    """Return the encoding of a Windows code page (\\ansicpg, \\cpg); that of western Europe for one not known."""
    name = _PAGES.get(page, f"cp{page}")
    try:
        codecs.lookup(name)
    except LookupError:
        return DEFAULT
    return name
