"""PDF by PDFium: what a person sees on each page, in reading order; the rest is reported (see `screen`).

Where a page has no usable text it is read by OCR. Text in invisible ink over a picture of the page is what OCR programs
write; it is kept while it says what the picture says. Where no OCR is available to compare, it is kept as well: the
normal case by far, and without it a scan would say nothing at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, BinaryIO

import pypdfium2
from pypdfium2 import raw

from appliance.types import Finding, FindingKind, Member, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.images import ocr
from ingest.parsers.options import Options
from ingest.parsers.pdf.attachments import attachments
from ingest.parsers.pdf.form import form_of, written
from ingest.parsers.pdf.layers import layered
from ingest.parsers.pdf.objects import Drawn, drawn
from ingest.parsers.pdf.page import Frame, address, frame_of, opened, text_of
from ingest.parsers.pdf.scan import Reader, Scanner, agrees, layer, usable
from ingest.parsers.pdf.screen import Piece, Unseen, hide, show, unseen
from ingest.parsers.pdf.text import Entry, Paragraph, paragraphs, plain, sections, squeezed

_DAMAGED = "Open it in a PDF reader and save it again, or restore it from a backup."
_OUTLINE_ENTRIES = 10_000
_OUTLINE_DEPTH = 10

Part = Paragraph | Section


class PdfParser:
    """Reads PDF files."""

    media_types = frozenset({media.PDF})

    def __init__(self, options: Options, reader: Reader = ocr) -> None:
        self._options = options
        self._reader = reader

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding | Member]:
        """Yield the paragraphs and headings of each page, pages counted from 1, what was kept out, and attached files.

        Raises BadFile where the document is encrypted or broken, has too many pages, or holds neither text nor files.
        """
        document = _open(file)
        try:
            yield from self._parse(document, layered(file))
        finally:
            document.close()

    def _parse(self, document: Any, layers: bool) -> Iterator[Section | Finding | Member]:
        _count(document, self._options.pages)
        scanner = Scanner(self._reader, self._options.ocr_languages)
        reading = _Reading(document, layers, scanner)
        pages = []
        for number in range(len(document)):
            pages.append(reading.page(number))
            self._options.alive()
        if reading.loaded == 0:
            raise BadFile("damaged", "PDFium cannot load any of its pages", _DAMAGED)
        members = attachments(document)
        first = next(members, None)
        findings = list(reading.findings(pages))
        if first is None and not any(pages) and not findings:
            raise scanner.problem or self._empty(reading)
        yield from sections(pages, list(_outline(document)))
        yield from findings
        if first is not None:
            yield from chain((first,), members)

    def _empty(self, reading: _Reading) -> BadFile:
        if not reading.objects:
            return BadFile("empty", "its pages are blank", "Check that the right file was saved.")
        if not self._options.ocr_languages:
            return BadFile(
                "empty",
                "its pages are images without text, and reading images (OCR) is switched off",
                "Name languages in ingest.ocr_languages, or save it with a text layer.",
            )
        if not self._reader.available():
            return BadFile(
                "empty",
                "its pages are images without text, and Tesseract, which reads images, is not installed",
                "Install Tesseract with its languages, or save the file with a text layer.",
            )
        return BadFile("empty", "its pages are images, and no text could be read from them", "Scan it at 300 dpi.")


@dataclass(frozen=True, slots=True)
class _Sheet:
    """An open page, what is shown of it, and its number, from 1."""

    page: Any
    frame: Frame
    number: int


class _Reading:
    """One pass over the pages of a document: what is on them, and what was kept out."""

    def __init__(self, document: Any, layers: bool, scanner: Scanner) -> None:
        self._unseen: list[tuple[int, FindingKind, str]] = []
        self.loaded = 0
        self.objects = 0
        self._document = document
        self._form = form_of(document)
        self._layers = layers
        self._scanner = scanner

    def page(self, number: int) -> list[Part]:
        """Return what a page shows; nothing of a page that PDFium cannot load. `number` is from 0."""
        with opened(self._document, number) as page:
            if page is None:
                return []
            self.loaded += 1
            sheet = _Sheet(page, frame_of(page), number + 1)
            parts = self._seen(sheet)
            for text in written(page, sheet.frame, self._form, sheet.number):
                if text.unseen:
                    self._unseen.append((sheet.number, text.unseen, text.section.text))
                else:
                    parts.append(text.section)
            return parts

    def findings(self, pages: Sequence[Sequence[Part]]) -> Iterator[Finding]:
        """Yield how much was kept out, by page and reason. `pages` is what `page` returned.

        What the same page or the next one shows as well is not reported: programs that print draw a line that a page's
        end cuts once on each, and shadows of titles in the colour of paper.
        """
        counts: Counter[tuple[int, FindingKind]] = Counter()
        shown: dict[int, str] = {}
        for number, kind, text in self._unseen:
            near = range(max(number - 2, 0), min(number + 1, len(pages)))
            for i in near:
                if i not in shown:
                    shown[i] = plain(_text(pages[i]))
            if not any(plain(text) in shown[i] for i in near):
                counts[number, kind] += len("".join(text.split()))
        for number, kind in counts:
            yield Finding(kind, f"page {number}", counts[number, kind])

    def _seen(self, sheet: _Sheet) -> list[Part]:
        """Return the text that a page shows, of itself or as a picture; note the rest."""
        with text_of(sheet.page) as text_page:
            found = drawn(sheet.page, text_page, sheet.frame, self._layers)
            if not found.replacements:
                gone, parts = self._screened(sheet, text_page, found)
        if found.replacements:
            self._unseen.extend((sheet.number, "hidden", text) for text in found.replacements)
            with text_of(sheet.page) as text_page:
                gone, parts = self._screened(sheet, text_page, found)
        self.objects += found.objects
        if gone.whole:
            characters = len("".join(_text(parts).split()))
            hide(gone.whole)
            if of_layer := layer(sheet.frame, found, gone, characters):
                # The picture under a layer is read there, or is what the layer stands for.
                return self._layer(sheet, gone, of_layer)
            parts = [*self._paragraphs(sheet, gone)]
        self._note(sheet, gone.pieces)
        return self._with_pictures(sheet, parts, found)

    def _screened(self, sheet: _Sheet, text_page: Any, found: Drawn) -> tuple[Unseen, list[Part]]:
        """Return what of a page is not seen, and its paragraphs; all of them, where whole texts are unseen."""
        gone = unseen(sheet.page, text_page, sheet.frame, found)
        seen, narrow = squeezed(paragraphs(text_page, sheet.frame, sheet.number, {} if gone.whole else gone.parts))
        if narrow and not gone.whole:
            self._unseen.append((sheet.number, "tiny", narrow))
        return gone, [*seen]

    def _paragraphs(self, sheet: _Sheet, gone: Unseen) -> list[Paragraph]:
        with text_of(sheet.page) as text_page:
            seen, narrow = squeezed(paragraphs(text_page, sheet.frame, sheet.number, gone.parts))
        if narrow:
            self._unseen.append((sheet.number, "tiny", narrow))
        return seen

    def _layer(self, sheet: _Sheet, gone: Unseen, pieces: Sequence[Piece]) -> list[Part]:
        """Return the text of a page that is a picture: with its layer if that is true, else by OCR."""
        texts = [piece.text for piece in pieces]
        show(texts)
        parts = [paragraph.unsized() for paragraph in self._paragraphs(sheet, gone)]
        hide(texts)
        of_layer = {id(piece) for piece in pieces}
        self._note(sheet, [piece for piece in gone.pieces if id(piece) not in of_layer])
        boxes = [box for text in texts for box in gone.boxes[address(text.handle)]]
        true, lines = self._scanner.confirms(sheet.page, sheet.frame, _text(parts), boxes)
        if true:
            return [*parts]
        self._note(sheet, [replace(piece, kind="contradicts_image") for piece in pieces])
        return [*self._scanner.sections(lines, sheet.number)]

    def _with_pictures(self, sheet: _Sheet, parts: list[Part], found: Drawn) -> list[Part]:
        """Return the parts of a page and what its pictures say; that instead, where the page has no usable text."""
        if not self._scanner.able or not found.objects:
            return parts
        text = _text(parts)
        if usable(text, sheet.frame, found):
            lines = self._scanner.pictures(sheet.page, sheet.frame, found)
            return [*parts, *self._scanner.sections(lines, sheet.number)]
        lines = self._scanner.page(sheet.page, sheet.frame)
        read = " ".join(line.text for line in lines)
        # A stamp that OCR could not read stays; a layer of signs that stand for no letters does not.
        rest = [part for part in parts if usable(part.text, sheet.frame, Drawn()) and not agrees(part.text, read)]
        return [*rest, *self._scanner.sections(lines, sheet.number)]

    def _note(self, sheet: _Sheet, pieces: Iterable[Piece]) -> None:
        self._unseen.extend((sheet.number, piece.kind, piece.characters) for piece in pieces)


def _text(parts: Iterable[Part]) -> str:
    return "\n".join(part.text for part in parts)


def _count(document: Any, most: int) -> None:
    if len(document) == 0:
        raise BadFile("damaged", "it has no pages", _DAMAGED)
    if len(document) > most:
        raise BadFile(
            "too_large", f"it has {len(document)} pages, {most} are allowed", "Split it, or raise ingest.pages."
        )


def _open(file: BinaryIO) -> Any:
    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise BadFile("encrypted", "the PDF is protected by a password", "Save it without a password.") from error
        raise BadFile("damaged", f"PDFium cannot open it: {error}", _DAMAGED) from error


def _outline(document: Any) -> Iterator[Entry]:
    """Yield the entries of a document's outline that lead to a page of it."""
    for entry in islice(document.get_toc(max_depth=_OUTLINE_DEPTH), _OUTLINE_ENTRIES):
        target = entry.get_dest()
        page = target.get_index() if target else None
        if page is not None:
            yield page + 1, entry.level + 1, entry.get_title()
