"""Starting, awaiting and stopping the appliance's own processes."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

from appliance.client import Client
from appliance.config import Settings
from appliance.errors import ApplianceError, Unavailable, UsageError

STOP_SECONDS = 15.0
START_SECONDS = 60.0


class Stopped(Exception):
    """Somebody asked this process to end."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Stopped` while the block runs; a second signal while stopping is ignored."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    former = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, action in former.items():
            signal.signal(each, action)


class Child:
    """A process of the appliance. Its session is its own, so Ctrl-C reaches its parent alone, who then stops it."""

    def __init__(self, name: str, module: str, arguments: Sequence[str], stdout: TextIO | None = None) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "appliance.child", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout or sys.stderr,
            start_new_session=True,
        )

    def exit_code(self) -> int | None:
        """Return the exit code, None while it runs; -N when signal N ended it."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait for the process to end by itself and return its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """End the process: ask first, then make it."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def arguments(settings: Settings, config: Path | None) -> list[str]:
    """Return the arguments that make a child read the same configuration."""
    return ["--home", str(settings.home), *(["--config", str(config)] if config else [])]


@contextlib.contextmanager
def service(settings: Settings, config: Path | None = None, rebuild: bool = False) -> Iterator[Client]:
    """Yield a client of the home's service: the running one, or one that lives as long as the block."""
    with starting_service(settings, config, rebuild) as started:
        yield started()


@contextlib.contextmanager
def starting_service(settings: Settings, config: Path | None, rebuild: bool) -> Iterator[Callable[[], Client]]:
    """Like `service`, but do not wait for it: yield what waits and returns the client.

    So that something else can start meanwhile.
    """
    client = Client(settings.socket)
    with contextlib.closing(client):
        if client.is_up():
            if rebuild:
                raise UsageError("the index cannot be rebuilt while the service runs", 'Stop "appliance up" first.')
            yield lambda: client
            return
        extra = ["--rebuild"] if rebuild else []
        child = Child("service", "appliance.cli", ["serve", *arguments(settings, config), "--no-tcp", *extra])

        def started() -> Client:
            await_service(client, child)
            return client

        try:
            yield started
        finally:
            client.close()
            child.stop()


def await_service(client: Client, child: Child | None = None) -> None:
    """Return when the service answers. Raises what `child`, its process, ended with if it ends instead."""
    deadline = time.monotonic() + START_SECONDS
    while not client.is_up():
        code = child.exit_code() if child else None
        if code is not None:
            raise Ended(code)
        if time.monotonic() > deadline:
            raise Unavailable(f"the service did not answer within {START_SECONDS:.0f} s", "Look at its output above.")
        time.sleep(0.02)


class Ended(ApplianceError):
    """A process ended early and has said itself why; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the service ended with exit code {code}")
        self.code = code
