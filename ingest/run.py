"""The first use-case: bring the index up to date with a share, or with some paths of it.

Walk and plan; then three stages at once: threads that read (each with a child that parses), embedding in this
thread, and one thread that pushes. What waits between two stages is bounded, so memory is too.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ShareError
from appliance.ports import Embedder
from appliance.types import ModelRecord
from ingest.channel import Channel, Closed
from ingest.chunk import Draft, embedding_text
from ingest.files import identity, open_share
from ingest.moves import Vanished, may_be_claimed
from ingest.plan import Before, Options, Plan, Planner, Row, Task
from ingest.pool import Worker
from ingest.push import Api
from ingest.read import Desk, Outcome, read_file
from ingest.register import Place, Register, Session
from ingest.report import Report, Rows
from ingest.walk import Found, find, walk

# Chunks embedded in one call, across documents: enough for the embedder to sort them by length into full batches.
WINDOW = 384
# Chunks that may wait between two stages.
_WAITING = 1024
# So often the service is told how far a run is.
_SAYING_SECONDS = 2.0
# So many documents are silenced together before they are removed one by one.
_MANY = 50
_OUTDATED = "it changed or disappeared while it was read"
_AGAIN = "It is tried again with the next run."

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
class Job:
    """What runs over one share have in common. `folder` is for their rows, while they last."""

    place: Place
    tools: Tools
    options: Options
    folder: Path
    progress: Progress


@dataclass(frozen=True, slots=True)
class Scope:
    """What one run looks at: `paths`, or the whole share if None. Files of `suspect` are read even if size and time say
    that they are as they were. When `enough` says so no further file is begun. `quiet`: where there is nothing to do,
    the service is not told of a run. `identity` is what the share must be for its emptiness to mean anything.
    """

    paths: Sequence[str] | None = None
    suspect: Collection[str] = ()
    enough: Callable[[], bool] = lambda: False
    quiet: bool = False
    identity: tuple[int, int] | None = None


WHOLE = Scope()


def session(job: Job) -> Session:
    """Return what runs of this job change documents under."""
    return Session(job.place.share, job.tools.chunker, job.tools.record)


def run(job: Job, api: Api, under: Session, scope: Scope = WHOLE) -> Report:
    """Bring the index up to date with what `scope` says of the share, and return what was done.

    Each document is replaced in one step, and one that cannot be read is a row of the report. Raises ShareError when
    the share itself cannot be read, and whatever the service or the embedder raises; documents pushed before stay.
    """
    start = time.monotonic()
    share = job.place.share
    descriptor = open_share(share)
    rows = Rows(job.folder)
    try:
        _require(descriptor, job, scope)
        plan = _plan(job, descriptor, api, rows, scope)
        work = _Work(job, descriptor, api, under, Register(job.place, descriptor, api, under), scope.enough)
        if not scope.quiet:
            under.open(api)
        removed, vanished = _gone(work, plan)
        for change in plan.changes:
            # Its row was settled with the plan.
            work.register.change(
                Outcome(change.found, Row(change.put.path, "unchanged"), change.put, "", change.stale), None
            )
        work.register.readers(plan.readers)
        embedded, left = _work(work, plan.tasks, vanished, rows)
        if not left:
            removed += work.register.remove([*vanished.left(), *work.register.unmoved])
        seconds = time.monotonic() - start
        run_id = under.finish(lambda run: api.finish(run, rows.counts, removed, embedded, seconds, rows.findings))
        return Report(share, run_id, rows, removed, embedded, seconds, whole=not left)
    except BaseException:
        rows.close()
        raise
    finally:
        os.close(descriptor)


def _require(descriptor: int, job: Job, scope: Scope) -> None:
    if scope.identity not in (None, identity(descriptor)):
        raise ShareError(f"something else lies at {job.place.share} than before", "Mount the share again.")


def _plan(job: Job, descriptor: int, api: Api, rows: Rows, scope: Scope) -> Plan:
    share, access = job.place.share, job.place.access
    planner = Planner(job.options, rows.settled, scope.suspect)
    if scope.paths is not None:
        for path in scope.paths:
            planner.add(find(descriptor, path, access), api.known(share, path))
        return planner.plan
    planner.add(_all(descriptor, job), api.known(share))
    plan = planner.plan
    if plan.gone and not plan.files and not rows and not job.options.rebuild:
        # Most likely nothing is mounted there.
        raise ShareError(
            f"share {share} is empty, but {sum(len(before.rows) for before in plan.gone)} documents of it are known",
            "Mount the share; or, if they are to be forgotten, run with --rebuild.",
        )
    return plan


def _all(descriptor: int, job: Job) -> Iterator[Found]:
    try:
        yield from walk(descriptor, job.place.access)
    except OSError as error:
        raise ShareError(
            f"share {job.place.share} cannot be read: {error.strerror}", "Check the disk or the mount."
        ) from error


@dataclass(frozen=True, slots=True)
class _Work:
    job: Job
    descriptor: int
    api: Api
    session: Session
    register: Register
    enough: Callable[[], bool]


def _gone(work: _Work, plan: Plan) -> tuple[int, Vanished]:
    """Silence what may not answer any more. Returns how many documents were removed, and those that a file may claim.

    These are hidden until the run ends.
    """
    sizes = frozenset() if work.job.options.rebuild else {task.found.stamp.size_bytes for task in plan.tasks}
    kept: list[Before] = []
    lost: list[Before] = []
    for before in plan.gone:
        (kept if may_be_claimed(before, sizes) else lost).append(before)
    work.register.hide(kept if len(lost) < _MANY else plan.gone)
    work.register.hide(plan.closed)
    removed = work.register.remove([row.path for before in lost for row in before.rows])
    work.register.narrow({path: path.__eq__ for path in plan.narrow})
    return removed, Vanished(kept, work.job.options)


def _work(work: _Work, tasks: Sequence[Task], vanished: Vanished, rows: Rows) -> tuple[int, int]:
    """Read, embed and push these files. Returns the numbers of passages embedded and of files left."""
    if not tasks:
        return 0, 0
    workers = work.job.tools.workers
    read: Channel[Outcome] = Channel(_WAITING, producers=len(workers))
    embedded: Channel[Pushed] = Channel(_WAITING)
    left = deque(tasks)
    done, said = 0, time.monotonic()

    def pushed(outcome: Outcome, row: Row) -> None:
        nonlocal done, said
        rows.done(outcome.found.path, row)
        if row.path == outcome.found.path:
            done += 1
            work.job.progress(done, len(tasks))
            if time.monotonic() - said > _SAYING_SECONDS:
                said = time.monotonic()
                work.api.progress(work.session.open(work.api), done, len(tasks))

    desks = [Desk(work.descriptor, worker, work.job.options, vanished) for worker in workers]
    threads = [Thread(target=_read, args=(desk, left, work.enough, read), name="read") for desk in desks]
    threads.append(Thread(target=_push, args=(work.register, embedded, read, pushed), name="push"))
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
    return passages, len(left)


def _read(desk: Desk, left: deque[Task], enough: Callable[[], bool], read: Channel[Outcome]) -> None:
    """Read what is left, file by file, until nothing is: the work of one of several threads."""
    try:
        while left and not enough():
            try:
                task = left.popleft()
            except IndexError:
                break
            with closing(read_file(desk, task)) as outcomes:
                for outcome in outcomes:
                    read.put(outcome, 1 + len(_drafts(outcome)))
        read.finish()
    except BaseException as error:
        read.abort(error)
    finally:
        desk.worker.close()


def _drafts(outcome: Outcome) -> Sequence[Draft]:
    return (outcome.put.drafts if outcome.put else None) or ()


def _loaded(work: _Work) -> Embedder:
    """Load the embedder and have the log say so before it computes anything."""
    embedder = work.job.tools.embedder()
    work.api.loaded(work.session.open(work.api), embedder.record)
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
        texts = [embedding_text(d.headings, d.text) for outcome in outcomes for d in _drafts(outcome)]
        windows = [texts[i : i + WINDOW] for i in range(0, len(texts), WINDOW)]
        if windows:
            embedder = embedder or load()
        vectors = [row for window in windows if embedder for row in embedder.embed(window)]
        for outcome in outcomes:
            count = len(_drafts(outcome))
            own, vectors = vectors[:count], vectors[count:]
            embedded.put((outcome, np.stack(own) if own else None), 1 + count)
        passages += len(texts)


def _push(
    register: Register, embedded: Channel[Pushed], read: Channel[Outcome], pushed: Callable[[Outcome, Row], None]
) -> None:
    """Push what was embedded until there is no more: the work of one thread."""
    try:
        while True:
            try:
                batch = embedded.take(WINDOW)
            except Closed:
                return
            for outcome, vectors in batch:
                said = register.change(outcome, vectors)
                pushed(outcome, outcome.row if said else Row(outcome.row.path, "unreadable", _OUTDATED, _AGAIN))
    except BaseException as error:
        # Both: embedding may be waiting on either.
        embedded.abort(error)
        read.abort(error)
