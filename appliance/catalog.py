"""The catalogue: which files of which share are known, in what state, and which version of each may answer.

A SQLite file. A document's row names the version that answers; what the index returns counts only if it agrees with
that row. While a new version is being put in, its row waits in the table `arriving`: after a crash, the index tells
which of the two versions it holds, and the row follows it (Library.recover).
"""

from __future__ import annotations

import base64
import binascii
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from appliance.errors import StorageFull, StoreError, UsageError
from appliance.types import Document, Finding, Status

VERSION = 2
# What SQLite takes at once when it opens its write-ahead log, with room to spare.
ROOM_BYTES = 1 << 18

# The columns beside `record` are there to be searched by; they repeat what stands in it.
SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id TEXT NOT NULL UNIQUE, share BLOB NOT NULL, owner BLOB NOT NULL, path BLOB NOT NULL, status TEXT NOT NULL,
    readers TEXT NOT NULL, passages INTEGER NOT NULL, size_bytes INTEGER NOT NULL, answers TEXT NOT NULL,
    record TEXT NOT NULL, PRIMARY KEY (share, owner, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS arriving (id TEXT PRIMARY KEY, former TEXT NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leaving (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, share BLOB NOT NULL, started TEXT NOT NULL, finished TEXT, record TEXT NOT NULL
);
"""
# Rows of the first format say too little: the next run takes every file for new.
FORGET = "DROP TABLE documents; DROP TABLE arriving;"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a share, as it was last seen.

    `owner` is the path of the file on the share: `path` itself, or that of the archive or mail it is in. `sha256` is
    that of the file's bytes then; `answers` that of the version whose passages are in the index, empty if none is.
    They differ where a newer version could not be read and the older one still answers. `title`, made from the file's
    name, stands above the passages of a document that has none of its own. `modified_ns` is nanoseconds since the
    epoch, `indexed_at` RFC 3339 in UTC.
    """

    id: str
    share: str
    owner: str
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
    title: str
    findings: tuple[Finding, ...]
    indexed_at: str

    @property
    def document(self) -> Document:
        """Return the version that answers."""
        return Document(self.id, self.path, self.answers, self.media_type, frozenset(self.readers))


@dataclass(frozen=True, slots=True)
class Run:
    """One ingest run over one share. `finished` is empty while it goes on, or if it was interrupted; `seen` is when it
    last said how far it is, `done` of `total` files; `findings` counts those of the files it read.
    """

    id: str
    share: str
    started: str
    finished: str = ""
    seen: str = ""
    done: int = 0
    total: int = 0
    counts: Mapping[str, int] | None = None
    removed: int = 0
    passages: int = 0
    findings: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows: of one share, of the file at `under` with what is in it or below it, of some statuses, with a text
    in path, reason or type, with findings, and only those that one of `readers` may see (None: all).
    """

    share: str | None = None
    under: str = ""
    statuses: frozenset[str] = frozenset()
    text: str = ""
    findings: bool = False
    readers: frozenset[str] | None = None


class Catalog:
    """The catalogue in one file. Every method is safe to call from several threads; a change is durable on return."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        # A search looks rows up, a person lists them, a change waits for the disk: none of them waits for the others.
        self._writes = _Connection(file)
        with self._writes.use() as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version not in (0, 1, VERSION):
                raise StoreError(
                    f"catalogue {file} has format {version}, this program reads {VERSION}",
                    "Use the program version that wrote it, or restore a backup.",
                )
            db.executescript((FORGET if version == 1 else "") + SCHEMA)
            db.execute(f"PRAGMA user_version={VERSION}")
        self._looks, self._lists = _Connection(file), _Connection(file)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writes.use() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def get(self, document_id: str) -> Entry | None:
        """Return a document's row, or None."""
        rows = self._looks.rows("SELECT record FROM documents WHERE id = ?", document_id)
        return _entry(rows[0][0]) if rows else None

    def page(self, query: Query, limit: int, cursor: str = "") -> tuple[list[str], str]:
        """Return at most `limit` rows as JSON objects, ordered by the bytes of (share, owner, path), and the cursor
        that the next ones begin at, empty after the last. Raises UsageError for a cursor that is none.
        """
        conditions, values = self._where(query)
        if cursor:
            # With the share given, SQLite finds the place by the index; it does not by all three.
            columns, place = ("owner, path", 1) if query.share is not None else ("share, owner, path", 0)
            position = _position(cursor)[place:]
            conditions += f" AND ({columns}) > ({', '.join('?' * len(position))})"
            values += position
        select = "SELECT share, owner, path, record FROM documents WHERE "
        rows = self._lists.rows(f"{select}{conditions} ORDER BY share, owner, path LIMIT ?", *values, limit + 1)
        following = _cursor(rows[limit - 1][:3]) if len(rows) > limit else ""
        return [record for *_, record in rows[:limit]], following

    def totals(self, query: Query) -> dict[str, tuple[int, int, int]]:
        """Return, by status, the number of files, of passages that answer, and of bytes."""
        conditions, values = self._where(query)
        select = "SELECT status, COUNT(*), SUM(passages), SUM(size_bytes) FROM documents WHERE "
        rows = self._lists.rows(f"{select}{conditions} GROUP BY status", *values)
        return {status: (files, passages, size_bytes) for status, files, passages, size_bytes in rows}

    def _where(self, query: Query) -> tuple[str, list[object]]:
        conditions: list[str] = ["TRUE"]
        values: list[object] = []
        if query.share is not None:
            conditions.append("share = ?")
            values.append(_bytes(query.share))
        if query.under:
            # "0" is the sign after "/".
            below = _bytes(query.under)
            conditions.append("(owner = ? OR path = ? OR (owner >= ? AND owner < ?))")
            values += [below, below, below + b"/", below + b"0"]
        if query.statuses:
            conditions.append("status IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(sorted(query.statuses)))
        if query.findings:
            conditions.append("json_array_length(record, '$.findings') > 0")
        if query.readers is not None:
            conditions.append("readers IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(self._readable(query.readers)))
        if query.text:
            conditions.append("mentions(record, ?)")
            values.append(query.text.casefold())
        return " AND ".join(conditions), values

    def _readable(self, readers: frozenset[str]) -> list[str]:
        """Return the lists of readers, as stored, that have one of these in them."""
        rows = self._lists.rows("SELECT DISTINCT readers FROM documents")
        return [stored for (stored,) in rows if not readers.isdisjoint(json.loads(stored))]

    def answering(self) -> dict[str, str]:
        """Return the version that answers, by document id, of every document that has one."""
        return dict(self._lists.rows("SELECT id, answers FROM documents WHERE answers <> ''"))

    def put(self, entry: Entry, former: str = "") -> None:
        """Store a row, forget that it was arriving, and remove the row of `former`, whose place it takes, if any."""
        with self._transaction() as db:
            db.execute("DELETE FROM arriving WHERE id = ?", (entry.id,))
            db.execute("DELETE FROM documents WHERE id = ?", (former,))
            _store(db, entry)

    def put_all(self, entries: Sequence[Entry]) -> None:
        """Store rows and forget that they were arriving, all of them or none."""
        with self._transaction() as db:
            db.executemany("DELETE FROM arriving WHERE id = ?", [(entry.id,) for entry in entries])
            for entry in entries:
                _store(db, entry)

    def announce(self, entries: Sequence[Entry], former: str = "") -> None:
        """Note that these rows are about to become the documents', before log and index say so, and that they take
        the place of the document `former`, if any.
        """
        with self._transaction() as db:
            rows = [(entry.id, former, _json(entry)) for entry in entries]
            db.executemany("INSERT OR REPLACE INTO arriving VALUES (?, ?, ?)", rows)

    def retract(self, entries: Sequence[Entry]) -> None:
        """Forget that rows were arriving."""
        with self._transaction() as db:
            db.executemany("DELETE FROM arriving WHERE id = ?", [(entry.id,) for entry in entries])

    def arriving(self) -> list[tuple[Entry, str]]:
        """Return the rows that were announced and never put, with whose place they take: a crash lies between."""
        rows = self._lists.rows("SELECT record, former FROM arriving ORDER BY id")
        return [(_entry(record), former) for record, former in rows]

    def announce_removal(self, document_id: str) -> None:
        """Note that a document is about to be removed, before log and index say so."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO leaving VALUES (?)", (document_id,))

    def retract_removal(self, document_id: str) -> None:
        """Forget that a document was about to be removed."""
        with self._transaction() as db:
            db.execute("DELETE FROM leaving WHERE id = ?", (document_id,))

    def leaving(self) -> list[str]:
        """Return the ids whose removal was announced and never done: a crash lies between."""
        return [document for (document,) in self._lists.rows("SELECT id FROM leaving ORDER BY id")]

    def remove(self, document_id: str) -> None:
        """Remove a row, and forget that it was arriving or leaving. Unknown ids are ignored."""
        with self._transaction() as db:
            db.execute("DELETE FROM arriving WHERE id = ?", (document_id,))
            db.execute("DELETE FROM leaving WHERE id = ?", (document_id,))
            db.execute("DELETE FROM documents WHERE id = ?", (document_id,))

    def clear(self) -> None:
        """Remove every row, so that the next run over each share takes every file for new."""
        with self._transaction() as db:
            db.execute("DELETE FROM arriving")
            db.execute("DELETE FROM leaving")
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
        rows = self._looks.rows("SELECT record FROM runs WHERE id = ?", run_id)
        return Run(**json.loads(rows[0][0])) if rows else None

    def runs(self, limit: int = 20) -> list[Run]:
        """Return the newest runs, newest first."""
        rows = self._lists.rows("SELECT record FROM runs ORDER BY started DESC, id LIMIT ?", limit)
        return [Run(**json.loads(record)) for (record,) in rows]

    def close(self) -> None:
        """Release the file. Calling it twice is harmless."""
        for connection in (self._lists, self._looks, self._writes):
            connection.close()


class _Connection:
    """A connection that threads take turns at."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.RLock()
        with self._translated():
            self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
            self._db.create_function("mentions", 2, _mentions, deterministic=True)

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated():
            yield self._db

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.use() as db:
            return db.execute(sql, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _translate(error, self._file) from error


_FIELDS = tuple(field.name for field in fields(Entry))


def _store(db: sqlite3.Connection, entry: Entry) -> None:
    place = (_bytes(entry.share), _bytes(entry.owner), _bytes(entry.path))
    facts = (entry.status, json.dumps(entry.readers), entry.passages, entry.size_bytes, entry.answers)
    db.execute(
        "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (entry.id, *place, *facts, _json(entry)),
    )


def _bytes(path: str) -> bytes:
    """File names may hold bytes that are no UTF-8; SQLite text may not."""
    return path.encode("utf-8", "surrogateescape")


def _json(entry: Entry) -> str:
    row = {name: getattr(entry, name) for name in _FIELDS}
    return json.dumps(row | {"findings": [asdict(finding) for finding in entry.findings]})


def _entry(record: str) -> Entry:
    entry = Entry(**json.loads(record))
    findings = tuple(Finding(**finding) for finding in entry.findings)  # type: ignore[arg-type]  # from JSON: a mapping
    return replace(entry, readers=tuple(entry.readers), findings=findings)


def _mentions(record: str, text: str) -> bool:
    row = json.loads(record)
    return any(text in row[name].casefold() for name in ("path", "reason", "media_type"))


def _cursor(place: Iterable[bytes]) -> str:
    return base64.urlsafe_b64encode("/".join(part.hex() for part in place).encode()).decode()


def _position(cursor: str) -> list[bytes]:
    try:
        share, owner, path = base64.urlsafe_b64decode(cursor.encode()).decode().split("/")
        return [bytes.fromhex(part) for part in (share, owner, path)]
    except (ValueError, binascii.Error) as error:
        raise UsageError("the cursor is none that this service gave", "Begin without one.") from error


def _translate(error: sqlite3.Error, file: Path) -> StoreError | StorageFull:
    name = getattr(error, "sqlite_errorname", "")
    # Opening needs room too, and SQLite does not say that it was room that lacked.
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and _is_full(file)):
        return StorageFull(f"no space left for the catalogue {file}", "Free some space; nothing was changed.")
    return StoreError(f"catalogue {file} cannot be used: {error}", "Check the disk, or restore a backup.")


def _is_full(file: Path) -> bool:
    return shutil.disk_usage(file.parent).free < ROOM_BYTES
