"""What a run did: a row per file, counted as they come and kept on disk, however many there are."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from types import TracebackType
from typing import Any

from appliance.types import Finding
from ingest.plan import Row, order

# Rows of these statuses are listed in the summary; the others only count.
_QUIET = frozenset({"indexed", "unchanged"})
_LISTED = 20


class Rows:
    """Rows in an unnamed file in `folder`. Memory grows with the files that were read, not with those that are settled.

    Used by one thread at a time.
    """

    def __init__(self, folder: Path) -> None:
        # Both are open as long as the rows are wanted; `close` ends that.
        self._settled = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._done = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._places: list[tuple[bytes, int]] = []
        self.counts: Counter[str] = Counter()
        self.passages = 0
        # Of the files that were read.
        self.findings = 0
        # The first rows that a person should see, and how many there are.
        self.bad: list[Row] = []
        self.bad_count = 0

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def settled(self, owner: str, row: Row) -> None:
        """Add the row of a file that was not read. These come in order."""
        self._count(row)
        self._settled.write(_line(owner, row))

    def done(self, owner: str, row: Row) -> None:
        """Add the row of a file that was read, or of something in it."""
        self._count(row)
        self.findings += len(row.findings)
        self._places.append((_key(owner, row.path), self._done.tell()))
        self._done.write(_line(owner, row))

    def _count(self, row: Row) -> None:
        self.counts[row.status] += 1
        self.passages += row.passages
        if row.status not in _QUIET:
            self.bad_count += 1
            if len(self.bad) < _LISTED:
                self.bad.append(row)

    def __len__(self) -> int:
        return self.counts.total()

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows in the order of the bytes of (file on the share, path)."""
        for line in self.lines():
            values = json.loads(line)
            yield Row(**values | {"findings": tuple(Finding(**finding) for finding in values["findings"])})

    def lines(self) -> Iterator[str]:
        """Yield the rows as JSON, in the same order."""
        self._settled.seek(0)
        if not self._places:
            return (_json(line) for line in self._settled)
        settled = ((_key_of(line), line) for line in self._settled)
        return (_json(line) for _, line in merge(settled, self._read(), key=lambda pair: pair[0]))

    def _read(self) -> Iterator[tuple[bytes, bytes]]:
        for key, place in sorted(self._places):
            self._done.seek(place)
            yield key, self._done.readline()

    def close(self) -> None:
        """Forget the rows. Calling it twice is harmless."""
        self._settled.close()
        self._done.close()


def _line(owner: str, row: Row) -> bytes:
    return b"%s\t%s\n" % (json.dumps([owner, row.path]).encode("ascii"), json.dumps(row.record()).encode("ascii"))


def _key(owner: str, path: str) -> bytes:
    # No path holds a zero byte.
    return order(owner) + b"\0" + order(path)


def _key_of(line: bytes) -> bytes:
    return _key(*json.loads(line.partition(b"\t")[0]))


def _json(line: bytes) -> str:
    return line.partition(b"\t")[2].rstrip(b"\n").decode("ascii")


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did: the rows of its files, documents removed, passages embedded, seconds taken. `run` is empty where
    there was nothing to do; `whole` says whether it got to its end or made room for changes.
    """

    share: str
    run: str
    rows: Rows
    removed: int
    embedded: int
    seconds: float
    whole: bool = True

    @property
    def counts(self) -> Mapping[str, int]:
        return self.rows.counts


def record(report: Report) -> Iterator[str]:
    """Yield a report as the parts of one JSON object on one line, the files' rows under `files`."""
    head: dict[str, Any] = {
        "share": report.share,
        "run": report.run,
        "counts": dict(report.counts),
        "removed": report.removed,
        "passages": report.rows.passages,
        "passages_embedded": report.embedded,
        "seconds": round(report.seconds, 3),
    }
    yield json.dumps(head)[:-1] + ', "files": ['
    for i, line in enumerate(report.rows.lines()):
        yield f", {line}" if i else line
    yield "]}\n"


def summary(report: Report) -> str:
    """Return a report for a person: the totals, and the files that yielded nothing with the reason and the hint."""
    rows = report.rows
    counts = ", ".join(f"{count} {status}" for status, count in sorted(report.counts.items()))
    lines = [f"  {row.status:11} {shown(row.path)}: {row.reason}. {row.hint}".rstrip() for row in rows.bad]
    if rows.bad_count > len(rows.bad):
        lines.append(f"  … and {rows.bad_count - len(rows.bad)} more; --json lists them all")
    lines.append(
        f"{len(rows)} files ({counts or 'none'}), {report.removed} removed, {rows.passages} passages, "
        f"{report.embedded} embedded, {report.seconds:.1f} s"
    )
    return "\n".join(lines) + "\n"


def shown(path: str) -> str:
    """Return a file name that a terminal can show: line breaks and bytes that are no text, escaped."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
