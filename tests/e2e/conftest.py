"""The whole appliance, as `appliance up` starts it, with the default models and the sample share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.browser import free_ports

ROOT = Path(__file__).parents[2]
START_SECONDS = 300


@dataclass
class Stack:
    """One running appliance."""

    process: subprocess.Popen[bytes]
    home: Path
    port: int
    output: Path
    environment: dict[str, str]

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def api(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port + 1}", timeout=300, trust_env=False)

    def command(self, *arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one appliance command on this home."""
        return run(*arguments, "--home", str(home or self.home), environment=self.environment)

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")


def run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one appliance command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "appliance.cli", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def records(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """Return what a command printed as JSON, a record a line."""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def environment(models_folder: Callable[[str], Path]) -> dict[str, str]:
    """Return the environment of a user whose models are fetched already."""
    folder = models_folder("all-minilm-l6-v2").parent
    models_folder("qwen2.5-coder-1.5b-instruct")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    return {**kept, "APPLIANCE_MODELS_DIR": str(folder)}


@pytest.fixture(scope="session")
def stack(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start `appliance up` once for all tests that only read."""
    folder = tmp_path_factory.mktemp("up")
    running = start(environment, folder)
    await_ready(running)
    yield running
    stop(running)


def start(environment: dict[str, str], folder: Path, *arguments: str) -> Stack:
    """Start `appliance up` on a new home in `folder`."""
    port = free_ports()
    output = folder / "output"
    home = folder / "home"
    command = [sys.executable, "-m", "appliance.cli", "up", "--home", str(home), "--port", str(port), *arguments]
    with output.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True)
    return Stack(process, home, port, output, environment)


def await_ready(stack: Stack) -> None:
    """Return when `up` has said that it is ready and the models are loaded."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if stack.process.poll() is not None:
            break
        if "ready; stop with Ctrl-C" in stack.said():
            with stack.api() as api:
                if api.get("/readyz").status_code == 200:
                    return
        time.sleep(0.2)
    stop(stack)
    pytest.fail(f"appliance up did not get ready:\n{stack.said()}")


def stop(stack: Stack) -> int:
    """Press Ctrl-C and return the exit code."""
    if stack.process.poll() is None:
        os.kill(stack.process.pid, signal.SIGINT)
    return stack.process.wait(60)
