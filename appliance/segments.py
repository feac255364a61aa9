"""The log's files: how an entry becomes a line, where lines and hashes lie, how they are read back.

The layout is described in appliance/log.py. Here is what its writer, its readers and its recovery share.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import rfc8785

from appliance.errors import LogError
from appliance.merkle import HASH_BYTES, Frontier, leaf_hash, peaks, position, stored
from appliance.types import Json, LogEntry

LINE_BYTES = 1 << 20
KIND_CHARACTERS = 100
DEPTH = 64
OFFSET_BYTES = 8
KEYS = {"body", "index", "kind", "time", "version"}
_KIND = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_NAME = re.compile(r"([0-9]{20})\.jsonl")
_VERIFY = 'Run "appliance log verify" for all findings; restore the log folder from a copy that verifies.'


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """One file of entries; `first` is the index of its first."""

    first: int
    path: Path

    def place(self, offset: int) -> str:
        """Return where something lies, for messages."""
        return f"{self.path.name}, byte {offset}"


def _number(token: str) -> int | float:
    """Return an integer, or the double that canonical JSON wrote without an exponent."""
    value = int(token)
    return value if abs(value) < 2**53 else float(value)


_DECODER = json.JSONDecoder(parse_int=_number)


def segment_file(folder: Path, first: int) -> SegmentFile:
    """Return the segment of log `folder` that begins with entry `first`."""
    return SegmentFile(first, folder / "segments" / f"{first:020d}.jsonl")


def segment_files(folder: Path) -> list[SegmentFile]:
    """Return the segments in order, at least one. LogError when the names leave no sense."""
    found = []
    for path in sorted((folder / "segments").iterdir()):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise LogError(f"{path} is not a segment of the log", "Move it out of the log folder.")
        found.append(SegmentFile(int(match[1]), path))
    if not found or found[0].first != 0:
        raise LogError(f"the log's first segment is missing in {folder / 'segments'}", _VERIFY)
    return found


@dataclass(frozen=True, slots=True)
class Content:
    """What a caller wants written, checked and in canonical form."""

    kind: str
    version: int
    body: bytes


def content(kind: str, body: Mapping[str, Json], version: int) -> Content:
    """Check an entry's content before anything is written. LogError names what JSON or the line cannot hold."""
    if not _KIND.fullmatch(kind) or len(kind) > KIND_CHARACTERS:
        raise LogError(f"{kind!r} is not a kind of entry", "Use lower-case words joined by dots, like answer.given.")
    if isinstance(version, bool) or not 1 <= version < 2**31:
        raise LogError(f"{version!r} is not a version of kind {kind}", "Count versions of a schema from 1.")
    try:
        canonical = rfc8785.dumps(_plain(body, DEPTH))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise LogError(f"the body of {kind} is not JSON: {error}", "Log ids, counts and digests only.") from error
    if len(canonical) > LINE_BYTES - 512:
        raise LogError(f"the body of {kind} has {len(canonical)} bytes", f"Keep entries below {LINE_BYTES} bytes.")
    return Content(kind, version, canonical)


def encode(index: int, time: str, entry: Content) -> bytes:
    """Return the leaf: the canonical JSON of one entry, without the newline that ends its line."""
    # The keys stand in the order that RFC 8785 asks for, and no value but the body needs escaping.
    return b'{"body":%b,"index":%d,"kind":"%b","time":"%b","version":%d}' % (
        entry.body,
        index,
        entry.kind.encode(),
        time.encode(),
        entry.version,
    )


@dataclass(slots=True)
class Written:
    """What one commit adds to the files, and the tree's edge after it."""

    frontier: Frontier
    entries: list[LogEntry] = field(default_factory=list)
    lines: bytearray = field(default_factory=bytearray)
    nodes: bytearray = field(default_factory=bytearray)
    offsets: bytearray = field(default_factory=bytearray)


def encode_batch(contents: Sequence[Content], time: str, frontier: Frontier, offset: int) -> Written:
    """Make the lines that follow the frontier, the first at `offset` of its segment. The frontier stays as it is."""
    written = Written(frontier.copy())
    for item in contents:
        index = written.frontier.size
        leaf = encode(index, time, item)
        written.entries.append(decode(leaf, index, "in memory"))
        written.offsets += pack_offset(offset + len(written.lines))
        written.lines += leaf + b"\n"
        written.nodes += b"".join(written.frontier.add(leaf_hash(leaf)))
    return written


