"""Ingest, end to end, against the embedder alone:
`python -m tests.bench.ingest FOLDER [--also FOLDER ...] --models DIR [--rounds N]`.

Each round runs the real `appliance ingest FOLDER --json` on a new home, with every process that it starts, and then
has the embedder alone, loaded and warm, compute the vectors of the very same passages in calls of ingest's own size.
The ratio of a round is the passages per second of ingest over those of the embedder alone, the mean of its runs before
and after it, so that a machine that grows slower disturbs both alike. "whole command" counts from its start to its
end, "its own seconds" what the run's report says. After that the same command over the unchanged share, with and
without a service that runs already.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance import bootstrap
from appliance.catalog import Catalog
from appliance.client import Client
from appliance.config import Settings, load
from appliance.ports import Embedder
from ingest.chunk import embedding_text
from ingest.run import WINDOW
from tests.bench import common

AGAIN = 5
START_SECONDS = 60


@dataclass(frozen=True)
class Ingest:
    """One run of the command: wall-clock and processor seconds of all its processes, and its report."""

    seconds: float
    cpu_seconds: float
    report: dict[str, Any]

    @property
    def own_seconds(self) -> float:
        return float(self.report["seconds"])


def ingest(share: Path, home: Path, environment: dict[str, str]) -> Ingest:
    """Run the command to its end."""
    start, cpu = time.perf_counter(), _children_cpu_seconds()
    done = subprocess.run(
        common.command("ingest", str(share), "--home", str(home), "--json"),
        cwd=common.ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    return Ingest(time.perf_counter() - start, _children_cpu_seconds() - cpu, json.loads(done.stdout))


def _children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def indexed_texts(settings: Settings) -> list[str]:
    """Return what the embedder saw of every passage in the index, document by document."""
    catalog = Catalog(settings.home / "catalog.db")
    index = bootstrap.open_index(settings, bootstrap.identity(settings))
    texts: list[str] = []
    for document in catalog.answering():
        entry = catalog.get(document)
        # A title made from the file's name is not embedded.
        above = int(bool(entry and entry.title))
        chunks, _ = index.chunks(document)
        texts += [embedding_text(chunk.headings[above:], chunk.text) for chunk in chunks]
    index.close()
    catalog.close()
    return texts


def alone(embedder: Embedder, texts: Sequence[str]) -> tuple[float, float]:
    """Return the wall-clock and processor seconds that the embedder takes for the texts, in calls as ingest's."""
    embedder.embed(texts[:WINDOW])
    start, cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(texts), WINDOW):
        embedder.embed(texts[first : first + WINDOW])
    return time.perf_counter() - start, time.process_time() - cpu


def compare(share: Path, models: Path, rounds: int, folder: Path) -> Path:
    """Print the ratio of every round and return a home that holds the share."""
    environment = common.environment(models)
    embedder: Embedder | None = None
    before: float | None = None
    whole, own = [], []
    for number in range(rounds):
        home = folder / f"home{number}"
        settings = load(home, None, {"models_dir": models})
        done = ingest(share, home, environment)
        texts = indexed_texts(settings)
        if len(texts) != done.report["passages_embedded"]:
            sys.exit(f"{len(texts)} passages are in the index, {done.report['passages_embedded']} were embedded")
        embedder = embedder or bootstrap.embedder(settings)
        after, cpu = alone(embedder, texts)
        seconds = after if before is None else (before + after) / 2
        before = after
        whole.append(seconds / done.seconds)
        own.append(seconds / done.own_seconds)
        print(f"round {number + 1}: {len(done.report['files'])} files, {len(texts)} passages; {common.load()}")
        _line("ingest, whole command", len(texts), done.seconds, done.cpu_seconds)
        _line("ingest, its own seconds", len(texts), done.own_seconds, None)
        _line("embedder alone", len(texts), after, cpu)
    for name, ratios in (("whole command", whole), ("its own seconds", own)):
        print(f"ratio, {name}: median {statistics.median(ratios):.3f}, least {min(ratios):.3f} (must be >= 0.85)")
    return home


def _line(name: str, passages: int, seconds: float, cpu_seconds: float | None) -> None:
    cpu = "" if cpu_seconds is None else f", {cpu_seconds:.1f} s of processor time"
    print(f"  {name:24}{seconds:7.1f} s {passages / seconds:7.1f} passages/s{cpu}", flush=True)


def again(share: Path, home: Path, environment: dict[str, str], title: str) -> None:
    """Print what the command takes over the unchanged share."""
    runs = [ingest(share, home, environment) for _ in range(AGAIN)]
    seconds = [each.seconds for each in runs]
    embedded = sum(each.report["passages_embedded"] for each in runs)
    cpu = statistics.median(each.cpu_seconds for each in runs)
    print(
        f"again, {title}: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s of {AGAIN} "
        f"(must be < 3), processor {cpu:.2f} s, {embedded} passages embedded (must be 0); {common.load()}",
        flush=True,
    )


@contextmanager
def service(home: Path, environment: dict[str, str]) -> Iterator[None]:
    """Have the service of this home run during the block."""
    process = subprocess.Popen(
        common.command("serve", "--home", str(home), "--no-tcp"), cwd=common.ROOT, env=environment
    )
    client = Client(load(home).socket)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not client.is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the service did not start")
            time.sleep(0.1)
        yield
    finally:
        client.close()
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
        process.wait()


def main() -> None:
    parser = common.options(__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--also", type=Path, action="append", default=[], help="another folder that is part of it")
    arguments = parser.parse_args()
    common.skip_unless(arguments.folder, arguments.models, *arguments.also)
    share, models = arguments.folder.absolute(), arguments.models.absolute()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.also:
            share = Path(folder) / "share"
            for part in (arguments.folder, *arguments.also):
                shutil.copytree(part, share / part.name)
        home = compare(share, models, max(1, arguments.rounds), Path(folder))
        environment = common.environment(models)
        again(share, home, environment, "starting the service")
        with service(home, environment):
            again(share, home, environment, "beside a running service")


if __name__ == "__main__":
    main()
