"""Nothing but `models pull` uses the network: counted by the kernel, named by Python. (What the source may not even
contain is ruled in test_source.py.)

The whole appliance runs where there is no way out. What it tried is read from the kernel's counters; who tried, from an
audit hook in every one of its Python processes. Both are shown to see every kind of attempt, or they prove nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.sealed import ROOT, Sealed, sealed

START_SECONDS = 300
PORT = 8501

# Put before every Python process of a run: says that it was there, and each thing it asked of the network.
HOOK = """
import json, os, sys, traceback

file = open(os.path.join(os.path.dirname(__file__), f"{os.getpid()}-{os.urandom(4).hex()}.jsonl"), "a", buffering=1)
WATCHED = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
           "socket.gethostbyaddr", "socket.getnameinfo")

def told(event, arguments):
    if event in WATCHED:
        family = getattr(arguments[0], "family", None)
        address = arguments[1] if event in ("socket.connect", "socket.sendto", "socket.sendmsg") else arguments[0]
        caller = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_stack(limit=12)][:-1]
        family = getattr(family, "name", str(family))
        file.write(json.dumps([event, family, repr(address), caller]) + "\\n")

file.write(json.dumps(["started", "", " ".join(sys.orig_argv), []]) + "\\n")
sys.addaudithook(told)
"""

CANARIES = {
    "tcp4": 'socket.create_connection(("192.0.2.1", 443), 1)',
    "udp4": 'socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))',
    "tcp6": 'socket.create_connection(("2001:db8::1", 443), 1)',
    "udp6": 'socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("2001:db8::1", 53))',
    "name": 'socket.getaddrinfo("telemetry.example.org", 443)',
}

# A browser's visit: the page itself, then both of its views over the WebSocket, until each has been drawn.
VISIT = """
import sys
import urllib.request
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

page = "127.0.0.1:" + sys.argv[1]
assert b"<title>" in urllib.request.urlopen(f"http://{page}/").read()
for view in ("ask", "library"):
    with connect(f"ws://{page}/_stcore/stream", origin=f"http://{page}", subprotocols=["streamlit"], proxy=None) as ws:
        wish = BackMsg()
        wish.rerun_script.page_name = view
        ws.send(wish.SerializeToString())
        seen = ForwardMsg()
        while seen.WhichOneof("type") != "script_finished":
            seen.ParseFromString(ws.recv(60))
        assert seen.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY, seen
"""

# What would make libraries talk, if anything could; and nothing that asks them not to.
TALKATIVE = {
    "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://192.0.2.1:4318",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "true",
    "STREAMLIT_BROWSER_SERVER_ADDRESS": "",
    "SCARF_ANALYTICS": "true",
    "QDRANT__TELEMETRY_DISABLED": "false",
}
QUIETING = (
    "DO_NOT_TRACK", "SCARF_NO_ANALYTICS", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY",
    "UNSTRUCTURED_DISABLE_NOTICE", "OTEL_SDK_DISABLED", "ANONYMIZED_TELEMETRY", "PYTHONPATH",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a Python process asked of the network, and from where in its code."""

    name: str
    family: str
    address: str
    caller: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a run: from the kernel, from Python, and what the commands said."""

    attempts: int
    interfaces: list[str]
    processes: list[str]
    events: list[Event]
    said: str


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the caller's environment, with the hook in `folder` and nothing that configures or quiets anything."""
    dropped = ("APPLIANCE_", "OTEL_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(dropped) and k not in QUIETING}
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK)
    return {**kept, **more, "PYTHONPATH": str(folder)}


