"""Memory of the whole stack: `python -m tests.bench.memory FOLDER --models DIR [--question TEXT ...]`.

Starts the real `appliance up --share FOLDER` with the default models, waits until it has ingested the share and is
ready, asks questions over the API, fetches the page, and sums up what every process of it holds
(/proc/PID/smaps_rollup). RSS counts a page that several processes share once for each of them, PSS once altogether.
The peak is the largest sum of one look a second, from the start on, so with ingest's processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.bench import common
from tests.e2e.browser import free_port

QUESTIONS = (
    "How many days of paid time off do employees get?",
    "Who approves an expense?",
    "What happens in the first week of a new employee?",
)
START_SECONDS = 1800
LOOK_SECONDS = 1.0
LIMIT_BYTES = 4_000_000_000


@dataclass(frozen=True)
class Held:
    """What one process holds, in bytes."""

    pid: int
    name: str
    rss: int
    pss: int


@dataclass
class Peak:
    """The largest sums seen, and who held how much at the time of the largest PSS."""

    rss: int = 0
    pss: int = 0
    held: list[Held] = field(default_factory=list)

    def look(self, root: int) -> list[Held]:
        held = [each for pid in tree(root) if (each := look_at(pid))]
        rss, pss = sum(each.rss for each in held), sum(each.pss for each in held)
        if pss > self.pss:
            self.pss, self.held = pss, held
        self.rss = max(self.rss, rss)
        return held


def tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:  # it ended just now
                continue
    return found


def look_at(pid: int) -> Held | None:
    """Return what a process holds, or None when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return None
    sizes = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
    return Held(pid, _name(arguments), sizes.get("Rss", 0), sizes.get("Pss", 0))


def _name(arguments: list[str]) -> str:
    """Return `ui`, `appliance.cli serve` and the like."""
    words = arguments[arguments.index("-m") + 1 :] if "-m" in arguments else arguments
    words = [word for word in words if word != "appliance.child"]
    return " ".join(words[:2] if words[0] == "appliance.cli" else words[:1])


@contextmanager
def up(share: Path, home: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Have `appliance up` run during the block."""
    line = common.command("up", "--share", str(share), "--home", str(home))
    process = subprocess.Popen(line, cwd=common.ROOT, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGINT)
        process.wait()


def await_ready(process: subprocess.Popen[bytes], api: httpx.Client, peak: Peak) -> None:
    """Return when the share is ingested and a question would be answered at once; look at the memory meanwhile."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        peak.look(process.pid)
        try:
            runs = api.get("/api/runs").json()["runs"]
            if runs and runs[0]["finished"] and api.get("/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(LOOK_SECONDS)
    sys.exit("appliance up did not get ready")


def table(held: list[Held]) -> None:
    print(f"{'process':32}{'pid':>8}{'RSS MB':>10}{'PSS MB':>10}")
    for each in held:
        print(f"{each.name:32}{each.pid:8}{each.rss / 1e6:10.0f}{each.pss / 1e6:10.0f}")
    print(f"{'sum':40}{sum(h.rss for h in held) / 1e6:10.0f}{sum(h.pss for h in held) / 1e6:10.0f}")


def measure(share: Path, models: Path, home: Path, questions: list[str]) -> bool:
    """Print the tables and return whether the stack stays below the limit."""
    port, api_port = free_port(), free_port()
    ports = {"APPLIANCE_SERVICE__PORT": str(port), "APPLIANCE_SERVICE__API_PORT": str(api_port)}
    peak = Peak()
    with (
        up(share, home, common.environment(models) | ports) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{api_port}", timeout=900, trust_env=False) as api,
    ):
        await_ready(process, api, peak)
        print(f"\nmost while it started and ingested ({common.load()}); RSS at most {peak.rss / 1e6:.0f} MB")
        table(peak.held)
        for question in questions:
            api.post("/api/ask", json={"question": question}).raise_for_status()
            peak.look(process.pid)
        httpx.get(f"http://127.0.0.1:{port}", trust_env=False).raise_for_status()
        held = peak.look(process.pid)
    print(f"\nafter ingest, {len(questions)} questions and one look at the page ({common.load()})")
    table(held)
    enough = sum(each.pss for each in held) < LIMIT_BYTES
    print(f"{'below' if enough else 'ABOVE'} {LIMIT_BYTES / 1e9:.0f} GB; at most PSS {peak.pss / 1e6:.0f} MB")
    return enough


def main() -> None:
    parser = common.options(__doc__)
    parser.add_argument("--question", action="append", default=[], help="asked in place of the built-in ones")
    arguments = parser.parse_args()
    common.skip_unless(arguments.folder, arguments.models)
    with tempfile.TemporaryDirectory() as home:
        questions = arguments.question or list(QUESTIONS)
        enough = measure(arguments.folder.absolute(), arguments.models.absolute(), Path(home), questions)
    sys.exit(0 if enough else 1)


if __name__ == "__main__":
    main()
