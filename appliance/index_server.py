"""The index on a Qdrant server or cluster: port `Index`, one collection.

What a search returns is the same as with the embedded engine, because both get the same vectors and the same query.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pydantic
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from appliance import index_payload as stored
from appliance.errors import StorageFull, StoreError, Unavailable
from appliance.gate import Gate
from appliance.identity import Identity
from appliance.index_payload import BM25, DENSE, DOCUMENT, READERS, VERSION
from appliance.sparse import SparseEncoder, SparseVector
from appliance.types import Chunk, Document, Hit

IDENTITY = "identity"
TIMEOUT_S = 30

# A fresh collection in this process, gone with it: for tests of what does not need a server.
MEMORY = ":memory:"


class ServerIndex:
    """An index in a collection that this process alone writes to."""

    def __init__(self, url: str, collection: str, identity: Identity, api_key: str = "") -> None:
        """Open the collection, or create an empty one.

        Raises IndexMismatch, Unavailable when the server does not answer, and StoreError when it refuses.
        """
        self._name = collection
        self._url = url
        self._identity = identity
        self._encoder = SparseEncoder()
        self._gate = Gate()
        self._changes = threading.Lock()
        self._closed = False
        self._client = _connect(url, api_key)
        with self._translated():
            if not self._client.collection_exists(collection):
                self._create()
            metadata = self._client.get_collection(collection).config.metadata
            identity.check((metadata or {}).get(IDENTITY), collection)
            self._repair()

    @staticmethod
    def destroy(url: str, collection: str, api_key: str = "") -> None:
        """Delete the collection. A missing one is no error."""
        client = _connect(url, api_key)
        with _translated(url, collection):
            client.delete_collection(collection, timeout=TIMEOUT_S)
        client.close()

    def replace(self, document: Document, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        stored.check_shape(document, chunks, vectors, self._identity.dimensions)
        points = [self._point(chunk, vector, len(chunks)) for chunk, vector in zip(chunks, vectors, strict=True)]
        batches = [points[i : i + stored.UPSERT_POINTS] for i in range(0, len(points), stored.UPSERT_POINTS)]
        stale = models.Filter(
            must=[_field(DOCUMENT, stored.packed(document.id))],
            must_not=[models.HasIdCondition(has_id=[chunk.id for chunk in chunks])],
        )
        version = _version(document)
        with self._changing():
            again = self._count(models.Filter(must=[*version]))
            try:
                for batch in batches:
                    self._client.upsert(self._name, batch, wait=True, timeout=TIMEOUT_S)
            except BaseException:
                if not again:
                    self._delete(models.Filter(must=[*version]))
                raise
            self._delete(stale)

    def update(self, documents: Sequence[Document]) -> None:
        for document in documents:
            payload = stored.changeable_payload(document)
            condition = models.Filter(must=[_field(DOCUMENT, stored.packed(document.id))])
            with self._changing():
                self._client.set_payload(self._name, payload, condition, wait=True, timeout=TIMEOUT_S)

    def remove(self, document_id: str) -> None:
        with self._changing():
            self._delete(models.Filter(must=[_field(DOCUMENT, stored.packed(document_id))]))

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
        allowed = models.FieldCondition(key=READERS, match=models.MatchAny(any=stored.packed_readers(readers)))
        readable = where = models.Filter(must=[allowed])
        if within is not None:
            documents = models.MatchAny(any=[stored.packed(name) for name in within])
            where = models.Filter(must=[allowed, models.FieldCondition(key=DOCUMENT, match=documents)])
        question = _Question(self._ask, vector, self._encoder.question(text), readable)
        with self._reading():
            near, alike = question.ask(where, where, depth, payload=True)
            return stored.merged(near, alike, question.rescore, readers)

    def chunks(self, document_id: str) -> tuple[list[Chunk], NDArray[np.float32]]:
        condition = models.Filter(must=[_field(DOCUMENT, stored.packed(document_id))])
        with self._reading():
            count = self._count(condition)
            records, _ = self._client.scroll(
                self._name, condition, limit=max(1, count), with_vectors=[DENSE], timeout=TIMEOUT_S
            )
        return stored.in_order(records, self._identity.dimensions)

    def neighbours(self, chunk: Chunk, before: int, after: int) -> list[Chunk]:
        span = models.Range(gte=chunk.ordinal - before, lte=chunk.ordinal + after)
        condition = models.Filter(must=[*_version(chunk.document), models.FieldCondition(key="ordinal", range=span)])
        with self._reading():
            records, _ = self._client.scroll(self._name, condition, limit=before + after + 1, timeout=TIMEOUT_S)
        found = (stored.chunk_of(record.id, record.payload or {}) for record in records)
        return sorted((other for other in found if other.id != chunk.id), key=lambda other: other.ordinal)

    def versions(self) -> Mapping[str, str]:
        with self._reading():
            return self._survey().held

    def count(self) -> int:
        with self._reading():
            return self._count(None)

    def close(self) -> None:
        with self._changes, self._gate.exclusive():
            if not self._closed:
                self._closed = True
                self._client.close()

    def _create(self) -> None:
        self._client.create_collection(
            self._name,
            vectors_config={
                DENSE: models.VectorParams(size=self._identity.dimensions, distance=models.Distance.DOT),
            },
            sparse_vectors_config={BM25: models.SparseVectorParams(modifier=models.Modifier.IDF)},
            metadata={IDENTITY: self._identity.stored()},
            timeout=TIMEOUT_S,
        )
        # Local mode filters without an index, and warns about being asked for one.
        for field in stored.INDEXED_FIELDS if self._url != MEMORY else ():
            self._client.create_payload_index(
                self._name, field, models.PayloadSchemaType.KEYWORD, wait=True, timeout=TIMEOUT_S
            )

    def _repair(self) -> None:
        """Delete what an interrupted `replace` has left behind."""
        for version in self._survey().unwanted:
            self._delete(models.Filter(must=[_field(VERSION, version)]))

    def _survey(self) -> stored.Survey:
        everything = max(1, self._count(None))
        facet = self._client.facet(self._name, VERSION, limit=everything, exact=True, timeout=TIMEOUT_S)
        return stored.survey((str(hit.value), hit.count) for hit in facet.hits)

    def _point(self, chunk: Chunk, vector: NDArray[np.float32], chunks: int) -> models.PointStruct:
        words = self._encoder.chunk(chunk)
        terms = models.SparseVector(indices=words.indices, values=words.values)
        payload = stored.payload_of(chunk, chunks)
        return models.PointStruct(id=chunk.id, vector={DENSE: vector.tolist(), BM25: terms}, payload=payload)

    def _delete(self, condition: models.Filter) -> None:
        self._client.delete(self._name, models.FilterSelector(filter=condition), wait=True, timeout=TIMEOUT_S)

    def _count(self, condition: models.Filter | None) -> int:
        return self._client.count(self._name, condition, exact=True, timeout=TIMEOUT_S).count

    def _ask(self, requests: list[models.QueryRequest]) -> list[list[models.ScoredPoint]]:
        answers = self._client.query_batch_points(self._name, requests, timeout=TIMEOUT_S)
        return [answer.points for answer in answers]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._gate.shared(), self._translated():
            yield

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._changes, self._gate.exclusive(), self._translated():
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._closed:
            raise StoreError(f'index "{self._name}" is closed', "Start the appliance again.")
        with _translated(self._url, self._name):
            yield


class _Question:
    """One question as two queries, by its vector and by its words, that go to the server together."""

    def __init__(
        self,
        send: Callable[[list[models.QueryRequest]], list[list[models.ScoredPoint]]],
        vector: NDArray[np.float32],
        words: SparseVector,
        corpus: models.Filter,
    ) -> None:
        self._send = send
        self._vector = vector.tolist()
        self._words = models.SparseVector(indices=words.indices, values=words.values) if words.indices else None
        # Word frequencies are counted over what the reader may read: the order of their results says nothing about
        # documents that they may not.
        self._own_words = models.SearchParams(idf=models.IdfCorpusParams(corpus=corpus))

    def ask(
        self, near: models.Filter | None, alike: models.Filter | None, limit: int, payload: bool
    ) -> tuple[list[models.ScoredPoint], list[models.ScoredPoint]]:
        """Return the best by vector among `near`, and by words among `alike`; none for None, or without words."""
        requests = []
        if near:
            by_meaning = models.QueryRequest(
                query=self._vector, using=DENSE, filter=near, limit=limit, with_payload=payload
            )
            requests.append(by_meaning)
        if alike and self._words:
            by_words = models.QueryRequest(
                query=self._words, using=BM25, filter=alike, limit=limit, with_payload=payload, params=self._own_words
            )
            requests.append(by_words)
        found = iter(self._send(requests) if requests else [])
        return next(found, []) if near else [], next(found, [])

    def rescore(self, near: list[Any], alike: list[Any]) -> tuple[list[models.ScoredPoint], list[models.ScoredPoint]]:
        """Return the scores of these points, by vector and by words."""
        return self.ask(_named(near), _named(alike), max(1, len(near), len(alike)), payload=False)


def _named(ids: list[Any]) -> models.Filter | None:
    return models.Filter(must=[models.HasIdCondition(has_id=ids)]) if ids else None


def _connect(url: str, api_key: str) -> QdrantClient:
    if url == MEMORY:
        return QdrantClient(url)
    # The version check would warn on standard error; what the server cannot do, it refuses by itself.
    return QdrantClient(url=url, api_key=api_key or None, timeout=TIMEOUT_S, check_compatibility=False)


@contextmanager
def _translated(url: str, collection: str) -> Iterator[None]:
    """Turn what the client raises into errors of the appliance."""
    try:
        yield
    except (ResponseHandlingException, httpx.TransportError) as error:
        raise Unavailable(
            f"the Qdrant server at {url} does not answer: {error}",
            "Start it, or correct the setting index.url.",
        ) from error
    except (json.JSONDecodeError, pydantic.ValidationError) as error:
        raise Unavailable(
            f"what answers at {url} is not a Qdrant server this program knows", "Correct the setting index.url."
        ) from error
    except UnexpectedResponse as error:
        if error.status_code in (401, 403):
            raise Unavailable(
                f"the Qdrant server at {url} refuses the API key", "Correct the setting index.api_key."
            ) from error
        if error.status_code == 507 or b"No space left" in error.content:
            raise StorageFull(
                f"the disk of the Qdrant server at {url} is full", "Free some space there, then try again."
            ) from error
        if error.status_code is not None and error.status_code >= 500:
            raise Unavailable(f"the Qdrant server at {url} failed: {error}", "See its log, then try again.") from error
        raise StoreError(
            f'the Qdrant server at {url} refuses a request on "{collection}": {error}',
            "Check that its version is the one in compose/, and see its log.",
        ) from error


def _field(name: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=name, match=models.MatchValue(value=value))


def _version(document: Document) -> list[models.FieldCondition]:
    return [_field(DOCUMENT, stored.packed(document.id)), _field("sha256", document.sha256)]
