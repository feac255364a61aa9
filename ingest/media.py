"""Decides what a file is: by its content first, and by its name where text has no signature of its own."""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import BinaryIO

from ingest.files import BadFile

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOC = "application/msword"
PPT = "application/vnd.ms-powerpoint"
XLS = "application/vnd.ms-excel"
ODT = "application/vnd.oasis.opendocument.text"
ODP = "application/vnd.oasis.opendocument.presentation"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
RTF = "application/rtf"
EPUB = "application/epub+zip"
HTML = "text/html"
MARKDOWN = "text/markdown"
RST = "text/x-rst"
ORG = "text/x-org"
TEXT = "text/plain"
CSV = "text/csv"
TSV = "text/tab-separated-values"
JSON = "application/json"
NDJSON = "application/x-ndjson"
YAML = "application/yaml"
XML = "application/xml"
MAIL = "message/rfc822"
MSG = "application/vnd.ms-outlook"
MBOX = "application/mbox"
ZIP = "application/zip"
TAR = "application/x-tar"
GZIP = "application/gzip"
BZIP2 = "application/x-bzip2"
XZ = "application/x-xz"
PNG = "image/png"
JPEG = "image/jpeg"
TIFF = "image/tiff"
BMP = "image/bmp"
GIF = "image/gif"
WEBP = "image/webp"

_HEAD_BYTES = 65536
_PDF_HEADER_WITHIN = 1024
# The list of parts of an Office file is a few kilobytes; more is an attempt on memory.
_PARTS_BYTES = 1_000_000

# By the content type of a file's main part (ECMA-376, part 1, and MS-OFFMACRO), as far as the parsers take them.
_OFFICE = {
    b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml": DOCX,
    b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml": PPTX,
    b"application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml": PPTX,
    b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml": XLSX,
    b"application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml": XLSX,
    b"application/vnd.ms-excel.sheet.macroEnabled.main+xml": XLSX,
    b"application/vnd.ms-excel.template.macroEnabled.main+xml": XLSX,
}
# ISO/IEC 29500 "strict" files name everything otherwise; parsers find nothing in them and do not say so.
_STRICT = b"purl.oclc.org/ooxml"
_BY_SUFFIX = {
    "md": MARKDOWN, "markdown": MARKDOWN, "csv": CSV, "tsv": CSV, "eml": MAIL, "htm": HTML, "html": HTML,
    "xhtml": HTML, "txt": TEXT, "text": TEXT, "log": TEXT, "": TEXT,
}  # fmt: skip
_OFFICE_SUFFIXES = frozenset({"docx", "pptx", "xlsx"})
_SIGNATURES = (
    (b"\x89PNG", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"GIF8", "an image (GIF)"),
    (b"II*\0", "an image (TIFF)"),
    (b"MM\0*", "an image (TIFF)"),
    (b"BM", "an image (BMP)"),
    (b"\x1f\x8b", "a compressed file (gzip)"),
    (b"BZh", "a compressed file (bzip2)"),
    (b"\xfd7zXZ", "a compressed file (xz)"),
    (b"7z\xbc\xaf\x27\x1c", "an archive (7z)"),
    (b"Rar!", "an archive (RAR)"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\0", "a database (SQLite)"),
)
_CONVERT = "Save it as PDF, DOCX, PPTX, XLSX, HTML, Markdown or plain text."

_HTML = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!doctype\s+html|<html[\s>])", re.IGNORECASE | re.DOTALL)
_XML = re.compile(rb"\s*<\?xml\s")
_MAIL_HEADER = re.compile(
    rb"^(from|to|cc|date|subject|received|return-path|message-id|mime-version|delivered-to|reply-to"
    rb"|content-type|content-transfer-encoding|x-[a-z0-9-]+):",
    re.IGNORECASE,
)
_HEADER_LINE = re.compile(rb"^([!-9;-~]+:|[ \t])")
_MAIL_HEADERS_AT_LEAST = 3


def sniff(file: BinaryIO, name: str) -> str:
    """Return the media type of an open file. `name` decides only between kinds of text. Raises BadFile.

    The file's position is at its start afterwards.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    suffix = name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name.rpartition("/")[2] else ""
    if head.startswith(b"PK\x03\x04"):
        media_type = _zip(file, suffix)
    elif head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _compound(file)
    elif b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        media_type = PDF
    else:
        media_type = _text(head, suffix)
    file.seek(0)
    return media_type


def _zip(file: BinaryIO, suffix: str) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            types, relations = _part(archive, "[Content_Types].xml"), _part(archive, "_rels/.rels")
    except KeyError:
        raise BadFile("unsupported", "an archive, or an unknown format inside one", _CONVERT) from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        if suffix in _OFFICE_SUFFIXES:
            raise BadFile("damaged", f"its container is broken: {error}", "Restore the file from a backup.") from error
        raise BadFile("unsupported", "an archive that is broken", "Restore the file from a backup.") from error
    if _STRICT in relations:
        raise BadFile("unsupported", "a strict Open XML file", "Save it in the normal format of its program.")
    for main in re.findall(rb'ContentType="([^"]*)"', types):
        if main in _OFFICE:
            return _OFFICE[main]
    raise BadFile("unsupported", "an Office format that is not read", _CONVERT)


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(_PARTS_BYTES)


def _compound(file: BinaryIO) -> BadFile:
    """Say what an OLE compound file is: an encrypted Office file, or one of Office's formats before 2007."""
    # Imported here because nearly no run meets such a file.
    import olefile

    try:
        with olefile.OleFileIO(file) as container:
            if container.exists("EncryptedPackage"):
                return BadFile("encrypted", "the Office file is protected by a password", "Save it without a password.")
    except (OSError, ValueError, IndexError) as error:
        return BadFile("damaged", f"its container is broken: {error}", "Restore the file from a backup.")
    return BadFile("unsupported", "an Office or mail format from before 2007", _CONVERT)


def _text(head: bytes, suffix: str) -> str:
    for signature, what in _SIGNATURES:
        # Two letters alone may as well begin a text ("BMW fleet policy").
        if head.startswith(signature) and (len(signature) > 2 or b"\0" in head):
            raise BadFile("unsupported", what, _CONVERT)
    if head.startswith(b"{\\rtf"):
        raise BadFile("unsupported", "a rich text file (RTF)", _CONVERT)
    if b"\0" in head and not _wide(head):
        raise BadFile("unsupported", "a binary file of a kind that is not read", _CONVERT)
    if _HTML.match(head):
        return HTML
    if suffix != "md" and _is_mail(head):
        return MAIL
    if _XML.match(head) and suffix not in _BY_SUFFIX:
        raise BadFile("unsupported", "an XML file", _CONVERT)
    if suffix not in _BY_SUFFIX:
        raise BadFile("unsupported", f'files named ".{suffix}" are not read', _CONVERT)
    return _BY_SUFFIX[suffix]


def _wide(head: bytes) -> bool:
    """Tell whether this is UTF-16 or UTF-32: by its mark, or because every second byte is zero and the rest is text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return True
    halves = sorted((head[0::2], head[1::2]), key=lambda half: half.count(0))
    controls = sum(byte < 32 and byte not in b"\t\n\r" for byte in halves[0])
    return halves[1].count(0) > 0.3 * len(halves[1]) and controls < 0.02 * len(halves[0])


def _is_mail(head: bytes) -> bool:
    known = 0
    for line in head.splitlines()[:200]:
        if not line.strip():
            break
        if not _HEADER_LINE.match(line):
            return False
        known += _MAIL_HEADER.match(line) is not None
    return known >= _MAIL_HEADERS_AT_LEAST
