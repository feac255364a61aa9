"""The generator that runs inside this process: one question at a time on llama.cpp.

A prompt is decoded in slices whose borders depend on the prompt alone: the prefix apart, then the rest. So the same
arithmetic is done whether or not the prefix was kept from the question before, and the answer is the same, bit for bit.
"""

from __future__ import annotations

import codecs
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from appliance.errors import EngineError, PromptTooLong, UsageError
from appliance.llama import SLICE_TOKENS, Llama
from appliance.types import ModelRecord, Piece, Prompt, Sampling, Segment, Usage

Tokens = tuple[int, ...]


class LlamaGenerator:
    """Port `Generator` on llama.cpp. `path` has been verified against `record.sha256` by the caller.

    `threads` 0 means one per physical core. Streams wait for one another: each holds the engine from its first piece
    until it ends or is closed. Between two of them only the shared prefix stays in the sequence; nothing of a reader's
    passages, question or answer does.
    """

    def __init__(
        self, path: Path, record: ModelRecord, chat: str, context_tokens: int, threads: int = 0, gpu_layers: int = 0
    ) -> None:
        self.record = record
        self.chat = chat
        self.context_tokens = context_tokens
        self._llama: Llama | None = Llama(path, context_tokens, threads, gpu_layers)
        self._kept: Tokens = ()  # the prefix that the sequence still begins with
        self._turn = threading.Lock()  # held by the stream that owns the sequence
        # Each held for one step only, so that `close` waits for a step, not for a stream that nobody reads.
        self._computing, self._tokenizing = threading.Lock(), threading.Lock()

    def settings(self) -> dict[str, str | int]:
        """Return what decides, beside weights, prompt and sampling, which tokens come out; for the log."""
        with self._tokenizing:
            return {**self._opened().settings(), "slices": "prefix, rest"}

    def count_tokens(self, segments: Sequence[Segment]) -> int:
        """Return how many tokens these segments take; a beginning-of-sequence token is not counted."""
        return len(self._tokenize(segments))

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
        """Yield pieces; together they hold every token computed, in order, but for the one that says "end".

        Greedy decoding takes the likeliest token, the lowest id among equals. Log probabilities are the model's own,
        whatever the temperature. Raises PromptTooLong and UsageError at once, EngineError while streaming.
        """
        called = time.perf_counter()
        if sampling.max_tokens < 1 or not sampling.temperature >= 0:
            raise UsageError(
                f"max_tokens is {sampling.max_tokens}, temperature {sampling.temperature}",
                "Ask for at least one token, at a temperature of 0 or more.",
            )
        prefix, rest = self._encode(prompt)
        count = len(prefix) + len(rest)
        if not count:
            raise UsageError("the prompt is empty", "Give the model something to read.")
        if count + sampling.max_tokens > self.context_tokens:
            raise PromptTooLong(
                f"a prompt of {count} tokens and an answer of up to {sampling.max_tokens} exceed the context"
                f" of {self.context_tokens}",
                "Give fewer or shorter passages, or raise generator.context_tokens.",
            )
        return self._stream(prefix, rest, sampling, called)

    def close(self) -> None:
        """Release the weights, after the step in progress. A stream still open ends with EngineError."""
        with self._computing, self._tokenizing:
            if self._llama is not None:
                self._llama.close()
            self._llama = None

    def _stream(self, prefix: Tokens, rest: Tokens, sampling: Sampling, called: float) -> Iterator[Piece]:
        text, chooser = TextStream(sampling.stop), Chooser(sampling, self._beginnings(sampling.avoid))
        held: list[tuple[int, float]] = []  # tokens computed since the last piece
        length, output, first_token_ms = len(prefix) + len(rest), 0, 0.0
        token = -1
        finish: Literal["stop", "length"] = "length"
        shown = ""
        with self._turn:
            try:
                reused = self._read(prefix, rest)
                while output < sampling.max_tokens:
                    if output:
                        self._append((token,), length + output - 1)
                    token, logprob, data = self._next(chooser)
                    first_token_ms = first_token_ms or (time.perf_counter() - called) * 1000
                    if data is None:
                        finish = "stop"
                        break
                    output += 1
                    held.append((token, logprob))
                    shown = text.push(data)
                    if text.stopped:
                        finish = "stop"
                        break
                    if shown:
                        yield _piece(shown, held, avoided=chooser.avoided)
                        held, shown, chooser.avoided = [], "", None
            finally:
                self._leave()
        # The engine is free before the last piece goes out: a reader may well stop there.
        usage = Usage(length, reused, output, first_token_ms, finish)
        yield _piece(shown + text.finish(), held, usage, chooser.avoided)

    def _read(self, prefix: Tokens, rest: Tokens) -> int:
        """Decode the prompt, the last token with logits; return how many of its tokens were there already."""
        reused = bool(prefix) and prefix == self._kept
        if not reused:
            self._kept = ()
            with self._computing:
                self._opened().rewind(0)
            self._append(prefix, 0, logits=False)
            with self._computing:
                self._kept = prefix if self._opened().can_rewind else ()
        self._append(rest, len(prefix))
        return len(prefix) if reused else 0

    def _append(self, tokens: Sequence[int], position: int, logits: bool = True) -> None:
        for start in range(0, len(tokens), SLICE_TOKENS):
            part = tokens[start : start + SLICE_TOKENS]
            with self._computing:
                self._opened().decode(part, position + start, logits and start + len(part) == len(tokens))

    def _next(self, chooser: Chooser) -> tuple[int, float, bytes | None]:
        """Return the next token, its log probability and its bytes, None when it ends the output."""
        with self._computing:
            llama = self._opened()
            token, logprob = chooser.choose(llama.logits())
            return token, logprob, None if llama.ends(token) else llama.piece(token)

    def _leave(self) -> None:
        with self._computing:
            if self._llama is not None:
                self._llama.rewind(len(self._kept))

    def _encode(self, prompt: Prompt) -> tuple[Tokens, Tokens]:
        prefix = self._tokenize(prompt.prefix)
        rest = self._tokenize(prompt.segments()[len(prompt.prefix) :])
        if not rest:
            # Logits come from decoding a last token, so something must be left to decode.
            prefix, rest = [], prefix
        first = prefix or rest
        bos = self._opened().bos
        if first and bos is not None and first[0] != bos:
            first.insert(0, bos)
        return tuple(prefix), tuple(rest)

    def _beginnings(self, text: str) -> tuple[int, ...]:
        """Return the tokens that a text begins with, however it is written: in small letters, after a space."""
        forms = {space + form for form in (text, text.lower()) for space in ("", " ")} if text else set()
        with self._tokenizing:
            return tuple(sorted({tokens[0] for form in forms if (tokens := self._opened().tokenize(form, False))}))

    def _tokenize(self, segments: Sequence[Segment]) -> list[int]:
        with self._tokenizing:
            llama = self._opened()
            return [token for s in segments for token in llama.tokenize(s.text, special=s.trusted)]

    def _opened(self) -> Llama:
        if self._llama is None:
            raise EngineError("the generator has been closed", "Start the appliance again.")
        return self._llama


