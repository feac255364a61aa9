"""Files that Office documents keep inside of OLE objects ([MS-OLEDS] 2.3.6; Acrobat's and Office's own streams)."""

from __future__ import annotations

import struct
from io import BytesIO

import olefile

_PDF, _ZIP = b"%PDF-", b"PK\x03\x04"
_NATIVE_HEAD = struct.Struct("<IH")
_BROKEN = (OSError, ValueError, IndexError, TypeError, AttributeError, OverflowError, struct.error)


def unwrapped(data: bytes, name: str) -> tuple[str, bytes] | None:
    """Return the name and the bytes of the file in an OLE object called `name`; None where there is none of its own.

    The name is as it stands there, not to be trusted.
    """
    if not data.startswith(olefile.MAGIC):
        return None
    try:
        with olefile.OleFileIO(BytesIO(data)) as container:
            for stream in ("CONTENTS", "Package"):
                content = container.openstream(stream).read() if container.exists(stream) else b""
                if content.startswith((_PDF, _ZIP)):
                    return (f"{name}.pdf" if content.startswith(_PDF) else name), content
            native = "\x01Ole10Native"
            return _native(container.openstream(native).read()) if container.exists(native) else None
    except _BROKEN:
        # An object that cannot be opened is not text that anyone sees; the document around it is none the worse.
        return None


def _native(data: bytes) -> tuple[str, bytes] | None:
    """Return a file that was dropped into a document: a label, the path it came from, where it is put, its bytes."""
    label_end = data.index(b"\0", _NATIVE_HEAD.size)
    path_end = data.index(b"\0", label_end + 1)
    (length,) = struct.unpack_from("<I", data, path_end + 5)
    start = path_end + 9 + length
    (size,) = struct.unpack_from("<I", data, start)
    content = data[start + 4 : start + 4 + size]
    name = data[_NATIVE_HEAD.size : label_end].decode("cp1252", "replace")
    return (name.replace("\\", "/").rpartition("/")[2], content) if content else None
