"""Archives: every regular file inside is a document of its own.

Nothing is unpacked to disk, and nothing is believed: sizes are those of what comes out, names are only names, links
are never followed. How much may come out is the caller's business, who reads the members one after the other.
"""

from __future__ import annotations

import bz2
import contextlib
import fnmatch
import gzip
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, Self, cast

from appliance.types import Member
from ingest import media
from ingest.files import BadFile
from ingest.parsers.options import Options
from ingest.parsers.zips import BROKEN, open_zip
from ingest.sniffing import is_tar
from ingest.walk import OMITTED_FILES, OMITTED_FOLDERS

_BLOCK_BYTES = 65_536
_TAR_BLOCK = 512
# A header that carries a long name or attributes of a file; more than this is an attempt on memory.
_HEADER_BYTES = 1_000_000
_RESTORE = "Restore the archive from a backup, or pack it again."
_REPACK = "Unpack it and pack it again as an ordinary ZIP archive."
_UNLOCK = "Pack it again without a password."
_REST = "rest of the archive"
_STREAM_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)
_TAR_BROKEN = (*_STREAM_BROKEN, tarfile.TarError, struct.error, IndexError, OverflowError, RecursionError)
# What ends a TAR archive: a block of zeros, or simply nothing more.
_ENDS = ("EOFHeaderError", "EmptyHeaderError")
_NAMES_ENCODED = 0x800
_ENCRYPTED = 0x1
_LOCAL_HEADER_BYTES = 30


class ArchiveParser:
    """Reads ZIP, TAR, GZIP, BZIP2 and XZ files; in the last three, a TAR archive or a single file."""

    media_types = frozenset({media.ZIP, media.TAR, media.GZIP, media.BZIP2, media.XZ})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Member]:
        """Yield the regular files of an archive in its own order; folders, links, devices and system litter are left
        out. The single file in a compressed one has the name that is written in it, or none ("").

        What is whole is kept: a member that is broken, encrypted or packed in an unknown way raises BadFile while it is
        read, and an archive that breaks off ends with a member "rest of the archive" that does. Raises BadFile itself
        only where nothing can be got out at all: the list of files is broken, or every file is encrypted.
        """
        if media_type == media.ZIP:
            yield from _zip(file)
        elif media_type == media.TAR:
            yield from _tar(file)
        else:
            yield from _compressed(file, media_type)


def _patterns(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(name) for name in names))


_LITTER_FOLDERS, _LITTER_FILES = _patterns(OMITTED_FOLDERS), _patterns(OMITTED_FILES)


def is_litter(name: str) -> bool:
    """Tell whether a member is one of the files that are left out of shares as well (see `ingest.walk`)."""
    *folders, last = name.replace("\\", "/").split("/")
    return any(map(_LITTER_FOLDERS.match, folders)) or _LITTER_FILES.match(last) is not None


def _damaged(error: Exception) -> BadFile:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return BadFile("damaged", f"the archive is broken here: {reason}", _RESTORE)


# ZIP


def _zip(file: BinaryIO) -> Iterator[Member]:
    try:
        archive = open_zip(file)
    except BROKEN as error:
        raise _damaged(error) from error
    with archive:
        members = [info for info in archive.infolist() if not _is_folder(info) and not is_litter(info.filename)]
        if members and all(info.flag_bits & _ENCRYPTED for info in members):
            raise BadFile("encrypted", "the archive is protected by a password", _UNLOCK)
        overlapping = _overlapping(members)
        for info in members:
            problem = _OVERLAP if id(info) in overlapping else None
            yield Member(_zip_name(info), _zip_content(archive, info, problem))


# Raised anew each time: an exception that is raised twice keeps the traces of both.
_OVERLAP = "it shares its bytes with another file of the archive, as in archives made to do harm"


def _is_folder(info: zipfile.ZipInfo) -> bool:
    # The upper half of the attributes is a Unix mode where the archive was made on one: links are left out as well.
    kind = info.external_attr >> 28 if info.create_system == 3 else 0
    return info.filename.endswith(("/", "\\")) or kind not in (0, 8)


