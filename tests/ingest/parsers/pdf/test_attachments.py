"""Files embedded in PDF files."""

import io
from pathlib import Path

import pypdfium2
import pytest

from appliance.types import Member, Section
from ingest.files import BadFile
from ingest.parsers.options import Options
from ingest.parsers.pdf import attachments
from ingest.parsers.pdf.parser import PdfParser
from tests.ingest.parsers.pdf.made import drawn


def with_files(text: str, **files: bytes) -> io.BytesIO:
    """Return a PDF of one page with this text and these files, by name."""
    document = pypdfium2.PdfDocument(drawn(lambda canvas: canvas.drawString(72, 400, text)))
    for name, data in files.items():
        document.new_attachment(name).set_data(data)
    file = io.BytesIO()
    document.save(file)
    file.seek(0)
    return file


def members(file: io.BytesIO) -> list[tuple[str, bytes]]:
    parts = PdfParser(Options(100, (), Path("nowhere"))).parse(file, "application/pdf")
    return [(part.name, b"".join(part.content)) for part in parts if isinstance(part, Member)]


def test_attached_files_are_members() -> None:
    """Each under its own name, whole, and the text of the pages comes before."""
    file = with_files("See the list.", prices=b"a,b\n1,2\n", **{"ä.txt": b"x"})
    parts = PdfParser(Options(100, (), Path("nowhere"))).parse(file, "application/pdf")
    assert isinstance(next(parts), Section)
    assert [("prices", b"a,b\n1,2\n"), ("ä.txt", b"x")] == members(file)


def test_pages_without_text_around_attached_files_are_no_empty_file() -> None:
    """A portfolio is its files."""
    assert [("a.txt", b"text")] == members(with_files("", **{"a.txt": b"text"}))


def test_an_attached_file_that_is_too_large_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a result of its own: the others and the pages are read."""
    monkeypatch.setattr(attachments, "_BYTES", 3)
    document = pypdfium2.PdfDocument(with_files("Text.", a=b"1234", b=b"123"))
    large, small = attachments.attachments(document)
    with pytest.raises(BadFile, match="3 are allowed"):
        list(large.content)
    assert [b"123"] == list(small.content)
