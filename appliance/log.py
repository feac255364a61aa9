"""The log: an append-only record that nobody can quietly edit.

Folder layout, one folder per log:

    lock                                 held (flock) by the one process that writes
    segments/00000000000000000000.jsonl  entries, one a line; a segment is named for the index of its first entry
    tree                                 32-byte hashes of the Merkle tree's complete subtrees, as merkle.py orders them
    offsets                              per entry, 8 bytes little-endian: where its line begins in its segment
    checkpoint                           the newest checkpoint
    checkpoints                          every checkpoint ever signed, oldest first, each followed by an empty line

A line is the canonical JSON (RFC 8785) of

    index    its place in the log, from 0
    time     when it was written, RFC 3339 in UTC with microseconds
    kind     what happened, lower-case words joined by dots; the callers own the kinds
    version  version of the kind's schema, from 1
    body     ids, counts and salted digests, nested at most 64 deep

and a newline; it has at most 1 MiB. Its bytes without the newline are a leaf of an RFC 6962 tree. Checkpoints sign the
root of that tree (signing.py has their format). `tree` and `offsets` follow from the segments: a receipt or a read by
index is a few reads with them, and they are computed again when they do not fit.

An entry is written and synced before `append` returns; entries that threads bring while a sync runs share the next one.
A checkpoint is signed when the log is made and closed, on demand, every `Limits.checkpoint_entries`, and with the first
append after `Limits.checkpoint_seconds`. What came after the newest checkpoint is on disk, but not yet signed.

The log writes one kind itself: `log.recovered`, version 1, after a crash: `bytes_cut` of a torn end in `segment`, and
whether the hashes had to be `rebuilt`.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.durable import explain, sync_folder, write_at
from appliance.errors import ApplianceError, LogError
from appliance.history import History
from appliance.merkle import HASH_BYTES, stored
from appliance.recovery import Recovered, is_empty, recover, refuse_orphaned_key, take_lock
from appliance.segments import (
    OFFSET_BYTES,
    Content,
    Hashes,
    content,
    encode_batch,
    read_entries,
    segment_file,
)
from appliance.signing import create_signer, load_signer
from appliance.types import Checkpoint, Json, LogEntry


@dataclass(frozen=True, slots=True)
class Limits:
    """When a new segment begins, and how long entries stay without a signature."""

    segment_bytes: int = 64 << 20
    checkpoint_entries: int = 1000
    checkpoint_seconds: float = 60.0


LIMITS = Limits()


@dataclass(slots=True)
class _Draft:
    """An append that waits for its commit: afterwards it has its entry, or what went wrong."""

    content: Content
    entry: LogEntry | None = None
    failure: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.entry is not None or self.failure is not None


class FileLog:
    """The log of one folder; the adapter of the port `Log`. Opening it takes the folder's lock."""

    def __init__(
        self,
        folder: Path,
        key_folder: Path,
        origin: str,
        limits: Limits = LIMITS,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        """Open the log, or make it where there is none.

        `sync` makes a descriptor's file durable. Raises HomeInUse when another process writes to the folder, LogError
        when the log is damaged or the key does not belong to it.
        """
        self._folder = folder
        self._limits = limits
        self._sync = sync
        self._turn = threading.Condition()
        self._queue: list[_Draft] = []
        self._busy = False
        self._refusal = ""
        try:
            self._lock = take_lock(folder)
            try:
                self._open(key_folder, origin)
            except BaseException:
                os.close(self._lock)
                raise
        except OSError as error:
            raise explain(error, f"the log in {folder} cannot be opened") from error

    def append(self, kind: str, body: Mapping[str, Json], version: int = 1) -> LogEntry:
        """Add one entry and return it; see the port. StorageFull when the disk is full."""
        draft = _Draft(content(kind, body, version))
        with self._turn:
            self._require_open()
            self._queue.append(draft)
            while self._busy and not draft.done:
                self._turn.wait()
            batch = [] if draft.done else self._take_queue()
        if batch:
            self._lead(batch)
        if draft.entry is None:
            raise _told(draft.failure)
        return draft.entry

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[LogEntry]:
        """Yield entries as the port says; each is checked against its hash, LogError names the place of damage."""
        with self._turn:
            self._require_open()
            size = self._frontier.size
        return read_entries(self._folder, start, size if stop is None else min(stop, size))

    def size(self) -> int:
        """Return the number of entries."""
        return self._frontier.size

    def checkpoint(self) -> Checkpoint:
        """Sign the current tree head, add it to the log's checkpoints, and return it."""
        self._take_turn()
        try:
            return self._sign()
        except OSError as error:
            raise explain(error, "the checkpoint cannot be written") from error
        finally:
            self._give_turn()

    def close(self) -> None:
        """Sign a last checkpoint and release the files. Calling it twice is harmless."""
        with self._turn:
            while self._busy or self._queue:
                self._turn.wait()
            if self._lock < 0:
                return
            whole = not self._refusal
            self._refusal = "the log is closed"
            lock, self._lock = self._lock, -1
        try:
            if whole:
                self._sign()
        except OSError as error:
            raise explain(error, "the last checkpoint cannot be written") from error
        finally:
            os.close(self._segment)
            self._hashes.close()
            fcntl.flock(lock, fcntl.LOCK_UN)  # a forked child may still hold a copy of the descriptor
            os.close(lock)

    # Opening

    def _open(self, key_folder: Path, origin: str) -> None:
        empty = is_empty(self._folder)
        if empty:
            refuse_orphaned_key(self._folder, key_folder)
        self._hashes = Hashes(self._folder, writable=True)
        try:
            # From here on a crash leaves an unfinished log, which the next start tells from one that was taken away.
            sync_folder(self._folder)
            if empty and not (key_folder / "log.key").exists():
                signer = create_signer(key_folder, origin)
            else:
                signer = load_signer(key_folder, origin)
            self._history = History(self._folder, signer, start=empty)
            state = recover(self._folder, self._hashes, self._history.newest)
            self._segment = os.open(state.segment.path, os.O_WRONLY)
        except BaseException:
            self._hashes.close()
            raise
        self._segment_bytes = state.segment_bytes
        self._frontier = state.frontier
        self._signed_at = time.monotonic()
        self._note(state)

    def _note(self, state: Recovered) -> None:
        cut = state.bytes_cut + self._history.bytes_cut
        if cut or state.rebuilt:
            self.append(
                "log.recovered", {"bytes_cut": cut, "rebuilt": state.rebuilt, "segment": state.segment.path.name}
            )

    # Taking turns: one thread at a time writes, for itself and for all that have queued up

    def _require_open(self) -> None:
        if self._refusal:
            raise LogError(self._refusal, "Start the appliance again.")

    def _take_queue(self) -> list[_Draft]:
        self._busy = True
        batch, self._queue = self._queue, []
        return batch

    def _take_turn(self) -> None:
        with self._turn:
            while self._busy:
                self._turn.wait()
            self._require_open()
            self._busy = True

    def _give_turn(self) -> None:
        with self._turn:
            self._busy = False
            self._turn.notify_all()

    def _lead(self, batch: list[_Draft]) -> None:
        try:
            self._require_open()
            entries = self._commit([draft.content for draft in batch])
            for draft, entry in zip(batch, entries, strict=True):
                draft.entry = entry
            self._sign_if_due()
        except BaseException as error:
            for draft in batch:
                if not draft.done:
                    draft.failure = error
            if not isinstance(error, (OSError, ApplianceError)):
                raise
        finally:
            self._give_turn()

    # Writing

    def _commit(self, contents: list[Content]) -> list[LogEntry]:
        """Write the entries and sync them, or leave the log as it was and raise."""
        try:
            self._roll()
            moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            written = encode_batch(contents, moment, self._frontier, self._segment_bytes)
            write_at(self._segment, written.lines, self._segment_bytes)
            self._sync(self._segment)
            # Only now: a hash on disk tells the recovery that its entry was whole.
            size = self._frontier.size
            write_at(self._hashes.tree, written.nodes, stored(size) * HASH_BYTES)
            write_at(self._hashes.offsets, written.offsets, size * OFFSET_BYTES)
        except BaseException:
            self._roll_back()
            raise
        self._segment_bytes += len(written.lines)
        self._frontier = written.frontier
        return written.entries

    def _roll(self) -> None:
        """Begin a new segment when the present one has reached its size."""
        if self._segment_bytes < self._limits.segment_bytes:
            return
        segment = segment_file(self._folder, self._frontier.size)
        descriptor = os.open(segment.path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            sync_folder(segment.path.parent)
        except OSError:
            os.close(descriptor)
            segment.path.unlink()
            raise
        os.close(self._segment)
        self._segment, self._segment_bytes = descriptor, 0

    def _roll_back(self) -> None:
        try:
            os.ftruncate(self._segment, self._segment_bytes)
            os.ftruncate(self._hashes.tree, stored(self._frontier.size) * HASH_BYTES)
            os.ftruncate(self._hashes.offsets, self._frontier.size * OFFSET_BYTES)
            self._sync(self._segment)
        except OSError as error:
            # What is on disk is unknown now; to go on could sign entries that nobody was promised.
            self._refusal = f"the log could not be put back after a failed write: {error}"

    # Signing

    def _sign_if_due(self) -> None:
        waiting = self._frontier.size - self._history.newest.size
        age = time.monotonic() - self._signed_at
        if waiting < self._limits.checkpoint_entries and age < self._limits.checkpoint_seconds:
            return
        try:
            self._sign()
        except OSError:
            # The entries are safe and their writers must hear so; the next append tries again, close and checkpoint
            # report it.
            return

    def _sign(self) -> Checkpoint:
        self._signed_at = time.monotonic()
        if self._history.newest.size == self._frontier.size:
            return self._history.newest
        # The recovery trusts hashes up to the newest checkpoint, so they have to be durable before it is.
        self._sync(self._hashes.tree)
        self._sync(self._hashes.offsets)
        return self._history.add(self._frontier.size, self._frontier.root())


def _told(failure: BaseException | None) -> ApplianceError:
    """Return the error for one of the threads whose entries failed together."""
    if isinstance(failure, OSError):
        told = explain(failure, "the entry cannot be written")
    elif isinstance(failure, ApplianceError):
        told = type(failure)(failure.message, failure.hint)
    else:
        told = LogError("the entry was not written: its commit was interrupted", "Try again.")
    told.__cause__ = failure
    return told