def _overlapping(members: list[zipfile.ZipInfo]) -> set[int]:
    """Return the ids of members that begin before the one in front of them has ended."""
    found: set[int] = set()
    end = 0
    for info in sorted(members, key=lambda each: each.header_offset):
        if info.header_offset < end:
            found.add(id(info))
        end = max(end, info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size)
    return found


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name. Many writers put UTF-8 there without saying so; else it is in the first PC's encoding."""
    if info.flag_bits & _NAMES_ENCODED:
        return info.orig_filename.partition("\0")[0]
    try:
        return info.orig_filename.partition("\0")[0].encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _zip_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, overlap: str | None) -> Iterator[bytes]:
    if overlap:
        raise BadFile("damaged", overlap, _RESTORE)
    if info.flag_bits & _ENCRYPTED:
        raise BadFile("encrypted", "it is protected by a password", _UNLOCK)
    try:
        with archive.open(info) as content:
            yield from _blocks(content)
    except NotImplementedError as error:
        raise BadFile("unsupported", "it is packed in a way that is not read", _REPACK) from error
    except BROKEN as error:
        raise _damaged(error) from error


def _blocks(content: IO[bytes]) -> Iterator[bytes]:
    while block := content.read(_BLOCK_BYTES):
        yield block


# TAR


class _Forward:
    """A stream that is read from its beginning to its end, seen as the file that tarfile wants.

    Going forward reads and forgets. Nothing may be asked for at once that is longer than a header or a block.
    """

    def __init__(self, stream: IO[bytes], seen: bytes = b"") -> None:
        self._stream = stream
        self._seen = seen
        self._at = 0

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence or offset < self._at:
            raise tarfile.ReadError("a part that lies behind is asked for")
        while self._at < offset and self.read(min(_BLOCK_BYTES, offset - self._at)):
            pass
        return self._at

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER_BYTES:
            raise tarfile.ReadError("a header is larger than any archiver writes it")
        data, self._seen = self._seen[:size], self._seen[size:]
        while len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        self._at += len(data)
        return data


class _Header(tarfile.TarInfo):
    """A header of a TAR archive. tarfile takes a broken one for the end of the archive; here it is an error."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            if type(error).__name__ in _ENDS:
                raise
            raise tarfile.ReadError(str(error)) from error


def _tar(stream: IO[bytes], seen: bytes = b"") -> Iterator[Member]:
    """Yield the regular files of a TAR archive; `seen` is what has been read of the stream already."""
    members = 0
    try:
        source = cast(IO[bytes], _Forward(stream, seen))
        with tarfile.TarFile(fileobj=source, mode="r", tarinfo=_Header) as archive:
            while info := archive.next():
                # tarfile keeps every member for those who come back; nobody does.
                cast(Any, archive).members.clear()
                if info.isreg() and not is_litter(info.name):
                    members += 1
                    yield Member(info.name, _tar_content(archive, info))
    except _TAR_BROKEN as error:
        problem = _damaged(error)
        if not members:
            raise problem from error
        yield Member(_REST, _failing(problem))


def _tar_content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    try:
        content = archive.extractfile(info)
        if content is not None:
            left = info.size
            while left and (block := content.read(min(_BLOCK_BYTES, left))):
                left -= len(block)
                yield block
    except _TAR_BROKEN as error:
        raise _damaged(error) from error


def _failing(problem: BadFile) -> Iterator[bytes]:
    raise problem
    yield b""


# One file, or a TAR archive, in a compressed stream


def _compressed(file: BinaryIO, media_type: str) -> Iterator[Member]:
    name = _stored_name(file) if media_type == media.GZIP else ""
    with contextlib.closing(_opened(file, media_type)) as stream:
        try:
            seen = stream.read(_TAR_BLOCK)
        except _STREAM_BROKEN as error:
            raise _damaged(error) from error
        if is_tar(seen):
            yield from _tar(stream, seen)
        elif seen:
            yield Member(name, _rest(stream, seen))


def _opened(file: BinaryIO, media_type: str) -> IO[bytes]:
    """Return the decompressed stream. The standard library reads streams that follow each other as one."""
    if media_type == media.GZIP:
        return cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb"))
    if media_type == media.BZIP2:
        return cast(IO[bytes], bz2.BZ2File(file))
    return cast(IO[bytes], lzma.LZMAFile(file))


def _rest(stream: IO[bytes], seen: bytes) -> Iterator[bytes]:
    yield seen
    try:
        yield from _blocks(stream)
    except _STREAM_BROKEN as error:
        raise _damaged(error) from error


def _stored_name(file: BinaryIO) -> str:
    """Return the name that a GZIP file's first header has (RFC 1952), "" where it has none."""
    head = file.read(4096)
    file.seek(0)
    flags, at = head[3] if len(head) > 3 else 0, 10
    if flags & 4:
        at += 2 + int.from_bytes(head[10:12], "little")
    if not flags & 8:
        return ""
    raw = head[at:].partition(b"\0")[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
