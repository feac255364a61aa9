"""Pages of a PDF that are pictures: when to read them by OCR, and whether a text layer says what its picture says."""

from __future__ import annotations

import ctypes
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from PIL import Image as Pictures
from pypdfium2 import raw

from appliance.types import Box, Section
from ingest.files import BadFile
from ingest.parsers.images.ocr import Line
from ingest.parsers.pdf.objects import INVISIBLE, Drawn, Image
from ingest.parsers.pdf.page import Frame, Picture, Rect, area, intersection, render
from ingest.parsers.pdf.screen import Piece, Unseen

_DPI = 200.0
# Small print, as in a chart, where that finds nothing.
_FINE_DPI = 400.0
_PIXELS = 40_000_000
_COMPARED_DPI = 150.0
# A page with fewer characters than this, most of it under pictures, is a scan with a stamp on it.
_FEW_CHARACTERS = 100
_MOST_OF_PAGE = 0.5
# More characters than this that stand for no letter: a font without a table of what its glyphs mean.
_UNDECODABLE = 0.3
# Pictures beside text: how large, how many in one file, and after how many without a word in them to stop.
_LARGE_PICTURE = 0.25
_PICTURES = 30
_WORDLESS = 5
_SURE = 0.6
_PICTURE_WORDS = 3
_TEXTS_ON_PICTURE = 5
_HASHED_BYTES = 2_000_000
# Comparing a layer takes about a second a page. Past so many pages of one file it is only checked that there is ink
# where the layer has words.
_COMPARED_PAGES = 60
_INKED = 0.8
_INK = 24
_INK_DPI = 100.0
_FOUND = 0.5
_MISSING_IN_A_ROW = 8
# So many words say that OCR knows the language.
_SPEAKS = 20
_LATIN = "LATIN"
_SAMPLE = 2000
_WORD = re.compile(r"\w\w+")
_UNREADABLE = re.compile(r"[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]")


class Reader(Protocol):
    """What reads pictures: the module `images.ocr`."""

    def available(self) -> bool:
        """Tell whether it is installed."""
        ...

    def read(self, image: Pictures.Image, languages: tuple[str, ...], points_per_pixel: float) -> list[Line]:
        """Return the lines of an image."""
        ...

    def sections(self, lines: Sequence[Line], page: int | None) -> Iterator[Section]:
        """Yield the paragraphs of lines."""
        ...


@dataclass(slots=True)
class Scanner:
    """Reads the pictures of one file. It keeps count, so that a file full of photographs costs no more than a few."""

    reader: Reader
    languages: tuple[str, ...]
    problem: BadFile | None = None
    _compared: int = 0
    _pictures: int = 0
    _wordless: int = 0
    _known: set[tuple[int, bytes]] = field(default_factory=set)

    @property
    def able(self) -> bool:
        """Tell whether OCR is switched on and installed, with one of the languages at least."""
        return bool(self.languages) and self.problem is None and self.reader.available()

    def page(self, page: Any, frame: Frame, dpi: float = _DPI) -> list[Line]:
        """Return the lines of a page as displayed. Where there are none, it is looked at more closely."""
        lines = self._read(render(page, frame, (dpi, _PIXELS), grey=True), (0.0, 0.0))
        return lines or self._read(render(page, frame, (_FINE_DPI, _PIXELS), grey=True), (0.0, 0.0))

    def sections(self, lines: Sequence[Line], page: int) -> list[Section]:
        """Return the paragraphs of what was read."""
        return list(self.reader.sections(lines, page))

    def pictures(self, page: Any, frame: Frame, found: Drawn) -> list[Line]:
        """Return the lines in large pictures that stand beside the text of a page."""
        lines: list[Line] = []
        for image in found.images:
            if self._pictures >= _PICTURES or self._wordless >= _WORDLESS:
                break
            if not self._worth_reading(image, frame, found):
                continue
            self._pictures += 1
            part = render(page, frame, (_DPI, _PIXELS), image.rect, grey=True)
            read = [line for line in self._read(part, part.origin) if line.confidence >= _SURE]
            some = sum(len(_WORD.findall(line.text)) for line in read) >= _PICTURE_WORDS
            self._wordless = 0 if some else self._wordless + 1
            first = max((line.paragraph for line in lines), default=-1) + 1
            lines.extend(replace(line, paragraph=line.paragraph + first) for line in (read if some else ()))
        return lines

    def confirms(self, page: Any, frame: Frame, text: str, boxes: Sequence[Rect]) -> tuple[bool, list[Line]]:
        """Tell whether the picture of a page says what its text layer says, and return what was read of it.

        `boxes` are the places of the layer's characters. The layer must be off the page.
        """
        if not self.able:
            return True, []
        self._compared += 1
        if self._compared > _COMPARED_PAGES and inked(page, frame, boxes):
            return True, []
        lines = self.page(page, frame, _COMPARED_DPI)
        read = " ".join(line.text for line in lines)
        if not self.able or agrees(text, read):
            return True, []
        # Where the languages of OCR are not that of the document it reads nothing to speak of, and cannot contradict.
        foreign = _script(text) != _LATIN and len(_WORD.findall(read)) < _SPEAKS
        return foreign and inked(page, frame, boxes), lines

    def _worth_reading(self, image: Image, frame: Frame, found: Drawn) -> bool:
        if area(intersection(image.rect, frame.rect)) < _LARGE_PICTURE * area(frame.rect):
            return False
        over = sum(area(intersection(text.rect, image.rect)) > area(text.rect) / 2 for text in found.texts)
        if over > _TEXTS_ON_PICTURE:
            return False
        key = _digest(image)
        known = key in self._known
        self._known.add(key)
        return not known

    def _read(self, picture: Picture, origin: tuple[float, float]) -> list[Line]:
        image = Pictures.fromarray(np.ascontiguousarray(picture.pixels[:, :, 0]))
        try:
            lines = self.reader.read(image, self.languages, 1 / picture.per_point)
        except BadFile as problem:
            # A language that is not installed: what needs no OCR is read all the same.
            self.problem = problem
            return []
        return [replace(line, box=_shifted(line.box, *origin)) for line in lines]


