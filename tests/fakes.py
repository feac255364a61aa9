"""Parts made for tests: each keeps its port's promises, and stands in the port's contract suite where there is one."""

from __future__ import annotations

import hashlib
import math
import os
import re
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from appliance.errors import EngineError, IndexMismatch, LogError, NotFound, PromptTooLong, UsageError
from appliance.merkle import Frontier
from appliance.segments import content, encode_batch
from appliance.signing import Signer
from appliance.sparse import SparseEncoder
from appliance.types import (
    Checkpoint,
    Chunk,
    Document,
    Hit,
    Json,
    LogEntry,
    ModelRecord,
    Piece,
    Prompt,
    Sampling,
    Segment,
    Usage,
)
from ingest.push import Known, Put

WORD = re.compile(r"\w+")
TOKEN = re.compile(r"\S+|\s+")


class HashEmbedder:
    """Gives texts with the same words near vectors: the sum of one pseudo-random direction per word."""

    def __init__(self, dimensions: int = 64) -> None:
        self.dimensions = dimensions
        self.max_tokens = 256
        name = f"hash-{dimensions}"
        self.record = ModelRecord("embedder", name, hashlib.sha256(name.encode()).hexdigest(), "float32", "Apache-2.0")

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([self._vector(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dimensions)

    def _vector(self, text: str) -> NDArray[np.float64]:
        words = WORD.findall(text.casefold())[: self.max_tokens] or [""]
        total = np.sum([self._direction(word) for word in words], axis=0)
        return np.asarray(total / np.linalg.norm(total))

    def _direction(self, word: str) -> NDArray[np.float64]:
        seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        return np.random.default_rng(seed).standard_normal(self.dimensions)


class MemoryIndex:
    """An index in a dictionary, which looks at every chunk for every question."""

    def __init__(self) -> None:
        self._encoder = SparseEncoder()
        self._lock = threading.Lock()
        self._entries: dict[str, list[tuple[Chunk, NDArray[np.float32]]]] = {}

    def replace(self, document: Document, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        if chunks and len(chunks) != len(vectors):
            raise ValueError("one vector per chunk")
        with self._lock:
            self._entries.pop(document.id, None)
            if chunks:
                self._entries[document.id] = list(zip(chunks, vectors, strict=True))

    def update(self, documents: Sequence[Document]) -> None:
        with self._lock:
            for document in documents:
                if document.id in self._entries:
                    self._entries[document.id] = [
                        (replace(c, document=replace(c.document, path=document.path, readers=document.readers)), vector)
                        for c, vector in self._entries[document.id]
                    ]

    def remove(self, document_id: str) -> None:
        with self._lock:
            self._entries.pop(document_id, None)

    def search(
        self,
        text: str,
        vector: NDArray[np.float32],
        readers: frozenset[str],
        depth: int,
        within: frozenset[str] | None = None,
    ) -> list[Hit]:
        allowed = [(chunk, own) for chunk, own in self._all() if chunk.document.readers & readers]
        scores = bm25(self._encoder, text, [chunk for chunk, _ in allowed])
        hits = [
            Hit(chunk, float(own @ vector), words)
            for (chunk, own), words in zip(allowed, scores, strict=True)
            if within is None or chunk.document.id in within
        ]
        near = sorted(hits, key=lambda hit: (-hit.cosine, hit.chunk.id))
        alike = sorted((hit for hit in near if hit.words), key=lambda hit: -hit.words)
        best = {hit.chunk.id for found in (near, alike) for hit in found[: max(0, depth)]}
        return [hit for hit in near if hit.chunk.id in best]

    def chunks(self, document_id: str) -> tuple[list[Chunk], NDArray[np.float32]]:
        with self._lock:
            held = self._entries.get(document_id, [])
        vectors = np.array([vector for _, vector in held], dtype=np.float32)
        return [chunk for chunk, _ in held], vectors

    def neighbours(self, chunk: Chunk, before: int, after: int) -> list[Chunk]:
        around = [
            other
            for other, _ in self._all()
            if other.document.id == chunk.document.id
            and other.document.sha256 == chunk.document.sha256
            and chunk.ordinal - before <= other.ordinal <= chunk.ordinal + after
            and other.id != chunk.id
        ]
        return sorted(around, key=lambda other: other.ordinal)

    def versions(self) -> Mapping[str, str]:
        with self._lock:
            return {name: entries[0][0].document.sha256 for name, entries in self._entries.items()}

    def count(self) -> int:
        return len(self._all())

    def close(self) -> None:
        pass

    def _all(self) -> list[tuple[Chunk, NDArray[np.float32]]]:
        with self._lock:
            return [entry for entries in self._entries.values() for entry in entries]


def bm25(encoder: SparseEncoder, question: str, chunks: Sequence[Chunk]) -> list[float]:
    """Return the BM25 score of each chunk, word frequencies counted over these."""
    vectors = [dict(zip(made.indices, made.values, strict=True)) for made in map(encoder.chunk, chunks)]
    asked = encoder.question(question).indices
    frequency = Counter(term for vector in vectors for term in vector)
    rarity = {t: math.log(1 + (len(chunks) - frequency[t] + 0.5) / (frequency[t] + 0.5)) for t in asked}
    return [sum(rarity[term] * vector.get(term, 0.0) for term in asked) for vector in vectors]


class ScriptedGenerator:
    """Says what it is told to: `script` is the answer, or makes it from the prompt. A word or a gap is one token.

    `avoided` is the log probability it claims for what it is told not to begin with.
    """

    avoided = -3.0

    def __init__(self, script: str | Callable[[Prompt], str], context_tokens: int = 4096) -> None:
        self.record = ModelRecord(
            "generator", "scripted", hashlib.sha256(b"scripted").hexdigest(), "none", "Apache-2.0"
        )
        self.context_tokens = context_tokens
        self.chat = "chatml"
        self.prompts: list[Prompt] = []
        self._script = script
        self._closed = False

    def settings(self) -> dict[str, str | int]:
        return {"engine": "scripted"}

    def count_tokens(self, segments: Sequence[Segment]) -> int:
        return sum(len(TOKEN.findall(segment.text)) for segment in segments)

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
        count = self.count_tokens(prompt.segments())
        if sampling.max_tokens < 1 or not sampling.temperature >= 0 or not count:
            raise UsageError("nothing to read, or nothing to say", "Correct prompt and sampling.")
        if count + sampling.max_tokens > self.context_tokens:
            raise PromptTooLong(f"{count} tokens do not fit", "Shorten the prompt.")
        return self._stream(prompt, sampling, count)

    def close(self) -> None:
        self._closed = True

    def _stream(self, prompt: Prompt, sampling: Sampling, count: int) -> Iterator[Piece]:
        if self._closed:
            raise EngineError("the generator has been closed", "Make another.")
        self.prompts.append(prompt)
        whole = self._script(prompt) if callable(self._script) else self._script
        ends = [whole.find(stop) for stop in sampling.stop if stop and stop in whole]
        text = whole[: min(ends)] if ends else whole
        words = TOKEN.findall(text)
        beginning = TOKEN.findall(sampling.avoid)[:1]
        if words[:1] == beginning:
            words = words[1:]
        for i, word in enumerate(words[: sampling.max_tokens]):
            yield Piece(
                word, (zlib.crc32(word.encode()),), (-0.5,), avoided=self.avoided if beginning and not i else None
            )
        finish: Literal["stop", "length"] = "length" if len(words) >= sampling.max_tokens else "stop"
        yield Piece("", usage=Usage(count, 0, min(len(words), sampling.max_tokens), 1.0, finish))


class MemoryLog:
    """A log in a list, signed with a key of its own. Kinds in `refused` cannot be written, as on a broken disk."""

    def __init__(self, refused: Collection[str] = ()) -> None:
        self.refused = set(refused)
        self.signer = Signer.generate("memory")
        self._lock = threading.Lock()
        self._frontier = Frontier()
        self._entries: list[LogEntry] = []
        self._closed = False

    def append(self, kind: str, body: Mapping[str, Json], version: int = 1) -> LogEntry:
        checked = content(kind, body, version)
        with self._lock:
            self._require_open()
            if kind in self.refused:
                raise LogError(f"an entry of kind {kind} cannot be written", "Repair the disk.")
            moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            written = encode_batch([checked], moment, self._frontier, 0)
            self._frontier = written.frontier
            self._entries += written.entries
        return written.entries[0]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[LogEntry]:
        with self._lock:
            self._require_open()
            return iter([entry for entry in self._entries[max(0, start) :] if stop is None or entry.index < stop])

    def size(self) -> int:
        return len(self._entries)

    def checkpoint(self) -> Checkpoint:
        with self._lock:
            self._require_open()
            return self.signer.checkpoint(self._frontier.size, self._frontier.root())

    def close(self) -> None:
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise LogError("the log is closed", "Start the appliance again.")


class MemoryApi:
    """The service as ingest sees it, in memory, for one share. `puts` are the paths in the order they arrived, `told`
    every change, `outcomes` what runs did: files by status, documents removed, passages, findings.

    `at` is called with the name of a change before it is made, for tests that hold one up.
    """

    def __init__(self) -> None:
        self.documents: dict[str, Known] = {}
        self.passages: dict[str, tuple[str, ...]] = {}
        self.puts: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.started: list[str] = []
        self.progressed: dict[str, tuple[int, int]] = {}
        self.outcomes: dict[str, tuple[Mapping[str, int], int, int, int]] = {}
        self.models: list[str] = []
        self.fail_at = -1
        self.at: Callable[[str, str], None] = lambda change, path: None
        self._lock = threading.RLock()
        self._share = ""
        self._identity: tuple[str, str, str] | None = None

    @property
    def finished(self) -> list[Mapping[str, int]]:
        """Return the files by status of each run, in the order they were finished."""
        return [counts for counts, *_ in self.outcomes.values()]

    def known(self, share: str, under: str = "") -> Iterator[Known]:
        self.at("known", under)
        with self._lock:
            rows = [row for row in self.documents.values() if share == self._share and _is_under(row, under)]
        yield from sorted(rows, key=lambda row: (os.fsencode(row.owner), os.fsencode(row.path)))

    def start(self, share: str, chunker: str, embedder: ModelRecord) -> str:
        identity = (chunker, embedder.name, embedder.sha256)
        self._share, self._identity = self._share or share, self._identity or identity
        assert share == self._share
        if identity != self._identity:
            raise IndexMismatch(f"the index was made with {self._identity}, not {identity}", "Rebuild.")
        self.started.append(f"run-{len(self.started)}")
        return self.started[-1]

    def _require(self, run: str) -> None:
        if run not in self.started:
            raise NotFound(f"no ingest run {run}", "Start a run first.")

    def loaded(self, run: str, model: ModelRecord) -> None:
        self._require(run)
        self.models.append(model.name)

    def _tell(self, run: str, change: str, path: str) -> None:
        self._require(run)
        self.at(change, path)
        if len(self.told) == self.fail_at:
            raise OSError("the service is gone")
        self.told.append((change, path))

    def put(self, run: str, share: str, put: Put, vectors: NDArray[np.float32] | None) -> None:
        self._tell(run, "put", put.path)
        if len(put.drafts or ()) != (0 if vectors is None else len(vectors)):
            raise UsageError("one vector for each passage")
        with self._lock:
            before = self.documents.get(put.path)
            answers = before.answers if before else ""
            if put.drafts is not None:
                self.passages[put.path] = tuple(draft.text for draft in put.drafts)
                answers = put.sha256 if put.drafts else ""
            elif before:
                put = _described(put, before)
            self.puts.append(put.path)
            self._keep(put, answers)

    def _keep(self, put: Put, answers: str) -> None:
        self.documents[put.path] = Known(
            path=put.path,
            owner=put.owner,
            sha256=put.sha256,
            answers=answers,
            size_bytes=put.stamp.size_bytes,
            modified_ns=put.stamp.modified_ns,
            media_type=put.media_type,
            readers=tuple(sorted(put.readers)),
            status=put.status,
            reason=put.reason,
            hint=put.hint,
            pages=put.pages,
            passages=len(self.passages.get(put.path, ())),
            title=put.title,
            findings=put.findings,
        )

    def move(self, run: str, share: str, old: str, put: Put) -> None:
        self._tell(run, "move", put.path)
        with self._lock:
            before = self.documents.get(old)
            if before is None:
                raise NotFound(f"no document {old}")
            if (before.answers or before.sha256) != put.sha256 or old == put.path:
                raise UsageError(f"document {old} is not what {put.path} says it was", "Put the document instead.")
            del self.documents[old]
            self.passages[put.path] = self.passages.pop(old, ())
            self._keep(put, before.answers)

    def regrant(self, run: str, share: str, changes: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        for path, readers in changes:
            self._tell(run, "regrant", path)
            with self._lock:
                if share == self._share and path in self.documents:
                    self.documents[path] = replace(self.documents[path], readers=tuple(sorted(set(readers))))

    def remove(self, run: str, share: str, path: str) -> None:
        self._tell(run, "remove", path)
        with self._lock:
            if share != self._share or path not in self.documents:
                raise NotFound(f"no document {path}")
            del self.documents[path]
            self.passages.pop(path, None)

    def progress(self, run: str, done: int, total: int) -> None:
        self._require(run)
        self.progressed[run] = (done, total)

    def finish(
        self, run: str, counts: Mapping[str, int], removed: int, passages: int, seconds: float, findings: int = 0
    ) -> None:
        self._require(run)
        self.outcomes[run] = (dict(counts), removed, passages, findings)

    def close(self) -> None:
        pass

    def answering(self) -> dict[str, tuple[str, ...]]:
        """Return the texts that somebody is shown, by path."""
        with self._lock:
            return {path: texts for path, texts in self.passages.items() if texts and self.documents[path].readers}


def _is_under(row: Known, under: str) -> bool:
    return not under or under in (row.owner, row.path) or row.owner.startswith(f"{under}/")


def _described(put: Put, before: Known) -> Put:
    """Return what is new about a file whose passages stay as they are."""
    put = replace(put, title=before.title, pages=before.pages, findings=put.findings or before.findings)
    if put.status == "unchanged":
        put = replace(put, status=before.status, reason=before.reason, hint=before.hint)
    return put
