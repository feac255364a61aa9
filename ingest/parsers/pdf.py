"""PDF text by PDFium: page by page, paragraphs by the distance between lines."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Any, BinaryIO

import pypdfium2
from pypdfium2 import raw

from appliance.types import Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.text import unwrap

# What PDFium puts where a hyphen ended a line: the word's two parts stand on both sides of it.
_BROKEN = re.compile(r"(\w+)\ufffe(\w+)")
_WORD = re.compile(r"\w+(?:-\w+)*")
# Lines shorter than this part of the page's long ones end where their author ended them: rows, addresses, items.
_FULL_LINE = 0.7
# A gap this much wider than the page's usual one starts a paragraph.
_WIDE_GAP = 1.3
_DAMAGED = "Open it in a PDF reader and save it again, or restore it from a backup."


class PdfParser:
    """Reads the text layer of PDF files."""

    media_types = frozenset({media.PDF})

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section]:
        """Yield the paragraphs of each page, pages counted from 1.

        Raises BadFile where the document is encrypted or broken, or no page of it has text.
        """
        document = _open(file)
        try:
            pages = [list(_paragraphs(document, number)) for number in range(len(document))]
        finally:
            document.close()
        if not any(pages):
            raise BadFile("empty", "no text layer; its pages are images or blank", "Run OCR over it and save it again.")
        yield from _mend(pages)


def _mend(pages: list[list[str]]) -> Iterator[Section]:
    """Yield the paragraphs with words put together again that the end of a line had divided.

    The rest of the document knows whether a hyphen belongs to the word: "third-party" stays when it, or both of its
    parts, occur elsewhere; "infor-mation" does not.
    """
    words: set[str] = set()
    if any("\ufffe" in paragraph for page in pages for paragraph in page):
        for page in pages:
            for paragraph in page:
                words.update(word.casefold() for word in _WORD.findall(_BROKEN.sub(" ", paragraph)))

    def joined(match: re.Match[str]) -> str:
        left, right = match.group(1), match.group(2)
        whole = f"{left}{right}".casefold()
        apart = left.casefold() in words and right.casefold() in words
        hyphenated = f"{left}-{right}".casefold() in words or (apart and whole not in words) or not right.islower()
        return f"{left}-{right}" if hyphenated else left + right

    for number, page in enumerate(pages, 1):
        for paragraph in page:
            yield Section(_BROKEN.sub(joined, paragraph).replace("\ufffe", "-"), number, "paragraph")


def _open(file: BinaryIO) -> Any:
    try:
        document = pypdfium2.PdfDocument(file)
        if len(document) == 0:
            document.close()
            raise BadFile("damaged", "it has no pages", _DAMAGED)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise BadFile("encrypted", "the PDF is protected by a password", "Save it without a password.") from error
        raise BadFile("damaged", f"PDFium cannot open it: {error}", _DAMAGED) from error
    return document


def _paragraphs(document: Any, number: int) -> Iterator[str]:
    """Yield the paragraphs of one page. A page that PDFium cannot load yields nothing."""
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return
    text_page = page.get_textpage()
    try:
        text = text_page.get_text_range()
        lines = _lines(text_page, text)
    finally:
        text_page.close()
        page.close()
    lengths = sorted(len(line) for line, _ in lines)
    full = int(_FULL_LINE * lengths[len(lengths) * 9 // 10]) if lengths else 0
    gaps = [above - below for (_, above), (_, below) in pairwise(lines) if above > below]
    usual = median(gaps) if gaps else 0.0
    paragraph: list[str] = []
    for i, (line, height) in enumerate(lines):
        gap = lines[i - 1][1] - height if i else 0.0
        if paragraph and usual and (gap > _WIDE_GAP * usual or gap < -usual):
            yield unwrap(paragraph, full)
            paragraph = []
        paragraph.append(line)
    if paragraph:
        yield unwrap(paragraph, full)


def _lines(text_page: Any, text: str) -> list[tuple[str, float]]:
    """Return the lines of a page with the height of their first character, in points from the page's bottom."""
    lines = []
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    height, offset = 0.0, 0
    for line in text.split("\n"):
        # Soft hyphens inside a line are drawn as hyphens.
        words = " ".join(line.replace("\u00ad", "-").split())
        if words:
            start = offset + len(line) - len(line.lstrip())
            index = raw.FPDFText_GetCharIndexFromTextIndex(text_page, start)
            if index >= 0 and raw.FPDFText_GetCharBox(text_page, index, left, right, bottom, top):
                height = bottom.value
            lines.append((words, height))
        offset += len(line) + 1
    return lines
