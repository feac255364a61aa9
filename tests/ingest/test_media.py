from __future__ import annotations

import io
import zipfile

import pytest

from ingest import media
from ingest.files import BadFile
from ingest.media import sniff


def office(main: str, relations: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", f'<Types><Override ContentType="{main}"/></Types>')
        archive.writestr("_rels/.rels", f"<Relationships>{relations}</Relationships>")
    return file.getvalue()


DOCX_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
MAIL = b"Received: by x\nFrom: a@example.org\nTo: b@example.org\nSubject: hi\n\ntext"


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"%PDF-1.7 ...", "a.txt", media.PDF),
        (b"junk before it\n%PDF-1.7 ...", "a", media.PDF),
        (office(DOCX_MAIN), "a.pdf", media.DOCX),
        (b"<!DOCTYPE html><p>x", "a.txt", media.HTML),
        (b"\n<!-- note -->\n<html lang=en>", "a.md", media.HTML),
        (b"<p>only a piece", "a.html", media.HTML),
        (MAIL, "message", media.MAIL),
        (b"From: a quotation\n\ntext", "a.txt", media.TEXT),
        (b"# Title", "a.md", media.MARKDOWN),
        (b"a;b", "A.CSV", media.CSV),
        (b"plain", "LICENSE", media.TEXT),
        (b"BMW fleet policy", "a.txt", media.TEXT),
        ("Größe".encode("utf-16"), "a.txt", media.TEXT),
        ("plain text".encode("utf-16-le"), "a.txt", media.TEXT),
    ],
)
def test_content_comes_before_the_name(content: bytes, name: str, expected: str) -> None:
    """A signature decides against the name; between kinds of text the name decides. The file is left at its start."""
    file = io.BytesIO(content)
    assert sniff(file, name) == expected
    assert file.tell() == 0


@pytest.mark.parametrize(
    ("content", "name", "status", "reason"),
    [
        (b"\x89PNG\r\n", "a.md", "unsupported", "an image (PNG)"),
        (b"MZ\x90\0\x03", "a.txt", "unsupported", "a program"),
        (b"{\\rtf1", "a.doc", "unsupported", "a rich text file (RTF)"),
        (b"\x01\x02\0\x03" * 99, "a.txt", "unsupported", "a binary file of a kind that is not read"),
        (b"key: value", "a.yaml", "unsupported", 'files named ".yaml" are not read'),
        (b"PK\x03\x04broken", "a.docx", "damaged", "its container is broken"),
        (b"PK\x03\x04broken", "a.zip", "unsupported", "an archive that is broken"),
        (office("application/epub"), "a.docx", "unsupported", "an Office format that is not read"),
        (office(DOCX_MAIN, "http://purl.oclc.org/ooxml/x"), "a.docx", "unsupported", "a strict Open XML file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.doc", "damaged", "its container is broken"),
    ],
)
def test_what_is_not_read_says_what_it_is(content: bytes, name: str, status: str, reason: str) -> None:
    """Everything else is refused with a status, what it was taken for, and what to do."""
    with pytest.raises(BadFile) as caught:
        sniff(io.BytesIO(content), name)
    assert caught.value.status == status
    assert caught.value.reason.startswith(reason)
    assert caught.value.hint
