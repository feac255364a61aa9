"""A parser that a file has taken over tries to get out, inside a real child."""

from __future__ import annotations

import json
import os
import secrets
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ingest import landlock, sandbox
from ingest.pool import Budget, Source, Worker

MISBEHAVING = "tests.ingest.misbehaving"
BUDGET = Budget(files=100, size_bytes=50_000_000, depth=3, ratio=200)
ROOT = Path(__file__).parents[2]
Say = Callable[[str], str]


@pytest.fixture
def say(worker: Callable[..., Worker], tmp_path: Path) -> Say:
    """Return a function that has the hostile parser read a line, and returns the text that came of it."""
    child = worker(module=MISBEHAVING)

    def ask(line: str) -> str:
        file = tmp_path / "line.txt"
        file.write_text(line)
        with file.open("rb") as opened:
            return " ".join(draft.text for draft in child.parse(Source(opened.fileno(), "line.txt"), BUDGET).drafts)

    return ask


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file beside the scratch folder, as those of the home are."""
    file = tmp_path / "secret"
    file.write_text("the secret")
    file.chmod(0o600)
    return file


needs_landlock = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")


def inside(program: str, scratch: Path) -> str:
    """Return what a process of its own prints that enters the sandbox by `enter()` and goes on."""
    start = (
        "import socket, sys\nfrom pathlib import Path\nfrom ingest import kernel, landlock, sandbox\n"
        "def refuse(*given): raise OSError\n"
        "def enter(): return sandbox.enter([], Path(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", start + program, str(scratch)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60).stdout


@needs_landlock
def test_files_outside_can_be_neither_read_nor_listed_nor_changed(say: Say, secret: Path) -> None:
    """Of all there is, a parser sees the file it was handed, and libraries."""
    lines = [f"read {secret}", f"list {secret.parent}", f"write {secret}", f"write {secret.parent / 'new'}"]
    lines += [f"delete {secret}", "read /etc/passwd", "list /home", "list /", f"read /proc/{os.getpid()}/environ"]
    assert dict.fromkeys(lines, True) == {line: say(line) in ("PermissionError", "OSError") for line in lines}
    assert ("the secret", ["secret"]) == (secret.read_text(), [p.name for p in secret.parent.glob("*e[wc]*")])


def test_owner_mode_and_times_of_files_stay_as_they_are(say: Say, secret: Path, tmp_path: Path) -> None:
    """Neither of files outside, by their path, nor of the one being parsed, by its descriptor."""
    lines = [f"chmod {secret}", "chmod-source", "touch-source"]
    assert ["PermissionError"] * 3 == [say(line) for line in lines]
    assert 0o600 == stat.S_IMODE(secret.stat().st_mode)
    assert say("reopen-source") in ("PermissionError", "OSError")


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_no_socket_anywhere_can_be_reached(say: Say, tmp_path: Path) -> None:
    """Not this machine's by TCP or UDP, nor other programs' Unix sockets, by name or abstract: all of them listen."""
    name = secrets.token_hex(8)
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        for kind, address in ((1, f"\0{name}"), (1, str(tmp_path / "s")), (2, str(tmp_path / "d"))):
            server = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            server.bind(address)
            if kind == socket.SOCK_STREAM:
                server.listen()
        lines = [f"tcp {tcp.getsockname()[1]}", f"udp {udp.getsockname()[1]}"]
        lines += [f"abstract {name}", f"named {tmp_path / 's'}", f"datagram {tmp_path / 'd'}"]
        assert dict.fromkeys(lines, "PermissionError") == {line: say(line) for line in lines}


def test_other_processes_are_out_of_reach(say: Say) -> None:
    """The parent can be neither signalled nor traced, nor can its memory be opened."""
    lines = [f"signal {os.getpid()}", f"trace {os.getpid()}", f"memory {os.getpid()}", "session"]
    assert dict.fromkeys(lines, "PermissionError") == {line: say(line) for line in lines}
    assert "got -1" == say("namespace")


def test_what_a_parser_writes_cannot_be_run(say: Say) -> None:
    """A program that came with a file stays data; those of the system run."""
    assert "PermissionError" == say("run-own")
    assert "got" == say("run /bin/true").strip()


def test_tesseract_runs_inside(say: Say) -> None:
    """The program that parsers start for scans finds its languages."""
    if not Path("/usr/bin/tesseract").exists():
        pytest.skip("Tesseract is not installed")
    assert "List of available languages" in say("run tesseract --list-langs")


def test_a_child_knows_little_of_its_parents_environment(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that stand in the environment are not handed on."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert "SECRET" not in say("environment")


def test_a_file_can_only_grow_so_far(say: Say) -> None:
    """The size of files is limited, from outside and so that the child cannot change it."""
    assert "ValueError" == say("unlimit")
    assert "OSError" == say("fill 400000000")


def test_every_layer_of_this_machine_is_told(worker: Callable[..., Worker]) -> None:
    """What a child says it gave up is what the kernel offers, in words for each layer."""
    protections = worker().protections()
    assert landlock.version() == protections.landlock_abi
    assert protections.limits
    assert 6 == len(protections.described())


def test_without_a_layer_the_words_say_so() -> None:
    """Where neither namespaces nor the filter are there, nobody is told that there is no network."""
    said = " ".join(sandbox.UNPROTECTED.described())
    assert "not guaranteed" in said
    assert "whatever this account can read and write" in said
    assert "not guaranteed" not in " ".join(replace(sandbox.UNPROTECTED, seccomp=True).described())


def test_there_is_no_network_where_namespaces_and_landlock_are_refused(tmp_path: Path) -> None:
    """In many containers the filter of system calls is the only layer; it is enough for that."""
    printed = inside(
        "kernel.isolate = refuse\nlandlock.version = lambda: 0\np = enter()\n"
        "print(p.landlock_abi, p.network_namespace, p.no_network)\n"
        "try:\n    socket.socket()\nexcept PermissionError:\n    print('refused')\n",
        tmp_path,
    )
    assert ["0 False True", "refused"] == printed.splitlines()


def test_nothing_outside_can_be_written_where_landlock_is_missing(tmp_path: Path) -> None:
    """The mount namespace alone leaves one folder to write in."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    printed = inside(
        "landlock.version = lambda: 0\np = enter()\nPath('mine').write_text('x')\nprint(p.read_only)\n"
        "try:\n    Path(sys.argv[1], '..', 'new').write_text('x')\nexcept OSError as e:\n    print(e.strerror)\n",
        scratch,
    )
    if printed.startswith("False"):
        pytest.skip("this machine allows no user namespace")
    assert ["True", "Read-only file system"] == printed.splitlines()
    assert ["scratch", "scratch/mine"] == sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*"))


