"""Documents whose file is gone: a file with the same content takes them over, so that renaming costs no embedding."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable

from ingest import media
from ingest.chunk import title_of
from ingest.files import Stamp
from ingest.plan import Before, Options, is_due
from ingest.push import Known, Put
from ingest.walk import Found

# What these are is decided by the file's name as well.
_BY_NAME = frozenset({media.MARKDOWN, media.RST, media.ORG, media.TEXT, media.HTML, media.CSV, media.TSV, media.JSON,
                      media.NDJSON, media.YAML, media.XML})  # fmt: skip


class Vanished:
    """Documents that a file may still claim, each once. Safe for several threads."""

    def __init__(self, gone: Iterable[Before], options: Options) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, Before] = {}
        self._left: dict[str, Known] = {}
        self._by_content: dict[str, list[str]] = defaultdict(list)
        for before in gone:
            if before.owner:
                self._files[before.owner.path] = before
            holders = _holders(before)
            for row in before.rows:
                self._left[row.path] = row
                content = "" if row.path in holders else content_of(row, before)
                if content and not is_due(row, options):
                    self._by_content[content].append(row.path)

    def claim(self, sha256: str, path: str) -> Before | None:
        """Return a document with this content that may go on as `path`, with all that is in it, or None."""
        with self._lock:
            for old in self._by_content.get(sha256, ()):
                row = self._left.get(old)
                if row is None or not is_alike(row, path):
                    continue
                before = self._files.get(old, Before(row))
                # What is in an archive goes with it, or it does not go: others may have claimed some of it.
                if all(inner.path in self._left for inner in before.members):
                    for each in before.rows:
                        del self._left[each.path]
                    return before
            return None

    def left(self) -> list[str]:
        """Return the paths of documents that nobody has claimed."""
        with self._lock:
            return sorted(self._left)


def _holders(before: Before) -> set[str]:
    """Return the paths of archives and mails inside of a file: what is in them could not follow them elsewhere."""
    holders: set[str] = set()
    for row in before.members:
        parent = row.path.rpartition("/")[0]
        while len(parent) > len(row.owner) and parent not in holders:
            holders.add(parent)
            parent = parent.rpartition("/")[0]
    return holders


def content_of(row: Known, before: Before) -> str:
    """Return the sha256 of a file whose passages a document has; empty where it has none to hand on."""
    holds_others = row is before.owner and bool(before.members)
    return row.answers or (row.sha256 if holds_others and row.status == "indexed" else "")


def may_be_claimed(before: Before, sizes: Collection[int]) -> bool:
    """Tell whether one of the documents may have the content of a file of one of these sizes."""
    return any(row.size_bytes in sizes and content_of(row, before) for row in before.rows)


def is_alike(row: Known, path: str) -> bool:
    """Tell whether the name `path` says of a content what the document's says."""
    return row.media_type not in _BY_NAME or _suffix(row.path) == _suffix(path)


def _suffix(path: str) -> str:
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return suffix.lower() if dot and stem else ""


def put_moved(row: Known, path: str, found: Found) -> Put:
    """Return the state of a document that goes on as `path`, in the file `found`."""
    answers = bool(row.answers) and row.status != "indexed"
    own = path == found.path
    return Put(
        path=path,
        owner=found.path,
        sha256=row.answers or row.sha256,
        stamp=found.stamp if own else Stamp(row.size_bytes, found.stamp.modified_ns),
        media_type=row.media_type,
        readers=found.readers,
        status="indexed" if answers else row.status,
        reason="" if answers else row.reason,
        hint="" if answers else row.hint,
        pages=row.pages,
        title=title_of(path) if row.title else "",
        findings=row.findings,
    )
