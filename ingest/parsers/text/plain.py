"""Plain text: paragraphs are what blank lines divide.

unstructured is not asked here: without a language model its classes are guesses, and there is nothing else to find.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from charset_normalizer import from_bytes

from appliance.types import Section
from ingest import media
from ingest.parsers.options import Options

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 100_000
_ASCII = bytes(range(128))
# Of what is no ASCII in a file, so much at most may be broken for it still to be UTF-8: one in ten.
_BROKEN_AT_MOST = 10
# Letters beyond ASCII are fewer than this times the usual ones where the alphabet is Latin.
_LATIN_SHARE = 0.6
_CERTAIN = 0.9
# In the order of how often they are met. charset-normalizer takes French in Latin-1 for cp1250, and knows less of DOS.
_LATIN = ("cp1252", "iso8859-15", "cp1250", "iso8859-2", "cp850", "cp437", "cp852", "mac-roman", "cp1254", "cp1257")
_LANGUAGES = (
    "äöüßÄÖÜ", "éèêëàâçîïôûùüœæÉÈÊÀÂÇÎÔŒ", "áéíóúüñÁÉÍÓÚÑ¿¡", "àèéìíîòóùúÀÈÉÌÒÙ", "áâãàçéêíóôõúüÁÂÃÀÇÉÊÍÓÔÕÚ",
    "åäöæøéÅÄÖÆØÉ", "éëïèöüáóíÉ", "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", "áčďéěíňóřšťúůýžľĺŕôäÁČĎÉĚÍŇÓŘŠŤÚŮÝŽĽ", "áéíóöőúüűÁÉÍÓÖŐÚÜŰ",
    "ăâîșțşţĂÂÎȘȚŞŢ", "čćđšžČĆĐŠŽ", "çğıöşüâîÇĞİÖŞÜ", "āčēģīķļņšūžąęėįųĀČĒĢĪĶĻŅŠŪŽĄĘĖĮŲ", "äöõüšžÄÖÕÜŠŽ",
)  # fmt: skip
_SIGNS = "«»„“”‘’‚–—…€£§°©®™·•²³½\u00a0\u00ad─│┌┐└┘├┤┬┴┼═║╔╗╚╝█░"
_ORDINARY = re.compile("[ -~\\n\\r\\t、。，]")
_LIST_ITEM = re.compile(r"\s*([-*•–]|\d{1,3}[.)]|[a-z][.)])\s+\S")
_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
# Below this a line ends where its author pressed return, not where the page was full.
_FULL_LINE = 50


class TextParser:
    """Reads text files in any common encoding."""

    media_types = frozenset({media.TEXT})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section]:
        """Yield one section a paragraph, its hard line breaks undone."""
        yield from paragraphs(decode(file.read()))


def paragraphs(text: str) -> Iterator[Section]:
    """Yield the paragraphs of plain text, their hard line breaks undone."""
    for paragraph in _BLANK_LINES.split(text):
        joined = unwrap(paragraph.split("\n"), _FULL_LINE)
        if joined:
            yield Section(joined, None, "paragraph")


def decode(data: bytes) -> str:
    """Return the text of these bytes, line ends as "\\n". Never fails: a byte that fits no guess becomes U+FFFD."""
    return _decode(data).replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data[:_SAMPLE_BYTES]:
        return data.decode(_wide(data[:_SAMPLE_BYTES]), "replace")
    if b"\x1b$" in data[:_SAMPLE_BYTES]:
        return data.decode("iso2022_jp", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(guess(data), "replace")


def guess(data: bytes) -> str:
    """Return the encoding that these bytes are most likely in, where they are no flawless UTF-8 and have no mark."""
    high = data.translate(None, _ASCII)
    if not high:
        return "utf-8"
    # A few broken bytes, perhaps where the file was cut off, do not make another encoding of it.
    text = data.decode("utf-8", "replace")
    if text.count("\ufffd") * _BROKEN_AT_MOST < len(text) - len(text.encode("ascii", "ignore")):
        return "utf-8"
    if len(high) < _LATIN_SHARE * (len(data) - len(data.translate(None, b"aeinorst"))):
        encoding, certainty = _latin(Counter(high[:_SAMPLE_BYTES]))
        if certainty >= _CERTAIN:
            return encoding
    # What comes before the first letter of another alphabet says nothing.
    first = max(0, data.find(high[:1]) - 1000)
    best = from_bytes(data[first : first + _SAMPLE_BYTES]).best()
    return best.encoding if best else "cp1252"


def _wide(sample: bytes) -> str:
    """Return which kind of UTF-16 or UTF-32 this is, by where its zeros are and which order makes more sense."""
    whole = sample[: len(sample) // 4 * 4]
    if whole and max(whole[3::4]) == 0 and max(whole[2::4]) <= 0x10:
        return "utf-32-le"
    if whole and max(whole[0::4]) == 0 and max(whole[1::4]) <= 0x10:
        return "utf-32-be"
    orders = ("utf-16-le", "utf-16-be")
    return max(orders, key=lambda order: len(_ORDINARY.findall(sample.decode(order, "replace"))))


def _latin(high: Counter[int]) -> tuple[str, float]:
    """Return the encoding of Latin letters in which most of these bytes are letters of one and the same language, and
    which part of them is.
    """
    best, most = "cp1252", 0.0
    for encoding in _LATIN:
        letters = {byte: bytes([byte]).decode(encoding, "replace") for byte in high}
        for language in _LANGUAGES:
            known = sum(count for byte, count in high.items() if letters[byte] in language or letters[byte] in _SIGNS)
            if known > most * high.total():
                best, most = encoding, known / high.total()
    return best, most


def unwrap(lines: Sequence[str], full_line: int) -> str:
    """Join the lines of a paragraph that was wrapped at a margin; keep lists, addresses and rows line by line.

    A line of `full_line` characters or more is taken to go on in the next one.
    """
    joined: list[str] = []
    before = ""
    for line in (line.strip() for line in lines if line.strip()):
        if joined and len(before) >= full_line and not _LIST_ITEM.match(line):
            joined[-1] += " " + line
        else:
            joined.append(line)
        before = line
    return "\n".join(joined)
