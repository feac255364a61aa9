"""What an OLE compound file is ([MS-CFB]): Word, Excel, PowerPoint, Outlook, or something that is not read."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import olefile

from ingest import media
from ingest.files import BadFile
from ingest.signatures import CONVERT, REMOVE

_RESTORE = "Open it in its own program and save it again, or restore it from a backup."
_UNLOCK = "Save it without a password."
# The last is for what olefile does with a directory that is one long chain.
_BROKEN = (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error, RecursionError)
_MSG = "__properties_version1.0"
# By a stream that only this program writes.
_OTHERS = (
    ("VisioDocument", "a Visio drawing", CONVERT),
    ("Quill", "a Publisher document", CONVERT),
    ("MatOST", "a Works document", CONVERT),
    ("WksSSWorkBook", "a Works sheet", CONVERT),
    ("FileHeader", "a Hangul document (HWP)", CONVERT),
    ("PerfectOffice_MAIN", "a WordPerfect document", CONVERT),
    ("NativeContent_MAIN", "a Quattro Pro sheet", CONVERT),
    ("StarWriterDocument", "a StarOffice document", CONVERT),
    ("StarCalcDocument", "a StarOffice sheet", CONVERT),
    ("StarDrawDocument3", "a StarOffice presentation or drawing", CONVERT),
    ("StarDrawDocument", "a StarOffice drawing", CONVERT),
    ("SwDocContentMgr", "a SolidWorks drawing", CONVERT),
    ("SwDocMgrTempStorage", "a SolidWorks drawing", CONVERT),
    ("Catalog", "a cache of small pictures", REMOVE),
    ("\x01Ole10Native", "an embedded object", CONVERT),
)
# By the words that a program leaves about itself in "\x01CompObj".
_PROGRAMS = (
    (b"Microsoft Works", "a Works document"),
    (b"Quattro", "a Quattro Pro sheet"),
    (b"MSProject", "a Microsoft Project plan"),
    (b"Microsoft Project", "a Microsoft Project plan"),
    (b"Quill96", "a Works document"),
    (b"Publisher", "a Publisher document"),
    (b"Visio", "a Visio drawing"),
    (b"SolidWorks", "a SolidWorks drawing"),
)
_INSTALLER = "000C1084-0000-0000-C000-000000000046"
# [MS-DOC] FibBase, [MS-XLS] FilePass, [MS-PPT] CurrentUserAtom: where each says that it is encrypted.
_WORD_ENCRYPTED = 0x0100
_FILE_PASS = 0x002F
_USER_ENCRYPTED = 0xF3D1C4DF
_RECORDS = 20


def kind(file: BinaryIO) -> str:
    """Return the media type of an OLE compound file. Raises BadFile."""
    try:
        with olefile.OleFileIO(file) as container:
            return _kind(container)
    except _BROKEN as error:
        raise BadFile("damaged", f"its container is broken: {error}"[:300], _RESTORE) from error


def _kind(container: Any) -> str:
    if container.exists("EncryptedPackage"):
        raise _encrypted("the Office file")
    if container.exists("\x09DRMContent"):
        raise BadFile("encrypted", "reading it is restricted (rights management)", "Save it without the restriction.")
    # Outlook first: an attached document is inside of a message, never the other way round at the top.
    if container.exists(_MSG):
        return media.MSG
    if container.exists("PowerPoint Document"):
        if _powerpoint_encrypted(container):
            raise _encrypted("the presentation")
        return media.PPT
    for stream in ("Workbook", "Book"):
        if container.exists(stream) and not container.exists("WksSSWorkBook"):
            if _excel_encrypted(container, stream):
                raise _encrypted("the workbook")
            return media.XLS
    if container.exists("WordDocument"):
        if _flags(container, "WordDocument", 10) & _WORD_ENCRYPTED:
            raise _encrypted("the document")
        return media.DOC
    raise _other(container)


def _encrypted(what: str) -> BadFile:
    return BadFile("encrypted", f"{what} is protected by a password", _UNLOCK)


def _flags(container: Any, stream: str, offset: int) -> int:
    data = container.openstream(stream).read(offset + 2)
    return int.from_bytes(data[offset:], "little")


def _powerpoint_encrypted(container: Any) -> bool:
    if container.exists("EncryptedSummary"):
        return True
    if not container.exists("Current User"):
        return False
    data = container.openstream("Current User").read(16)
    return int.from_bytes(data[12:16], "little") == _USER_ENCRYPTED


def _excel_encrypted(container: Any, stream: str) -> bool:
    """Tell whether one of the first records announces encryption."""
    records = container.openstream(stream)
    for _ in range(_RECORDS):
        head = records.read(4)
        if len(head) < 4:
            break
        record, length = struct.unpack("<HH", head)
        if record == _FILE_PASS:
            return True
        records.seek(length, 1)
    return False


def _other(container: Any) -> BadFile:
    if str(container.root.clsid).upper() == _INSTALLER:
        return BadFile("unsupported", "an installation package (MSI)", REMOVE)
    names = {path[0] for path in container.listdir(streams=True, storages=True)}
    for name, what, hint in _OTHERS:
        if name in names:
            return BadFile("unsupported", what, hint)
    if any(name.startswith(("Props", "TBkndTask")) for name in names):
        return BadFile("unsupported", "a Microsoft Project plan", CONVERT)
    if any(name.startswith(("SwDoc", "SWSummary")) for name in names):
        return BadFile("unsupported", "a SolidWorks drawing", CONVERT)
    about = container.openstream("\x01CompObj").read(1000) if "\x01CompObj" in names else b""
    for words, what in _PROGRAMS:
        if words in about:
            return BadFile("unsupported", what, CONVERT)
    return BadFile("unsupported", "a file of a program that is not read (OLE)", CONVERT)