def usable(text: str, frame: Frame, found: Drawn) -> bool:
    """Tell whether the text of a page can stand for the page."""
    characters = len("".join(text.split()))
    if not characters or len(_UNREADABLE.findall(text)) > _UNDECODABLE * characters:
        return False
    return characters >= _FEW_CHARACTERS or pictured(frame, found) < _MOST_OF_PAGE


def pictured(frame: Frame, found: Drawn) -> float:
    """Return how much of a page is under images, 0 to 1; those on each other count as often as they are there."""
    covered = sum(area(intersection(image.rect, frame.rect)) for image in found.images)
    return min(1.0, covered / max(area(frame.rect), 1.0))


def layer(frame: Frame, found: Drawn, gone: Unseen, characters: int) -> list[Piece]:
    """Return the unseen texts of a page that are the text layer of its picture, as OCR programs write it.

    That is text in invisible mode or under a picture, on the picture, on a page that is mostly picture and shows next
    to no other text. `characters` is how many the page has in all.
    """
    if pictured(frame, found) < _MOST_OF_PAGE:
        return []
    pieces = [
        piece
        for piece in gone.pieces
        if (piece.kind == "hidden" and piece.text.mode == INVISIBLE) or piece.kind == "covered"
        if any(area(intersection(piece.text.rect, image.rect)) >= area(piece.text.rect) / 2 for image in found.images)
    ]
    size = sum(len(piece.characters) for piece in pieces)
    seen = characters - sum(len(piece.characters) for piece in gone.pieces)
    return pieces if size and seen <= max(_FEW_CHARACTERS, size / 4) else []


def agrees(layer_text: str, read_text: str) -> bool:
    """Tell whether what was read confirms a layer: half of its words or more, and no stretch of 8 without any.

    Words count as found that differ by one letter left out, put in or exchanged.
    """
    known: set[str] = set()
    for word in set(_WORD.findall(read_text.casefold())):
        known |= _variants(word)
    found = [not known.isdisjoint(_variants(word)) for word in _WORD.findall(layer_text.casefold())]
    missing = longest = 0
    for one in found:
        missing = 0 if one else missing + 1
        longest = max(longest, missing)
    return longest < _MISSING_IN_A_ROW and sum(found) >= _FOUND * len(found)


def inked(page: Any, frame: Frame, boxes: Sequence[Rect]) -> bool:
    """Tell whether a page shows something, be it what it may, at nearly all of these places."""
    picture = render(page, frame, (_INK_DPI, _PIXELS), grey=True)
    spreads = [np.ptp(part) if part.size else 0 for part in (picture.pixels[picture.slices(box)] for box in boxes)]
    return sum(bool(spread >= _INK) for spread in spreads) >= _INKED * len(spreads)


def _script(text: str) -> str:
    """Return the script of most letters of a text, by the first word of their names in Unicode."""
    names = Counter(unicodedata.name(letter, "").split(" ")[0] for letter in text[:_SAMPLE] if letter.isalpha())
    return names.most_common(1)[0][0] if names else _LATIN


def _variants(word: str) -> set[str]:
    # Two words are one edit apart, or nearly, if leaving out a letter of each makes them equal.
    if len(word) < 4:
        return {word}
    return {word, *(word[:i] + word[i + 1 :] for i in range(min(len(word), 30)))}


def _shifted(box: Box, x: float, y: float) -> Box:
    return Box(round(box.left + x, 1), round(box.top + y, 1), round(box.right + x, 1), round(box.bottom + y, 1))


def _digest(image: Image) -> tuple[int, bytes]:
    size = raw.FPDFImageObj_GetImageDataRaw(image.handle, None, 0)
    if not 0 < size <= _HASHED_BYTES:
        return size, b"%d" % image.order if size <= 0 else b""
    data = ctypes.create_string_buffer(size)
    raw.FPDFImageObj_GetImageDataRaw(image.handle, data, size)
    return size, hashlib.sha256(data.raw).digest()
