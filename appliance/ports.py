"""The five ports. Everything behind them can be exchanged; each has a contract suite under tests/contracts.

No framework's class appears in a signature. A sixth port needs two real parts and a contract suite.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, Protocol

from appliance.types import (
    Checkpoint,
    Chunk,
    Document,
    Finding,
    Hit,
    Json,
    LogEntry,
    Member,
    ModelRecord,
    Piece,
    Prompt,
    Sampling,
    Section,
    Segment,
)

if TYPE_CHECKING:
    # Half of the time that a parsing process takes to start would go into importing what it does not use.
    import numpy as np
    from numpy.typing import NDArray


class Parser(Protocol):
    """Turns one file into sections of text that a person would see, findings about the rest, and files inside it."""

    media_types: frozenset[str]

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding | Member]:
        """Yield the sections of an open file in reading order. A parser sees no path: all it has is the file.

        Raises `ingest.files.BadFile` with a status and a reason when the file cannot be parsed.
        """
        ...


class Embedder(Protocol):
    """Turns texts into vectors of unit length."""

    record: ModelRecord
    dimensions: int
    max_tokens: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text, shape (len(texts), dimensions). Text past `max_tokens` is not seen."""
        ...


class Index(Protocol):
    """Finds chunks by meaning and by words. Implementations are safe to call from several threads."""

    def replace(self, document: Document, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        """Put these chunks in place of whatever the document had before, in one step, and durably.

        `vectors` has shape (len(chunks), dimensions), unit rows. No search sees a mixture of two versions; when this
        raises, the former version still answers. An empty `chunks` leaves the document without any.
        """
        ...

    def update(self, documents: Sequence[Document]) -> None:
        """Give the chunks of each document a new path and new readers, without new vectors. Unknown: ignored."""
        ...

    def remove(self, document_id: str) -> None:
        """Remove all chunks of a document. Unknown ids are ignored."""
        ...

    def search(
        self,
        text: str,
        vector: NDArray[np.float32],
        readers: frozenset[str],
        depth: int,
        within: frozenset[str] | None = None,
    ) -> list[Hit]:
        """Return the `depth` chunks nearest by vector and the `depth` best by BM25 that one of `readers` may read, each
        chunk once, with both scores exact; those of greater cosine first, equal ones by id.

        Word frequencies are counted over what `readers` may read. `within` confines the search to documents by id;
        an empty one finds nothing. No readers, no hits.
        """
        ...

    def chunks(self, document_id: str) -> tuple[list[Chunk], NDArray[np.float32]]:
        """Return the chunks of a document in order, with their vectors, shape (chunks, dimensions), as `replace` takes
        them. Nothing for an unknown document.
        """
        ...

    def neighbours(self, chunk: Chunk, before: int, after: int) -> list[Chunk]:
        """Return the chunks around `chunk` in the same document version, in order, without `chunk` itself."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Return, for every document that has chunks, the sha256 of the version they are of, by document id."""
        ...

    def count(self) -> int:
        """Return the number of chunks."""
        ...

    def close(self) -> None:
        """Flush and release. Calling it twice is harmless."""
        ...


class Generator(Protocol):
    """Writes text."""

    record: ModelRecord
    context_tokens: int
    chat: str

    def settings(self) -> Mapping[str, Json]:
        """Return what decides, beside weights, prompt and sampling, which tokens come out; for the log."""
        ...

    def count_tokens(self, segments: Sequence[Segment]) -> int:
        """Return how many tokens these segments take, one after the other."""
        ...

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
        """Yield pieces as they are computed; the last has `usage`.

        Closing the iterator stops the computation. Raises PromptTooLong before the first piece, EngineError on failure.
        """
        ...

    def close(self) -> None:
        """Release the weights. Calling it twice is harmless."""
        ...


class Log(Protocol):
    """An append-only record that nobody can quietly edit."""

    def append(self, kind: str, body: Mapping[str, Json], version: int = 1) -> LogEntry:
        """Add one entry and return it. `version` is that of the kind's schema.

        When this returns, the entry is on disk and survives a power cut.
        If it raises LogError, the log is as it was. Safe to call from several threads.
        """
        ...

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[LogEntry]:
        """Yield entries with start <= index < stop, as they were when the call was made."""
        ...

    def size(self) -> int:
        """Return the number of entries."""
        ...

    def checkpoint(self) -> Checkpoint:
        """Sign and return the current tree head."""
        ...

    def close(self) -> None:
        """Release the files. Calling it twice is harmless."""
        ...
