"""The catalogue: which files of which share are known, in what state, and which version of each may answer.

A SQLite file. A document's row names the version that answers; what the index returns counts only if it agrees with
that row. While a new version is being put in, its row waits in the table `arriving`: after a crash, the index tells
which of the two versions it holds, and the row follows it (Library.recover).
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from appliance.errors import StorageFull, StoreError
from appliance.types import Document, Status

VERSION = 1
# What SQLite takes at once when it opens its write-ahead log, with room to spare.
ROOM_BYTES = 1 << 18

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY, share BLOB NOT NULL, path BLOB NOT NULL, record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents_by_share ON documents (share, path);
CREATE TABLE IF NOT EXISTS arriving (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, share BLOB NOT NULL, started TEXT NOT NULL, finished TEXT, record TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a share, as it was last seen.

    `sha256` is that of the file's bytes then; `answers` that of the version whose passages are in the index, empty if
    none is. They differ where a newer version could not be read and the older one still answers. `modified_ns` is
    nanoseconds since the epoch, `indexed_at` RFC 3339 in UTC.
    """

    id: str
    share: str
    path: str
    sha256: str
    answers: str
    media_type: str
    readers: tuple[str, ...]
    status: Status
    reason: str
    hint: str
    size_bytes: int
    modified_ns: int
    pages: int | None
    passages: int
    indexed_at: str

    @property
    def document(self) -> Document:
        """Return the version that answers."""
        return Document(self.id, self.path, self.answers, self.media_type, frozenset(self.readers))


@dataclass(frozen=True, slots=True)
class Run:
    """One ingest run over one share. `finished` is empty while it goes on, or if it was interrupted."""

    id: str
    share: str
    started: str
    finished: str = ""
    counts: Mapping[str, int] | None = None
    removed: int = 0
    passages: int = 0
    seconds: float = 0.0


class Catalog:
    """The catalogue in one file. Every method is safe to call from several threads; a change is durable on return."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise StoreError(
                    f"catalogue {file} has format {version}, this program reads {VERSION}",
                    "Use the program version that wrote it, or restore a backup.",
                )
            self._db.executescript(SCHEMA)
            self._db.execute(f"PRAGMA user_version={VERSION}")
        except sqlite3.Error as error:
            raise _translate(error, file) from error
        self._file = file

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise _translate(error, self._file) from error

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise _translate(error, self._file) from error

    def get(self, document_id: str) -> Entry | None:
        """Return a document's row, or None."""
        rows = self._rows("SELECT record FROM documents WHERE id = ?", document_id)
        return _entry(rows[0][0]) if rows else None

    def entries(self, share: str | None = None) -> list[Entry]:
        """Return all rows, or those of one share, ordered by share and path."""
        if share is None:
            rows = self._rows("SELECT record FROM documents ORDER BY share, path")
        else:
            rows = self._rows("SELECT record FROM documents WHERE share = ? ORDER BY path", _bytes(share))
        return [_entry(record) for (record,) in rows]

    def put(self, entry: Entry) -> None:
        """Store a row, and forget that it was arriving."""
        with self._transaction() as db:
            db.execute("DELETE FROM arriving WHERE id = ?", (entry.id,))
            db.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)",
                (entry.id, _bytes(entry.share), _bytes(entry.path), json.dumps(asdict(entry))),
            )

    def announce(self, entry: Entry) -> None:
        """Note that this row is about to become the document's, before its passages go into the index."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO arriving VALUES (?, ?)", (entry.id, json.dumps(asdict(entry))))

    def retract(self, document_id: str) -> None:
        """Forget that a row was arriving."""
        with self._transaction() as db:
            db.execute("DELETE FROM arriving WHERE id = ?", (document_id,))

    def arriving(self) -> list[Entry]:
        """Return the rows that were announced and never put: a crash lies between."""
        return [_entry(record) for (record,) in self._rows("SELECT record FROM arriving ORDER BY id")]

    def remove(self, document_id: str) -> None:
        """Remove a row. Unknown ids are ignored."""
        with self._transaction() as db:
            db.execute("DELETE FROM arriving WHERE id = ?", (document_id,))
            db.execute("DELETE FROM documents WHERE id = ?", (document_id,))

    def clear(self) -> None:
        """Remove every row, so that the next run over each share takes every file for new."""
        with self._transaction() as db:
            db.execute("DELETE FROM arriving")
            db.execute("DELETE FROM documents")

    def put_run(self, run: Run) -> None:
        """Store a run, or what became of it."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)",
                (run.id, _bytes(run.share), run.started, run.finished, json.dumps(asdict(run))),
            )

    def run(self, run_id: str) -> Run | None:
        """Return one run, or None."""
        rows = self._rows("SELECT record FROM runs WHERE id = ?", run_id)
        return Run(**json.loads(rows[0][0])) if rows else None

    def runs(self, limit: int = 20) -> list[Run]:
        """Return the newest runs, newest first."""
        rows = self._rows("SELECT record FROM runs ORDER BY started DESC, id LIMIT ?", limit)
        return [Run(**json.loads(record)) for (record,) in rows]

    def close(self) -> None:
        """Release the file. Calling it twice is harmless."""
        with self._lock:
            self._db.close()


def _bytes(path: str) -> bytes:
    """File names may hold bytes that are no UTF-8; SQLite text may not."""
    return path.encode("utf-8", "surrogateescape")


def _entry(record: str) -> Entry:
    entry = Entry(**json.loads(record))
    return replace(entry, readers=tuple(entry.readers))


def _translate(error: sqlite3.Error, file: Path) -> StoreError | StorageFull:
    name = getattr(error, "sqlite_errorname", "")
    # Opening needs room too, and SQLite does not say that it was room that lacked.
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and _is_full(file)):
        return StorageFull(f"no space left for the catalogue {file}", "Free some space; nothing was changed.")
    return StoreError(f"catalogue {file} cannot be used: {error}", "Check the disk, or restore a backup.")


def _is_full(file: Path) -> bool:
    return shutil.disk_usage(file.parent).free < ROOM_BYTES