def recorded(folder: Path) -> tuple[list[str], list[Event]]:
    """Return the command lines of the processes that the hook was in, and what it saw."""
    lines = [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    events = [Event(name, family, address, tuple(caller)) for name, family, address, caller in lines]
    return [event.address for event in events if event.name == "started"], [e for e in events if e.name != "started"]


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """Plant one attempt of each kind, each in a process of its own."""
    planted = {}
    for kind, attempt in CANARIES.items():
        folder = tmp_path_factory.mktemp("canary") / "hook"
        program = f"import socket\ntry:\n    {attempt}\nexcept OSError as error:\n    print(error)"
        variables = environment(folder)
        with sealed() as inside:
            process = inside.start([sys.executable, "-c", program], variables, subprocess.PIPE)
            said = process.communicate(timeout=60)[0].decode()
            planted[kind] = Seen(inside.attempts(), inside.interfaces(), *recorded(folder), said)
    return planted


@pytest.fixture(scope="module")
def run(models_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Run the whole appliance, sealed: `up` with the sample share, every command that reads, and the page."""
    folder = tmp_path_factory.mktemp("silence")
    models_folder("smollm2-135m-instruct")
    variables = environment(
        folder / "hook",
        **TALKATIVE,
        APPLIANCE_HOME=str(folder / "home"),
        APPLIANCE_MODELS_DIR=str(models_folder("all-minilm-l6-v2").parent),
        APPLIANCE_GENERATOR__NAME="smollm2-135m-instruct",
    )
    output = folder / "output"
    with sealed() as inside, output.open("wb") as file:
        before = inside.attempts()
        codes = story(inside, variables, output, file)
        seen = Seen(
            inside.attempts() - before, inside.interfaces(), *recorded(folder / "hook"), output.read_text("utf-8")
        )
    assert {0} == set(codes.values()), (codes, seen.said)
    return seen


def story(inside: Sealed, variables: dict[str, str], output: Path, file: IO[bytes]) -> dict[str, int]:
    """Bring the appliance up, use all of it, and stop it; return the exit code of each command."""
    cli = [sys.executable, "-m", "appliance.cli"]
    up = inside.start([*cli, "up"], variables, file)
    codes = {}
    try:
        deadline = time.monotonic() + START_SECONDS
        while "ready; stop with Ctrl-C" not in output.read_text("utf-8"):
            assert up.poll() is None, output.read_text("utf-8")
            assert time.monotonic() < deadline, output.read_text("utf-8")
            time.sleep(0.2)
        for command in (
            ["ask", "How many days of annual leave may be carried over?"],
            ["search", "annual leave"],
            ["ingest", str(ROOT / "compose" / "sample")],
            ["documents"],
            ["models", "list"],
            ["models", "verify"],
            ["log", "tail"],
            ["log", "checkpoint"],
            ["log", "verify"],
        ):
            codes[" ".join(command)] = inside.start([*cli, *command], variables, file).wait(300)
        codes["visit"] = inside.start([sys.executable, "-c", VISIT, str(PORT)], variables, file).wait(120)
    finally:
        up.send_signal(signal.SIGINT)
        codes["up"] = up.wait(60)
    return codes


@pytest.mark.parametrize("kind", CANARIES)
def test_every_kind_of_attempt_is_counted_and_named(kind: str, canaries: dict[str, Seen]) -> None:
    """Canaries planted are canaries seen: one each by the kernel, and by the hook with the address."""
    seen = canaries[kind]
    assert (1, ["lo"], 1) == (seen.attempts, seen.interfaces, len(seen.processes))
    assert seen.said.strip()
    address = {"tcp4": "192.0.2.1", "udp4": "192.0.2.1", "name": "telemetry.example.org"}.get(kind, "2001:db8::1")
    assert [address] == sorted({address for event in seen.events if address in event.address})


@pytest.mark.e2e
@pytest.mark.model
@pytest.mark.slow
def test_the_kernel_saw_no_attempt_to_leave(run: Seen) -> None:
    """Serving, ingesting, asking, searching, listing, verifying and the page: not one packet without a way."""
    assert (0, ["lo"]) == (run.attempts, run.interfaces), run.events


@pytest.mark.e2e
@pytest.mark.model
@pytest.mark.slow
def test_every_process_was_watched(run: Seen) -> None:
    """The hook was in each process of the appliance; what it did not see did not happen in Python.

    But for those that parse: they take nothing over from their environment, and have no network to be silent on.
    """
    for part in ("appliance.cli up", "appliance.cli serve", "child ui", "child ingest ", "ask"):
        assert any(part in command for command in run.processes), (part, run.processes)


@pytest.mark.e2e
@pytest.mark.model
@pytest.mark.slow
def test_no_process_asked_for_a_name_or_another_machine(run: Seen) -> None:
    """Unix sockets, and the visitor's own way to the page over loopback; nothing else, and no name looked up."""
    page = repr(("127.0.0.1", PORT))
    strange = [
        event for event in run.events if event.family != "AF_UNIX" and event.address not in (page, "'127.0.0.1'")
    ]
    assert [] == strange
