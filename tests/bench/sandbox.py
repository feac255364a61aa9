"""What the sandbox of parsing children costs: `python -m tests.bench.sandbox FOLDER TOKENIZER [--files N]`.

Starts children and parses the first N files of a folder, with the sandbox and without it, in turns. TOKENIZER is the
embedder's tokenizer.json. Prints the start of a child and the parsing of all files in milliseconds, and the ratios.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from ingest import sandbox, worker
from ingest.files import BadFile
from ingest.pool import Budget, Limits, Source, Worker
from tests.bench.common import load, skip_unless

LIMITS = Limits(seconds=60, memory_bytes=2_000_000_000, text_characters=20_000_000)
BUDGET = Budget(files=1000, size_bytes=1_000_000_000, depth=3, ratio=200)
MODULES = {"with the sandbox": "ingest.worker", "without": "tests.bench.sandbox"}
ROUNDS = 5


def main() -> None:
    """Measure in turns, so that whatever else the machine does falls on both."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("tokenizer", type=Path)
    arguments.add_argument("--files", type=int, default=200)
    options = arguments.parse_args()
    skip_unless(options.folder)
    files = sorted(path for path in options.folder.rglob("*") if path.is_file())[: options.files]
    starts: dict[str, list[float]] = {name: [] for name in MODULES}
    parses: dict[str, list[float]] = {name: [] for name in MODULES}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(ROUNDS):
            for name, module in MODULES.items():
                start, parse = measured(Worker(lambda: options.tokenizer, 200, LIMITS, Path(scratch), module), files)
                starts[name].append(start)
                parses[name].append(parse)
    for what, figures in (("start of a child", starts), (f"{len(files)} files", parses)):
        protected, bare = (median(figures[name]) * 1000 for name in MODULES)
        print(f"{what}: {protected:.0f} ms with the sandbox, {bare:.0f} ms without, ratio {protected / bare:.3f}")
    print(load())


def measured(child: Worker, files: list[Path]) -> tuple[float, float]:
    """Return the seconds until a child is ready, and those it takes for all files once its libraries are loaded."""
    with closing(child):
        start = time.perf_counter()
        child.protections()
        ready = time.perf_counter() - start
        for path in files[:1]:
            parse(child, path)
        start = time.perf_counter()
        for path in files:
            parse(child, path)
        return ready, time.perf_counter() - start


def parse(child: Worker, path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        parsed = child.parse(Source(descriptor, path.name), BUDGET)
        if parsed.spool is not None:
            os.close(parsed.spool)
    except BadFile:
        pass
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].startswith("{"):
        # The child to compare with gives nothing up.
        sandbox.enter = lambda readable, scratch: sandbox.UNPROTECTED
        sys.exit(worker.main())
    main()
