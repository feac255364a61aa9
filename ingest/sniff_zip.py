"""What a ZIP file is: an Office file, an e-book, a program, or an archive of files."""

from __future__ import annotations

import posixpath
import re
import zipfile
from typing import BinaryIO

from ingest import media
from ingest.files import BadFile
from ingest.parsers.zips import BROKEN, open_zip
from ingest.signatures import CONVERT, REMOVE

_RESTORE = "Open it in its own program and save it again, or restore it from a backup."
# The list of parts of an Office file is a few kilobytes; more is an attempt on memory.
_PARTS_BYTES = 4_000_000
_MIMETYPE_BYTES = 256
_TYPES, _RELATIONS = "[content_types].xml", "_rels/.rels"

# By the content type of a file's main part (ECMA-376, part 1, and [MS-OFFMACRO]); strict files have the same ones.
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
_SLIDES = "application/vnd.openxmlformats-officedocument.presentationml."
_SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_OFFICE = {
    **dict.fromkeys((_WORD + "document.main+xml", _WORD + "template.main+xml"), media.DOCX),
    "application/vnd.ms-word.document.macroenabled.main+xml": media.DOCX,
    "application/vnd.ms-word.template.macroenabledtemplate.main+xml": media.DOCX,
    **dict.fromkeys(
        (_SLIDES + "presentation.main+xml", _SLIDES + "template.main+xml", _SLIDES + "slideshow.main+xml"), media.PPTX
    ),
    "application/vnd.ms-powerpoint.presentation.macroenabled.main+xml": media.PPTX,
    "application/vnd.ms-powerpoint.template.macroenabled.main+xml": media.PPTX,
    "application/vnd.ms-powerpoint.slideshow.macroenabled.main+xml": media.PPTX,
    **dict.fromkeys((_SHEETS + "sheet.main+xml", _SHEETS + "template.main+xml"), media.XLSX),
    "application/vnd.ms-excel.sheet.macroenabled.main+xml": media.XLSX,
    "application/vnd.ms-excel.template.macroenabled.main+xml": media.XLSX,
}
_OTHER_OFFICE = (
    ("application/vnd.ms-excel.sheet.binary", "a binary Excel workbook (XLSB)", "Save it as XLSX."),
    ("application/vnd.ms-visio", "a Visio drawing", CONVERT),
    ("application/vnd.ms-package.xps", "an XPS document", "Save it as PDF."),
    ("application/oxps", "an XPS document", "Save it as PDF."),
    ("application/vnd.ms-excel.addin", "an Excel add-in", REMOVE),
    ("application/vnd.ms-powerpoint.addin", "a PowerPoint add-in", REMOVE),
    ("application/vnd.openxmlformats-officedocument.thememanager", "an Office theme, which holds no text", REMOVE),
    ("application/vnd.ms-package.3dmanufacturing", "a 3D model", CONVERT),
)
_OPEN_DOCUMENT = (
    ("application/vnd.oasis.opendocument.text", media.ODT),
    ("application/vnd.oasis.opendocument.presentation", media.ODP),
    ("application/vnd.oasis.opendocument.spreadsheet", media.ODS),
    ("application/epub+zip", media.EPUB),
)
_OTHER_PACKAGES = (
    ("application/vnd.oasis.opendocument.graphics", "an OpenDocument drawing"),
    ("application/vnd.oasis.opendocument.formula", "an OpenDocument formula"),
    ("application/vnd.oasis.opendocument.database", "an OpenDocument database"),
    ("application/vnd.oasis.opendocument.base", "an OpenDocument database"),
    ("application/vnd.oasis.opendocument", "an OpenDocument file of a kind that is not read"),
    ("application/vnd.sun.xml", "an OpenOffice 1 document"),
    ("application/vnd.adobe.indesign-idml-package", "an InDesign layout"),
    ("image/", "an image of a paint program"),
    ("application/x-krita", "an image of a paint program"),
)
_PROGRAM_SUFFIXES = frozenset({
    "jar", "war", "ear", "rar", "aar", "apk", "apks", "ipa", "whl", "egg", "xpi", "crx", "vsix", "nupkg", "appx",
    "msix", "jmod", "oxt",
})  # fmt: skip
_PROGRAM_MEMBERS = ("androidmanifest.xml", "extension.vsixmanifest", "appxmanifest.xml")
_PART_TYPE = re.compile(r"""<(?:\w{1,20}:)?(?:Override|Default)\s[^<>]*>""")
_ENTRY = re.compile(r"""<(?:\w{1,20}:)?file-entry\s[^<>]*>""")
_RELATION = re.compile(r"""<(?:\w{1,20}:)?Relationship\s[^<>]*>""")
_ATTRIBUTE = re.compile(r"""\b(ContentType|PartName|Extension|Type|Target)\s*=\s*["']([^"'<>]*)["']""")


