from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import media
from ingest.files import BadFile
from ingest.media import sniff
from ingest.parsers import MEDIA_TYPES
from tests.ingest.parsers.compound import Tree, compound

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
SLIDES = "application/vnd.openxmlformats-officedocument.presentationml."
SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml."
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument"
MAIL = b"Received: by x\nFrom: a@example.org\nTo: b@example.org\nSubject: hi\n\ntext"
MHTML = b"From: <Saved by Blink>\nSubject: page\nMIME-Version: 1.0\nContent-Type: multipart/related\n\n"


def zipped(*members: tuple[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def package(main: str, relation: str = RELATION, others: str = "") -> bytes:
    types = f'<Types>{others}<Override PartName="/main.xml" ContentType="{main}"/></Types>'
    relations = f'<Relationships><Relationship Id="1" Type="{relation}" Target="main.xml"/></Relationships>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("_rels/.rels", relations)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))
    return file.getvalue()


def found(content: bytes, name: str) -> str:
    file = io.BytesIO(content)
    media_type = sniff(file, name)
    assert file.tell() == 0
    return media_type


def outcome(content: bytes, name: str) -> str:
    try:
        return sniff(io.BytesIO(content), name)
    except BadFile:
        return "refused"


def refused(content: bytes, name: str) -> BadFile:
    with pytest.raises(BadFile) as caught:
        sniff(io.BytesIO(content), name)
    return caught.value


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"%PDF-1.7 ...", "a.txt", media.PDF),
        (b"junk before it\n%PDF-1.7 ...", "a", media.PDF),
        (b"junk before it\n%PDF-1.7\n1 0 obj\n", "a.txt", media.PDF),
        (b"\x89PNG\r\n\x1a\n....", "a.md", media.PNG),
        (b"\xff\xd8\xff\xe0...", "a.doc", media.JPEG),
        (b"GIF89a", "a.txt", media.GIF),
        (b"II*\0....", "a", media.TIFF),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "a", media.WEBP),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "a", media.BMP),
        (b"{\\rtf1\\ansi x}", "a.doc", media.RTF),
        (gzip.compress(b"x"), "a.txt", media.GZIP),
        (bz2.compress(b"x"), "a.txt", media.BZIP2),
        (bz2.compress(b""), "a.txt", media.BZIP2),
        (lzma.compress(b"x"), "a.txt", media.XZ),
        (tarred(), "a.txt", media.TAR),
        (bytes(10_240), "empty.tar", media.TAR),
        (b"<!DOCTYPE html><p>x", "a.txt", media.HTML),
        (b"<html><table><tr><td>1</table>", "export.xls", media.HTML),
        (b"<table><tr><td>1</table>", "export.xls", media.HTML),
        (b"\n<!-- note -->\n<html lang=en>", "a.md", media.HTML),
        (b'<?xml version="1.0"?><!DOCTYPE html><html>', "a.txt", media.HTML),
        (b'<?xml version="1.0"?><w:wordDocument xmlns:w="x"/>', "a.doc", media.XML),
        (MAIL, "message", media.MAIL),
        (MAIL, "a.txt", media.MAIL),
        (MHTML, "page.mht", media.MAIL),
        (b"From ada@example.org Mon Feb  5 10:00:00 2024\n" + MAIL, "Sent", media.MBOX),
        (b"plain", "a.doc", media.TEXT),
    ],
)
def test_content_comes_before_the_name(content: bytes, name: str, expected: str) -> None:
    """A signature, or looks that are unmistakable, decide against the name. The file is left at its start."""
    assert found(content, name) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (package(WORD + "document.main+xml"), media.DOCX),
        (package(WORD + "document.main+xml", STRICT), media.DOCX),
        (package(WORD + "template.main+xml"), media.DOCX),
        (package("application/vnd.ms-word.document.macroEnabled.main+xml"), media.DOCX),
        (package(SLIDES + "slideshow.main+xml"), media.PPTX),
        (package("application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml"), media.PPTX),
        (package(SHEETS + "sheet.main+xml"), media.XLSX),
        (package("application/vnd.ms-excel.template.macroEnabled.main+xml"), media.XLSX),
        # What a file carries inside does not make it one.
        (
            package(
                WORD + "document.main+xml",
                others=f'<Override PartName="/x.xml" ContentType="{SHEETS}sheet.main+xml"/>',
            ),
            media.DOCX,
        ),
        (zipped(("mimetype", "application/vnd.oasis.opendocument.text-template")), media.ODT),
        (zipped(("mimetype", "application/vnd.oasis.opendocument.presentation")), media.ODP),
        (
            zipped(
                (
                    "META-INF/manifest.xml",
                    '<m:file-entry m:full-path="/" m:media-type="application/vnd.oasis.opendocument.spreadsheet"/>',
                )
            ),
            media.ODS,
        ),
        (zipped(("mimetype", "application/epub+zip")), media.EPUB),
        (zipped(("notes.txt", "plain")), media.ZIP),
        (zipped(), media.ZIP),
    ],
)
def test_containers_are_told_by_what_is_in_them(content: bytes, expected: str) -> None:
    """Office files, with macros, as templates and in their strict variant, e-books and plain archives look alike from
    outside; whatever their name says.
    """
    assert found(content, "a.docx") == expected


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"# Title", "a.md", media.MARKDOWN),
        (b"Title\n=====", "a.rst", media.RST),
        (b"* Title", "a.org", media.ORG),
        (b"a;b", "A.CSV", media.CSV),
        (b"a\tb", "a.tsv", media.TSV),
        (b"key: value", "a.yaml", media.YAML),
        (b"{", "a.json", media.JSON),
        (b"{}\n{}", "a.jsonl", media.NDJSON),
        (b"<p>only a piece", "a.html", media.HTML),
        (b"<p align=center>", "README.md", media.MARKDOWN),
        (b"Subject: hi\n\ntext", "a.eml", media.MAIL),
        (b"From: a quotation\n\ntext", "a.txt", media.TEXT),
        (b"<html><body><%= 1 %>", "a.jsp", media.TEXT),
        (b"print('x')", "a.py", media.TEXT),
        (b"plain", "LICENSE", media.TEXT),
        (b"BMW fleet policy", "a.txt", media.TEXT),
        (b"MZ is what programs begin with", "a.txt", media.TEXT),
        ("Straße\n".encode("latin-1") * 9, "notes", media.TEXT),
        ("Größe".encode("utf-16"), "a.txt", media.TEXT),
        ("plain text".encode("utf-16-le"), "a.txt", media.TEXT),
        ("plain text".encode("utf-32"), "a.txt", media.TEXT),
        ("<html><p>x".encode("utf-16"), "a", media.HTML),
        (b'{"a": [1, 2]}', "noname", media.JSON),
        (b'{"a": 1}\n{"a": 2}\n', "noname", media.NDJSON),
        (b"a,b,c\n1,2,3\n4,5,6\n", "export", media.CSV),
        (b"Dear all,\nyes, no, but\nand so on", "letter", media.TEXT),
        (b"text with one \0 in it, as some logs have them, and so is no program" * 9, "a.log", media.TEXT),
    ],
)
def test_between_texts_the_name_decides_and_then_the_looks(content: bytes, name: str, expected: str) -> None:
    """Text has no signature: its name says what it is; where the name says nothing, what it looks like."""
    assert found(content, name) == expected


