"""What can be wrong with a file, and opening files of a share without ever leaving it."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass

from appliance.errors import ShareError
from appliance.types import Status

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: should a FIFO take a file's place, opening it must not wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_RETRY = "It is tried again with the next run."
_RIGHTS = "Give the account that ingests the right to read it."


class BadFile(Exception):
    """A file that yields no text: its `status`, the `reason` in plain words, and what to do about it (`hint`).
    `media_type` is empty where the file's kind was not found out.

    A result for the report, not a failure of the run.
    """

    def __init__(self, status: Status, reason: str, hint: str = "", media_type: str = "") -> None:
        super().__init__(reason)
        self.status: Status = status
        self.reason = reason
        self.hint = hint
        self.media_type = media_type


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one version of a file from the next without reading it."""

    size_bytes: int
    modified_ns: int


def stamp(info: os.stat_result) -> Stamp:
    """Return the stamp of a file by its stat."""
    return Stamp(info.st_size, info.st_mtime_ns)


def open_share(path: str) -> int:
    """Open a share's top folder and return its descriptor.

    The path itself may be a symbolic link: it was named by whoever runs the appliance. Raises ShareError.
    """
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ShareError(f"share {path} does not exist", "Name an existing folder, or mount the share.") from error
    except NotADirectoryError as error:
        raise ShareError(f"share {path} is not a folder", "Name the folder that holds the documents.") from error
    except PermissionError as error:
        raise ShareError(
            f"share {path} cannot be read: permission denied",
            "Give the account that ingests the right to read and enter the folder.",
        ) from error
    except OSError as error:
        raise ShareError(f"share {path} cannot be read: {error.strerror}", "Check the disk or the mount.") from error


def identity(share: int) -> tuple[int, int]:
    """Return what tells one share's top folder from another at the same place."""
    info = os.fstat(share)
    return info.st_dev, info.st_ino


def open_folder(share: int, path: str) -> int:
    """Open a folder of the share by its relative path ("" is the share itself). Raises OSError.

    Every component is opened by itself without following symbolic links, so that swapping one in meanwhile leads
    nowhere, least of all out of the share.
    """
    folder = os.dup(share)
    for name in path.split("/") if path else ():
        try:
            inner = os.open(os.fsencode(name), _FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


def open_file(share: int, path: str) -> int:
    """Open a regular file of the share by its relative path and return its descriptor. Raises BadFile."""
    parent, _, name = path.rpartition("/")
    try:
        folder = open_folder(share, parent)
        try:
            file = os.open(os.fsencode(name), _FILE, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise unreadable(error) from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise BadFile("unreadable", "it stopped being a regular file while the share was read", _RETRY)
    return file


def unreadable(error: OSError) -> BadFile:
    """Say in plain words why a file or folder could not be read."""
    match error.errno:
        case errno.ENOENT | errno.ESTALE:
            return BadFile("unreadable", "it disappeared while the share was read", _RETRY)
        case errno.ELOOP | errno.ENOTDIR:
            return BadFile("unreadable", "a symbolic link took its place while the share was read", _RETRY)
        case errno.EACCES | errno.EPERM:
            return BadFile("unreadable", "permission denied", _RIGHTS)
        case _:
            return BadFile("unreadable", f"it cannot be read: {error.strerror}", "Check the disk or the mount.")
