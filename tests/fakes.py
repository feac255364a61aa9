"""Parts made for tests: each keeps its port's promises, and stands in the port's contract suite where there is one."""

from __future__ import annotations

import hashlib
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

from appliance.errors import EngineError, LogError, PromptTooLong, UsageError
from appliance.merkle import Frontier
from appliance.segments import content, encode_batch
from appliance.signing import Signer
from appliance.types import (
    Checkpoint,
    Chunk,
    Document,
    Json,
    LogEntry,
    ModelRecord,
    Passage,
    Piece,
    Prompt,
    Sampling,
    Segment,
    Usage,
)

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
    """An index in a dictionary: exact search, and the rarer the shared words, the better."""

    def __init__(self, candidates: int = 50) -> None:
        self._candidates = candidates
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

    def search(self, text: str, vector: NDArray[np.float32], readers: frozenset[str], limit: int) -> list[Passage]:
        allowed = {
            chunk.id: (chunk, float(own @ vector), Counter(_words(" ".join((*chunk.headings, chunk.text)))))
            for chunk, own in self._all()
            if chunk.document.readers & readers
        }
        frequency = Counter(word for _, _, words in allowed.values() for word in words)
        asked = set(_words(text))
        by_words = {
            name: sum(1 / frequency[word] for word in asked if word in words)
            for name, (_, _, words) in allowed.items()
            if asked & words.keys()
        }
        by_meaning = {name: likeness for name, (_, likeness, _) in allowed.items()}
        scores: Counter[str] = Counter()
        for ranking in (by_words, by_meaning):
            for rank, name in enumerate(sorted(ranking, key=lambda n: (-ranking[n], n))[: self._candidates]):
                scores[name] += 1 / (60 + rank)  # type: ignore[assignment]  # Counter adds floats as well
        best = sorted(scores, key=lambda name: (-scores[name], name))[: max(0, limit)]
        return [Passage(allowed[name][0], scores[name]) for name in best]

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


def _words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


class ScriptedGenerator:
    """Says what it is told to: `script` is the answer, or makes it from the prompt. A word or a gap is one token."""

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
        for word in words[: sampling.max_tokens]:
            yield Piece(word, (zlib.crc32(word.encode()),), (-0.5,))
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