def test_a_child_ends_with_a_parent_that_is_killed(tmp_path: Path, tokenizer: Path) -> None:
    """The kernel sees to it, whatever the child is doing and whichever signals it ignores."""
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom ingest.pool import Limits, Worker\n"
        "w = Worker(lambda: Path(sys.argv[1]), 60, Limits(60, 2 * 10**9, 10**6), Path(sys.argv[2]))\n"
        "w.protections()\nprint(w.pid, flush=True)\ntime.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tokenizer), str(tmp_path / "scratch")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = Path("/proc", parent.stdout.readline().strip())
        assert child.is_dir()
        parent.kill()
    deadline = time.monotonic() + 10
    while child.is_dir() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not child.is_dir()


def test_the_sandbox_is_entered_by_one_thread_only(tmp_path: Path) -> None:
    """A thread that runs already would stay outside, so entering fails."""
    program = (
        "import threading, sys, time\nfrom pathlib import Path\nfrom ingest import sandbox\n"
        "threading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n"
        "sandbox.enter([], Path(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert "RuntimeError: a thread was started" in done.stderr


def test_the_probe_reports_what_it_tried() -> None:
    """`python -m ingest.sandbox --probe` prints an outcome for every attempt; here, as in the tests above, refused."""
    command = [sys.executable, "-m", "ingest.sandbox", "--probe"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=60)
    found = json.loads(done.stdout)
    assert {} == {name: said for name, said in found["refused"].items() if said is None}
    assert {"write in its own folder": True} == found["works"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_number_of_processes_is_limited_for_anyone_but_root(tmp_path: Path) -> None:
    """A fork bomb ends at a few hundred processes, where a user namespace counts them."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom ingest import sandbox\nfrom tests.ingest.misbehaving import forks\n"
        "print(sandbox.enter([], Path(sys.argv[1])).process_limit, forks('2000'))\n"
    )
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    become = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    command = [*become, sys.executable, "-c", program, str(tmp_path)]
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    if subprocess.run([*become, sys.executable, "-c", "import ingest"], cwd=ROOT, check=False).returncode:
        pytest.skip("the interpreter or this folder lies where no other user may go")
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=120, env=alone)
    limited, count = done.stdout.split()
    if limited == "False":
        pytest.skip("this machine allows no user namespace")
    assert int(count) < 300
