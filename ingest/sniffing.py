"""Decides what a file is: by its content first, and by its name where text has no signature of its own.

`sniff_zip` and `sniff_ole` look into containers, `sniff_text` at texts, `signatures` names what is not read.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from ingest import media, signatures, sniff_ole, sniff_text, sniff_zip
from ingest.files import BadFile

HEAD_BYTES = 65_536
_PDF_HEADER_WITHIN = 1024
_PDF_HEADER = re.compile(rb"(?:^|[\r\n])%PDF-\d")
_PDF_OBJECT = re.compile(rb"\b\d+ \d+ obj\b")
_RESTORE = "Open it in its own program and save it again, or restore it from a backup."

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK\x03\x04")
# Of a signature that two kinds share, the longer one comes first.
_READ = (
    (0, b"\x89PNG\r\n\x1a\n", media.PNG),
    (0, b"\xff\xd8\xff", media.JPEG),
    (0, b"GIF87a", media.GIF),
    (0, b"GIF89a", media.GIF),
    (0, b"II*\0", media.TIFF),
    (0, b"MM\0*", media.TIFF),
    (0, b"II+\0", media.TIFF),
    (0, b"MM\0+", media.TIFF),
    (8, b"WEBPVP8", media.WEBP),
    (0, b"\x1f\x8b\x08", media.GZIP),
    (0, b"\xfd7zXZ\0", media.XZ),
    # Excel from before 1995 put its records into the file itself: [MS-XLS] came later, the parser knows them.
    (0, b"\x09\0\x04\0", media.XLS),
    (0, b"\x09\x02\x06\0", media.XLS),
    (0, b"\x09\x04\x06\0", media.XLS),
)
_BZIP2 = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")
# What a file should have been by its name, where its content says nothing.
_PROMISED = {
    "pdf": "a PDF file", "docx": "a Word document", "docm": "a Word document", "dotx": "a Word template",
    "pptx": "a presentation", "pptm": "a presentation", "ppsx": "a presentation", "xlsx": "an Excel workbook",
    "xlsm": "an Excel workbook", "doc": "a Word document", "xls": "an Excel workbook", "ppt": "a presentation",
    "msg": "an Outlook message", "odt": "a text document", "ods": "a spreadsheet", "odp": "a presentation",
    "epub": "an e-book", "zip": "an archive", "gz": "a compressed file", "tgz": "an archive",
    "bz2": "a compressed file", "tbz2": "an archive", "xz": "a compressed file", "tar": "an archive",
    "png": "an image", "jpg": "an image",
    "jpeg": "an image", "tif": "an image", "tiff": "an image", "gif": "an image", "bmp": "an image", "webp": "an image",
}  # fmt: skip
# Formats without a signature. They count only where the content is no text, and no signature says otherwise.
_NAMED = {
    "dbf": "a database (dBase)", "dbase3": "a database (dBase)", "mrc": "a library catalogue (MARC)",
    "tsd": "a file inside a time stamp", "dmg": "a disk image (macOS)", "vhd": "a disk of a virtual machine",
    "mp3": "a sound file (MP3)", "bin": "binary data", "dat": "binary data", "pyc": "a program (Python)",
}  # fmt: skip
_TAR_BLOCK = 512


def sniff(file: BinaryIO, name: str) -> str:
    """Return the media type of an open file, as `media.sniff` promises."""
    try:
        file.seek(0)
        head = file.read(HEAD_BYTES)
        media_type = _decide(file, head, suffix_of(name))
        file.seek(0)
    except OSError as error:
        raise BadFile("damaged", f"it cannot be read: {error}", _RESTORE) from error
    return media_type


def suffix_of(name: str) -> str:
    """Return the last part of a file's name in small letters, "" where it has none (".profile" has none)."""
    stem, _, suffix = name.rpartition("/")[2].rpartition(".")
    return suffix.strip().lower() if stem else ""


def _decide(file: BinaryIO, head: bytes, suffix: str) -> str:
    if not head:
        raise BadFile("empty", "the file has no content")
    if head.startswith(_ZIP):
        return sniff_zip.kind(file, suffix)
    if head.startswith(_OLE):
        return sniff_ole.kind(file)
    return _by_signature(head) or _by_structure(head, suffix) or _text_or_nothing(head, suffix)


def _by_signature(head: bytes) -> str | None:
    if head.startswith((b"%PDF-", b"\xef\xbb\xbf%PDF-")):
        return media.PDF
    for offset, mark, media_type in _READ:
        if head.startswith(mark, offset):
            return media_type
    if _BZIP2.match(head):
        return media.BZIP2
    # A bitmap has its own size and four empty bytes after its two letters; a text has more letters.
    if head.startswith(b"BM") and head[6:10] == bytes(4) and head[15:18] == bytes(3):
        return media.BMP
    return None


def _by_structure(head: bytes, suffix: str) -> str | None:
    if is_tar(head) or (suffix == "tar" and len(head) >= _TAR_BLOCK and not any(head)):
        return media.TAR
    # Readers of PDF files look for the beginning in the first kilobyte. In a text, the word alone proves nothing.
    early = head[:_PDF_HEADER_WITHIN]
    if b"%PDF-" in early and suffix == "pdf":
        return media.PDF
    if _PDF_HEADER.search(early) and not sniff_text.is_mail(head) and (not suffix or _PDF_OBJECT.search(head)):
        return media.PDF
    return None


def is_tar(head: bytes) -> bool:
    """Tell whether this begins with a header of a TAR archive: by its checksum, which all variants have."""
    block = head[:_TAR_BLOCK]
    digits = block[148:156].strip(b" \0")
    if len(block) < _TAR_BLOCK or not digits or not all(byte in b"01234567" for byte in digits):
        return False
    return int(digits, 8) == sum(block[:148]) + 8 * 32 + sum(block[156:])


def _text_or_nothing(head: bytes, suffix: str) -> str:
    text = sniff_text.as_text(head, suffix)
    if signature := signatures.find(head, is_text=text is not None):
        raise signature.problem()
    if text is not None:
        if suffix == "pdf" and _PDF_OBJECT.search(head):
            raise BadFile("damaged", "its beginning is missing, so that it is no PDF file any more", _RESTORE)
        return sniff_text.kind(text, suffix)
    if suffix in ("p7m", "p7s", "p7c"):
        raise _signed(head)
    if suffix in ("gpg", "pgp"):
        raise BadFile("encrypted", "it is encrypted (PGP)", signatures.DECRYPT)
    if suffix in _PROMISED:
        reason = f'it is named ".{suffix}", but it is not {_PROMISED[suffix]}, nor anything else that is known'
        raise BadFile("damaged", reason, _RESTORE)
    if suffix in _NAMED:
        raise BadFile("unsupported", _NAMED[suffix], signatures.CONVERT)
    raise BadFile("unsupported", "a binary file of a kind that is not read", signatures.CONVERT)


def _signed(head: bytes) -> BadFile:
    """Say what an S/MIME file is, by the object identifier at its beginning (RFC 5652: enveloped-data is encrypted)."""
    if b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03" in head[:64]:
        return BadFile("encrypted", "it is encrypted (S/MIME)", signatures.DECRYPT)
    return BadFile("unsupported", "a signature, or a mail packed into one (S/MIME)", signatures.CONVERT)
