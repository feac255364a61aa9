"""The first use-case, as the appliance sees it: a document is put in, replaced, or removed.

The order of every change is: announce the row, write the log entry, change the index, make the row the document's.
A crash between two steps leaves the document whole, in its old or its new version; `recover` finds out which.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from appliance.catalog import Catalog, Entry, Run
from appliance.errors import NotFound, UsageError
from appliance.identity import Identity
from appliance.ports import Index, Log
from appliance.types import Chunk, Document, Finding, Json, Place, Status, chunk_id, document_id

# The newer version says nothing about what the file holds now; the older one goes on answering.
KEEPS_ANSWERING: frozenset[Status] = frozenset({"unreadable", "timed_out", "unchanged"})


@dataclass(frozen=True, slots=True)
class ChunkText:
    """What ingest says of one chunk; its place in the list is its ordinal."""

    text: str
    page: int | None
    headings: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """What ingest found out about one file. `chunks` None: the passages there are stay."""

    share: str
    owner: str
    path: str
    sha256: str
    media_type: str
    readers: tuple[str, ...]
    status: Status
    reason: str
    hint: str
    size_bytes: int
    modified_ns: int
    pages: int | None
    title: str
    findings: tuple[Finding, ...]
    chunks: tuple[ChunkText, ...] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did: files by status, documents removed, passages embedded, findings, and how long it took."""

    counts: Mapping[str, int]
    removed: int
    passages: int
    findings: int
    seconds: float


