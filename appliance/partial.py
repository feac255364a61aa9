"""A file on its way into the model folder: resumable, checked before it gets its name, put there in one step."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from appliance.errors import HashMismatch, ModelError, StorageFull

BLOCK_BYTES = 1 << 20

# Called with bytes done, bytes in all, and what is being done. Bytes done may go down when a source has to be left.
Progress = Callable[[int, int, str], None]


class Partial:
    """The first bytes of `target`, in `target.part`, and beside it `target.part.json`, which says what they belong to.

    Every source delivers the same bytes, so one source may go on where another stopped. After a crash the end of the
    part may be wrong; `check` finds that out, as it finds out everything else.
    """

    def __init__(self, target: Path, size_bytes: int, sha256: str) -> None:
        self.target = target
        self.size_bytes = size_bytes
        self.sha256 = sha256
        self._part = target.with_name(target.name + ".part")
        self._state = target.with_name(target.name + ".part.json")
        self._next_state = target.with_name(target.name + ".part.json.new")

    @property
    def length(self) -> int:
        """Bytes that a download may build on."""
        if self._read() is None or not self._part.is_file():
            return 0
        length = self._part.stat().st_size
        return length if length <= self.size_bytes else 0

    def pieces(self) -> tuple[str, ...]:
        """Return the names of the pieces that the part was joined from and that are certainly on disk."""
        state = self._read()
        if state is None or not self._part.is_file() or self._part.stat().st_size < state[0]:
            return ()
        return state[1]

    @contextmanager
    def writing(self, at: int) -> Iterator[BinaryIO]:
        """Open the part for writing from byte `at` on; what stood behind is cut off."""
        if at == 0 or self._read() is None:
            self._part.unlink(missing_ok=True)
            self._write(0, ())
        with self._part.open("ab") as file:
            file.truncate(at)
            yield file

    def joined_bytes(self) -> int:
        """Return the number of bytes in `pieces`: where the next piece has to be written."""
        state = self._read()
        return state[0] if state and self.pieces() else 0

    def joined(self, pieces: Sequence[str]) -> None:
        """Record durably that the part consists of these pieces, whole."""
        _sync(self._part)
        self._write(self._part.stat().st_size, pieces)

    def check(self, origin: str) -> None:
        """Raise HashMismatch, and remove the part, unless it is the file that was asked for."""
        _sync(self._part)
        found = sha256_of(self._part)
        if found != self.sha256:
            raise self.mismatch(origin, found, f"has {self._part.stat().st_size} bytes")

    def overlong(self, origin: str) -> HashMismatch:
        """Return the error for an origin that delivers more bytes than the file has; the part is removed."""
        return self.mismatch(origin, sha256_of(self._part), f"goes on after {self.size_bytes} bytes")

    def mismatch(self, origin: str, found: str, extent: str) -> HashMismatch:
        self.discard()
        return HashMismatch(
            f"{self.target.name} from {origin} has sha256 {found} and {extent};"
            f" the manifest says {self.sha256} and {self.size_bytes} bytes",
            "Do not use that source: its file is not the one the manifest was made for. Try another source.",
        )

    def keep(self) -> None:
        """Give the checked part its name, durably and in one step."""
        self._part.replace(self.target)
        self.discard()
        _sync(self.target.parent)

    def discard(self) -> None:
        """Remove the part. Nothing of it is left."""
        for path in (self._part, self._state, self._next_state):
            path.unlink(missing_ok=True)

    def _write(self, length: int, pieces: Sequence[str]) -> None:
        state = {"sha256": self.sha256, "bytes": length, "pieces": list(pieces)}
        with self._next_state.open("w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        self._next_state.replace(self._state)

    def _read(self) -> tuple[int, tuple[str, ...]] | None:
        """Return length and names of the joined pieces; None where the part is not one of this file."""
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            if state["sha256"] == self.sha256:
                return int(state["bytes"]), tuple(str(piece) for piece in state["pieces"])
        except (OSError, ValueError, KeyError, TypeError):
            # Missing, torn or strange: the download starts from the beginning.
            return None
        return None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def exclusive(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold `folder` alone. Where another process holds it, call `waiting` once and wait.

    The lock is on the folder itself, so that no lock file is left in it; it ends with the process, however that ends.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def ensure_space(folder: Path, size_bytes: int) -> None:
    """Raise StorageFull unless `folder` can take `size_bytes` more."""
    free = shutil.disk_usage(folder).free
    if free < size_bytes:
        raise _full(folder, f"{size_bytes:,} bytes are needed, {free:,} are free")


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what the operating system says about writing into `folder` into StorageFull or ModelError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(folder, str(error.strerror)) from error
        raise ModelError(
            f"the model folder {folder} cannot be used: {error}",
            "Make it writable for this user, or name another folder as models_dir.",
        ) from error


def remove_empty(folder: Path) -> None:
    """Remove `folder` and the folders in it as far as they are empty."""
    if not folder.is_dir():
        return
    for inner in folder.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            remove_empty(inner)
    if not any(folder.iterdir()):
        folder.rmdir()


def _full(folder: Path, why: str) -> StorageFull:
    return StorageFull(
        f"the disk of the model folder {folder} is full: {why}",
        "Free space on it, or name a folder on a larger disk as models_dir.",
    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
