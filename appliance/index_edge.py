"""The index on Qdrant's engine inside this process: port `Index`, one folder, no server.

The folder holds `shard/` (the engine's files) and `identity.json`. What was measured about engine 0.9.0 and decides
the shape of this module:

* Every operation goes through the engine's write-ahead log and is replayed after a killed process. The log is a mapped
  file that the engine syncs only in `flush()` (100 ms and more); syncing just the log's file takes one `fdatasync`,
  so this is what a change waits for.
* `flush()` and `optimize()` keep Python's interpreter lock: nothing else in the process runs meanwhile.
  A flush is therefore rare, and `optimize` is never called on its own.
* A search over unoptimised points is exact and takes 2 ms for 6,000 points and 12 ms for 50,000.
* A mapped file that cannot grow because the disk is full kills the process, so free space is looked at first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from appliance import edge_files
from appliance import index_payload as stored
from appliance.errors import StoreError
from appliance.gate import Gate
from appliance.identity import Identity
from appliance.index_payload import BM25, DENSE, DOCUMENT, READERS, VERSION
from appliance.sparse import SparseEncoder, SparseVector
from appliance.types import Chunk, Document, Hit

# Points after which the engine's files are flushed, so that its log stays small and a start after a crash short.
FLUSH_POINTS = 10_000

# New chunks need this much free space beside themselves: the engine grows its files by 32 MB at a time.
RESERVE_BYTES = 200_000_000
# Taking readers or chunks away needs only a part of it, so that it still works when no document gets in any more.
AWAY = 5


class EdgeIndex:
    """An index in a folder that belongs to this process alone."""

    def __init__(self, folder: Path, identity: Identity, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Open the index, or create an empty one.

        With less than `reserve_bytes` free, changes are refused. Raises IndexMismatch, HomeInUse, StorageFull, and
        StoreError if it is damaged.
        """
        self._folder = folder
        self._identity = identity
        self._reserve_bytes = reserve_bytes
        self._encoder = SparseEncoder()
        self._gate = Gate()
        self._changes = threading.Lock()
        self._unflushed = 0
        self._closed = False
        shard = folder / edge_files.SHARD
        with edge_files.translated(folder):
            if not shard.exists():
                edge_files.require_space(folder, reserve_bytes)
                edge_files.create(folder, identity)
            identity.check(edge_files.read_identity(folder), folder.name)
            self._shard = edge.EdgeShard.load(str(shard))
            try:
                self._log = edge_files.EngineLog(shard / "wal")
                self._repair()
            except BaseException:
                self._shard.close()
                raise

    @staticmethod
    def destroy(folder: Path) -> None:
        """Remove the index in `folder`, damaged or not; nothing may have it open. A missing one is no error."""
        with edge_files.translated(folder):
            edge_files.destroy(folder)

    def replace(self, document: Document, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        stored.check_shape(document, chunks, vectors, self._identity.dimensions)
        points = [self._point(chunk, vector, len(chunks)) for chunk, vector in zip(chunks, vectors, strict=True)]
        stale = edge.Filter(
            must=[edge.FieldCondition(DOCUMENT, match=edge.MatchValue(stored.packed(document.id)))],
            must_not=[edge.HasIdCondition({chunk.id for chunk in chunks})],
        )
        size_bytes = sum(4 * len(chunk.text) for chunk in chunks) + 4 * vectors.size
        with self._changing(self._reserve_bytes + size_bytes if chunks else self._reserve_bytes // AWAY):
            with self._gate.exclusive():
                self._exchange(document, points, stale)
            self._settle(len(points))

    def update(self, documents: Sequence[Document]) -> None:
        with self._changing(self._reserve_bytes // AWAY):
            for document in documents:
                condition = _only(DOCUMENT, stored.packed(document.id))
                change = edge.UpdateOperation.set_payload_by_filter(condition, stored.changeable_payload(document))
                # One at a time, so that no search waits for all of them.
                with self._gate.exclusive():
                    self._shard.update(change)
            self._settle(0)

    def remove(self, document_id: str) -> None:
        with self._changing(self._reserve_bytes // AWAY):
            with self._gate.exclusive():
                self._shard.update(
                    edge.UpdateOperation.delete_points_by_filter(_only(DOCUMENT, stored.packed(document_id)))
                )
            self._settle(0)

    def search(
        self,
        text: str,
        vector: NDArray[np.float32],
        readers: frozenset[str],
        depth: int,
        within: frozenset[str] | None = None,
    ) -> list[Hit]:
        if not readers or depth < 1 or within == frozenset():
            return []
        allowed = edge.FieldCondition(READERS, match=edge.MatchAny(stored.packed_readers(readers)))
        readable = where = edge.Filter(must=[allowed])
        if within is not None:
            documents = [stored.packed(name) for name in within]
            where = edge.Filter(must=[allowed, edge.FieldCondition(DOCUMENT, match=edge.MatchAny(documents))])
        question = _Question(self._shard, vector, self._encoder.question(text), readable)
        with self._reading():
            near, alike = question.ask(where, where, depth, payload=True)
            return stored.merged(near, alike, question.rescore, readers)

    def chunks(self, document_id: str) -> tuple[list[Chunk], NDArray[np.float32]]:
        condition = _only(DOCUMENT, stored.packed(document_id))
        with self._reading():
            count = self._count(condition)
            request = edge.ScrollRequest(limit=max(1, count), filter=condition, with_payload=True, with_vector=True)
            records, _ = self._shard.scroll(request)
        return stored.in_order(records, self._identity.dimensions)

    def neighbours(self, chunk: Chunk, before: int, after: int) -> list[Chunk]:
        span = edge.RangeFloat(gte=chunk.ordinal - before, lte=chunk.ordinal + after)
        condition = edge.Filter(
            must=[_version(chunk.document), edge.FieldCondition("ordinal", range=span)],
        )
        request = edge.ScrollRequest(limit=before + after + 1, filter=condition, with_payload=True)
        with self._reading():
            records, _ = self._shard.scroll(request)
        found = (stored.chunk_of(record.id, record.payload or {}) for record in records)
        return sorted((other for other in found if other.id != chunk.id), key=lambda other: other.ordinal)

    def versions(self) -> Mapping[str, str]:
        with self._reading():
            return self._survey().held

    def count(self) -> int:
        with self._reading():
            return self._count(None)

    def optimize(self) -> bool:
        """Drop the room that replaced chunks still take, and build the graph of a very large index.

        Returns whether anything was done. The whole process stands still meanwhile (0.4 s for 3,000 chunks without
        graph, minutes with one), so call it only while nothing else runs: before serving.
        """
        with self._changing(self._reserve_bytes):
            done = bool(self._shard.optimize())
            self._shard.flush()
            self._unflushed = 0
        return done

    def close(self) -> None:
        with self._changes, self._gate.exclusive():
            if not self._closed:
                self._closed = True
                with edge_files.translated(self._folder):
                    self._shard.close()

    def _point(self, chunk: Chunk, vector: NDArray[np.float32], chunks: int) -> edge.Point:
        words = self._encoder.chunk(chunk)
        vectors = {DENSE: vector.tolist(), BM25: edge.SparseVector(words.indices, words.values)}
        return edge.Point(chunk.id, vectors, stored.payload_of(chunk, chunks))

    def _exchange(self, document: Document, points: list[edge.Point], stale: edge.Filter) -> None:
        """Insert the points, then delete the stale ones; if inserting fails, leave everything as it was."""
        known = self._count(_only(DOCUMENT, stored.packed(document.id)))
        version = _version(document)
        old, again = (self._count(stale), self._count(version)) if known else (0, 0)
        try:
            for start in range(0, len(points), stored.UPSERT_POINTS):
                self._shard.update(edge.UpdateOperation.upsert_points(points[start : start + stored.UPSERT_POINTS]))
            if old:
                # The new version is on disk before the old one goes.
                self._log.sync()
        except BaseException:
            if not again:
                self._shard.update(edge.UpdateOperation.delete_points_by_filter(version))
            raise
        if old:
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(stale))

    def _settle(self, points: int) -> None:
        """Make what was changed durable."""
        self._log.sync()
        self._unflushed += points
        if self._unflushed >= FLUSH_POINTS:
            self._shard.flush()
            self._unflushed = 0

    def _survey(self) -> stored.Survey:
        request = edge.FacetRequest(VERSION, limit=max(1, self._count(None)), exact=True)
        return stored.survey((str(hit.value), hit.count) for hit in self._shard.facet(request).hits)

    def _repair(self) -> None:
        """Delete what an interrupted `replace` has left behind."""
        unwanted = self._survey().unwanted
        for version in unwanted:
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(_only(VERSION, version)))
        if unwanted:
            self._log.sync()

    def _count(self, condition: edge.Filter | None) -> int:
        return int(self._shard.count(edge.CountRequest(exact=True, filter=condition)))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._gate.shared(), edge_files.translated(self._folder):
            self._require_open()
            yield

    @contextmanager
    def _changing(self, free_bytes: int) -> Iterator[None]:
        with self._changes, edge_files.translated(self._folder):
            self._require_open()
            edge_files.require_space(self._folder, free_bytes)
            yield

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError(f"index {self._folder} is closed", "Start the appliance again.")


class _Question:
    """One question as two queries: by its vector, and by its words."""

    def __init__(
        self, shard: edge.EdgeShard, vector: NDArray[np.float32], words: SparseVector, corpus: edge.Filter
    ) -> None:
        self._shard = shard
        self._meaning = edge.Query.Nearest(vector.tolist(), using=DENSE)
        terms = edge.SparseVector(words.indices, words.values)
        self._words = edge.Query.Nearest(terms, using=BM25) if words.indices else None
        # Word frequencies are counted over what the reader may read: the order of their results says nothing about
        # documents that they may not.
        self._own_words = edge.SearchParams(idf=edge.IdfParams(corpus=corpus))

    def ask(
        self, near: edge.Filter | None, alike: edge.Filter | None, limit: int, payload: bool
    ) -> tuple[list[edge.ScoredPoint], list[edge.ScoredPoint]]:
        """Return the best by vector among `near`, and by words among `alike`; none for None, or without words."""
        requests = []
        if near:
            requests.append(edge.QueryRequest(limit, query=self._meaning, filter=near, with_payload=payload))
        if alike and self._words:
            requests.append(
                edge.QueryRequest(limit, query=self._words, filter=alike, with_payload=payload, params=self._own_words)
            )
        found = iter(self._shard.query_batch(edge.QueryBatchRequest(requests)) if requests else [])
        return next(found, []) if near else [], next(found, [])

    def rescore(self, near: list[Any], alike: list[Any]) -> tuple[list[edge.ScoredPoint], list[edge.ScoredPoint]]:
        """Return the scores of these points, by vector and by words."""
        return self.ask(_named(near), _named(alike), max(1, len(near), len(alike)), payload=False)


def _named(ids: list[Any]) -> edge.Filter | None:
    return edge.Filter(must=[edge.HasIdCondition(set(ids))]) if ids else None


def _only(field: str, value: str) -> edge.Filter:
    return edge.Filter(must=[edge.FieldCondition(field, match=edge.MatchValue(value))])


def _version(document: Document) -> edge.Filter:
    return edge.Filter(
        must=[
            edge.FieldCondition(DOCUMENT, match=edge.MatchValue(stored.packed(document.id))),
            edge.FieldCondition("sha256", match=edge.MatchValue(document.sha256)),
        ]
    )
