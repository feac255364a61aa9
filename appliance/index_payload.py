"""What both index adapters share: the stored form of a chunk, the versions in an index, and the order of hits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.errors import StoreError
from appliance.identity import REBUILD
from appliance.types import Box, Chunk, Document, Hit, Place

# Names of the two vectors of a point, and the payload fields that get an index in the engine.
DENSE = "dense"
BM25 = "bm25"
DOCUMENT = "document"
VERSION = "version"
READERS = "readers"
INDEXED_FIELDS = (DOCUMENT, VERSION, READERS)

UPSERT_POINTS = 512


def packed(text: str) -> str:
    """Return `text` in a form that UTF-8 can hold: itself, or NUL and the hex of its bytes.

    File names may hold invalid UTF-8, which Python shows as lone surrogates. Different texts stay different.
    """
    if text.isascii() and not text.startswith("\0"):
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        pass
    else:
        if not text.startswith("\0"):
            return text
    return "\0" + text.encode("utf-8", "surrogatepass").hex()


def unpacked(stored: str) -> str:
    """Undo `packed`."""
    return bytes.fromhex(stored[1:]).decode("utf-8", "surrogatepass") if stored.startswith("\0") else stored


def version_of(document: Document, chunks: int) -> str:
    """Return the stored name of a document's version with this many chunks."""
    return packed(f"{chunks}:{document.sha256}:{document.id}")


@dataclass(frozen=True, slots=True)
class Survey:
    """What an index holds: the sha256 of each document's version by document id, and the stored names of versions
    that a crash has left incomplete or superfluous.
    """

    held: Mapping[str, str]
    unwanted: tuple[str, ...]


def survey(counts: Iterable[tuple[str, int]]) -> Survey:
    """Judge the versions in an index, given the number of chunks that each has there.

    A version's name says how many it should have. Where two versions are complete, a crash came before the older one
    was deleted and before anybody was told about the newer: either may answer, and one of them is kept.
    """
    held: dict[str, str] = {}
    unwanted: list[str] = []
    for name, found in sorted(counts):
        chunks, sha256, document = unpacked(name).split(":", 2)
        if found != int(chunks) or document in held:
            unwanted.append(name)
        else:
            held[document] = sha256
    return Survey(held, tuple(unwanted))


def payload_of(chunk: Chunk, chunks: int) -> dict[str, Any]:
    """Return what is stored beside the vectors of one of a version's `chunks` chunks."""
    document = chunk.document
    return {
        DOCUMENT: packed(document.id),
        VERSION: version_of(document, chunks),
        "sha256": document.sha256,
        "media_type": document.media_type,
        **changeable_payload(document),
        "ordinal": chunk.ordinal,
        "text": packed(chunk.text),
        "page": chunk.page,
        "headings": [packed(heading) for heading in chunk.headings],
        "places": [[p.start, p.end, p.box.left, p.box.top, p.box.right, p.box.bottom] for p in chunk.places],
    }


def changeable_payload(document: Document) -> dict[str, Any]:
    """Return the part of the payload that may change without new vectors."""
    return {"path": packed(document.path), READERS: packed_readers(document.readers)}


def packed_readers(readers: Iterable[str]) -> list[str]:
    """Return readers in stored form, sorted."""
    return sorted(packed(reader) for reader in readers)


def chunk_of(point_id: object, payload: Mapping[str, Any]) -> Chunk:
    """Return the chunk that `payload_of` stored. Raises StoreError if something is missing."""
    try:
        document = Document(
            id=unpacked(payload[DOCUMENT]),
            path=unpacked(payload["path"]),
            sha256=payload["sha256"],
            media_type=payload["media_type"],
            readers=frozenset(unpacked(reader) for reader in payload[READERS]),
        )
        return Chunk(
            id=str(point_id),
            document=document,
            ordinal=payload["ordinal"],
            text=unpacked(payload["text"]),
            page=payload["page"],
            headings=tuple(unpacked(heading) for heading in payload["headings"]),
            places=tuple(Place(start, end, Box(*map(float, edges))) for start, end, *edges in payload["places"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the index holds a damaged entry ({point_id})", REBUILD) from error


class Held(Protocol):
    """A stored point of either engine, with its payload and its vectors by name."""

    @property
    def id(self) -> Any: ...

    @property
    def payload(self) -> Any: ...

    @property
    def vector(self) -> Any: ...


def in_order(records: Sequence[Held], dimensions: int) -> tuple[list[Chunk], NDArray[np.float32]]:
    """Return the chunks of one document in order, and their vectors, shape (chunks, dimensions)."""
    pairs = [(chunk_of(record.id, record.payload or {}), record.vector[DENSE]) for record in records]
    pairs.sort(key=lambda pair: pair[0].ordinal)
    vectors = np.array([vector for _, vector in pairs], dtype=np.float32).reshape(len(pairs), dimensions)
    return [chunk for chunk, _ in pairs], vectors


class Scored(Protocol):
    """A hit of either engine."""

    @property
    def id(self) -> Any: ...

    @property
    def score(self) -> float: ...

    @property
    def payload(self) -> Any: ...


def merged(
    near: Sequence[Scored],
    alike: Sequence[Scored],
    rescore: Callable[[list[Any], list[Any]], tuple[Sequence[Scored], Sequence[Scored]]],
    readers: frozenset[str],
) -> list[Hit]:
    """Return the hits of both searches, each chunk once, with both scores: greater cosine first, equal ones by id.

    `near` are the hits by vector, `alike` those by words, with payload. `rescore` is given the ids of which the cosine
    and those of which the words' score is missing, and returns them as hits of the same two queries. The engine has
    filtered already; a hit that gets past it nevertheless is dropped here.
    """
    chunks = {hit.id: chunk_of(hit.id, hit.payload or {}) for hit in (*near, *alike)}
    cosines, words = _scores(near), _scores(alike)
    again = rescore([name for name in chunks if name not in cosines], [name for name in chunks if name not in words])
    cosines |= _scores(again[0])
    words |= _scores(again[1])
    # What shares no word with the question is no hit of that query.
    hits = [Hit(chunk, cosines[name], words.get(name, 0.0)) for name, chunk in chunks.items()]
    allowed = (hit for hit in hits if hit.chunk.document.readers & readers)
    return sorted(allowed, key=lambda hit: (-hit.cosine, hit.chunk.id))


def _scores(hits: Iterable[Scored]) -> dict[Any, float]:
    return {hit.id: hit.score for hit in hits}


def check_shape(document: Document, chunks: Sequence[Chunk], vectors: NDArray[np.float32], dimensions: int) -> None:
    """Raise ValueError unless there is one vector of the right length per chunk, all of this document's version."""
    if chunks and vectors.shape != (len(chunks), dimensions):
        raise ValueError(f"{len(chunks)} chunks need vectors of shape {(len(chunks), dimensions)}, not {vectors.shape}")
    if any(chunk.document != document for chunk in chunks):
        raise ValueError(f"a chunk belongs to another document than {document.id}, or to another version of it")