def kind(file: BinaryIO, suffix: str) -> str:
    """Return the media type of a ZIP file. Raises BadFile."""
    try:
        with open_zip(file) as archive:
            return _kind(archive, suffix)
    except zipfile.BadZipFile as error:
        if re.fullmatch(r"[zr]\d\d", suffix):
            raise BadFile(
                "unsupported", "one part of a divided archive", "Join the parts, then unpack them."
            ) from error
        raise BadFile("damaged", f"its container is broken: {error}"[:300], _RESTORE) from error
    except BROKEN as error:
        raise BadFile("damaged", f"its container is broken: {error}"[:300], _RESTORE) from error


def _kind(archive: zipfile.ZipFile, suffix: str) -> str:
    # Backslashes are what some writers put into names; zipfile leaves them.
    members = {info.filename.replace("\\", "/").lower().lstrip("/"): info for info in archive.infolist()}
    if _TYPES in members:
        return _office(archive, members)
    declared = _declared(archive, members)
    for prefix, media_type in _OPEN_DOCUMENT:
        # Templates and master documents are named by what follows; a drawing or a chart begins otherwise.
        if declared == prefix or declared.startswith(prefix + "-"):
            return media_type
    for prefix, what in _OTHER_PACKAGES:
        if declared.startswith(prefix):
            raise BadFile("unsupported", what, CONVERT)
    if apple := _iwork(members):
        raise apple
    if _is_program(members, suffix):
        raise BadFile("unsupported", "a program package", REMOVE)
    return media.ZIP


def _part(archive: zipfile.ZipFile, info: zipfile.ZipInfo | None, most: int = _PARTS_BYTES) -> str:
    """Return a part as text, "" where it is missing. Only names and signs of ASCII are looked for in it."""
    if info is None:
        return ""
    if info.flag_bits & 1:
        raise BadFile("encrypted", "the file is protected by a password", "Save it without a password.")
    with archive.open(info) as part:
        data = part.read(most)
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    return data.decode(encoding, "replace")


def _office(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> str:
    parts = [dict(_ATTRIBUTE.findall(tag)) for tag in _PART_TYPE.findall(_part(archive, members[_TYPES]))]
    relations = [dict(_ATTRIBUTE.findall(tag)) for tag in _RELATION.findall(_part(archive, members.get(_RELATIONS)))]
    main = {
        posixpath.normpath("/" + relation.get("Target", "").lstrip("/")).lower()
        for relation in relations
        if relation.get("Type", "").endswith("/officeDocument")
    }
    extensions = {name.rpartition(".")[2] for name in main}
    types = [part.get("ContentType", "").lower() for part in parts if part.get("PartName", "").lower() in main]
    types += [p.get("ContentType", "").lower() for p in parts if p.get("Extension", "").lower() in extensions]
    # Where the relation leads nowhere, any main part will do; then the parser says what is wrong.
    types += [part.get("ContentType", "").lower() for part in parts]
    for each in types:
        if each in _OFFICE:
            return _OFFICE[each]
        for prefix, what, hint in _OTHER_OFFICE:
            if each.startswith(prefix):
                raise BadFile("unsupported", what, hint)
    if any(name.endswith((".fdseq", ".fdoc")) for name in members):
        raise BadFile("unsupported", "an XPS document", "Save it as PDF.")
    raise BadFile("unsupported", "a package of a kind that is not read", CONVERT)


def _declared(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> str:
    """Return the media type that an OpenDocument file or an e-book declares: as `mimetype`, or in its manifest."""
    declared = _part(archive, members.get("mimetype"), _MIMETYPE_BYTES).strip(" \t\r\n\0\ufeff").lower()
    if declared:
        return declared
    manifest = _part(archive, members.get("meta-inf/manifest.xml"))
    for tag in _ENTRY.findall(manifest):
        if re.search(r"""full-path\s*=\s*["']/["']""", tag):
            found = re.search(r"""media-type\s*=\s*["']([^"'<>]*)["']""", tag)
            return found[1].strip().lower() if found else ""
    if "meta-inf/container.xml" in members and any(name.endswith(".opf") for name in members):
        return "application/epub+zip"
    return ""


def _iwork(members: dict[str, zipfile.ZipInfo]) -> BadFile | None:
    if ".iwpv2" in members or ".iwph" in members:
        return BadFile("encrypted", "the iWork document is protected by a password", "Save it without a password.")
    if any(name.startswith("index/") and name.endswith(".iwa") for name in members) or "index.zip" in members:
        return BadFile("unsupported", "an iWork document (Pages, Numbers or Keynote)", CONVERT)
    if members.keys() & {"index.apxl", "index.apxl.gz", "buildversionhistory.plist"} or (
        "index.xml" in members and any(name.startswith("quicklook/") for name in members)
    ):
        return BadFile("unsupported", "an iWork document (Pages, Numbers or Keynote)", CONVERT)
    return None


def _is_program(members: dict[str, zipfile.ZipInfo], suffix: str) -> bool:
    if suffix in _PROGRAM_SUFFIXES or any(name in members for name in _PROGRAM_MEMBERS):
        return True
    java = "meta-inf/manifest.mf" in members and any(name.endswith(".class") for name in members)
    return java or any(name.endswith((".dist-info/wheel", ".dex")) for name in members)