class Library:
    """Puts documents in and takes them out. `identity` says by which embedder and chunker the index was built."""

    def __init__(self, catalog: Catalog, index: Index, log: Log, identity: Identity) -> None:
        self.catalog = catalog
        self._index = index
        self._log = log
        self._identity = identity
        self._changing = threading.Lock()
        self._arriving: dict[str, Entry] = {}

    def recover(self) -> None:
        """Bring catalogue and index to agree after a crash. Costs one pass over the ids of the index."""
        held = self._index.versions()
        for entry, former in self.catalog.arriving():
            landed = held.get(entry.id, "") == entry.answers
            body = _body("", entry) | {"former": former, "landed": landed}
            self._log.append("document.recovered", body, version=2)
            if landed:
                self._index.update([entry.document])
                self.catalog.put(entry, former)
            else:
                self.catalog.retract([entry])
        for document in self.catalog.leaving():
            self._log.append("document.removed", {"run": "", "document": document}, version=2)
            self.catalog.remove(document)
        answering = self.catalog.answering()
        for stray in held.keys() - answering.keys():
            self._index.remove(stray)
        for lost in [i for i, version in answering.items() if held.get(i) != version]:
            self._log.append("document.lost", {"document": lost})
            self._index.remove(lost)
            self.catalog.remove(lost)

    def start_run(self, share: str, identity: Identity) -> Run:
        """Open a run over one share. Raises IndexMismatch when ingest embeds or cuts in another way than the index."""
        identity.check(self._identity.stored(), "library")
        run = Run(uuid.uuid4().hex, share, _now())
        self._log.append("ingest.started", {"run": run.id, "share": _safe(share), **identity.stored()})
        self.catalog.put_run(run)
        return run

    def note_model(self, run_id: str, name: str, sha256: str) -> None:
        """Note which embedder a run has loaded, before it computes anything."""
        self._require_run(run_id)
        self._log.append("model.loaded", {"role": "embedder", "name": name, "sha256": sha256, "run": run_id})

    def note_progress(self, run_id: str, done: int, total: int) -> None:
        """Note how far a run is, for those who look on."""
        self.catalog.put_run(replace(self._require_run(run_id), seen=_now(), done=done, total=total))

    def finish_run(self, run_id: str, done: Outcome) -> Run:
        """Close a run with what it did."""
        run = self._require_run(run_id)
        body: dict[str, Json] = {"run": run_id, "counts": done.counts, "removed": done.removed}
        body |= {"passages": done.passages, "findings": done.findings, "milliseconds": round(done.seconds * 1000)}
        self._log.append("ingest.finished", body, version=2)
        now = _now()
        finished = replace(run, finished=now, seen=now, **asdict(done))
        self.catalog.put_run(finished)
        return finished

    def _require_run(self, run_id: str) -> Run:
        run = self.catalog.run(run_id)
        if run is None:
            raise NotFound(f"no ingest run {run_id}", "Start a run first.")
        return run

    def put(self, run_id: str, upload: Upload, vectors: NDArray[np.float32] | None) -> Entry:
        """Make what ingest found the state of the document.

        `vectors` has one row per chunk. On return, a search finds the new passages and none of the old.
        """
        self._require_run(run_id)
        identifier = document_id(upload.share, upload.path)
        with self._changing:
            before = self.catalog.get(identifier)
            if upload.chunks is None:
                return self._describe(run_id, identifier, upload, before)
            if vectors is None or len(vectors) != len(upload.chunks):
                raise UsageError(
                    f"{len(upload.chunks)} chunks came with {0 if vectors is None else len(vectors)} vectors"
                )
            entry = _new_entry(identifier, upload, answers=upload.sha256 if upload.chunks else "")
            self._replace(run_id, entry, upload.chunks, vectors)
            return entry

    def _replace(self, run_id: str, entry: Entry, texts: Sequence[ChunkText], vectors: NDArray[np.float32]) -> None:
        document = replace(entry.document, sha256=entry.sha256)
        above = (entry.title,) if entry.title else ()
        chunks = [
            Chunk(chunk_id(document, i), document, i, text.text, text.page, (*above, *text.headings), text.places)
            for i, text in enumerate(texts)
        ]
        with self._arrivals([entry]):
            self._log.append("document.put", _body(run_id, entry), version=2)
            self._index.replace(document, chunks, vectors)

    @contextmanager
    def _arrivals(self, entries: Sequence[Entry], former: str = "") -> Iterator[None]:
        """Announce rows, have the log and the index changed, and make the rows the documents'."""
        self.catalog.announce(entries, former)
        self._arriving.update({entry.id: entry for entry in entries})
        try:
            try:
                yield
            except Exception:
                self.catalog.retract(entries)
                raise
            if former:
                self.catalog.put(entries[0], former)
            else:
                self.catalog.put_all(entries)
        finally:
            for entry in entries:
                del self._arriving[entry.id]

    def move(self, run_id: str, former: str, upload: Upload) -> Entry:
        """Give the document `former` the path and state in `upload`, with its passages and vectors as they are.

        What was at the new path is replaced. Raises NotFound when nothing is known of `former`, UsageError when the
        content is another than that which answers, or that was last seen where none does.
        """
        self._require_run(run_id)
        with self._changing:
            before = self.catalog.get(former)
            if before is None:
                raise NotFound(f"no document {former}")
            identifier = document_id(upload.share, upload.path)
            if (before.answers or before.sha256) != upload.sha256 or identifier == former:
                raise UsageError(f"document {former} is not what {identifier} says it was", "Put the document instead.")
            entry = replace(
                _new_entry(identifier, upload, answers=before.answers),
                passages=before.passages,
                indexed_at=before.indexed_at,
            )
            held, vectors = self._index.chunks(former)
            document = entry.document
            above = (entry.title,) if entry.title else ()
            chunks = [
                replace(
                    chunk,
                    id=chunk_id(document, chunk.ordinal),
                    document=document,
                    headings=(*above, *chunk.headings[bool(before.title) :]),
                )
                for chunk in held
            ]
            with self._arrivals([entry], former):
                self._log.append("document.moved", _body(run_id, entry) | {"former": former})
                self._index.replace(document, chunks, vectors)
            self._index.remove(former)
            return entry

    def regrant(self, run_id: str, share: str, changes: Sequence[tuple[str, tuple[str, ...]]]) -> int:
        """Give the documents at these paths their new readers, and return how many had others."""
        self._require_run(run_id)
        with self._changing:
            changed = []
            for path, readers in changes:
                entry, wanted = self.catalog.get(document_id(share, path)), tuple(sorted(set(readers)))
                if entry is not None and entry.readers != wanted:
                    changed.append(replace(entry, readers=wanted))
            if changed:
                with self._arrivals(changed):
                    self._log_readers(run_id, changed)
                    self._index.update([entry.document for entry in changed if entry.answers])
            return len(changed)

    def _log_readers(self, run_id: str, changed: Sequence[Entry]) -> None:
        groups: dict[tuple[str, ...], list[str]] = {}
        for entry in changed:
            groups.setdefault(entry.readers, []).append(entry.id)
        for readers, documents in groups.items():
            body: dict[str, Json] = {"run": run_id, "readers": list(readers), "documents": documents}
            self._log.append("documents.regranted", body)

    def _describe(self, run_id: str, identifier: str, upload: Upload, before: Entry | None) -> Entry:
        """Take over what is new about a file whose passages stay as they are."""
        entry = _new_entry(identifier, upload, answers=before.answers if before else "")
        if before:
            entry = replace(
                entry,
                passages=before.passages,
                pages=before.pages,
                indexed_at=before.indexed_at,
                status=before.status if upload.status == "unchanged" else upload.status,
                title=before.title,
                findings=upload.findings or before.findings,
                reason=before.reason if upload.status == "unchanged" else upload.reason,
                hint=before.hint if upload.status == "unchanged" else upload.hint,
            )
        with self._arrivals([entry]):
            self._log.append("document.described", _body(run_id, entry), version=2)
            if before and before.readers != entry.readers:
                self._index.update([entry.document])
        return entry

    def remove(self, run_id: str, identifier: str) -> None:
        """Remove a document and its passages; what was in it as a file is a document of its own. Raises NotFound."""
        with self._changing:
            entry = self.catalog.get(identifier)
            if entry is None:
                raise NotFound(f"no document {identifier}")
            self.catalog.announce_removal(identifier)
            try:
                body = {"run": run_id, "document": identifier, "sha256": entry.sha256}
                self._log.append("document.removed", body, version=2)
            except Exception:
                self.catalog.retract_removal(identifier)
                raise
            # The row goes first: from here on nothing of the document passes the check in `current`.
            self.catalog.remove(identifier)
            self._index.remove(identifier)

    def current(self, document: Document) -> Document | None:
        """Return what the catalogue says now of the version a search has found; None if that version does not answer.

        While a new version arrives, both it and the former answer; the readers are always the newest.
        """
        entry, arriving = self.catalog.get(document.id), self._arriving.get(document.id)
        newest = arriving or entry
        if newest is None or not document.sha256:
            return None
        if document.sha256 not in {version.answers for version in (entry, arriving) if version}:
            return None
        return replace(newest.document, sha256=document.sha256)


def _new_entry(identifier: str, upload: Upload, answers: str) -> Entry:
    return Entry(
        id=identifier,
        share=upload.share,
        owner=upload.owner,
        path=upload.path,
        sha256=upload.sha256,
        answers=answers,
        media_type=upload.media_type,
        readers=tuple(sorted(set(upload.readers))),
        status=upload.status,
        reason=upload.reason,
        hint=upload.hint,
        size_bytes=upload.size_bytes,
        modified_ns=upload.modified_ns,
        pages=upload.pages,
        passages=len(upload.chunks or ()),
        title=upload.title,
        findings=upload.findings,
        indexed_at=_now(),
    )


def _body(run_id: str, entry: Entry) -> dict[str, Json]:
    """Return what the log keeps of a document: what it is and who may read it, not a word of it, not even its name."""
    return {
        "run": run_id,
        "document": entry.id,
        "sha256": entry.sha256,
        "answers": entry.answers,
        "readers": list(entry.readers),
        "status": entry.status,
        "passages": entry.passages,
        "findings": len(entry.findings),
    }


def _safe(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
