"""Lists everything in a share, or what lies at one path: files to read, and what is refused without being opened.

Left out without a row: version control and system folders (`OMITTED_FOLDERS`), and files that programs leave behind
for themselves (`OMITTED_FILES`). Other hidden files are files like any other.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from ingest.files import BadFile, Stamp, open_folder, stamp, unreadable
from ingest.readers import RULES, Access, Readers, Scope

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

    `problem` says why it is not read. The path of a folder that cannot be read ends in "/". A rule file is found only
    if it closes its folder.
    """

    path: str
    stamp: Stamp
    problem: BadFile | None = None
    readers: Readers = ()


def walk(share: int, access: Access, under: str = "") -> Iterator[Found]:
    """Yield the entries of an open share, or of its folder `under`, in the order of the bytes of their paths.

    Symbolic links are reported, never followed; pipes, sockets and devices are reported, never opened. Memory grows
    with the largest folders' names, not with the share. Raises OSError when the share itself cannot be listed.
    """
    try:
        with Looks(share, access) as looks:
            folder, scope = looks.folder(under)
            entries = _entries(folder, under, scope, access)
    except OSError as error:
        if not under:
            raise
        yield Found(under + "/", Stamp(0, 0), unreadable(error))
        return
    # Folders that are gone through, innermost last: what is left of each, its path and its scope.
    stack = [(entries, under, scope)]
    while stack:
        entries, under, scope = stack[-1]
        entry = next(entries, None)
        if entry is None:
            stack.pop()
        elif isinstance(entry, Found):
            yield entry
        else:
            try:
                folder = open_folder(share, entry)
                try:
                    inner = access.inside(scope, folder)
                    stack.append((_entries(folder, entry, inner, access), entry, inner))
                finally:
                    os.close(folder)
            except OSError as error:
                yield Found(entry + "/", Stamp(0, 0), unreadable(error))


def find(share: int, path: str, access: Access) -> Iterator[Found]:
    """Yield what lies at one path: a file, everything in a folder, or nothing."""
    with Looks(share, access) as looks:
        found = looks.at(path)
    if isinstance(found, Found):
        yield found
    elif found is not None:
        yield from walk(share, access, path)


class Folder:
    """Stands for a folder where a file was looked for."""


class Looks:
    """Looks at single paths of an open share as they are now. Keeps the last folder open and its rules in mind, so it
    is to be used for a moment only, and by one thread.
    """

    def __init__(self, share: int, access: Access) -> None:
        self._share = share
        self._access = access
        self._path: str | None = None
        self._open: tuple[int, Scope] | None = None

    def __enter__(self) -> Looks:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        if self._open is not None:
            os.close(self._open[0])
        self._open = self._path = None

    def at(self, path: str) -> Found | Folder | None:
        """Return what is at a path, None if nothing is or if such files are left out. Raises OSError when that cannot
        be found out.
        """
        parent, _, name = path.rpartition("/")
        try:
            folder, scope = self.folder(parent)
            info = os.stat(os.fsencode(name) if name else b".", dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:  # a folder on the way has become a link
                return None
            raise
        if omitted(name, folder=stat.S_ISDIR(info.st_mode)):
            return None
        if name == RULES:
            return None if scope.problem is None else Found(path, stamp(info), scope.problem)
        if stat.S_ISDIR(info.st_mode):
            return Folder()
        return _found(path, info, self._access.readers(scope, folder, name, info))

    def folder(self, path: str) -> tuple[int, Scope]:
        """Return a folder, open until the next call, and what holds in it. Raises OSError."""
        if self._open is None or self._path != path:
            self._close()
            self._open = self._descend(path)
            self._path = path
        return self._open

    def _descend(self, path: str) -> tuple[int, Scope]:
        folder = os.dup(self._share)
        try:
            scope = self._access.top(folder)
            for name in path.split("/") if path else ():
                inner = _inner(folder, name)
                os.close(folder)
                folder = inner
                scope = self._access.inside(scope, folder)
        except BaseException:
            os.close(folder)
            raise
        return folder, scope


def _inner(folder: int, name: str) -> int:
    if omitted(name, folder=True):
        raise FileNotFoundError(errno.ENOENT, "left out")
    return open_folder(folder, name)


def _entries(folder: int, path: str, scope: Scope, access: Access) -> Iterator[Found | str]:
    """Return the files of an open folder, and the paths of the folders in it, in order."""
    found: list[tuple[bytes, Found | str]] = []
    prefix = f"{path}/" if path else ""
    with os.scandir(folder) as listing:
        for entry in listing:
            name = entry.name
            info = _stat(entry)
            is_folder = info is not None and stat.S_ISDIR(info.st_mode)
            if omitted(name, is_folder):
                continue
            key = os.fsencode(name)
            if name == RULES:
                if scope.problem is not None:
                    found.append((key, Found(prefix + name, stamp(info) if info else Stamp(0, 0), scope.problem)))
            elif is_folder:
                found.append((key + b"/", prefix + name))
            else:
                readers = access.readers(scope, folder, name, info) if info else ()
                found.append((key, _found(prefix + name, info, readers)))
    found.sort(key=lambda pair: pair[0])
    return iter([entry for _, entry in found])


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None


def _found(path: str, info: os.stat_result | None, readers: Readers) -> Found:
    if info is None:
        return Found(path, Stamp(0, 0), unreadable(FileNotFoundError(2, "No such file or directory")), readers)
    if stat.S_ISREG(info.st_mode):
        return Found(path, stamp(info), None, readers)
    if stat.S_ISLNK(info.st_mode):
        problem = BadFile("unsupported", "a symbolic link, which is never followed", _NO_LINKS)
    else:
        kind = _KINDS.get(stat.S_IFMT(info.st_mode), "no regular file")
        problem = BadFile("unsupported", f"{kind}, which is never opened", "Remove it from the share.")
    return Found(path, stamp(info), problem, readers)


def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(name) for name in names))


_OMITTED_FOLDERS = _pattern(OMITTED_FOLDERS)
_OMITTED_FILES = _pattern(OMITTED_FILES)


def omitted(name: str, folder: bool) -> bool:
    """Tell whether a file or folder of this name is left out."""
    return (_OMITTED_FOLDERS if folder else _OMITTED_FILES).match(name) is not None
