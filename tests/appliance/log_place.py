"""Where the log's tests keep their logs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.log import FileLog, Limits
from appliance.merkle import Frontier, leaf_hash
from appliance.verify import Report, verify_log

LIMITS = Limits(segment_bytes=1500, checkpoint_entries=8, checkpoint_seconds=1e9)
NO_SIGNATURES = Limits(checkpoint_entries=10**9, checkpoint_seconds=1e9)


class Place:
    """Where one test's log lives."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.keys = folder / "keys"

    def open(self, limits: Limits = NO_SIGNATURES, sync: Callable[[int], None] = os.fsync) -> FileLog:
        return FileLog(self.log, self.keys, "test", limits, sync)

    def segment(self) -> Path:
        return max((self.log / "segments").iterdir())

    def findings(self) -> list[str]:
        report = verify_log(self.log, (self.keys / "log.pub").read_text())
        return [f"{finding.place}: {finding.what}" for finding in report.findings]


def crash(log: FileLog) -> None:
    """Leave the files as a killed process does: the lock is gone, no last checkpoint is signed."""
    os.close(log._lock)


def fill(log: FileLog, count: int) -> None:
    for n in range(count):
        log.append("test.entry", {"n": n})


@dataclass(frozen=True)
class Folder:
    """A log of 30 entries in several segments, made by three starts of which one found a torn end."""

    path: Path
    keys: Path

    def check(self, *kept: bytes) -> Report:
        return verify_log(self.path / "log", (self.keys / "log.pub").read_text(), kept)

    def segments(self) -> list[Path]:
        return sorted((self.path / "log" / "segments").iterdir())

    def files(self) -> list[Path]:
        return sorted(file for file in (self.path / "log").rglob("*") if file.is_file() and file.name != "lock")

    def lines(self) -> list[bytes]:
        return b"".join(file.read_bytes() for file in self.segments()).splitlines(keepends=True)

    def write(self, lines: list[bytes], **checkpoints: bytes) -> None:
        """Put these lines in place of all segments, with hashes that fit: all that can be done without the key."""
        for file in self.segments():
            file.unlink()
        frontier = Frontier()
        tree, offsets, offset = b"", b"", 0
        for line in lines:
            tree += b"".join(frontier.add(leaf_hash(line[:-1])))
            offsets += offset.to_bytes(8, "little")
            offset += len(line)
        log = self.path / "log"
        (log / "segments" / f"{0:020d}.jsonl").write_bytes(b"".join(lines))
        (log / "tree").write_bytes(tree)
        (log / "offsets").write_bytes(offsets)
        for name, content in checkpoints.items():
            (log / name).write_bytes(content)


def build(path: Path) -> Folder:
    keys = path / "keys"
    for start in range(3):
        log = FileLog(path / "log", keys, "test", LIMITS)
        for n in range(10 if start < 2 else 9):
            log.append("answer.given", {"n": n, "score": n / 7, "text": "ünï😀", "none": None, "list": [1, [True]]})
        if start == 1:
            os.close(log._lock)  # as a killed process leaves it
            with max((path / "log" / "segments").iterdir()).open("ab") as file:
                file.write(b'{"body":')
        else:
            log.close()
    return Folder(path, keys)


def records(folder: Folder) -> list[bytes]:
    """Return the notes in `checkpoints`."""
    parts = (folder.path / "log" / "checkpoints").read_bytes().split(b"\n\n")[:-1]
    return [text + b"\n\n" + signature + b"\n" for text, signature in zip(parts[::2], parts[1::2], strict=True)]
