"""A share of many small files, planned for the first time and looked at again unchanged.

`python -m tests.bench.extent FOLDER --models DIR [--files 200000]` makes the files in FOLDER (once; it should be on a
local disk) and prints seconds and the most memory of the ingest process: for walking and planning when nothing is known
yet, and for the whole command over the unchanged share, with the service beside it. So that no hours go into embedding,
the service's catalogue is filled by hand, with rows as a run would leave them of files that hold no text.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from appliance.catalog import Catalog, Entry
from appliance.config import load
from appliance.types import document_id
from ingest.files import open_share
from ingest.parsed import Budget
from ingest.plan import Options, Planner
from ingest.readers import Access
from ingest.report import Rows
from ingest.walk import walk
from tests.bench import common
from tests.bench.ingest import service

ROUNDS = 3
PER_FOLDER = 200
READERS = ("group:everyone",)


def make(folder: Path, files: int) -> None:
    """Make the files, 200 a folder, a hundred folders in each of the top ones."""
    for i in range(0, files, PER_FOLDER):
        inner = folder / f"department {i // PER_FOLDER // 100:02}" / f"project {i // PER_FOLDER:04}"
        if inner.is_dir() and sum(1 for _ in inner.iterdir()) == min(PER_FOLDER, files - i):
            continue
        inner.mkdir(parents=True, exist_ok=True)
        for j in range(i, min(i + PER_FOLDER, files)):
            (inner / f"minutes of meeting {j:06}.txt").write_text(f"Minutes of meeting {j}.\n")


def plan(folder: Path) -> dict[str, Any]:
    """Walk and plan when nothing is known."""
    start = time.perf_counter()
    descriptor = open_share(str(folder))
    rows = Rows(Path(tempfile.gettempdir()))
    planner = Planner(Options(10_000_000, Budget(1, 1, 1, 1)), rows.settled)
    planner.add(walk(descriptor, Access(READERS)), ())
    return {"files": len(planner.plan.tasks), "seconds": time.perf_counter() - start, "bytes": memory_bytes()}


def memory_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fill(home: Path, folder: Path) -> None:
    """Write the catalogue that a run over the share would have left."""
    share = str(folder.resolve())
    catalog = Catalog(home / "catalog.db")
    descriptor = open_share(share)
    with catalog._writes.use() as db:
        db.execute("PRAGMA synchronous=OFF")
    for found in walk(descriptor, Access(READERS)):
        stamp = found.stamp
        catalog.put(
            Entry(
                document_id(share, found.path), share, found.path, found.path, "0" * 64, "", "text/plain",
                found.readers, "empty", "it holds no text", "", stamp.size_bytes, stamp.modified_ns, None, 0, "", (),
                "2026-01-01T00:00:00+00:00",
            )
        )  # fmt: skip
    os.close(descriptor)
    catalog.close()


def again(folder: Path, home: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Run the ingest process over the unchanged share, as the command does, and return what it took."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "ingest", str(folder), "--home", str(home), "--json"]
    with tempfile.TemporaryFile() as output:
        # As the command line starts it: in a session of its own.
        process = subprocess.Popen(command, cwd=common.ROOT, env=environment, stdout=output, start_new_session=True)
        _, status, used = os.wait4(process.pid, 0)
        size = output.tell()
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "seconds": time.perf_counter() - start,
        "bytes": used.ru_maxrss * 1024,
        "cpu": used.ru_utime + used.ru_stime,
        "code": process.returncode,
        "report": size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files are made")
    parser.add_argument("--models", type=Path, required=True, help="folder of model files")
    parser.add_argument("--files", type=int, default=200_000)
    arguments = parser.parse_args()
    common.skip_unless(arguments.models)
    make(arguments.folder, arguments.files)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        first = pool.apply(plan, (arguments.folder,))
    print(f"planned {first['files']} files: {first['seconds']:.1f} s, {first['bytes'] / 1e6:.0f} MB; {common.load()}")
    environment = common.environment(arguments.models)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        start = time.perf_counter()
        fill(home, arguments.folder)
        print(f"catalogue filled in {time.perf_counter() - start:.1f} s", flush=True)
        settings = load(home, None, {"models_dir": arguments.models})
        with service(home, environment):
            for _ in range(ROUNDS):
                print(_line(again(arguments.folder, home, environment)), flush=True)
        start = time.perf_counter()
        done = subprocess.run(
            common.command("ingest", str(arguments.folder), "--home", str(settings.home), "--json"),
            cwd=common.ROOT, env=environment, stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        counts = json.loads(done.stdout)["counts"]
        seconds = time.perf_counter() - start
        print(f"whole command, starting the service: {seconds:.1f} s (must be < 20), {counts}; {common.load()}")


def _line(done: dict[str, Any]) -> str:
    return (
        f"again, beside a running service: {done['seconds']:.1f} s (must be < 20), processor {done['cpu']:.1f} s, "
        f"{done['bytes'] / 1e6:.0f} MB, report {done['report'] / 1e6:.0f} MB, exit code {done['code']}; {common.load()}"
    )


if __name__ == "__main__":
    main()
