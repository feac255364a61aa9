"""Texts to vectors, by whichever way of computing them is the fastest on this machine and still exact enough.

A BERT encoder with mean pooling (the default model) is computed by `appliance.bert`; any other model by
sentence-transformers. Both read one verified local folder, weights from safetensors only, and run no code from it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from appliance.bert import PackedBert, kernels, matches
from appliance.durable import replace_file
from appliance.errors import ModelError, ModelMissing
from appliance.sample_texts import PASSAGES, SAMPLES
from appliance.types import ModelRecord

logger = logging.getLogger(__name__)

Backend = Literal["float32", "bfloat16"]
FORMATS: Mapping[Backend, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# Part of the key under which a measurement is remembered: raise it when a backend's code changes.
CODE = 1
LEAST_COSINE = 0.999
ROUNDS = 3
# On a machine with nothing else to do the rounds take one second; on a busy one they end with the round that is on.
ROUNDS_SECONDS = 3.0
# Far more than `max_tokens` tokens of any writing; a text of megabytes is not tokenized only to be cut afterwards.
CHARACTERS_PER_TOKEN = 64
NEEDED = ("config.json", "modules.json", "tokenizer.json", "model.safetensors")


@dataclass(frozen=True, slots=True)
class Trial:
    """How one backend did. `cosine` is the least over all samples against float32."""

    backend: Backend
    passages_per_second: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Report:
    """Which backend is used and why. No trials: the configuration names it. `remembered`: measured at an earlier
    start with the same processor, threads, library and weights.
    """

    backend: Backend
    trials: tuple[Trial, ...] = ()
    remembered: bool = False

    def __str__(self) -> str:
        trials = ", ".join(f"{t.backend} {t.passages_per_second:.0f}/s cosine {t.cosine:.5f}" for t in self.trials)
        return f"{self.backend} ({'remembered: ' if self.remembered else ''}{trials or 'configured'})"


class _Encoder(Protocol):
    dimensions: int
    max_tokens: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class SentenceEmbedder:
    """The port `Embedder` over a folder in sentence-transformers' layout. Safe to call from several threads.

    A text's vector depends on what it is embedded beside only within rounding (cosine >= 0.9999). Besides
    `max_tokens` tokens, at most 64 characters for each of them are seen.
    """

    def __init__(
        self, folder: Path, record: ModelRecord, backend: Literal["auto"] | Backend, threads: int, state: Path
    ) -> None:
        """Load the model; with "auto", measure the backends first, unless `state` remembers the measurement.

        `threads` 0 means one per core that this process may use. Raises ModelMissing or ModelError.
        """
        self.record = record
        self._folder = folder
        self._threads = threads or len(os.sched_getaffinity(0))
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        if missing:
            raise ModelMissing(
                f"embedder {record.name} is not in {folder} ({', '.join(missing)} missing)",
                f'Run "appliance models pull {record.name}".',
            )
        if backend == "auto":
            self._encoder, self.report = self._choose(state)
        else:
            self._encoder, self.report = self._open(backend), Report(backend)
        logger.info("embedder %s, %d threads: %s", record.name, self._threads, self.report)
        self.dimensions = self._encoder.dimensions
        self.max_tokens = self._encoder.max_tokens

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text, shape (len(texts), dimensions). Lone surrogates count as "?"."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        longest = self.max_tokens * CHARACTERS_PER_TOKEN
        return self._encoder.embed([text[:longest].encode("utf-8", "replace").decode() for text in texts])

    def _choose(self, state: Path) -> tuple[_Encoder, Report]:
        key = self._key()
        report = _recall(state, key)
        if report:
            return self._open(report.backend), report
        encoders = {name: self._open(name) for name in FORMATS if name == "float32" or kernels(FORMATS[name])}
        report = measure({name: encoder.embed for name, encoder in encoders.items()})
        _remember(state, key, report)
        return encoders[report.backend], report

    def _open(self, backend: Backend) -> _Encoder:
        try:
            if matches(self._folder):
                return PackedBert(self._folder, FORMATS[backend], self._threads)
            return LibraryEncoder(self._folder, FORMATS[backend], self._threads)
        # tokenizers raises a bare Exception for a file that it cannot parse.
        except Exception as error:
            kind = "damaged" if isinstance(error, (SafetensorError, KeyError, ValueError, RuntimeError)) else "unusable"
            raise ModelError(
                f"embedder {self.record.name} in {self._folder} is {kind}: {type(error).__name__}: {error}",
                f'Run "appliance models verify", then "appliance models pull {self.record.name}".',
            ) from error

    def _key(self) -> str:
        parts = (CODE, *_processor(), self._threads, torch.__version__, self.record.sha256)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class LibraryEncoder:
    """Any model that sentence-transformers can load."""

    def __init__(self, folder: Path, dtype: torch.dtype, threads: int) -> None:
        # Before the import: the libraries read these once. Set rather than defaulted, as nothing may reach the network.
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
        # Takes seconds and 270 MB, which the default model does without.
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self._model: Any = SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": dtype, "use_safetensors": True},
        )
        self.dimensions = int(self._model.get_embedding_dimension())
        self.max_tokens = int(self._model.max_seq_length)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text. The length is made one again in float32: in bfloat16 it is off by 0.4 %."""
        found: torch.Tensor = self._model.encode(list(texts), convert_to_tensor=True, show_progress_bar=False)
        vectors = torch.nn.functional.normalize(found.float()).numpy()
        return cast("NDArray[np.float32]", vectors)


