"""What both index adapters share: the stored form of a chunk, the index's identity, and the order of hits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance import sparse
from appliance.errors import IndexMismatch, StoreError
from appliance.types import Chunk, Document, Passage

REBUILD = 'Run "appliance ingest DIR --rebuild", which builds the index again from the share.'

# Names of the two vectors of a point, and the payload fields that get an index in the engine.
DENSE = "dense"
BM25 = "bm25"
DOCUMENT = "document"
VERSION = "version"
READERS = "readers"
INDEXED_FIELDS = (DOCUMENT, VERSION, READERS)

# Reciprocal rank fusion: the constant of Cormack, Clarke and Büttcher (2009), who proposed it.
FUSION_K = 60

UPSERT_POINTS = 512


@dataclass(frozen=True, slots=True)
class Identity:
    """What an index was built with: an index answers only to the same.

    `embedder` is the model's name, `sha256` that of its weights; `chunker` and `sparse` are versions of code.
    """

    embedder: str
    sha256: str
    dimensions: int
    chunker: str
    sparse: str = sparse.VERSION

    def stored(self) -> dict[str, str | int]:
        """Return the identity as plain data."""
        return asdict(self)

    def check(self, stored: object, name: str) -> None:
        """Raise IndexMismatch if the index `name` was built with another identity, StoreError if that is unreadable."""
        found = _identity(stored)
        if found is None:
            raise StoreError(f'index "{name}" does not say what it was built with', REBUILD)
        if found != self:
            raise IndexMismatch(
                f'index "{name}" was built with {found.described()}, the configuration names {self.described()}',
                'Run "appliance ingest DIR --rebuild", or put the old embedder and version back.',
            )

    def described(self) -> str:
        """Return the identity for a message."""
        return (
            f"{self.embedder} (sha256 {self.sha256[:4]}…, {self.dimensions} dimensions), "
            f"chunker {self.chunker}, {self.sparse}"
        )


def _identity(stored: object) -> Identity | None:
    if not isinstance(stored, Mapping):
        return None
    values = {field.name: stored.get(field.name) for field in fields(Identity)}
    dimensions = values.pop("dimensions")
    if not isinstance(dimensions, int) or not all(isinstance(value, str) for value in values.values()):
        return None
    return Identity(dimensions=dimensions, **{name: str(value) for name, value in values.items()})


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


def version_of(document: Document) -> str:
    """Return the stored name of a document's version."""
    return packed(f"{document.id}:{document.sha256}")


def version_parts(stored: str) -> tuple[str, str]:
    """Return document id and sha256 of a stored version."""
    identifier, _, sha256 = unpacked(stored).rpartition(":")
    return identifier, sha256


def payload_of(chunk: Chunk) -> dict[str, Any]:
    """Return what is stored beside a chunk's vectors."""
    document = chunk.document
    return {
        DOCUMENT: packed(document.id),
        VERSION: version_of(document),
        "sha256": document.sha256,
        "media_type": document.media_type,
        **changeable_payload(document),
        "ordinal": chunk.ordinal,
        "text": packed(chunk.text),
        "page": chunk.page,
        "headings": [packed(heading) for heading in chunk.headings],
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
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the index holds a damaged entry ({point_id})", REBUILD) from error


class Scored(Protocol):
    """A hit of either engine."""

    @property
    def id(self) -> Any: ...

    @property
    def score(self) -> float: ...


def passages(
    hits: Sequence[Scored],
    fetch: Callable[[list[Any]], Iterable[Any]],
    readers: frozenset[str],
    limit: int,
) -> list[Passage]:
    """Order hits (best first, ties by id), fetch the payload of the first `limit`, and keep what `readers` may read.

    The engine has filtered already; a hit that gets past it nevertheless is dropped here, and so is one that has
    disappeared since.
    """
    best = sorted(hits, key=lambda hit: (-hit.score, str(hit.id)))[:limit]
    found = {str(record.id): chunk_of(record.id, record.payload or {}) for record in fetch([hit.id for hit in best])}
    return [
        Passage(found[str(hit.id)], hit.score)
        for hit in best
        if str(hit.id) in found and found[str(hit.id)].document.readers & readers
    ]


def check_shape(document: Document, chunks: Sequence[Chunk], vectors: NDArray[np.float32], dimensions: int) -> None:
    """Raise ValueError unless there is one vector of the right length per chunk, all of this document's version."""
    if chunks and vectors.shape != (len(chunks), dimensions):
        raise ValueError(f"{len(chunks)} chunks need vectors of shape {(len(chunks), dimensions)}, not {vectors.shape}")
    if any(chunk.document != document for chunk in chunks):
        raise ValueError(f"a chunk belongs to another document than {document.id}, or to another version of it")