@pytest.mark.parametrize(
    ("content", "name", "status", "reason"),
    [
        (b"", "a.txt", "empty", "the file has no content"),
        (b"MZ\x90\0\x03", "a.txt", "unsupported", "a program"),
        (b"7z\xbc\xaf\x27\x1c\0", "a.docx", "unsupported", "an archive (7z)"),
        (b"ID3\x04\0\0", "a.mp3", "unsupported", "a sound file (MP3)"),
        (b"\0\0\0\x18ftypmp42", "a.mp4", "unsupported", "a video (MP4)"),
        (b"SQLite format 3\0\0\1", "a.db", "unsupported", "a database (SQLite)"),
        (b"AC1027\0\0", "a.dwg", "unsupported", "a drawing (AutoCAD DWG)"),
        (b"ITSF\3\0\0\0", "a.chm", "unsupported", "a Windows help file"),
        (b"%!PS-Adobe-3.0\n%%Title", "a.ai", "unsupported", "a PostScript file"),
        (b"-----BEGIN PGP MESSAGE-----\n\nhQ", "a.txt", "encrypted", "it is encrypted (PGP)"),
        (b"-----BEGIN PRIVATE KEY-----\nMII", "a.txt", "unsupported", "a private key"),
        (b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\0", "smime.p7m", "encrypted", "it is encrypted"),
        (b"\x01\x02\0\x03" * 99, "a.txt", "unsupported", "a binary file of a kind that is not read"),
        (b"\x01\x02\0\x03" * 99, "a.docx", "damaged", 'it is named ".docx", but it is not a Word document'),
        (b"\n1 0 obj\n<< >>\nendobj", "a.pdf", "damaged", "its beginning is missing"),
        (b"PK\x03\x04broken", "a.docx", "damaged", "its container is broken"),
        (b"PK\x03\x04broken", "a.zip", "damaged", "its container is broken"),
        (package("application/vnd.ms-visio.drawing.main+xml"), "a.docx", "unsupported", "a Visio drawing"),
        (package("application/vnd.ms-excel.sheet.binary.macroEnabled.main"), "a", "unsupported", "a binary Excel"),
        (package("application/something"), "a.docx", "unsupported", "a package of a kind that is not read"),
        (zipped(("Index/Document.iwa", "x")), "a.pages", "unsupported", "an iWork document"),
        (zipped(("a.txt", "x")), "a.jar", "unsupported", "a program package"),
        (zipped(("META-INF/MANIFEST.MF", "x"), ("A.class", "x")), "a.zip", "unsupported", "a program package"),
        (
            zipped(("mimetype", "application/vnd.oasis.opendocument.graphics")),
            "a.odg",
            "unsupported",
            "an OpenDocument d",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.doc", "damaged", "its container is broken"),
    ],
)
def test_what_is_not_read_says_what_it_is(content: bytes, name: str, status: str, reason: str) -> None:
    """Everything else is refused with a status, what it was taken for, and what to do."""
    problem = refused(content, name)
    assert (problem.status, problem.reason[: len(reason)]) == (status, reason)
    assert problem.hint or status == "empty"


@pytest.mark.parametrize(
    ("streams", "expected"),
    [
        ({"WordDocument": bytes(64)}, media.DOC),
        ({"Workbook": b"\x09\x08\x10\0" + bytes(60)}, media.XLS),
        ({"Book": bytes(64)}, media.XLS),
        ({"PowerPoint Document": bytes(64), "Current User": bytes(16)}, media.PPT),
        ({"__properties_version1.0": bytes(32), "__nameid_version1.0": {}}, media.MSG),
        ({"EncryptedPackage": b"x", "EncryptionInfo": b"x"}, "encrypted: the Office file is protected by a password"),
        ({"WordDocument": bytes(11) + b"\1" + bytes(50)}, "encrypted: the document is protected by a password"),
        ({"Workbook": b"\x09\x08\x02\0\0\0\x2f\0\2\0\0\0"}, "encrypted: the workbook is protected by a password"),
        (
            {"PowerPoint Document": b"", "EncryptedSummary": b""},
            "encrypted: the presentation is protected by a password",
        ),
        ({"VisioDocument": b""}, "unsupported: a Visio drawing"),
        ({"Quill": {"QuillSub": {}}}, "unsupported: a Publisher document"),
        ({"\x01CompObj": b"\0\0MSProject.Project.9"}, "unsupported: a Microsoft Project plan"),
        ({"x": b""}, "unsupported: a file of a program that is not read (OLE)"),
    ],
)
def test_compound_files_are_told_by_their_streams(streams: Tree, expected: str) -> None:
    """Word, Excel, PowerPoint and Outlook keep their text in streams of their own names, and say there whether it is
    encrypted; of others it is said what they are.
    """
    content = compound(streams)
    assert (found(content, "a.doc") if "/" in expected else str_of(refused(content, "a.doc"))) == expected


def str_of(problem: BadFile) -> str:
    return f"{problem.status}: {problem.reason}"


@given(
    content=st.one_of(
        st.binary(max_size=2000),
        st.builds(
            bytes.__add__,
            st.sampled_from(
                [b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"%PDF-", b"<?xml", b"<!--"]
            ),
            st.binary(max_size=2000),
        ),
    ),
    name=st.sampled_from(["a", "a.docx", "a.pdf", "a.txt", "a.html", ".zip", "a/b.tar"]),
)
def test_any_bytes_get_a_type_or_a_reason(content: bytes, name: str) -> None:
    """Whatever a file holds, the answer is a media type that is known, or BadFile: never another error."""
    assert outcome(content, name) in {*MEDIA_TYPES, "refused"}


def test_a_damaged_package_never_raises_anything_else() -> None:
    """Every single damaged byte of a small Office file yields a type or a reason."""
    whole = package(WORD + "document.main+xml")
    for at in range(len(whole)):
        broken = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
        assert outcome(broken, "a.docx") in (media.DOCX, media.ZIP, "refused")


def test_a_list_of_files_that_would_fill_the_memory_is_not_read() -> None:
    """A ZIP archive that says its list of files has tens of megabytes is refused before the list is read."""
    size = 41_000_000
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 65_535, 65_535, size, 0, 0)
    assert refused(b"PK\3\4" + bytes(size - 4) + end, "a.zip").status == "too_large"


def test_comments_in_front_of_a_page_cost_no_time_to_speak_of() -> None:
    """Thousands of comments, none of them followed by a page, are passed over once each."""
    assert found(b"<!---->" * 9000, "a.txt") == media.TEXT