def measure(encoders: Mapping[Backend, Callable[[Sequence[str]], NDArray[np.float32]]]) -> Report:
    """Compare `encoders`, one of them "float32", on the built-in samples and report the fastest exact enough one.

    They take turns, and the best round of each counts, so that other work on the machine disturbs all alike.
    """
    # This also warms up; what comes first pays for it.
    vectors = {name: embed(SAMPLES) for name, embed in encoders.items()}
    cosines = {name: float((own * vectors["float32"]).sum(1).min()) for name, own in vectors.items()}
    seconds = dict.fromkeys(encoders, float("inf"))
    begin = time.perf_counter()
    for done in range(ROUNDS):
        if done and time.perf_counter() - begin > ROUNDS_SECONDS:
            break
        for name, embed in encoders.items():
            start = time.perf_counter()
            embed(PASSAGES)
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    trials = tuple(Trial(name, len(PASSAGES) / seconds[name], cosines[name]) for name in encoders)
    enough = [t for t in trials if t.backend == "float32" or t.cosine >= LEAST_COSINE]
    return Report(max(enough, key=lambda t: t.passages_per_second).backend, trials)


def _processor() -> tuple[str, str]:
    """Return the processor's name and its sorted features, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.machine(), platform.processor()
    pairs = [line.partition(":") for line in lines]
    known = {name.strip().lower(): value.strip() for name, _, value in reversed(pairs)}
    flags = known.get("flags") or known.get("features") or ""
    return known.get("model name", platform.machine()), " ".join(sorted(flags.split()))


def _recall(state: Path, key: str) -> Report | None:
    """Return the measurement remembered under `key`. What cannot be read was not remembered."""
    try:
        stored = json.loads(state.read_bytes())
        if stored["key"] != key or stored["backend"] not in FORMATS:
            return None
        return Report(stored["backend"], tuple(Trial(**trial) for trial in stored["trials"]), remembered=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(state: Path, key: str, report: Report) -> None:
    body = {"key": key, "backend": report.backend, "trials": [asdict(trial) for trial in report.trials]}
    try:
        replace_file(state, json.dumps(body, indent=1).encode())
    except OSError as error:
        # Not worth failing for: the next start measures again.
        logger.warning("the embedder's measurement could not be kept in %s: %s", state, error)
