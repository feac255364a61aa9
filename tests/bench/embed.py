"""How fast the embedder's backends are, side by side: `python -m tests.bench.embed FOLDER MODEL_FOLDER`.

Cuts the text files of FOLDER into passages of about 210 tokens, and lets every way of computing them take turns, so
that other work on the machine disturbs all alike. The ratio is the median over the rounds against `encode()` of
sentence-transformers with its defaults (float32), `cpu` the same ratio in processor seconds, which a busy machine
disturbs less, and the cosine the least over all passages against the same.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from appliance.embedder import FORMATS, LibraryEncoder, SentenceEmbedder
from appliance.types import ModelRecord

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
SUFFIXES = {".md", ".txt", ".rst", ".html"}
BASE = "sentence-transformers float32"
QUESTION = "How many days of parental leave can be carried over into the second year?"


def passages(folder: Path, tokenizer: Path, tokens: int, limit: int) -> list[str]:
    """Return at most `limit` passages of `tokens` tokens, from the folder's text files in a fixed random order."""
    cut = Tokenizer.from_file(str(tokenizer))
    cut.no_truncation()
    found: list[str] = []
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    random.Random(1).shuffle(files)
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        spans = cut.encode(text, add_special_tokens=False).offsets
        for start in range(0, len(spans) - tokens, tokens):
            found.append(text[spans[start][0] : spans[start + tokens - 1][1]])
            if len(found) == limit:
                return found
    return found


def mixed(texts: Sequence[str]) -> list[str]:
    """Return the texts cut to lengths as a chunker leaves them: many nearly full, some of a line or two."""
    lengths = random.Random(2)
    return [text[: max(40, int(len(text) * lengths.betavariate(2.2, 1.2)))] for text in texts]


def compare(encoders: dict[str, Embed], texts: Sequence[str], rounds: int) -> None:
    """Print one line per encoder."""
    vectors = {name: embed(texts) for name, embed in encoders.items()}
    speeds: dict[str, list[float]] = {name: [] for name in encoders}
    efforts: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(rounds):
        for name, embed in encoders.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            embed(texts)
            speeds[name].append(len(texts) / (time.perf_counter() - start))
            efforts[name].append(len(texts) / (time.process_time() - start_cpu))
    for name, own in speeds.items():
        ratio = statistics.median(a / b for a, b in zip(own, speeds[BASE], strict=True))
        cpu = statistics.median(a / b for a, b in zip(efforts[name], efforts[BASE], strict=True))
        cosine = float((vectors[name] * vectors[BASE]).sum(axis=1).min())
        print(f"{name:32}{max(own):8.1f}{statistics.median(own):8.1f}{ratio:8.2f}{cpu:8.2f}{cosine:10.5f}")


def latency(encoders: dict[str, Embed]) -> None:
    """Print what one question takes."""
    for name, embed in encoders.items():
        times = []
        for _ in range(40):
            start = time.perf_counter()
            embed([QUESTION])
            times.append(1000 * (time.perf_counter() - start))
        print(f"{name:32}{min(times):8.1f}{statistics.median(times):8.1f}")


def _resident() -> int:
    """Return the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("model", type=Path)
    arguments.add_argument("--limit", type=int, default=96)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = arguments.parse_args()
    if not options.folder.is_dir() or not (options.model / "tokenizer.json").is_file():
        sys.exit(f"SKIPPED: {options.folder} is no folder, or {options.model} holds no model")
    texts = passages(options.folder, options.model / "tokenizer.json", 210, options.limit)
    if not texts:
        sys.exit(f"SKIPPED: no text file in {options.folder} has 210 tokens")
    record = ModelRecord("embedder", options.model.name, "", "float32", "")
    encoders: dict[str, Embed] = {}
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.json"
        for name in FORMATS:
            before = _resident()
            encoders[f"appliance {name}"] = SentenceEmbedder(options.model, record, name, options.threads, state).embed
            print(f"appliance {name}: {(_resident() - before) / 1e6:.0f} MB more resident")
        before = _resident()
        library = {name: LibraryEncoder(options.model, dtype, options.threads) for name, dtype in FORMATS.items()}
        print(f"sentence-transformers, both formats: {(_resident() - before) / 1e6:.0f} MB more resident")
        encoders |= {f"sentence-transformers {name}": encoder.embed for name, encoder in library.items()}
        print(f"{SentenceEmbedder(options.model, record, 'auto', options.threads, state).report} chosen by measurement")
    print(f"{len(texts)} passages, {options.threads} threads, torch {torch.__version__}, {options.rounds} rounds")
    for title, own in (("210 tokens each, passages/s", texts), ("mixed lengths, passages/s", mixed(texts))):
        print(f"\n{title:32}{'best':>8}{'median':>8}{'ratio':>8}{'cpu':>8}{'cosine':>10}")
        compare(encoders, own, options.rounds)
    print(f"\n{'one question, ms':32}{'best':>8}{'median':>8}")
    latency(encoders)


if __name__ == "__main__":
    main()
