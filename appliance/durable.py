"""Writing that survives a power cut."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from appliance.errors import ApplianceError, LogError, StorageFull


def write_at(descriptor: int, data: bytes | bytearray, offset: int) -> None:
    """Write all of `data` at `offset`. A full disk may take a part before it refuses: the caller cuts that off."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put `data` in place of the file in one step: after a crash there is the old content or the new one."""
    temporary = _write_beside(path, data, mode)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def create_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Create the file with all its content in one step. Raises FileExistsError when it is there already."""
    temporary = _write_beside(path, data, mode)
    try:
        # A link, unlike a rename, never replaces what another process has put there meanwhile.
        path.hardlink_to(temporary)
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def explain(error: OSError, action: str) -> ApplianceError:
    """Return the appliance's error for a failed system call; `action` is what could not be done."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(f"{action}: the disk is full", "Free space on the disk that holds the home.")
    return LogError(f"{action}: {error}", "Check the disk and the permissions of the home.")


def _write_beside(path: Path, data: bytes, mode: int) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        os.fchmod(descriptor, mode)
        write_at(descriptor, data, 0)
        os.fsync(descriptor)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return temporary
