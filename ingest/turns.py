"""A lock that all ingest processes of one home share: many may tell the service what they saw, one may take away.

See ingest/watch.py for what it is for.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turns:
    """Readers-writer lock in two files of `folder` (flock(2)), let go by the kernel when a process ends.

    Who waits to be alone goes before those who come after, so that a long ingestion does not keep it waiting. Neither
    side may be entered again by the thread that holds it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._door = folder / "ingest.door"
        self._room = folder / "ingest.room"

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it together with others."""
        with _held(self._door, fcntl.LOCK_SH) as door:
            room = _opened(self._room)
            try:
                fcntl.flock(room, fcntl.LOCK_SH)
            except BaseException:
                os.close(room)
                raise
            fcntl.flock(door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            # A child that is just being started has the file open as well.
            fcntl.flock(room, fcntl.LOCK_UN)
            os.close(room)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold it alone."""
        # Whoever holds the door lets nobody in any more, and waits until the others have left.
        with _held(self._door, fcntl.LOCK_EX), _held(self._room, fcntl.LOCK_EX):
            yield


@contextmanager
def _held(file: Path, kind: int) -> Iterator[int]:
    descriptor = _opened(file)
    try:
        fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)


def _opened(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