class Chooser:
    """Chooses tokens as a `Sampling` says; the same seed and logits give the same tokens.

    The first token is none of `avoid`. `avoided` is the log probability of those together, once it has been chosen.
    """

    def __init__(self, sampling: Sampling, avoid: Sequence[int] = ()) -> None:
        self.avoided: float | None = None
        self._avoid = list(avoid)
        self._temperature = sampling.temperature
        # The stream of raw PCG64 words is the same in every numpy version; what numpy's Generator makes of it is not.
        self._words = np.random.PCG64(sampling.seed % 2**64)

    def choose(self, logits: NDArray[np.float32]) -> tuple[int, float]:
        """Return a token and its natural log probability at temperature 1."""
        highest = logits.max()
        if not np.isfinite(highest):
            raise EngineError(
                "the model computed no probabilities", 'Run "appliance models verify", or choose another generator.'
            )
        below = logits - highest
        total = float(np.log(np.exp(below).sum(dtype=np.float64)))
        open_to = below
        if self._avoid:
            self.avoided = min(0.0, float(np.logaddexp.reduce(below[self._avoid].astype(np.float64))) - total)
            open_to = below.copy()
            open_to[self._avoid] = -np.inf
            self._avoid = []
        token = self._pick(open_to)
        return token, min(0.0, float(below[token]) - total)

    def _pick(self, below: NDArray[np.float32]) -> int:
        if self._temperature <= 0:
            return int(np.argmax(below))
        with np.errstate(over="ignore"):
            weights = np.cumsum(np.exp(below.astype(np.float64) / self._temperature))
        uniform = (int(self._words.random_raw()) >> 11) * 2.0**-53  # in [0, 1)
        return int(np.searchsorted(weights, uniform * weights[-1], side="right"))


class TextStream:
    """Makes text of tokens' bytes: whole characters only, nothing of a stop string or behind it.

    What comes out, put together, does not depend on how the bytes were cut into tokens. Bytes that are no UTF-8 become
    U+FFFD; a character that never became whole is dropped.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(s for s in stop if s)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self.stopped = False

    def push(self, data: bytes) -> str:
        """Return the text that may be shown now; what could be the beginning of a stop string waits."""
        if self.stopped:
            return ""
        self._pending += self._decoder.decode(data)
        # The match that is complete first, however the text was cut; of several that end there, the longest.
        found = [(at + len(s), at) for s in self._stop if (at := self._pending.find(s)) >= 0]
        if found:
            self.stopped = True
            return self._take(min(found)[1])
        waiting = max((_overlap(self._pending, s) for s in self._stop), default=0)
        return self._take(len(self._pending) - waiting)

    def finish(self) -> str:
        """Return what was held back, now that nothing follows."""
        return "" if self.stopped else self._take(len(self._pending))

    def _take(self, count: int) -> str:
        taken, self._pending = self._pending[:count], self._pending[count:]
        return taken


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest proper beginning of `stop` that `text` ends with."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)


def _piece(
    text: str, held: Sequence[tuple[int, float]], usage: Usage | None = None, avoided: float | None = None
) -> Piece:
    return Piece(text, tuple(token for token, _ in held), tuple(logprob for _, logprob in held), usage, avoided)
