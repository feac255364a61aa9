"""The first use-case: bring the index up to date with a share.

Walk and plan; then three stages at once: threads that read (each with a child that parses), embedding in this
thread, and one thread that pushes. What waits between two stages is bounded, so memory is too.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ShareError
from appliance.ports import Embedder
from appliance.types import ModelRecord
from ingest.channel import Channel, Closed
from ingest.chunk import embedding_text
from ingest.files import open_share
from ingest.plan import Options, Plan, Row, make_plan
from ingest.pool import Worker
from ingest.push import Api, Known
from ingest.read import Outcome, read_file
from ingest.walk import Found, walk

# Chunks embedded in one call, across documents: enough for the embedder to sort them by length into full batches.
WINDOW = 384
# Chunks that may wait between two stages.
_WAITING = 1024

# Called after each file that was read, with the number of those done and of those there are.
Progress = Callable[[int, int], None]
Pushed = tuple[Outcome, NDArray[np.float32] | None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with. The embedder is loaded, and children are started, only when there is work for them."""

    chunker: str
    record: ModelRecord
    embedder: Callable[[], Embedder]
    workers: Sequence[Worker]


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did: a row per file in the order of paths, documents removed, passages embedded, seconds taken."""

    share: str
    run: str
    rows: tuple[Row, ...]
    removed: tuple[str, ...]
    embedded: int
    seconds: float

    @property
    def counts(self) -> Mapping[str, int]:
        return Counter(row.status for row in self.rows)


def run(share: str, api: Api, tools: Tools, options: Options, progress: Progress) -> Report:
    """Bring the index up to date with the folder `share` (absolute) and return what was done.

    Each document is replaced in one step, and one that cannot be read is a row of the report. Raises ShareError when
    the share itself cannot be read, and whatever the service or the embedder raises; documents pushed before stay.
    """
    start = time.monotonic()
    descriptor = open_share(share)
    try:
        known = api.known(share)
        plan = make_plan(walk(descriptor), known, options)
        _refuse_vanished(share, plan, known, options)
        run_id = api.start(share, tools.chunker, tools.record)
        for path in plan.removed:
            api.remove(run_id, share, path)
        for put in plan.puts:
            api.put(run_id, share, put, None)
        rows, embedded = _work(_Work(descriptor, share, run_id, api, tools, options), plan.reads, known, progress)
        rows = sorted([*plan.rows, *rows], key=lambda row: row.path)
        report = Report(share, run_id, tuple(rows), tuple(plan.removed), embedded, time.monotonic() - start)
        api.finish(run_id, report.counts, len(plan.removed), embedded, report.seconds)
        return report
    finally:
        os.close(descriptor)


def _refuse_vanished(share: str, plan: Plan, known: Mapping[str, Known], options: Options) -> None:
    """Refuse to take an empty folder for the share: most likely nothing is mounted on it."""
    if known and not options.rebuild and len(plan.removed) == len(known) and not plan.rows and not plan.reads:
        raise ShareError(
            f"share {share} is empty, but {len(known)} documents of it are known",
            "Mount the share; or, if they are to be forgotten, run with --rebuild.",
        )


@dataclass(frozen=True, slots=True)
class _Work:
    descriptor: int
    share: str
    run: str
    api: Api
    tools: Tools
    options: Options


def _work(work: _Work, reads: Sequence[Found], known: Mapping[str, Known], progress: Progress) -> tuple[list[Row], int]:
    """Read, embed and push these files. Returns their rows and the number of passages embedded."""
    if not reads:
        return [], 0
    workers = work.tools.workers
    read: Channel[Outcome] = Channel(_WAITING, producers=len(workers))
    embedded: Channel[Pushed] = Channel(_WAITING)
    rows: list[Row] = []
    left = deque(reads)

    def pushed(row: Row) -> None:
        rows.append(row)
        progress(len(rows), len(reads))

    threads = [Thread(target=_read, args=(work, left, known, worker, read), name="read") for worker in workers]
    threads.append(Thread(target=_push, args=(work, embedded, read, pushed), name="push"))
    for thread in threads:
        thread.start()
    try:
        passages = _embed(lambda: _loaded(work), read, embedded)
        embedded.finish()
        threads[-1].join()
        embedded.check()
    except BaseException as error:
        for channel in (read, embedded):
            channel.abort(error)
        for worker in workers:
            worker.kill()
        raise
    finally:
        for thread in threads:
            thread.join()
    return rows, passages


def _read(work: _Work, left: deque[Found], known: Mapping[str, Known], worker: Worker, read: Channel[Outcome]) -> None:
    """Read what is left, file by file, until nothing is: the work of one of several threads."""
    try:
        while left:
            try:
                found = left.popleft()
            except IndexError:
                break
            outcome = read_file(work.descriptor, found, known.get(found.path), worker, work.options)
            read.put(outcome, 1 + len(outcome.put.drafts or ()))
        read.finish()
    except BaseException as error:
        read.abort(error)
    finally:
        worker.close()


def _loaded(work: _Work) -> Embedder:
    """Load the embedder and have the log say so before it computes anything."""
    embedder = work.tools.embedder()
    work.api.loaded(work.run, embedder.record)
    return embedder


def _embed(load: Callable[[], Embedder], read: Channel[Outcome], embedded: Channel[Pushed]) -> int:
    """Pass on what was read, with vectors, until there is no more. Returns the number of passages embedded."""
    embedder: Embedder | None = None
    passages = 0
    while True:
        try:
            outcomes = read.take(WINDOW)
        except Closed:
            return passages
        texts = [embedding_text(d.headings, d.text) for outcome in outcomes for d in outcome.put.drafts or ()]
        windows = [texts[i : i + WINDOW] for i in range(0, len(texts), WINDOW)]
        if windows:
            embedder = embedder or load()
        vectors = [row for window in windows if embedder for row in embedder.embed(window)]
        for outcome in outcomes:
            count = len(outcome.put.drafts or ())
            own, vectors = vectors[:count], vectors[count:]
            embedded.put((outcome, np.stack(own) if own else None), 1 + count)
        passages += len(texts)


def _push(work: _Work, embedded: Channel[Pushed], read: Channel[Outcome], pushed: Callable[[Row], None]) -> None:
    """Push what was embedded until there is no more: the work of one thread."""
    try:
        while True:
            try:
                batch = embedded.take(WINDOW)
            except Closed:
                return
            for outcome, vectors in batch:
                work.api.put(work.run, work.share, outcome.put, vectors)
                pushed(outcome.row)
    except BaseException as error:
        # Both: embedding may be waiting on either.
        embedded.abort(error)
        read.abort(error)
