"""Lists everything in a share: files to read, and what is refused without being opened.

Left out without a row: version control and system folders (`OMITTED_FOLDERS`), and files that programs leave behind
for themselves (`OMITTED_FILES`). Other hidden files are files like any other.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.files import BadFile, Stamp, open_folder, stamp, unreadable

OMITTED_FOLDERS = (
    ".git", ".hg", ".svn", "lost+found", "__MACOSX", "@eaDir", "#recycle", "#snapshot", ".snapshot", ".snapshots",
    ".zfs", "$RECYCLE.BIN", "System Volume Information", ".Trash-*", ".Spotlight-V100", ".fseventsd",
)  # fmt: skip
OMITTED_FILES = (
    ".DS_Store", "._*", "Thumbs.db", "ehthumbs.db", "desktop.ini", "~$*", ".~lock.*#", ".nfs*", ".fuse_hidden*",
)  # fmt: skip

_NO_LINKS = "Put the file itself into the share, or add the folder it points to as a share."
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of a share. `path` is relative and "/"-separated; bytes that are no UTF-8 are surrogate-escaped.

    `problem` says why it is not read. The path of a folder that cannot be read ends in "/".
    """

    path: str
    stamp: Stamp
    problem: BadFile | None = None


def walk(share: int) -> Iterator[Found]:
    """Yield the entries of an open share, folder by folder, each folder's names sorted.

    Symbolic links are reported, never followed; pipes, sockets and devices are reported, never opened. Memory grows
    with the largest folder's names, not with the share.
    """
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            entries = _entries(share, folder)
        except OSError as error:
            yield Found(folder + "/", Stamp(0, 0), unreadable(error))
            continue
        inner = []
        for name, info in entries:
            path = f"{folder}/{name}" if folder else name
            if info is not None and stat.S_ISDIR(info.st_mode):
                inner.append(path)
            else:
                yield _found(path, info)
        # The stack's top comes next, so the last of the sorted folders goes in first.
        pending.extend(reversed(inner))


def _entries(share: int, folder: str) -> list[tuple[str, os.stat_result | None]]:
    """Return the names in a folder with their stat, or None for one that disappeared."""
    descriptor = open_folder(share, folder)
    try:
        with os.scandir(descriptor) as listing:
            return sorted(
                ((entry.name, _stat(entry)) for entry in listing if not _omitted(entry)), key=lambda pair: pair[0]
            )
    finally:
        os.close(descriptor)


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None


def _found(path: str, info: os.stat_result | None) -> Found:
    if info is None:
        return Found(path, Stamp(0, 0), unreadable(FileNotFoundError(2, "No such file or directory")))
    if stat.S_ISREG(info.st_mode):
        return Found(path, stamp(info))
    if stat.S_ISLNK(info.st_mode):
        problem = BadFile("unsupported", "a symbolic link, which is never followed", _NO_LINKS)
    else:
        kind = _KINDS.get(stat.S_IFMT(info.st_mode), "no regular file")
        problem = BadFile("unsupported", f"{kind}, which is never opened", "Remove it from the share.")
    return Found(path, stamp(info), problem)


def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(name) for name in names))


_OMITTED_FOLDERS = _pattern(OMITTED_FOLDERS)
_OMITTED_FILES = _pattern(OMITTED_FILES)


def _omitted(entry: os.DirEntry[str]) -> bool:
    pattern = _OMITTED_FOLDERS if entry.is_dir(follow_symlinks=False) else _OMITTED_FILES
    return pattern.match(entry.name) is not None