def decode(leaf: bytes, index: int, place: str) -> LogEntry:
    """Return the entry of a leaf that should bear this index; LogError with the place when it is not one."""
    try:
        value = _DECODER.decode(leaf.decode())
    except (ValueError, RecursionError) as error:
        raise LogError(f"entry {index} is damaged ({place}): {error}", _VERIFY) from error
    if not isinstance(value, dict) or value.keys() != KEYS or value["index"] != index:
        raise LogError(f"entry {index} is damaged ({place}): it is not an entry of this index", _VERIFY)
    return LogEntry(index, value["time"], value["kind"], value["body"], leaf_hash(leaf).hex(), value["version"])


def lines(segment: SegmentFile, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line) from `offset` to the end. Only the last line may lack its newline."""
    with segment.path.open("rb") as file:
        file.seek(offset)
        while line := file.readline(LINE_BYTES + 1):
            if len(line) > LINE_BYTES:
                raise LogError(f"a line is longer than {LINE_BYTES} bytes ({segment.place(offset)})", _VERIFY)
            yield offset, line
            offset += len(line)


class Hashes:
    """The files `tree` and `offsets`: what the tree consists of, and where each entry begins in its segment.

    Both follow from the segments. They are written when the entries are on disk, and synced before a checkpoint.
    """

    def __init__(self, folder: Path, *, writable: bool) -> None:
        flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        self.tree = os.open(folder / "tree", flags, 0o644)
        try:
            self.offsets = os.open(folder / "offsets", flags, 0o644)
        except OSError:
            os.close(self.tree)
            raise

    def __enter__(self) -> Hashes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        os.close(self.tree)
        os.close(self.offsets)

    def size(self) -> int:
        """Return how many entries both files know of."""
        size = os.fstat(self.offsets).st_size // OFFSET_BYTES
        nodes = os.fstat(self.tree).st_size // HASH_BYTES
        # stored(n) is less than 64 below 2n, so that few steps are left.
        size = min(size, nodes // 2 + 64)
        while stored(size) > nodes:
            size -= 1
        return size

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree. LogError when the file ends before it."""
        data = os.pread(self.tree, HASH_BYTES, position(level, index) * HASH_BYTES)
        if len(data) != HASH_BYTES:
            raise LogError(f"the log's tree file ends before node {index} of level {level}", _VERIFY)
        return data

    def offset(self, index: int) -> int:
        """Return where entry `index` begins in its segment."""
        data = os.pread(self.offsets, OFFSET_BYTES, index * OFFSET_BYTES)
        if len(data) != OFFSET_BYTES:
            raise LogError(f"the log's offsets file ends before entry {index}", _VERIFY)
        return int.from_bytes(data, "little")

    def peaks(self, size: int) -> list[bytes]:
        """Return the roots of the largest complete subtrees of the first `size` entries."""
        return peaks(self.node, size)


def pack_offset(offset: int) -> bytes:
    """Return an entry of the file `offsets`."""
    return offset.to_bytes(OFFSET_BYTES, "little")


def entries_on_disk(folder: Path) -> int:
    """Return how many entries a reader finds. Needs no lock: another process may be writing."""
    with Hashes(folder, writable=False) as hashes:
        return hashes.size()


def read_entries(folder: Path, start: int = 0, stop: int | None = None) -> Iterator[LogEntry]:
    """Yield entries with start <= index < stop, as they are on disk now; each is checked against its leaf hash.

    Needs no lock: another process may be writing. LogError names the place of the first damaged entry.
    """
    with Hashes(folder, writable=False) as hashes:
        size = hashes.size()
        stop = size if stop is None else min(stop, size)
        start = max(0, start)
        if start >= stop:
            return
        segments = [*segment_files(folder), SegmentFile(stop, folder)]
        for segment, following in pairwise(segments):
            if following.first <= start or segment.first >= stop:
                continue
            index = max(start, segment.first)
            last = min(stop, following.first)
            for offset, line in lines(segment, hashes.offset(index)):
                if index == last:
                    break
                yield _checked(line, index, segment.place(offset), hashes)
                index += 1
            if index != last:
                raise LogError(f"entry {index} is missing at the end of {segment.path.name}", _VERIFY)


def _checked(line: bytes, index: int, place: str, hashes: Hashes) -> LogEntry:
    entry = decode(line.removesuffix(b"\n"), index, place)
    if entry.leaf != hashes.node(0, index).hex():
        raise LogError(f"entry {index} is not what was written ({place})", _VERIFY)
    return entry


def _plain(value: Json, depth: int) -> Any:
    """Return the value with dict and list for what is only a mapping or a sequence, as rfc8785 wants them."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if depth == 0:
        raise rfc8785.CanonicalizationError(f"nested more than {DEPTH} deep")
    if isinstance(value, Mapping):
        return {key: _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [_plain(item, depth - 1) for item in value]
    raise rfc8785.CanonicalizationError(f"unsupported type {type(value).__name__}")
