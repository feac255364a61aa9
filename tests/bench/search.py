"""Search and replacement in the embedded index, over the texts of a folder: `python -m tests.bench.search FOLDER`.

Vectors are random: their computation is not part of a search, and exact search costs the same whatever they are.
A first line of figures with every chunk readable, a second with one in ten.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from appliance.identity import Identity
from appliance.index_edge import EdgeIndex
from appliance.types import Chunk, Document, chunk_id, document_id

DIMENSIONS = 384
CHUNK_WORDS = 130
QUESTION_WORDS = 9
QUESTIONS = 300
DEPTH = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default=os.environ.get("APPLIANCE_BENCH_SHARE"), help="Markdown files")
    parser.add_argument("--copies", type=int, default=1, help="how often each file is put in")
    arguments = parser.parse_args()
    if not arguments.folder or not Path(arguments.folder).is_dir():
        print("SKIPPED: no folder of Markdown files given (argument or APPLIANCE_BENCH_SHARE)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as home:
        identity = Identity("random", "0" * 64, DIMENSIONS, "bench")
        index = EdgeIndex(Path(home), identity)
        texts = _fill(index, Path(arguments.folder), arguments.copies)
        print(f"one fdatasync of 20 kB in that folder: p50 {_median_ms(_syncing(Path(home)), 100):.2f} ms")
        for readers in (frozenset({"group:everyone", "user:ada"}), frozenset({"group:few"})):
            _search(index, texts, readers)
        started = time.perf_counter()
        index.close()
        EdgeIndex(Path(home), identity).close()
        print(f"close and open: {time.perf_counter() - started:.2f} s")
    print(f"resident: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most")
    return 0


def _fill(index: EdgeIndex, folder: Path, copies: int) -> list[str]:
    """Put every file in, and return the texts of the chunks."""
    random = np.random.default_rng(1)
    texts, times = [], []
    for copy in range(copies):
        for number, path in enumerate(sorted(folder.rglob("*.md"))):
            words = path.read_text(encoding="utf-8", errors="replace").split()
            readers = frozenset({"group:everyone"} if number % 10 else {"group:few"})
            name = f"{copy}/{path.relative_to(folder)}"
            of = Document(document_id("bench", name), name, f"{number:064x}", "text/markdown", readers)
            own = [" ".join(words[i : i + CHUNK_WORDS]) for i in range(0, len(words), CHUNK_WORDS)]
            chunks = [Chunk(chunk_id(of, i), of, i, text, None) for i, text in enumerate(own)]
            vectors = random.standard_normal((len(chunks), DIMENSIONS)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            started = time.perf_counter()
            index.replace(of, chunks, vectors)
            times.append(time.perf_counter() - started)
            texts += own
    print(
        f"replace: {len(times)} documents, {len(texts)} chunks, {sum(times):.1f} s; a document "
        f"p50 {np.percentile(times, 50) * 1000:.1f} ms, p95 {np.percentile(times, 95) * 1000:.1f} ms, "
        f"mean {np.mean(times) * 1000:.1f} ms"
    )
    return texts


def _search(index: EdgeIndex, texts: list[str], readers: frozenset[str]) -> None:
    random = np.random.default_rng(2)
    times, found = [], 0
    for _ in range(QUESTIONS):
        words = texts[random.integers(len(texts))].split()
        start = int(random.integers(max(1, len(words) - QUESTION_WORDS)))
        vector = random.standard_normal(DIMENSIONS).astype(np.float32)
        vector /= np.linalg.norm(vector)
        started = time.perf_counter()
        found += len(index.search(" ".join(words[start : start + QUESTION_WORDS]), vector, readers, DEPTH))
        times.append(time.perf_counter() - started)
    print(
        f"search as {', '.join(sorted(readers))}: {found / QUESTIONS:.1f} hits, "
        f"p50 {np.percentile(times, 50) * 1000:.2f} ms, p95 {np.percentile(times, 95) * 1000:.2f} ms"
    )


def _syncing(folder: Path) -> Callable[[], None]:
    file = (folder / "probe").open("wb")

    def once() -> None:
        file.seek(0)
        file.write(os.urandom(20_000))
        file.flush()
        os.fdatasync(file.fileno())

    return once


def _median_ms(action: Callable[[], None], times: int) -> float:
    measured = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        measured.append(time.perf_counter() - started)
    return float(np.median(measured)) * 1000


if __name__ == "__main__":
    sys.exit(main())
