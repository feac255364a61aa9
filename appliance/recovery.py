"""Opening a log: what is known to be whole is not read again, what came after the newest checkpoint is.

A crash can leave the end of the last segment torn: bytes of entries whose writers were never told that they are in.
Only those are cut. Everything else that does not fit together is damage, and stops the opening with its place.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path

from appliance.durable import sync_folder
from appliance.errors import HomeInUse, LogError
from appliance.merkle import HASH_BYTES, Frontier, leaf_hash, stored
from appliance.segments import (
    OFFSET_BYTES,
    Hashes,
    SegmentFile,
    decode,
    lines,
    pack_offset,
    segment_file,
    segment_files,
)
from appliance.types import Checkpoint

# A hash that a power cut left unwritten reads as zeros; no SHA-256 anyone has seen does.
UNWRITTEN = bytes(HASH_BYTES)
BUFFER_BYTES = 1 << 20
_VERIFY = 'Run "appliance log verify" for all findings; restore the log folder from a copy that verifies.'


@dataclass(frozen=True, slots=True)
class Recovered:
    """The state of a log that has been opened. `bytes_cut` were torn off the end of `segment`; `rebuilt` tells that
    the hashes did not fit the newest checkpoint and were computed again from all entries.
    """

    frontier: Frontier
    segment: SegmentFile
    segment_bytes: int
    bytes_cut: int
    rebuilt: bool


@dataclass(slots=True)
class _Pending:
    """Hashes and offsets that were computed and not yet written; where they belong."""

    size: int
    nodes: bytearray = field(default_factory=bytearray)
    offsets: bytearray = field(default_factory=bytearray)

    def write(self, hashes: Hashes) -> None:
        os.pwrite(hashes.tree, self.nodes, stored(self.size) * HASH_BYTES)
        os.pwrite(hashes.offsets, self.offsets, self.size * OFFSET_BYTES)
        self.size += len(self.offsets) // OFFSET_BYTES
        self.nodes.clear()
        self.offsets.clear()


def take_lock(folder: Path) -> int:
    """Return the descriptor that holds the folder's lock."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise HomeInUse(
            f"another process writes to the log in {folder}", "Stop it first, or choose another --home."
        ) from error
    return lock


def is_empty(folder: Path) -> bool:
    """Return whether nothing was ever written to this log: no checkpoint and no entry."""
    if (folder / "checkpoint").exists():
        return False
    segments = folder / "segments"
    return not segments.exists() or not any(file.stat().st_size for file in segments.iterdir())


def refuse_orphaned_key(folder: Path, key_folder: Path) -> None:
    """A key without its log: someone took the log away. A new one under the old name would hide that."""
    if (key_folder / "log.key").exists() and not (folder / "tree").exists():
        raise LogError(
            f"the signing key in {key_folder} belongs to a log, but {folder} has none",
            "Restore the log folder; to begin a new log, move the old key away first.",
        )


def recover(folder: Path, hashes: Hashes, signed: Checkpoint) -> Recovered:
    """Bring the log back to its last whole entry and return where it stands.

    `signed` is its newest checkpoint. Raises LogError with the place of any damage; no entry has been touched then.
    """
    segments = _segments(folder)
    trusted = _agrees(hashes, signed)
    known = hashes.size() if trusted else 0
    start = signed.size if trusted else 0
    for segment, following in pairwise(segments):
        if following.first <= start:
            _check_end(segment, following.first, hashes)
    scan = _Scan(segments, Frontier(start, hashes.peaks(start)), known, signed)
    scan.run(hashes)
    last = segments[-1]
    whole = last.path.stat().st_size - scan.torn_bytes
    if scan.torn_bytes:
        _cut(last.path, whole)
    size = scan.frontier.size
    os.ftruncate(hashes.tree, stored(size) * HASH_BYTES)
    os.ftruncate(hashes.offsets, size * OFFSET_BYTES)
    return Recovered(scan.frontier, last, whole, scan.torn_bytes, not trusted)


