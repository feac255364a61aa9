"""Questions while a share is being ingested: `python -m tests.bench.load FOLDER --also FOLDER --models DIR`.

Starts the real service with the default models, ingests FOLDER, and measures on the quiet machine: the time of a search
and the time to the first word of an answer, each as a person at the page sees it. Then it starts the real ingestion of
the other folder, and measures both again for as long as that goes on: the two kinds of questions one after the other,
never at the same time. Every question is another one, so that nothing is answered from a cache; the same questions are
asked in both states. It prints p50 and p95, and the ratios of the latter.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from appliance.client import Client
from appliance.config import load
from tests.bench import common
from tests.bench.ingest import ingest, service

SEARCHES = 200
# A person reads between two searches; without a pause the searches would be the load.
PAUSE_SECONDS = 0.05
WARM_UP = 10


def questions(client: Client, count: int) -> list[str]:
    """Return questions about what is in the index: the headings of its documents, each asked once."""
    found: dict[str, None] = {}
    cursor = ""
    while len(found) < count:
        page = client.call("GET", "/api/documents", cursor=cursor)
        for row in page["documents"]:
            words = " ".join(
                row["path"].rpartition("/")[2].rpartition(".")[0].replace("_", " ").replace("-", " ").split()
            )
            found[f"What do we say about {words} in {row['path'].partition('/')[0]}?"] = None
        cursor = page["next"]
        if not cursor:
            break
    return list(found)[:count]


def searches(client: Client, asked: Sequence[str]) -> list[float]:
    """Return the milliseconds of each search."""
    taken = []
    for question in asked:
        start = time.perf_counter()
        client.call("POST", "/api/search", {"question": question, "limit": 10})
        taken.append((time.perf_counter() - start) * 1000)
        time.sleep(PAUSE_SECONDS)
    return taken


def first_tokens(client: Client, asked: Sequence[str]) -> list[float]:
    """Return the milliseconds of each question up to its model's first token, search included."""
    taken = []
    for question in asked:
        record = next(data for name, data in client.stream("/api/ask", {"question": question}) if name == "answer")
        timings = record["timings"]
        taken.append(timings["search_ms"] + timings["first_token_ms"])
    return taken


@contextmanager
def ingesting(share: Path, home: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Have a share ingested during the block, by the real command."""
    line = common.command("ingest", str(share), "--home", str(home), "--json")
    process = subprocess.Popen(line, cwd=common.ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGINT)
        process.wait()


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def line(name: str, quiet: Sequence[float], loaded: Sequence[float]) -> None:
    ratio = p95(loaded) / p95(quiet)
    print(
        f"{name:12} quiet p50 {statistics.median(quiet):8.1f} ms, p95 {p95(quiet):8.1f} ms ({len(quiet)}); "
        f"during ingestion p50 {statistics.median(loaded):8.1f} ms, p95 {p95(loaded):8.1f} ms ({len(loaded)}); "
        f"ratio of p95 {ratio:.2f} (must be <= 1.5)",
        flush=True,
    )


def measure(first: Path, second: Path, models: Path, home: Path, answers: int) -> None:
    environment = common.environment(models)
    report = ingest(first, home, environment).report
    print(f"{len(report['files'])} files, {report['passages']} passages in the index; {common.load()}")
    with service(home, environment), closing(Client(load(home).socket)) as client:
        asked = questions(client, SEARCHES)
        searches(client, asked[:WARM_UP])
        first_tokens(client, asked[:1])
        quiet = searches(client, asked), first_tokens(client, asked[1 : 1 + answers])
        with ingesting(second, home, environment) as process:
            while not _at_work(client) and process.poll() is None:
                time.sleep(0.2)
            loaded = searches(client, asked), first_tokens(client, asked[1 : 1 + answers])
            if process.poll() is not None:
                sys.exit("the ingestion ended before the questions did: name a larger second folder")
    line("search", quiet[0], loaded[0])
    line("first token", quiet[1], loaded[1])
    print(common.load(), json.dumps({"first_token_quiet": quiet[1], "first_token_loaded": loaded[1]}))


def _at_work(client: Client) -> bool:
    """Tell whether the newest run has put its first documents: reading and embedding are under way."""
    run = client.call("GET", "/api/runs")["runs"][0]
    return not run["finished"] and run["done"] > 0


def main() -> None:
    parser = common.options(__doc__)
    parser.add_argument("--also", type=Path, required=True, help="the folder that is ingested meanwhile")
    parser.add_argument("--answers", type=int, default=12)
    arguments = parser.parse_args()
    common.skip_unless(arguments.folder, arguments.also, arguments.models)
    with tempfile.TemporaryDirectory() as home:
        measure(
            arguments.folder.absolute(),
            arguments.also.absolute(),
            arguments.models.absolute(),
            Path(home),
            arguments.answers,
        )


if __name__ == "__main__":
    main()
