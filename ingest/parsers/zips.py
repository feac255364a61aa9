"""Opening ZIP files that may have been made to harm."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from typing import Any, BinaryIO

from ingest.files import BadFile

# What zipfile raises for a broken file: its own error, its decompressors', and Python's for offsets that lead nowhere.
BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, OSError, EOFError, ValueError,
    IndexError, KeyError, struct.error, OverflowError, UnicodeError,
)  # fmt: skip
# About 500,000 names. zipfile keeps an object for each.
_DIRECTORY_BYTES = 40_000_000


class _Bounded:
    """A file of which nobody reads more than `_DIRECTORY_BYTES` at once: zipfile reads the list of names in one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY_BYTES:
            raise BadFile("too_large", "the archive holds too many files", "Divide it into several archives.")
        return self._file.read(size if size >= 0 else _DIRECTORY_BYTES)

    def close(self) -> None:
        """Leave the file open: it belongs to whoever opened it."""


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Open a ZIP file. Raises one of `BROKEN`, or BadFile where it holds more names than any document needs."""
    bounded: Any = _Bounded(file)
    return zipfile.ZipFile(bounded)
