"""The ingest process: `python -m ingest DIR --home HOME`, started by the command line beside a running service."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from appliance import bootstrap
from appliance.cli import EXIT_STOPPED, exit_code
from appliance.client import Client
from appliance.config import Settings, load
from appliance.errors import ApplianceError, ShareError
from appliance.manifest import load_manifest
from appliance.processes import Stopped, await_service, stoppable
from ingest.plan import Options
from ingest.pool import Limits, Worker
from ingest.push import Api
from ingest.run import Progress, Report, Tools, run

# Rows of these statuses are listed in the summary; the others only count.
_QUIET = frozenset({"indexed", "unchanged"})
_LISTED = 20


def main(argv: list[str] | None = None) -> int:
    """Ingest one share and return the exit code. Bad files are part of the report, not a failure."""
    arguments = _arguments().parse_args(argv)
    try:
        with stoppable():
            report = _ingest(load(arguments.home, arguments.config), arguments)
    except ApplianceError as error:
        sys.stderr.write(f"appliance: {error.message}\n" + (f"  {error.hint}\n" if error.hint else ""))
        return exit_code(error)
    except (KeyboardInterrupt, Stopped):
        return EXIT_STOPPED
    if arguments.json:
        sys.stdout.write(json.dumps(record(report)) + "\n")
    else:
        sys.stderr.write(summary(report))
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ingest", description=__doc__)
    parser.add_argument("share", metavar="DIR")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--rebuild", action="store_true", help="take every file for new")
    parser.add_argument("--wait", action="store_true", help="wait for the service, which is starting")
    parser.add_argument("--retry", action="store_true", help="try files again that failed before and did not change")
    return parser


def _ingest(settings: Settings, arguments: argparse.Namespace) -> Report:
    share = str(Path(arguments.share).resolve())
    try:
        share.encode()
    except UnicodeEncodeError as error:
        raise ShareError(f"the path of share {share!r} is no UTF-8", "Mount or link it under a UTF-8 name.") from error
    options = Options(
        readers=tuple(sorted(set(settings.access.default_readers))),
        file_bytes=settings.ingest.file_bytes,
        rebuild=arguments.rebuild,
        retry=arguments.retry,
    )
    if arguments.wait:
        with closing(Client(settings.socket)) as client:
            await_service(client)
    api = Api(settings.socket, settings.ingest_token)
    try:
        with _bar() as progress:
            return run(share, api, _tools(settings), options, progress)
    finally:
        api.close()


def _tools(settings: Settings) -> Tools:
    ingest, name = settings.ingest, settings.embedder.name

    def tokenizer() -> Path:
        return bootstrap.model_folder(settings).verified(name) / "tokenizer.json"

    limits = Limits(ingest.file_seconds, ingest.worker_memory_bytes, ingest.text_characters)
    # One core is left to embedding, which takes longer than parsing.
    count = ingest.workers or max(1, (os.cpu_count() or 2) - 1)
    return Tools(
        chunker=bootstrap.chunker(settings),
        record=load_manifest().spec(name).record,
        embedder=lambda: bootstrap.embedder(settings),
        workers=[Worker(tokenizer, ingest.chunk_tokens, limits) for _ in range(count)],
    )


@contextmanager
def _bar() -> Iterator[Progress]:
    """Yield a progress that draws a bar where a person looks on, and nothing elsewhere."""
    with tqdm(unit=" files", disable=not sys.stderr.isatty(), dynamic_ncols=True) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


if __name__ == "__main__":
    sys.exit(main())
