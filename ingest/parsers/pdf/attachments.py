"""Files that are embedded in a PDF (ISO 32000-1, 7.11.4)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import pypdfium2
from pypdfium2 import raw

from appliance.types import Member
from ingest.files import BadFile

# PDFium unpacks an attachment as a whole.
_BYTES = 200_000_000
_ATTACHMENTS = 1000
_NAMELESS = "attachment"


def attachments(document: Any) -> Iterator[Member]:
    """Yield the files embedded in an open document, by the names that stand there."""
    for index in range(min(document.count_attachments(), _ATTACHMENTS)):
        try:
            attachment = document.get_attachment(index)
            name = attachment.get_name() or _NAMELESS
        except pypdfium2.PdfiumError:
            # A place in the list that leads to no file.
            continue
        yield Member(name, _content(attachment))


def _content(attachment: Any) -> Iterator[bytes]:
    size = ctypes.c_ulong()
    if not raw.FPDFAttachment_GetFile(attachment, None, 0, size):
        raise BadFile("damaged", "it is broken inside of the PDF", "Get the attached file from whoever made the PDF.")
    if size.value > _BYTES:
        raise BadFile("too_large", f"it has {size.value} bytes, {_BYTES} are allowed", "Take it out of the PDF.")
    if size.value:
        yield bytes(attachment.get_data())