class _Scan:
    """Reads the entries after the frontier, and adds them to it."""

    def __init__(self, segments: list[SegmentFile], frontier: Frontier, known: int, signed: Checkpoint) -> None:
        self.frontier = frontier
        self.torn_bytes = 0
        self._segments = segments
        self._known = known
        self._signed = signed

    def run(self, hashes: Hashes) -> None:
        pending = _Pending(self.frontier.size)
        for segment, offset, line in self._lines(hashes):
            leaf = self._leaf(segment, offset, line, hashes)
            pending.nodes += b"".join(self.frontier.add(leaf))
            pending.offsets += pack_offset(offset)
            if self.frontier.size == self._signed.size:
                self._check_root()
            if len(pending.nodes) > BUFFER_BYTES:
                pending.write(hashes)
        if self.frontier.size < max(self._signed.size, self._known):
            size = max(self._signed.size, self._known)
            raise LogError(f"the log has {self.frontier.size} entries, it had {size}", _VERIFY)
        pending.write(hashes)

    def _lines(self, hashes: Hashes) -> Iterator[tuple[SegmentFile, int, bytes]]:
        """Yield the whole lines from the frontier on; note how many bytes after them are torn."""
        start = self.frontier.size
        for segment in self._segments:
            if segment is not self._segments[-1] and self._next(segment).first <= start:
                continue
            skip = segment.first < start <= self.frontier.size
            if not skip and segment.first != self.frontier.size:
                raise LogError(f"{segment.path.name} should begin with entry {self.frontier.size}", _VERIFY)
            # The line before the frontier is read too: it tells where the frontier's own begins.
            for offset, line in lines(segment, hashes.offset(start - 1) if skip else 0):
                if not line.endswith(b"\n"):
                    self._torn(segment, offset, line, self.frontier.size - skip)
                    break
                elif skip:
                    self._compare(leaf_hash(line[:-1]), start - 1, segment.place(offset), hashes)
                    skip = False
                else:
                    yield segment, offset, line
            if skip:
                raise LogError(f"entry {start - 1} is missing at the end of {segment.path.name}", _VERIFY)

    def _next(self, segment: SegmentFile) -> SegmentFile:
        return self._segments[self._segments.index(segment) + 1]

    def _torn(self, segment: SegmentFile, offset: int, line: bytes, index: int) -> None:
        if segment is not self._segments[-1] or index < max(self._known, self._signed.size):
            raise LogError(f"entry {index} ends early ({segment.place(offset)})", _VERIFY)
        self.torn_bytes = len(line)

    def _leaf(self, segment: SegmentFile, offset: int, line: bytes, hashes: Hashes) -> bytes:
        index = self.frontier.size
        leaf = leaf_hash(line[:-1])
        if index < self._known:
            self._compare(leaf, index, segment.place(offset), hashes)
        decode(line[:-1], index, segment.place(offset))
        return leaf

    def _compare(self, leaf: bytes, index: int, place: str, hashes: Hashes) -> None:
        if hashes.node(0, index) not in (leaf, UNWRITTEN):
            raise LogError(f"entry {index} is not what was written ({place})", _VERIFY)

    def _check_root(self) -> None:
        if self.frontier.root().hex() != self._signed.root:
            raise LogError(f"the first {self._signed.size} entries are not what the newest checkpoint signed", _VERIFY)


def _segments(folder: Path) -> list[SegmentFile]:
    """Return the segments; in a log that was never written to, make the first."""
    first = segment_file(folder, 0)
    first.path.parent.mkdir(exist_ok=True)
    if not any(first.path.parent.iterdir()):
        first.path.touch()
        sync_folder(first.path.parent)
        sync_folder(folder)
    return segment_files(folder)


def _agrees(hashes: Hashes, signed: Checkpoint) -> bool:
    """Return whether the hashes on disk are those of the tree that was signed."""
    if hashes.size() < signed.size:
        return False
    return Frontier(signed.size, hashes.peaks(signed.size)).root().hex() == signed.root


def _check_end(segment: SegmentFile, following: int, hashes: Hashes) -> None:
    """Check that a segment ends with the entry before `following`."""
    index = following - 1
    found = [line for _, line in islice(lines(segment, hashes.offset(index)), 2)]
    if len(found) != 1 or found[0][-1:] != b"\n" or leaf_hash(found[0][:-1]) != hashes.node(0, index):
        raise LogError(f"{segment.path.name} does not end with entry {index} as it was written", _VERIFY)


def _cut(path: Path, size: int) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
