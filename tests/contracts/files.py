"""One small file of every kind that is read, for the contract suite of the parsers."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ingest import media

SAMPLE = Path(__file__).parents[2] / "compose" / "sample"
SENTENCE = "The control valve is delivered on Monday."
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns"


def _sample(path: str) -> Callable[[], bytes]:
    return (SAMPLE / path).read_bytes


def _text(text: str) -> Callable[[], bytes]:
    return text.encode


def _zip(members: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def _tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("inner/note.txt")
        member.size = len(SENTENCE)
        archive.addfile(member, io.BytesIO(SENTENCE.encode()))
    return made.getvalue()


def _picture(kind: str) -> Callable[[], bytes]:
    def make() -> bytes:
        made = io.BytesIO()
        picture = Image.new("RGB", (1400, 300), "white")
        ImageDraw.Draw(picture).text((40, 100), SENTENCE, "black", ImageFont.load_default(50))
        picture.save(made, kind)
        return made.getvalue()

    return make


def _odf(media_type: str, body: str) -> Callable[[], bytes]:
    names = " ".join(f'xmlns:{name}="{_OFFICE}:{name}:1.0"' for name in ("office", "text", "table", "draw"))
    content = f"<office:document-content {names}><office:body>{body}</office:body></office:document-content>"
    return lambda: _zip({"mimetype": media_type, "content.xml": content})


def _book() -> bytes:
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml" '
        'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    page = f'<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>Valves</h1><p>{SENTENCE}</p></body></html>'
    members = {"mimetype": media.EPUB, "META-INF/container.xml": container, "book.opf": package, "a.xhtml": page}
    return _zip(members)


def _mails() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Delivery"
    message.set_content(SENTENCE)
    return b"From a@example.com Mon Nov  2 10:00:00 2026\n" + message.as_bytes() + b"\n"


EXAMPLES: dict[str, Callable[[], bytes]] = {
    media.MARKDOWN: _sample("policies/leave-policy.md"),
    media.TEXT: _sample("policies/data-retention.txt"),
    media.CSV: _sample("facilities/meeting-rooms.csv"),
    media.MAIL: _sample("mail/delivery-delay-v40.eml"),
    media.HTML: _sample("wiki/onboarding.html"),
    media.DOCX: _sample("minutes/2026-03-management-meeting.docx"),
    media.PPTX: _sample("slides/strategy-2026.pptx"),
    media.XLSX: _sample("sales/price-list-2026.xlsx"),
    media.PDF: _sample("contracts/supply-agreement-northfield.pdf"),
    media.TSV: _text("article\tprice\nV40\t112\nP12\t90\n"),
    media.RST: _text(f"Valves\n======\n\n{SENTENCE}\n"),
    media.ORG: _text(f"* Valves\n{SENTENCE}\n"),
    media.JSON: _text('{"valve": {"name": "V40", "price": 112}}'),
    media.NDJSON: _text('{"name": "V40"}\n{"name": "P12"}\n'),
    media.YAML: _text("valve:\n  name: V40\n  price: 112\n"),
    media.XML: _text(f"<?xml version='1.0'?><note><text>{SENTENCE}</text></note>"),
    media.RTF: _text(r"{\rtf1\ansi " + SENTENCE + r"\par}"),
    media.EPUB: _book,
    media.ODT: _odf(media.ODT, f"<office:text><text:p>{SENTENCE}</text:p></office:text>"),
    media.ODP: _odf(
        media.ODP,
        '<office:presentation><draw:page draw:name="one"><draw:frame><draw:text-box>'
        f"<text:p>{SENTENCE}</text:p></draw:text-box></draw:frame></draw:page></office:presentation>",
    ),
    media.ODS: _odf(
        media.ODS,
        '<office:spreadsheet><table:table table:name="Prices"><table:table-row><table:table-cell>'
        f"<text:p>{SENTENCE}</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>",
    ),
    media.MBOX: _mails,
    media.ZIP: lambda: _zip({"inner/note.txt": SENTENCE}),
    media.TAR: _tar,
    media.GZIP: lambda: gzip.compress(SENTENCE.encode()),
    media.BZIP2: lambda: bz2.compress(SENTENCE.encode()),
    media.XZ: lambda: lzma.compress(SENTENCE.encode()),
    media.PNG: _picture("PNG"),
    media.JPEG: _picture("JPEG"),
    media.TIFF: _picture("TIFF"),
    media.BMP: _picture("BMP"),
    media.GIF: _picture("GIF"),
    media.WEBP: _picture("WEBP"),
}
# Their files take another program to make; their own tests read real ones.
WITHOUT_EXAMPLE = frozenset({media.DOC, media.PPT, media.XLS, media.MSG})
# Of these, any bytes at all are a document.
FORGIVING = (media.MARKDOWN, media.TEXT, media.CSV, media.TSV, media.MAIL, media.RST, media.ORG, media.HTML)
