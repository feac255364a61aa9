"""The pipeline everyone builds, as the measure for ours: chunks of 1,000 characters, the three nearest, one prompt.

Same embedder, same generator, same frame of the chat family, greedy. Nothing in it is made worse than it is commonly
built: the prompt says to use the context alone and what to say where the answer is not in it.
"""

from __future__ import annotations

import hashlib
import re
import time
import tomllib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.ports import Embedder, Generator
from appliance.types import Prompt, Sampling, Segment

CHUNK_CHARACTERS = 1000
TOP = 3
OUTPUT_TOKENS = 256
_BATCH = 256
_PROMPT = """Answer the question using only the context below. \
If the answer is not in the context, say "I don't know".

Context:
{context}

Question: {question}
Answer:"""
# Phrases, casefolded and with straight apostrophes, by which such a pipeline's "I don't know" is recognised.
REFUSALS = (
    "i don't know",
    "i do not know",
    "don't have enough information",
    "do not have enough information",
    "not enough information",
    "cannot be determined",
    "can't be determined",
    "cannot answer",
    "can't answer",
    "unable to answer",
    "not in the context",
    "not mentioned in the context",
    "not provided in the context",
    "not specified in the context",
    "not stated in the context",
    "context does not",
    "context doesn't",
    "no information about",
    "no information on",
)


@dataclass(frozen=True, slots=True)
class NaiveChunk:
    """A stretch of a text: characters `start` <= i < start + len(text) of the text called `name`."""

    name: str
    start: int
    text: str


@dataclass(frozen=True, slots=True)
class NaiveAnswer:
    """What the pipeline says; `chunks` are what it was shown, nearest first."""

    text: str
    refused: bool
    chunks: tuple[NaiveChunk, ...]
    seconds: float


class Naive:
    """The pipeline over `texts` by name. With `cache` the chunks' vectors are kept in that .npy file and taken from it
    as long as embedder and texts are the same.
    """

    def __init__(
        self, embedder: Embedder, generator: Generator, texts: Mapping[str, str], cache: Path | None = None
    ) -> None:
        self._embedder = embedder
        self._generator = generator
        self._frame = _chat_frame(generator.chat)
        self.chunks = chunks(texts)
        self._vectors = _vectors(embedder, self.chunks, cache)

    def ask(self, question: str) -> NaiveAnswer:
        """Answer one question; greedy, at most OUTPUT_TOKENS tokens."""
        started = time.perf_counter()
        found = self.nearest(question)
        before, after, stop = self._frame
        # As it is commonly done, chunks, question and our own words are one string; control tokens are not taken from
        # it, which is the engine's doing here as in every chat server.
        prompt = Prompt((Segment(before, True),), (), (Segment(_written(found, question), False), Segment(after, True)))
        pieces = self._generator.generate(prompt, Sampling(OUTPUT_TOKENS, stop=stop))
        with closing(pieces):  # type: ignore[type-var]  # both engines' streams are generators
            text = "".join(piece.text for piece in pieces).strip()
        return NaiveAnswer(text, refuses(text), tuple(found), time.perf_counter() - started)

    def prompt(self, question: str) -> str:
        """Return the whole text that the model reads for a question."""
        before, after, _ = self._frame
        return before + _written(self.nearest(question), question) + after

    def nearest(self, question: str) -> list[NaiveChunk]:
        """Return the chunks of greatest cosine, at most TOP."""
        if not self.chunks:
            return []
        cosines = self._vectors @ self._embedder.embed([question])[0]
        return [self.chunks[i] for i in np.argsort(-cosines, kind="stable")[:TOP]]


def chunks(texts: Mapping[str, str]) -> list[NaiveChunk]:
    """Cut each text into pieces of CHUNK_CHARACTERS; blank ones are left out."""
    starts = ((name, text, at) for name, text in texts.items() for at in range(0, len(text), CHUNK_CHARACTERS))
    cut = (NaiveChunk(name, at, text[at : at + CHUNK_CHARACTERS]) for name, text, at in starts)
    return [chunk for chunk in cut if chunk.text.strip()]


def refuses(text: str) -> bool:
    """Return whether an answer is a refusal, by the usual phrases; saying nothing is one too."""
    said = " ".join(re.sub("[’ʼ`´]", "'", text).casefold().split())
    return not said or any(phrase in said for phrase in REFUSALS)


def _written(found: list[NaiveChunk], question: str) -> str:
    return _PROMPT.format(context="\n\n".join(chunk.text for chunk in found), question=question)


def _chat_frame(chat: str) -> tuple[str, str, tuple[str, ...]]:
    """Return what stands before and after a user's message, and what ends an output."""
    file = resources.files("appliance").joinpath("prompts", f"{chat}.toml")
    roles = tomllib.loads(file.read_text("utf-8"))
    # The system message belongs to the frame; this one is what models of the family get where none is given.
    system = roles["system_open"] + "You are a helpful assistant." + roles["system_close"]
    return system + roles["user_open"], roles["user_close"], tuple(roles["stop"])


def _vectors(embedder: Embedder, cut: list[NaiveChunk], cache: Path | None) -> NDArray[np.float32]:
    digest = hashlib.sha256(embedder.record.sha256.encode())
    for chunk in cut:
        digest.update(hashlib.sha256(chunk.text.encode("utf-8", "replace")).digest())
    key = np.frombuffer(digest.digest(), np.uint8).astype(np.float32)
    if cache is not None and cache.is_file():
        held: NDArray[np.float32] = np.load(cache, allow_pickle=False)
        if held.shape == (len(cut) + 1, max(embedder.dimensions, len(key))) and np.array_equal(
            held[0, : len(key)], key
        ):
            return held[1:, : embedder.dimensions]
    parts = [embedder.embed([chunk.text for chunk in cut[i : i + _BATCH]]) for i in range(0, len(cut), _BATCH)]
    vectors = np.concatenate(parts) if parts else np.empty((0, embedder.dimensions), np.float32)
    if cache is not None:
        # The first row is not a vector but says what the others are of.
        whole = np.zeros((len(cut) + 1, max(embedder.dimensions, len(key))), np.float32)
        whole[0, : len(key)], whole[1:, : embedder.dimensions] = key, vectors
        np.save(cache, whole, allow_pickle=False)
    return vectors
