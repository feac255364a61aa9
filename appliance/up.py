"""`appliance up`: check the machine, fetch what is missing, serve, ingest the share and follow it, until stopped."""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

from appliance import check
from appliance.client import Client
from appliance.config import Settings
from appliance.errors import ApplianceError, Unavailable
from appliance.processes import Child, Ended, Stopped, arguments, await_service, stoppable
from appliance.pull import ensure

POLL_SECONDS = 0.5


def sample_share() -> Path:
    """Return the small share that the project carries."""
    return Path(__file__).parent.parent / "compose" / "sample"


def up(settings: Settings, config: Path | None, share: Path | None) -> None:
    """Bring everything up and return when asked to stop. Every process that was started has ended by then."""
    share = (share or sample_share()).absolute()
    _check(settings, share)
    children: list[Child] = []
    try:
        with stoppable():
            ensure(settings, (settings.embedder.name, settings.generator.name))
            _start(settings, config, children)
            _say(f"page   http://127.0.0.1:{settings.service.port}")
            _say(f"API    http://127.0.0.1:{settings.api_port}")
            _say(f"ingest {share}")
            ingest = _ingest(settings, config, share, children)
            _say("ready; stop with Ctrl-C")
            _watch(children, ingest)
    except Stopped:
        _say("stopping")
    finally:
        for child in reversed(children):
            child.stop()


def _check(settings: Settings, share: Path) -> None:
    findings = [
        *check.machine(settings),
        *check.share(share),
        *check.port(settings.service.port, "--port"),
        *check.port(settings.api_port, "APPLIANCE_SERVICE__API_PORT"),
    ]
    report(findings)
    if any(finding.level == "error" for finding in findings):
        raise Unavailable("this machine is not ready", "Follow the hints above.")


def report(findings: list[check.Finding]) -> None:
    """Print findings, one a line, with the hint where there is one."""
    for finding in findings:
        _say(f"{finding.level:7} {finding.what}{f'. {finding.hint}' if finding.hint else ''}")


def _start(settings: Settings, config: Path | None, children: list[Child]) -> None:
    port = str(settings.service.port)
    service = Child("service", "appliance.cli", ["serve", *arguments(settings, config), "--warm", "--port", port])
    children.append(service)
    page = ["--socket", str(settings.socket), "--host", "127.0.0.1", "--port", port]
    children.append(Child("page", "ui", page))
    client = Client(settings.socket)
    try:
        await_service(client, service)
    finally:
        client.close()


def _ingest(settings: Settings, config: Path | None, share: Path, children: list[Child]) -> Child:
    """Start what ingests and follows the share, and return it when it has gone through the share once, or has ended."""
    said, says = os.pipe()
    try:
        with os.fdopen(says, "w", encoding="utf-8") as output:
            given = [str(share), *arguments(settings, config), "--watch"]
            ingest = Child("ingest", "ingest", given, stdout=output)
        children.append(ingest)
        # Its first line says so; its end does too.
        while not select.select([said], [], [], POLL_SECONDS)[0]:
            _all_alive(children[:-1])
    finally:
        os.close(said)
    return ingest


def _watch(children: list[Child], ingest: Child) -> None:
    while True:
        if ingest in children and ingest.exit_code() is not None:
            children.remove(ingest)
            _say("the share is not followed any more; what there is can be asked")
        _all_alive(children)
        time.sleep(POLL_SECONDS)


def _all_alive(children: list[Child]) -> None:
    for child in children:
        code = child.exit_code()
        if code is not None:
            raise (
                Ended(code)
                if child.name == "service"
                else ApplianceError(f"the {child.name} ended with exit code {code}", "Look at its output above.")
            )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
