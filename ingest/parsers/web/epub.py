"""E-books (EPUB 2 and 3): the documents of the spine in their order, each read as the web page that it is."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO
from urllib.parse import unquote

from lxml import etree

from appliance.types import Finding, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers import trees
from ingest.parsers.options import Options
from ingest.parsers.web.html import html_sections, page_text
from ingest.parsers.zipped import Package

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# Fonts are obfuscated in books that anybody may read (EPUB 3.3, section 4.4; Adobe's older way).
# They are named by addresses; the scheme is left out here, as nothing is ever fetched from them.
_OBFUSCATION = frozenset({"www.idpf.org/2008/embedding", "ns.adobe.com/pdf/enc#RC"})
_DOCUMENTS = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml"})
# Lists of contents and rights take kilobytes; a chapter of a few megabytes is a long one.
_LIST_BYTES = 10_000_000
_CHAPTER_BYTES = 50_000_000
_BOOK_BYTES = 400_000_000
_RESTORE = "Restore the file from a backup, or get the book again."


@dataclass(frozen=True, slots=True)
class _Book:
    title: str
    # Names of the documents in the archive, in reading order.
    documents: tuple[str, ...]


class EpubParser:
    """Reads e-books without digital rights management."""

    media_types = frozenset({media.EPUB})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding]:
        """Yield the book's title, then its chapters' sections; the list of contents is left out.

        Raises BadFile where the book is encrypted, its list of chapters cannot be read, or none of them is there.
        """
        package = Package(file)
        book = _book(package)
        _refuse_encrypted(package, book)
        if book.title:
            yield Section(book.title, None, "heading", level=1)
        yield from _chapters(package, book)


def _chapters(package: Package, book: _Book) -> Iterator[Section | Finding]:
    names = [name for name in book.documents if name in package]
    if not names:
        raise BadFile("damaged", "the book lists no chapter that it holds", _RESTORE)
    left = _BOOK_BYTES
    for number, name in enumerate(names, 1):
        data = _read(package, name, min(_CHAPTER_BYTES, left))
        left -= len(data)
        for found in html_sections(page_text(data), xml=True):
            if isinstance(found, Finding):
                yield replace(found, where=f"chapter {number}, {found.where}")
            else:
                yield found


def _book(package: Package) -> _Book:
    try:
        container = _xml(package, _CONTAINER)
        main = str(next(iter(container.xpath("//*[local-name()='rootfile']/@full-path"))))
        listed = _xml(package, main)
    except (StopIteration, etree.XMLSyntaxError, ValueError) as error:
        raise BadFile("damaged", "the book's list of chapters cannot be read", _RESTORE) from error
    folder = posixpath.dirname(main)
    skipped = {
        _place(folder, reference)
        for reference in listed.xpath("//*[local-name()='reference'][@type='toc' or @type='cover']/@href")
    }
    items = {}
    for item in listed.xpath("//*[local-name()='manifest']/*[local-name()='item']"):
        if item.get("media-type") in _DOCUMENTS and "nav" not in (item.get("properties") or "").split():
            items[item.get("id")] = _place(folder, item.get("href") or "")
    order = listed.xpath("//*[local-name()='spine']/*[local-name()='itemref']/@idref")
    documents = dict.fromkeys(items[reference] for reference in order if reference in items)
    # A book may be nothing but what it calls its contents.
    wanted = [name for name in documents if name not in skipped] or list(documents)
    titles = listed.xpath("//*[local-name()='metadata']//*[local-name()='title']")
    title = " ".join("".join(titles[0].itertext()).split())[:300] if titles else ""
    return _Book(title, tuple(wanted))


def _refuse_encrypted(package: Package, book: _Book) -> None:
    """Raise BadFile where chapters are encrypted; fonts may be."""
    reason = "the book is protected by digital rights management"
    hint = "Get it without protection from whoever sold it."
    if _ENCRYPTION not in package:
        return
    try:
        listed = _xml(package, _ENCRYPTION)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadFile("encrypted", reason, hint) from error
    for entry in listed.xpath("//*[local-name()='EncryptedData']"):
        named = entry.xpath("./*[local-name()='EncryptionMethod']/@Algorithm")
        algorithms = {str(name).partition("://")[2] for name in named}
        places = entry.xpath(".//*[local-name()='CipherReference']/@URI")
        if not _OBFUSCATION.issuperset(algorithms) and any(_place("", place) in book.documents for place in places):
            raise BadFile("encrypted", reason, hint)


def _place(folder: str, reference: str) -> str:
    """Return the name in the archive that a reference means."""
    path = unquote(str(reference).partition("#")[0])
    return posixpath.normpath(posixpath.join(folder, path)).lstrip("/")


def _xml(package: Package, name: str) -> etree._Element:
    """Return the root of a list, however broken the rest of it is. Raises ValueError where there is none."""
    root = trees.parsed(_read(package, name, _LIST_BYTES), recover=True)
    if root is None:
        raise ValueError(name)
    return root


def _read(package: Package, name: str, most: int) -> bytes:
    with package.stream(name, most) as part:
        return part.read()
