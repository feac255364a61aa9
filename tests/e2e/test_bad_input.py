"""Bad input, given to the real commands: a clear message and what to do, the run goes on, nothing is lost.

Whatever happens: no stack is shown, `--json` prints JSON alone, and the log verifies afterwards.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.client import Client
from appliance.identity import Identity
from appliance.index_edge import EdgeIndex
from tests.sealed import ROOT, Sealed, sealed

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.slow]

CLI = [sys.executable, "-m", "appliance.cli"]
SECONDS = 300
# Root reads everything; without these capabilities it reads what its permissions say.
AS_OTHERS = ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search"]
SECRET = "kettlewright"  # stands in a file outside the share, and nowhere else
VANISHING = 150


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def record(self) -> Any:
        """Return the one record that `--json` printed."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Home:
    """A home, and how commands on it are started."""

    path: Path
    environment: Mapping[str, str]
    inside: Sealed | None = None

    def __call__(self, *arguments: str, prefix: tuple[str, ...] | list[str] = ()) -> Done:
        """Run one command. Whatever it is given, no stack is shown."""
        command = [*prefix, *CLI, *arguments, "--home", str(self.path)]
        if self.inside:
            process = self.inside.start(command, self.environment, subprocess.PIPE)
        else:
            process = subprocess.Popen(
                command, cwd=ROOT, env=dict(self.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        out, err = process.communicate(timeout=SECONDS)
        done = Done(process.returncode, out.decode(), err.decode())
        assert "Traceback" not in done.err + done.out, done.err
        return done

    def check_log(self) -> None:
        """Fail unless every entry of the log is whole and where it belongs."""
        done = self("log", "verify")
        assert 0 == done.code, done.out


@pytest.fixture(scope="module")
def environment(models_folder: Callable[[str], Path]) -> dict[str, str]:
    """Return the environment of a user with the small generator."""
    folder = models_folder("all-minilm-l6-v2").parent
    models_folder("smollm2-135m-instruct")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    # What it answers does not matter here, so it is kept short.
    quick = {"APPLIANCE_ANSWER__OUTPUT_TOKENS": "32", "APPLIANCE_ANSWER__PASSAGES": "2"}
    small = {"APPLIANCE_MODELS_DIR": str(folder), "APPLIANCE_GENERATOR__NAME": "smollm2-135m-instruct"}
    return {**kept, **small, **quick}


@pytest.fixture(scope="module")
def home(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Return a home whose service runs, and in which the share of all bad files has been ingested."""
    running = Home(tmp_path_factory.mktemp("bad") / "home", environment)
    with serving(running):
        yield running
    running.check_log()


@contextmanager
def serving(home: Home) -> Iterator[None]:
    """Run the home's service while the block does."""
    command = [*CLI, "serve", "--no-tcp", "--warm", "--home", str(home.path)]
    with subprocess.Popen(command, cwd=ROOT, env=dict(home.environment)) as service:
        client = Client(home.path / "run" / "api.sock")
        deadline = time.monotonic() + SECONDS
        try:
            while not client.is_up():
                assert service.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield
        finally:
            client.close()
            service.send_signal(signal.SIGTERM)
        assert 0 == service.wait(60)
        assert not (home.path / "run" / "api.sock").exists()


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a share in which nearly everything is wrong, and two files are right."""
    folder = tmp_path_factory.mktemp("share")
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.md").write_text(f"# Private\n\nThe {SECRET} earns nine thousand a month.\n")
    (folder / "a-right.md").write_text("# Travel\n\nThe hotel limit is 140 euros a night in Berlin.\n")
    (folder / "z-right.md").write_text("# Canteen\n\nA main dish costs employees 4.20 euros.\n")
    (folder / "empty.md").touch()
    with (folder / "huge.txt").open("wb") as huge:
        huge.truncate(2 << 30)
    (folder / "two\nlines.md").write_text("# Parking\n\nThe garage closes at 22:30 on weekdays.\n")
    (folder / os.fsdecode(b"latin-\xe9.md")).write_text("# Badges\n\nA lost badge is reported to the porter.\n")
    (folder / "link.md").symlink_to(outside / "secret.md")
    (folder / "folder").symlink_to(outside)
    (folder / "up").symlink_to("..")
    (folder / "forbidden.md").write_text("Nobody may read this.\n")
    (folder / "forbidden.md").chmod(0)
    return folder


@pytest.fixture(scope="module")
def report(home: Home, share: Path) -> dict[str, Any]:
    """Ingest that share as somebody whom permissions bind, and return the report."""
    done = home("ingest", str(share), "--json", prefix=AS_OTHERS if os.geteuid() == 0 else ())
    assert 0 == done.code, done.err
    return dict(done.record)


def test_each_file_of_a_bad_share_has_its_row(report: dict[str, Any]) -> None:
    """The right files are indexed, names of any bytes included; each other one has its status."""
    assert {
        "a-right.md": "indexed",
        "z-right.md": "indexed",
        "two\nlines.md": "indexed",
        os.fsdecode(b"latin-\xe9.md"): "indexed",
        "empty.md": "empty",
        "huge.txt": "too_large",
        "link.md": "unsupported",
        "folder": "unsupported",
        "up": "unsupported",
        "forbidden.md": "unreadable",
    } == {row["path"]: row["status"] for row in report["files"]}


def test_each_bad_file_says_why(report: dict[str, Any]) -> None:
    """A reason for every one, and a hint wherever somebody could do something."""
    bad = [row for row in report["files"] if row["status"] != "indexed"]
    assert all(row["reason"] for row in bad)
    assert {"empty.md"} == {row["path"] for row in bad if not row["hint"]}


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize(
    ("question", "path"),
    [
        ("When does the garage close?", "two\nlines.md"),
        ("Who is told of a lost badge?", os.fsdecode(b"latin-\xe9.md")),
        ("What is the hotel limit?", "a-right.md"),
    ],
)
def test_a_file_of_any_name_is_found(home: Home, question: str, path: str) -> None:
    """Line breaks and bytes that are no UTF-8 come through search, as JSON and for people."""
    found = home("search", question, "--json")
    assert (0, path) == (found.code, found.record["passages"][0]["document"])
    assert 0 == home("search", question).code


@pytest.mark.usefixtures("report")
def test_a_link_out_of_the_share_leads_nowhere(home: Home) -> None:
    """What a symbolic link points to is not read, so its words cannot be found."""
    found = home("search", f"What does the {SECRET} earn?", "--json", "--limit", "100")
    assert found.record["passages"]
    assert [] == [passage for passage in found.record["passages"] if SECRET in passage["text"]]


def test_files_may_vanish_while_they_are_read(home: Home, tmp_path: Path) -> None:
    """They become rows, what is there is indexed, and with the next run they are gone."""
    for number in range(VANISHING):
        (tmp_path / f"v{number:03d}.md").write_text(f"Note {number} will not be here for long.\n")
    for name in ("a-stays.md", "z-stays.md"):
        (tmp_path / name).write_text("# Keys\n\nThe spare keys hang in the porter's lodge.\n")
    client = Client(home.path / "run" / "api.sock")

    def remove() -> None:
        # The run is opened when the share has been walked, before its first file is read.
        while str(tmp_path) not in {run["share"] for run in client.call("GET", "/api/runs")["runs"]}:
            time.sleep(0.01)
        for path in sorted(tmp_path.glob("v*.md"), reverse=True):
            path.unlink()

    racing = threading.Thread(target=remove)
    racing.start()
    first = home("ingest", str(tmp_path), "--json")
    racing.join()
    client.close()
    second = home("ingest", str(tmp_path), "--json")
    rows = {row["path"]: row for row in first.record["files"]}
    assert (0, VANISHING + 2) == (first.code, len(rows))
    assert {"indexed"} == {rows[name]["status"] for name in ("a-stays.md", "z-stays.md")}
    assert "unreadable" == rows[f"v{VANISHING - 1:03d}.md"]["status"]
    assert "disappeared" in rows[f"v{VANISHING - 1:03d}.md"]["reason"]
    # Of what vanished before it was put, the service never heard.
    put = sum(rows[f"v{number:03d}.md"]["status"] == "indexed" for number in range(VANISHING))
    assert (0, {"a-stays.md": "unchanged", "z-stays.md": "unchanged"}, put) == (
        second.code,
        {row["path"]: row["status"] for row in second.record["files"]},
        second.record["removed"],
    )


@pytest.mark.parametrize("command", ["ask", "search"])
@pytest.mark.parametrize("question", ["", " \n\t ", "x" * 100_000], ids=["empty", "blank", "long"])
def test_a_question_that_is_none_is_refused(home: Home, command: str, question: str) -> None:
    """Exit code 2 and what to do, before any model works on it."""
    done = home(command, question, "--json")
    assert (2, "") == (done.code, done.out)
    assert 2 == len(done.err.strip().splitlines()), done.err
    assert len(done.err) < 1000


@pytest.mark.usefixtures("report")
def test_questions_in_any_script_are_answered_or_refused(home: Home, tmp_path: Path) -> None:
    """Japanese, Arabic, emoji, control characters and lone surrogates: a record each, no error."""
    questions = ["ホテルの上限はいくらですか。", "ما هو الحد الأقصى لسعر الفندق؟", "🏨 💶 ❓", "a\u0000b\u202e\ud800"]
    batch = tmp_path / "batch.jsonl"
    batch.write_text("\n".join(json.dumps({"id": i, "question": q}) for i, q in enumerate(questions)))
    done = home("ask", "--batch", str(batch), "--json")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert (0, [0, 1, 2, 3]) == (done.code, [record["id"] for record in records]), done.out
    assert all(record["refused"] or record["citations"] for record in records)


@pytest.mark.parametrize("kind", ["missing", "file", "forbidden"])
def test_a_share_that_cannot_be_read_is_an_error(home: Home, tmp_path: Path, kind: str) -> None:
    """Exit code 7 with its name and what to do; no document is touched."""
    place = tmp_path / "share"
    if kind == "file":
        place.write_text("not a folder")
    elif kind == "forbidden":
        place.mkdir(mode=0)
    before = home("documents", "--json").record
    done = home("ingest", str(place), "--json", prefix=AS_OTHERS if os.geteuid() == 0 else ())
    assert (7, "") == (done.code, done.out), done.err
    assert str(place) in done.err
    assert 2 == len(done.err.strip().splitlines()), done.err
    assert before == home("documents", "--json").record


def test_a_second_service_on_the_same_home_is_refused(home: Home) -> None:
    """Exit code 8, naming the process that has it; that one goes on."""
    done = home("serve", "--no-tcp")
    assert 8 == done.code
    assert "is in use by process" in done.err
    assert 0 == home("documents").code


def test_an_index_from_another_embedder_is_refused_until_rebuilt(
    environment: dict[str, str], tmp_path: Path, share: Path
) -> None:
    """Exit code 5 with the command that mends it, and that command does."""
    home = Home(tmp_path / "home", environment)
    other = Identity("other-embedder", "0" * 64, 128, "chunks-0/100")
    EdgeIndex(home.path / "index", other).close()
    for command in (["search", "hotel"], ["ask", "hotel"], ["ingest", str(share), "--json"]):
        done = home(*command)
        assert (5, "") == (done.code, done.out)
        assert "other-embedder" in done.err
        assert "--rebuild" in done.err
    assert 0 == home("ingest", str(share), "--rebuild", "--json").code
    found = home("search", "What is the hotel limit?", "--json")
    assert (0, "a-right.md") == (found.code, found.record["passages"][0]["document"])
    home.check_log()


def test_a_full_disk_stops_what_writes_and_loses_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    """Exit code 9 while there is no room, nothing shown that is not in the log; with room again, all goes on."""
    (tmp_path / "home").mkdir()
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "a.md").write_text("# Travel\n\nThe hotel limit is 140 euros a night in Berlin.\n")
    with sealed() as inside:
        disk = inside.start(["mount", "-t", "tmpfs", "-o", "size=400m", "none", str(tmp_path / "home")], os.environ, -1)
        assert 0 == disk.wait(), disk.communicate()
        home = Home(tmp_path / "home", environment, inside)
        seen = Path(f"/proc/{inside.pid}/root") / str(home.path).lstrip("/")
        assert 0 == home("ingest", str(tmp_path / "share"), "--json").code
        (tmp_path / "share" / "b.md").write_text("# Canteen\n\nA main dish costs employees 4.20 euros.\n")

        fill(seen, leave_bytes=100 << 20)
        done = home("ingest", str(tmp_path / "share"), "--json")
        assert (9, "") == (done.code, done.out)
        found = home("search", "What is the hotel limit?", "--json")
        assert (0, ["a.md"]) == (found.code, [passage["document"] for passage in found.record["passages"]])

        fill(seen, leave_bytes=0)
        for command in (["search", "hotel", "--json"], ["ingest", str(tmp_path / "share"), "--json"]):
            done = home(*command)
            assert (9, "") == (done.code, done.out)
            assert "Free " in done.err

        for ballast in seen.glob("ballast-*"):
            ballast.unlink()
        again = home("ingest", str(tmp_path / "share"), "--json")
        assert {"a.md": "unchanged", "b.md": "indexed"} == {r["path"]: r["status"] for r in again.record["files"]}
        home.check_log()


def fill(folder: Path, leave_bytes: int) -> None:
    """Take up all of the disk but so much."""
    room = os.statvfs(folder)
    size = room.f_bavail * room.f_frsize - leave_bytes
    with (folder / f"ballast-{leave_bytes}").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
