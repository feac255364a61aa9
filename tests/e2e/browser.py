"""Driving the page in a real browser: start the page, open it, ask, and read what a reader would read.

Tests of the page against a scripted service and tests of the whole appliance both use this.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 20
LAPTOP, PHONE = (1280, 800), (390, 844)


@dataclass
class Visit:
    """One browser page and everything it asked for or complained about since it was opened."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def hosts(self) -> set[str]:
        """Return every host that the page asked something of; data: and blob: addresses name none."""
        return {host for host in (urlsplit(url).hostname for url in self.requests) if host}


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a running browser; skip the test where none is installed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Debian's chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(browser: Any, url: str, size: tuple[int, int] = LAPTOP, dark: bool = False) -> Iterator[Visit]:
    """Open `url` in a fresh browser profile and wait until the page is drawn."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    seen = Visit(page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("websocket", lambda opened: seen.requests.append(opened.url))
    page.on("console", lambda said: seen.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    try:
        page.goto(url)
        page.get_by_test_id("stApp").wait_for()
        page.get_by_test_id("stMainBlockContainer").locator(".stElementContainer").last.wait_for(state="attached")
        yield seen
    finally:
        context.close()


def ask(page: Any, question: str) -> None:
    """Type a question and send it, as soon as the page takes one."""
    box = page.get_by_test_id("stChatInputTextArea")
    box.and_(page.locator(":enabled")).wait_for()
    box.fill(question)
    box.press("Enter")
    page.get_by_test_id("stChatMessage").filter(has_text=question).last.wait_for()


def wait_for_answer(page: Any, seconds: float = SECONDS) -> str:
    """Wait until no answer is being written any more; return the text of the last one, sources and footer included."""
    last_answer(page).locator('[class*="st-key-quiet-end-"]').wait_for(timeout=seconds * 1000)
    page.get_by_role("button", name="Stop").wait_for(state="hidden", timeout=seconds * 1000)
    page.get_by_test_id("stChatInputTextArea").and_(page.locator(":enabled")).wait_for(timeout=seconds * 1000)
    return last_answer(page).inner_text()


def last_answer(page: Any) -> Any:
    """Return the locator of the newest answer."""
    return page.get_by_test_id("stChatMessage").last


def unfold(page: Any, number: int) -> str:
    """Unfold a citation of the newest answer by its number; return the text of the passage shown."""
    source = last_answer(page).get_by_test_id("stExpander").filter(has_text=f"[{number}]")
    source.locator("summary").click()
    details = source.get_by_test_id("stExpanderDetails")
    details.get_by_test_id("stText").first.wait_for()
    return str(details.inner_text())


@contextmanager
def serving(api_socket: Path, *arguments: str) -> Iterator[str]:
    """Run `python -m ui` against the service at `api_socket`; yield the page's address."""
    port = free_port()
    command = [sys.executable, "-m", "ui", "--socket", str(api_socket), "--port", str(port), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        wait_for_port(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, nor on the next one: the page's and the API's."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until `process` listens on `port`. Fails when it ends, or takes longer than a minute."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise AssertionError(f"the process ended with {process.returncode}")
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port} after a minute")
