"""A generator that remembers what it wrote, so that what is done with its words can be measured again without it.

Greedy decoding writes the same to the same prompt. A change of grounding or of the decision to refuse changes neither,
and a set that takes an hour to answer is judged again in a minute. Times of what is taken from the record are those of
the first time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from appliance.ports import Generator
from appliance.types import Json, Piece, Prompt, Sampling, Segment, Usage


class Recorded:
    """Port `Generator` over another one, `inner`, and a file of what that has written. One stream at a time."""

    def __init__(self, inner: Generator, file: Path) -> None:
        self.record = inner.record
        self.context_tokens = inner.context_tokens
        self.chat = inner.chat
        self.computed = 0
        self._inner = inner
        self._file = file
        self._known: dict[str, list[Piece]] = {}
        for line in file.read_text("utf-8").splitlines() if file.is_file() else ():
            entry = json.loads(line)
            self._known[entry["key"]] = [_piece(piece) for piece in entry["pieces"]]

    def settings(self) -> Mapping[str, Json]:
        return self._inner.settings()

    def count_tokens(self, segments: Sequence[Segment]) -> int:
        return self._inner.count_tokens(segments)

    def generate(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
        key = self._key(prompt, sampling)
        if key not in self._known:
            # To its end, whatever the caller takes of it: another grounding may want more.
            self._known[key] = list(self._inner.generate(prompt, sampling))
            self.computed += 1
            with self._file.open("a", encoding="utf-8") as file:
                entry = {"key": key, "pieces": [asdict(piece) for piece in self._known[key]]}
                file.write(json.dumps(entry) + "\n")
        return iter(self._known[key])

    def close(self) -> None:
        self._inner.close()

    def _key(self, prompt: Prompt, sampling: Sampling) -> str:
        whole = [self.record.sha256, dict(self.settings()), asdict(prompt), asdict(sampling)]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=list).encode()).hexdigest()


def _piece(entry: Mapping[str, Json]) -> Piece:
    usage = entry["usage"]
    made = Usage(**usage) if isinstance(usage, dict) else None  # type: ignore[arg-type]  # as asdict wrote it
    tokens, logprobs = (tuple(entry[key]) for key in ("tokens", "logprobs"))  # type: ignore[arg-type]  # lists
    return Piece(str(entry["text"]), tokens, logprobs, made, entry["avoided"])  # type: ignore[arg-type]  # as above
