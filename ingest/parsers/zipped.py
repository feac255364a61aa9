"""Parts of formats that are XML in a ZIP archive, read without believing anything the archive says about itself."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import IO, Any, BinaryIO

from lxml import etree

from ingest.files import BadFile
from ingest.parsers import trees
from ingest.parsers.zips import BROKEN, open_zip

# Bytes of a part that is read as a whole, and of one that is read row by row: a million cells take 50 million.
TREE_BYTES = 64_000_000
STREAM_BYTES = 1_000_000_000
_RESTORE = "Open it in its own program and save it again, or restore it from a backup."


class Package:
    """The parts of an open archive, by names in any case. Raises BadFile where the archive is broken."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._archive = open_zip(file)
        except BROKEN as error:
            raise damaged(f"its container is broken: {error}") from error
        self._names = {name.lower().lstrip("/"): name for name in self._archive.namelist()}

    def __contains__(self, name: str) -> bool:
        return name.lower().lstrip("/") in self._names

    def stream(self, name: str, most: int = STREAM_BYTES) -> IO[bytes]:
        """Return a part to be read once. Reading raises BadFile where it is broken or longer than `most` bytes.

        A part that is not there reads as an empty one.
        """
        stored = self._names.get(name.lower().lstrip("/"))
        if stored is None:
            return io.BytesIO()
        try:
            return io.BufferedReader(_Capped(self._archive.open(stored), most), 1 << 16)
        except NotImplementedError as error:
            # A kind of RuntimeError.
            raise damaged(f"its container is packed in a way that is not read: {error}") from error
        except RuntimeError as error:
            raise BadFile("encrypted", "the file is protected by a password", "Save it without a password.") from error
        except BROKEN as error:
            raise damaged(f"its container is broken: {error}") from error

    def tree(self, name: str) -> Any:
        """Return the root element of a part, None where it is missing or empty. Raises BadFile."""
        with self.stream(name, TREE_BYTES) as part:
            data = part.read()
        if not data.strip():
            return None
        try:
            return trees.parsed(data)
        except etree.XMLSyntaxError as error:
            raise damaged(f"its part {name} is broken: {error}") from error

    def each(self, name: str, tags: Iterable[str]) -> Iterator[Any]:
        """Yield the elements of a part that have one of these names in any namespace, in memory that does not grow.

        An element is gone when the next one is asked for; so is what stands in it. Nothing, where there is no such
        part. Raises BadFile.
        """
        if name not in self:
            return
        with self.stream(name) as part:
            try:
                for _, element in trees.walk(part, tags):
                    yield element
                    trees.forget(element)
            except etree.XMLSyntaxError as error:
                raise damaged(f"its part {name} is broken: {error}") from error


class _Capped(io.RawIOBase):
    """A part whose declared size does not count."""

    def __init__(self, part: IO[bytes], most: int) -> None:
        self._part = part
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._part.read(len(buffer))
        except BROKEN as error:
            raise damaged(f"its container is broken: {error}") from error
        self._left -= len(data)
        if self._left < 0:
            raise BadFile("too_large", "what is packed in it is too large", "Split the file.")
        buffer[: len(data)] = data
        return len(data)


def damaged(reason: str) -> BadFile:
    """Return the result for a file that is broken."""
    return BadFile("damaged", " ".join(reason.split())[:300], _RESTORE)
