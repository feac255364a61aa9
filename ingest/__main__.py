"""The ingest process: `python -m ingest DIR --home HOME`, started by the command line beside a running service."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from tqdm import tqdm

from appliance import bootstrap
from appliance.cli import EXIT_STOPPED, exit_code
from appliance.client import Client
from appliance.config import Settings, load
from appliance.errors import ApplianceError, ShareError
from appliance.manifest import load_manifest
from appliance.processes import Stopped, await_service, stoppable
from ingest.parsed import Budget
from ingest.plan import Options
from ingest.pool import Limits, Worker
from ingest.push import Api
from ingest.readers import Access
from ingest.register import Place
from ingest.report import Report, record, summary
from ingest.run import Job, Progress, Tools, run, session
from ingest.turns import Turns
from ingest.watch import Follower

_NICENESS = 19
# Of everything in our session, the thread that takes readers away included: not so much that it comes too late.
_SESSION_NICENESS = 10
_AUTOGROUP = Path("/proc/self/autogroup")


def main(argv: list[str] | None = None) -> int:
    """Ingest one share and return the exit code. Bad files are part of the report, not a failure."""
    arguments = _arguments().parse_args(argv)
    try:
        with stoppable():
            _ingest(load(arguments.home, arguments.config), arguments)
    except ApplianceError as error:
        _say(f"appliance: {error.message}\n" + (f"  {error.hint}\n" if error.hint else ""))
        return exit_code(error)
    except (KeyboardInterrupt, Stopped):
        return EXIT_STOPPED
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ingest", description=__doc__)
    parser.add_argument("share", metavar="DIR")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--json", action="store_true", help="print the report as JSON, one line a run")
    parser.add_argument("--rebuild", action="store_true", help="take every file for new")
    parser.add_argument("--wait", action="store_true", help="wait for the service, which is starting")
    parser.add_argument("--retry", action="store_true", help="try files again that failed before and did not change")
    parser.add_argument("--watch", action="store_true", help="go on and follow what changes in the share")
    return parser


def _ingest(settings: Settings, arguments: argparse.Namespace) -> None:
    share = str(Path(arguments.share).resolve())
    try:
        share.encode()
    except UnicodeEncodeError as error:
        raise ShareError(f"the path of share {share!r} is no UTF-8", "Mount or link it under a UTF-8 name.") from error
    if arguments.wait:
        with closing(Client(settings.socket)) as client:
            await_service(client)

    def connect() -> Api:
        return Api(settings.socket, settings.ingest_token)

    with _bar() as progress:
        job = _job(settings, arguments, share, progress)
        if arguments.watch:
            _follow(settings, job, connect, arguments.json)
            return
        stand_back()
        with closing(connect()) as api:
            report = run(job, api, session(job))
    with report.rows:
        _show(report, arguments.json)


def _follow(settings: Settings, job: Job, connect: Callable[[], Api], as_json: bool) -> None:
    """Follow a share until asked to stop. Without JSON, one line on standard output says when the first run is done."""
    shown = False

    def show(report: Report) -> None:
        nonlocal shown
        _show(report, as_json)
        if not shown and not as_json and report.whole:
            shown = True
            sys.stdout.write("watching\n")
            sys.stdout.flush()

    # The thread that takes readers away runs by then; all that are started later are meant to wait.
    Follower(job, connect, settings.ingest.scan_seconds, show).follow(lambda text: _say(f"{text}\n"), stand_back)


def stand_back() -> None:
    """Let everything else on the machine go first: this thread, and the threads and processes that it starts."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    # 0 is this thread alone (setpriority(2), "C library/kernel differences").
    os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            # Where the kernel groups processes by session, niceness counts within the group only (sched(7)). Ours is
            # our own when the command line started us.
            _AUTOGROUP.write_text(str(_SESSION_NICENESS), "ascii")


def _job(settings: Settings, arguments: argparse.Namespace, share: str, progress: Progress) -> Job:
    ingest, access = settings.ingest, settings.access
    options = Options(
        file_bytes=ingest.file_bytes,
        # A file's own archive does not count as one inside another.
        budget=Budget(ingest.archive_files, ingest.archive_bytes, ingest.archive_depth + 1, ingest.archive_ratio),
        quarantine=ingest.quarantine,
        rebuild=arguments.rebuild,
        retry=arguments.retry,
    )
    place = Place(share, Access(access.default_readers, access.posix), Turns(settings.run))
    return Job(place, _tools(settings), options, settings.run, progress)


def _tools(settings: Settings) -> Tools:
    ingest, name = settings.ingest, settings.embedder.name

    def tokenizer() -> Path:
        return bootstrap.model_folder(settings).verified(name) / "tokenizer.json"

    limits = Limits(
        seconds=ingest.file_seconds,
        memory_bytes=ingest.worker_memory_bytes,
        text_characters=ingest.text_characters,
        files=ingest.worker_files,
        pages=ingest.pages,
        ocr_languages=ingest.ocr_languages,
    )
    # One core is left to embedding, which takes longer than parsing.
    count = ingest.workers or max(1, (os.cpu_count() or 2) - 1)
    return Tools(
        chunker=bootstrap.chunker(settings),
        record=load_manifest().spec(name).record,
        # Loaded with the first text, and kept while a share is followed.
        embedder=cache(lambda: bootstrap.embedder(settings)),
        workers=[Worker(tokenizer, ingest.chunk_tokens, limits, settings.run / "parse") for _ in range(count)],
    )


@contextmanager
def _bar() -> Iterator[Progress]:
    """Yield a progress that draws a bar where a person looks on, and nothing elsewhere."""
    with tqdm(unit=" files", disable=not sys.stderr.isatty(), dynamic_ncols=True) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def _show(report: Report, as_json: bool) -> None:
    if not as_json:
        _say(summary(report))
        return
    for part in record(report):
        sys.stdout.write(part)
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
