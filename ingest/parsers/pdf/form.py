"""What is written into the forms of a PDF, and on its pages as free text: annotations, which a page's text lacks."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pypdfium2
from pypdfium2 import raw

from appliance.types import FindingKind, Section
from ingest.parsers.pdf.page import CONTRAST, Frame, Picture, Rect, area, intersection, render, within_reason

_FIELDS = frozenset({raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX})
# ISO 32000-1, 12.5.3: hidden and no-view; and 12.7.4.3: password.
_NOT_SHOWN = 2 | 32
_PASSWORD = 1 << 13
_DPI = 100.0
_PIXELS = 16_000_000
_BORDER_POINTS = 2.0
# Going over a letter of 6 points line by line, one meets 8 changes of brightness or more; a filled box has two a line.
# Of a long text in a small field one sees the beginning.
_EDGES_PER_LETTER = 4
_VALUE_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Written:
    """The text of one annotation, and why it is not seen, if so."""

    section: Section
    unseen: FindingKind | None


def form_of(document: Any) -> Any:
    """Return PDFium's handle of a document's form, None where it has none. To be called before pages are opened."""
    if raw.FPDF_GetFormType(document) == raw.FORMTYPE_NONE:
        return None
    try:
        document.init_forms()
    except pypdfium2.PdfiumError:
        # A form that PDFium cannot make sense of is a form without values.
        return None
    return document.formenv


def written(page: Any, frame: Frame, form: Any, number: int) -> Iterator[Written]:
    """Yield the values of form fields and the free texts on a page. `number` is the page's, from 1."""
    picture: list[Picture] = []

    def look() -> Picture:
        if not picture:
            picture.append(_picture(page, frame, form))
        return picture[0]

    for i in range(raw.FPDFPage_GetAnnotCount(page)):
        with _annotation(page, i) as annotation:
            text = _text(annotation, form) if annotation else ""
            if not text.strip():
                continue
            rect = _rect(annotation)
            kind = _unseen(annotation, rect, frame) or _too_little_ink(text, rect, look())
            section = Section(text.replace("\r\n", "\n").replace("\r", "\n"), number, "paragraph", frame.box(rect))
            yield Written(section, kind)


@contextmanager
def _annotation(page: Any, index: int) -> Iterator[Any]:
    annotation = raw.FPDFPage_GetAnnot(page, index)
    try:
        yield annotation or None
    finally:
        if annotation:
            raw.FPDFPage_CloseAnnot(annotation)


def _text(annotation: Any, form: Any) -> str:
    match raw.FPDFAnnot_GetSubtype(annotation):
        case raw.FPDF_ANNOT_FREETEXT:
            return _string(lambda buffer, size: raw.FPDFAnnot_GetStringValue(annotation, b"Contents", buffer, size))
        case raw.FPDF_ANNOT_WIDGET if form and raw.FPDFAnnot_GetFormFieldType(form, annotation) in _FIELDS:
            if raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
                return ""
            return _string(lambda buffer, size: raw.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size))
        case _:
            return ""


def _string(ask: Callable[[Any, int], int]) -> str:
    size = ask(None, 0)
    if not 2 < size <= _VALUE_BYTES:
        return ""
    units = (ctypes.c_ushort * (size // 2 + 1))()
    ask(units, size)
    return bytes(units)[: size - 2].decode("utf-16-le", "replace")


def _rect(annotation: Any) -> Rect:
    rect = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(annotation, rect)
    return within_reason((rect.left, min(rect.bottom, rect.top), rect.right, max(rect.bottom, rect.top)))


def _unseen(annotation: Any, rect: Rect, frame: Frame) -> FindingKind | None:
    if raw.FPDFAnnot_GetFlags(annotation) & _NOT_SHOWN:
        return "hidden"
    if area(intersection(rect, frame.rect)) <= 0:
        return "off_page" if area(rect) > 0 else "hidden"
    return None


def _too_little_ink(text: str, rect: Rect, picture: Picture) -> FindingKind | None:
    """Say that a text is hidden where its place shows too few strokes for its letters.

    What an annotation looks like is drawn apart from what it says: nothing keeps the two in agreement.
    """
    inset = min(_BORDER_POINTS, (rect[2] - rect[0]) / 4, (rect[3] - rect[1]) / 4)
    inner = (rect[0] + inset, rect[1] + inset, rect[2] - inset, rect[3] - inset)
    pixels = picture.pixels[picture.slices(inner)].astype(np.int16)
    edges = (np.abs(np.diff(pixels, axis=1)).max(axis=2, initial=0) >= CONTRAST).sum()
    return None if edges >= _EDGES_PER_LETTER * len("".join(text.split())) else "hidden"


def _picture(page: Any, frame: Frame, form: Any) -> Picture:
    if not form:
        return render(page, frame, (_DPI, _PIXELS))
    raw.FORM_OnAfterLoadPage(page, form)
    try:
        return render(page, frame, (_DPI, _PIXELS), form=form)
    finally:
        raw.FORM_OnBeforeClosePage(page, form)
