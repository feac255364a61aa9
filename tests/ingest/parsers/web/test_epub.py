from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from appliance.types import Finding, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.options import Options
from ingest.parsers.web.epub import EpubParser

CONTAINER = (
    '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
PACKAGE = """<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/" version="3.0">
<metadata><dc:title>Pump   manual</dc:title></metadata>
<manifest>
<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>
<item id="b" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="text/one.xhtml" media-type="application/xhtml+xml"/>
<item id="c" href="cover.png" media-type="image/png"/>
</manifest>
<spine><itemref idref="nav"/><itemref idref="a"/><itemref idref="b"/><itemref idref="c"/></spine></package>"""
PAGE = (
    '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">'
    "<head><title/></head><body>{}</body></html>"
)
ENCRYPTION = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/xmlenc#">'
    '<e:EncryptedData><e:EncryptionMethod Algorithm="{}"/><e:CipherData><e:CipherReference URI="{}"/></e:CipherData>'
    "</e:EncryptedData></encryption>"
)


def book(**changes: str) -> io.BytesIO:
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": PACKAGE,
        "OEBPS/nav.xhtml": PAGE.format("<p>Contents</p>"),
        "OEBPS/text/one.xhtml": PAGE.format('<h1>One</h1><script/><p>First &eacute;&nbsp;<a id="x"/>page.</p>'),
        "OEBPS/text/two b.xhtml": PAGE.format("<h1>Two</h1><p>Second.</p><p style='display:none'>Not seen at all.</p>"),
    }
    parts.update(changes)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            if content:
                archive.writestr(name, content)
    file.seek(0)
    return file


def parsed(file: io.BytesIO) -> list[Section | Finding]:
    return list(EpubParser(Options(1, (), Path())).parse(file, media.EPUB))


def test_chapters_come_in_the_order_of_the_spine() -> None:
    """The title, then each chapter once, without the list of contents; what is not displayed is a finding."""
    found = parsed(book())
    assert [(one.kind, one.level, one.text) for one in found if isinstance(one, Section)] == [
        ("heading", 1, "Pump manual"),
        ("heading", 1, "One"),
        ("paragraph", 0, "First é page."),
        ("heading", 1, "Two"),
        ("paragraph", 0, "Second."),
    ]
    assert [one for one in found if isinstance(one, Finding)] == [Finding("hidden", "chapter 2, line 1", 16)]


def test_protected_books_are_encrypted_and_obfuscated_fonts_are_not_protection() -> None:
    """Only encrypted chapters make a book unreadable."""
    aes = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
    protected = ENCRYPTION.format(aes, "OEBPS/text/one.xhtml")
    with pytest.raises(BadFile) as problem:
        parsed(book(**{"META-INF/encryption.xml": protected}))
    assert problem.value.status == "encrypted"
    for algorithm, place in (("http://www.idpf.org/2008/embedding", "OEBPS/f.otf"), (aes, "OEBPS/f.otf")):
        assert len(parsed(book(**{"META-INF/encryption.xml": ENCRYPTION.format(algorithm, place)}))) == 6


def test_a_container_with_a_password_is_encrypted() -> None:
    """Wherever the lock is: on the lists, or on a chapter alone."""
    for locked in ("META-INF/container.xml", "OEBPS/text/one.xhtml"):
        data = bytearray(book().getvalue())
        entry = data.rindex(locked.encode()) - 46
        assert data[entry : entry + 4] == b"PK\x01\x02"
        data[entry + 8] |= 1
        with pytest.raises(BadFile) as problem:
            parsed(io.BytesIO(bytes(data)))
        assert ("encrypted", "Save it without a password.") == (problem.value.status, problem.value.hint)


@pytest.mark.parametrize(
    "changes",
    [
        {"META-INF/container.xml": ""},
        {"META-INF/container.xml": "<x/>"},
        {"OEBPS/book.opf": ""},
        {"OEBPS/book.opf": "no XML"},
        {"OEBPS/text/one.xhtml": "", "OEBPS/text/two b.xhtml": ""},
    ],
)
def test_books_without_a_list_of_chapters_are_damaged(changes: dict[str, str]) -> None:
    """What names no chapter that is there cannot be read, and says so."""
    with pytest.raises(BadFile) as problem:
        parsed(book(**changes))
    assert problem.value.status == "damaged"


def test_no_archive_is_damaged() -> None:
    """A broken container is a result, not a crash."""
    for data in (b"PK\x03\x04", book().getvalue()[:300]):
        with pytest.raises(BadFile) as problem:
            parsed(io.BytesIO(data))
        assert problem.value.status == "damaged"


def test_references_cannot_leave_the_book_and_entities_are_not_followed() -> None:
    """Names with ".." are names in the archive, and external entities stay unknown."""
    package = PACKAGE.replace("text/one.xhtml", "../../../../etc/passwd")
    assert "First" not in str(parsed(book(**{"OEBPS/book.opf": package})))
    page = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/hostname">]><html><body><p>a&x;b</p></body></html>'
    found = parsed(book(**{"OEBPS/text/one.xhtml": page}))
    assert "ab" in [one.text for one in found if isinstance(one, Section)]
