"""Bytes by descriptor: a stretch of one as a file to parse, and the unnamed file that takes the files found inside."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from appliance.types import Json, Member
from ingest.files import BadFile
from ingest.names import Names

_BUFFER_BYTES = 1 << 16
# Small files compress well by nature: a kilobyte of zeros is no bomb.
_FREE_BYTES = 10_000_000
_UNPACK = "Unpack it into the share"


class Full(Exception):
    """The disk with the spool on it is full."""


def open_spool(folder: Path) -> int:
    """Return the descriptor of a new file in `folder` without a name, gone when it is closed. Raises OSError."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        # What file systems without unnamed files answer, and kernels that take the flag for O_DIRECTORY.
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            raise
    descriptor, name = tempfile.mkstemp(dir=folder)
    Path(name).unlink()
    return descriptor


def read_only(descriptor: int) -> int:
    """Return a second descriptor of the same file that cannot write to it. Raises OSError."""
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)


def window(descriptor: int, offset: int, size_bytes: int | None) -> BinaryIO:
    """Return `size_bytes` of an open file from `offset` on (None: all the rest) as a file of its own.

    It reads by position: wherever the descriptor's own offset is moved to, by whom it is shared with, has no effect.
    Closing it leaves the descriptor open. It has no `fileno`, so no library can go round it.
    """
    there = max(0, os.fstat(descriptor).st_size - offset)
    size = there if size_bytes is None else min(size_bytes, there)
    return cast(BinaryIO, io.BufferedReader(_Window(descriptor, offset, size), _BUFFER_BYTES))


class _Window(io.RawIOBase):
    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._offset = offset
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, "before the start of the file")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        left = max(0, min(len(view), self._size - self._at))
        if not left:
            return 0
        count = os.preadv(self._descriptor, [view[:left]], self._offset + self._at)
        self._at += count
        return count


class Spool:
    """Writes the files found inside one file, one after the other, and never more than the budget."""

    def __init__(self, descriptor: int, budget: Mapping[str, int], container_bytes: int) -> None:
        """`budget` has the fields of `pool.Budget`; `container_bytes` is the size of the file they come from."""
        self._descriptor = descriptor
        self._files = budget["files"]
        self._depth = budget["depth"]
        by_ratio = max(_FREE_BYTES, budget["ratio"] * container_bytes)
        self._most = min(budget["size_bytes"], by_ratio)
        self._setting = "ingest.archive_ratio" if by_ratio < budget["size_bytes"] else "ingest.archive_bytes"
        self._names = Names()
        self._end = 0
        self._unpacked = 0
        self.members: list[dict[str, Json]] = []

    def take(self, member: Member) -> None:
        """Write one file. Raises BadFile, for the whole container, when it takes more than there is left, and Full."""
        if self._depth <= 0:
            reason = "archives inside archives are not opened this deep"
            raise BadFile("too_large", reason, f"{_UNPACK}, or raise ingest.archive_depth.")
        if len(self.members) >= self._files:
            reason = "it holds more files than one file of the share may"
            raise BadFile("too_large", reason, f"{_UNPACK}, or raise ingest.archive_files.")
        entry: dict[str, Json] = {"name": self._names.take(member.name), "offset": self._end, "size": 0}
        self.members.append(entry)
        end = self._end
        for block in self._blocks(member, entry):
            self._unpacked += len(block)
            if self._unpacked > self._most:
                reason = f"it unpacks to more than {self._most} bytes"
                raise BadFile("too_large", reason, f"{_UNPACK}, or raise {self._setting}.")
            end += self._write(block, end)
        if "status" not in entry:
            entry["size"] = end - self._end
            self._end = end

    def _blocks(self, member: Member, entry: dict[str, Json]) -> Iterator[bytes]:
        """Yield a member's bytes; what is wrong with it alone goes into its entry."""
        try:
            yield from member.content
        except BadFile as problem:
            entry.update(status=problem.status, reason=problem.reason, hint=problem.hint)

    def _write(self, block: bytes, at: int) -> int:
        view = memoryview(block)
        written = 0
        try:
            while written < len(view):
                written += os.pwrite(self._descriptor, view[written:], at + written)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Full from error
            raise
        return written
