"""The log's checkpoints: the newest in a file of its own, all of them in another.

Who cuts entries off the end of the log has to cut the checkpoints too, and whoever kept one elsewhere sees it.
"""

from __future__ import annotations

import os
from pathlib import Path

from appliance.durable import replace_file, write_at
from appliance.errors import LogError
from appliance.merkle import EMPTY_ROOT
from appliance.signing import Signer, open_checkpoint
from appliance.types import Checkpoint

TAIL_BYTES = 1 << 16
_VERIFY = 'Run "appliance log verify" for all findings; restore the log folder from a copy that verifies.'


class History:
    """The files `checkpoint` and `checkpoints`. `newest` is the last that was signed."""

    def __init__(self, folder: Path, signer: Signer, *, start: bool) -> None:
        """Read the newest checkpoint, or with `start` sign that the log is empty.

        `bytes_cut` tells how much of a record torn by a crash was taken off the end of `checkpoints`.
        """
        self._newest = folder / "checkpoint"
        self._all = folder / "checkpoints"
        self._signer = signer
        self.bytes_cut = 0
        for leftover in folder.glob(".checkpoint.*"):
            leftover.unlink()
        if start:
            self._all.write_bytes(b"")
            self._size = 0
            self.newest = self.add(0, EMPTY_ROOT)
        else:
            self.newest = self._read()

    def add(self, size: int, root: bytes) -> Checkpoint:
        """Sign the tree head and keep it. OSError when it cannot be written: then it counts as never signed."""
        checkpoint = self._signer.checkpoint(size, root)
        record = checkpoint.note.encode() + b"\n"
        descriptor = os.open(self._all, os.O_WRONLY)
        try:
            write_at(descriptor, record, self._size)
            os.fsync(descriptor)
            replace_file(self._newest, checkpoint.note.encode())
        except OSError:
            os.ftruncate(descriptor, self._size)
            raise
        finally:
            os.close(descriptor)
        self._size += len(record)
        self.newest = checkpoint
        return checkpoint

    def _read(self) -> Checkpoint:
        try:
            note = self._newest.read_bytes()
            with self._all.open("rb") as file:
                self._size = file.seek(0, os.SEEK_END)
                file.seek(max(0, self._size - TAIL_BYTES))
                tail = file.read()
        except FileNotFoundError as error:
            raise LogError(f"{error.filename} is missing", _VERIFY) from error
        newest = self._open(note)
        at = tail.rfind(note + b"\n")
        if at < 0:
            raise LogError(f"{self._all} does not hold the checkpoint of {newest.size} entries", _VERIFY)
        return self._resume(newest, tail[at + len(note) + 1 :])

    def _resume(self, newest: Checkpoint, rest: bytes) -> Checkpoint:
        """Deal with what a crash left after the newest checkpoint: a whole record is newer, a torn one is cut."""
        if not rest:
            return newest
        if rest.endswith(b"\n\n"):
            newer = self._open(rest[:-1])
            replace_file(self._newest, rest[:-1])
            return newer
        self.bytes_cut = len(rest)
        self._size -= len(rest)
        os.truncate(self._all, self._size)
        return newest

    def _open(self, note: bytes) -> Checkpoint:
        try:
            return open_checkpoint(note.decode(), self._signer.verifier_key)
        except (LogError, UnicodeDecodeError) as error:
            raise LogError(
                f"the newest checkpoint in {self._newest.parent} is not the log's: {error}", _VERIFY
            ) from error
