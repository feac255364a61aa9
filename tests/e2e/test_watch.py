"""A share that is followed: what people do to its files shows in what is found, by itself, on the real processes.

One service and one `appliance ingest --watch` serve all tests; each has files of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from appliance.client import Client, credential
from tests.sealed import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.slow]

CLI = [sys.executable, "-m", "appliance.cli"]
# What is gone, or may not be read any more, stops answering within so many seconds of the event.
SILENT_SECONDS = 5.0
# Everything else comes with the next run; this bounds a hang, nothing is promised.
SECONDS = 60.0
START_SECONDS = 300.0
POLL_SECONDS = 0.05

Shown = Mapping[str, tuple[str, ...]]


@dataclass
class Watched:
    """A share that is followed, and the service that answers from it."""

    share: Path
    home: Path
    environment: Mapping[str, str]
    service: subprocess.Popen[bytes]
    ingest: subprocess.Popen[bytes]
    said: Path

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str) -> Any:
        """Call the service as the owner of the home."""
        run = self.home / "run"
        client = Client(run / "api.sock", credential(run / "ingest.token"))
        try:
            return client.call(method, path, body, **query)
        finally:
            client.close()

    def shown(self, under: str) -> Shown:
        """Return the texts that an employee finds, by path, of the files at and below a path."""
        body = {"question": "Where is the valve kept?", "user": "ada", "limit": 100}
        found: dict[str, list[str]] = {}
        for passage in self.call("POST", "/api/search", body)["passages"]:
            found.setdefault(passage["document"], []).append(passage["text"])
        return {
            path: tuple(sorted(texts)) for path, texts in found.items() if path == under or path.startswith(f"{under}/")
        }

    def known(self, under: str) -> dict[str, str]:
        """Return the status of every file at and below a path."""
        rows = self.call("POST", "/api/documents/list", {"share": str(self.share), "under": under})["documents"]
        return {row["path"]: row["status"] for row in rows}

    def runs(self) -> dict[str, dict[str, Any]]:
        return {run["id"]: run for run in self.call("GET", "/api/runs")["runs"]}

    def awaits(self, check: Callable[[], bool], seconds: float = SECONDS) -> float:
        """Return the seconds after which `check` was true; fail when it is not within `seconds`."""
        start = time.monotonic()
        while not check():
            assert self.ingest.poll() is None, self.said.read_text()
            assert time.monotonic() - start < seconds, f"not within {seconds} seconds:\n{self.said.read_text()}"
            time.sleep(POLL_SECONDS)
        return time.monotonic() - start

    def awaits_quiet(self, before: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Wait until runs that began after `before` are finished, and return them; fail if there are none."""

        def new() -> list[dict[str, Any]]:
            return [run for name, run in self.runs().items() if name not in before]

        self.awaits(lambda: bool(new()) and all(run["finished"] for run in new()))
        return new()


@pytest.fixture(scope="module")
def environment(models_folder: Callable[[str], Path]) -> dict[str, str]:
    """Return the environment of a user who takes readers from modes as well; nothing is generated here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    folder = models_folder("all-minilm-l6-v2").parent
    return {**kept, "APPLIANCE_MODELS_DIR": str(folder), "APPLIANCE_ACCESS__POSIX": "true"}


@pytest.fixture(scope="module")
def watched(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Return a share as it is when the first run over it is done."""
    folder = tmp_path_factory.mktemp("watch")
    share, home, said = folder / "share", folder / "home", folder / "said"
    fill(share)
    service = serve(home, environment)
    with said.open("wb") as output:
        command = [*CLI, "ingest", str(share), "--watch", "--home", str(home)]
        ingest = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    stack = Watched(share, home, environment, service, ingest, said)
    try:
        stack.awaits(lambda: "watching" in said.read_text(), START_SECONDS)
        yield stack
    finally:
        for process in (ingest, stack.service):
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    # It went on to the end, and nobody but us ended it.
    assert "Traceback" not in said.read_text()


def serve(home: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a service and return when it answers."""
    command = [*CLI, "serve", "--no-tcp", "--home", str(home)]
    service = subprocess.Popen(command, cwd=ROOT, env=dict(environment))
    client = Client(home / "run" / "api.sock")
    deadline = time.monotonic() + START_SECONDS
    while not client.is_up():
        assert service.poll() is None
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)
    client.close()
    return service


def text(name: str) -> str:
    """Return a text of its own for each name: of passages that are the same, a search shows one."""
    return f"The valve {name} is kept in hall seven.\n"


def fill(share: Path) -> None:
    """Make the files that tests change: what a test does to one, no other depends on."""
    for path in (
        "edited.txt", "renamed-file.txt", "renamed-folder/in/one.txt", "renamed-folder/two.txt", "deleted.txt",
        "deleted-folder/in/one.txt", "ruled/one.txt", "ruled/in/two.txt", "moded.txt", "moded-folder/one.txt",
        "replaced.txt", "killed.txt",
    ):  # fmt: skip
        (share / path).parent.mkdir(parents=True, exist_ok=True)
        (share / path).write_text(text(path))
    for name in ("mail.eml", "deleted.eml"):
        (share / name).write_bytes(mail(name))
    for name in ("archive.zip", "renamed-archive.zip", "deleted.zip"):
        with zipfile.ZipFile(share / name, "w") as archive:
            archive.writestr("inner/name.txt", text(f"in {name}"))
    for folder, folders, files in os.walk(share):
        for name in folders:
            (Path(folder) / name).chmod(0o755)
        for name in files:
            (Path(folder) / name).chmod(0o644)
    share.chmod(0o755)


def mail(name: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Valves"
    message.set_content(text(f"of {name}"))
    message.add_attachment(text(f"attached to {name}"), filename="name.txt")
    return message.as_bytes()


def test_a_new_file_is_found(watched: Watched) -> None:
    """Without anybody's asking for it, and in a folder that is new as well."""
    folder = watched.share / "new"
    folder.mkdir(mode=0o755)
    (folder / "file.txt").write_text(text("new"))
    watched.awaits(lambda: {"new/file.txt": (text("new").strip(),)} == watched.shown("new"))


def test_what_lies_in_mails_and_archives_is_found_in_its_place(watched: Watched) -> None:
    """An attachment as `mail.eml/name`, a member as `archive.zip/inner/name`."""
    assert {"mail.eml", "mail.eml/name.txt"} == set(watched.shown("mail.eml"))
    assert {"archive.zip/inner/name.txt"} == set(watched.shown("archive.zip"))
    assert {"archive.zip": "indexed", "archive.zip/inner/name.txt": "indexed"} == watched.known("archive.zip")


@pytest.mark.parametrize("way", ["written", "replaced"])
def test_an_edited_text_replaces_the_old(watched: Watched, way: str) -> None:
    """The former version answers until the new one does: never both, never neither."""
    path = {"written": "edited.txt", "replaced": "replaced.txt"}[way]
    old, new = (text(path).strip(),), (text(f"{path}, edited").strip(),)
    assert {path: old} == watched.shown(path)
    if way == "written":
        (watched.share / path).write_text(text(f"{path}, edited"))
    else:
        # As editors save: a file beside it, then moved over it.
        (watched.share / f".{path}").write_text(text(f"{path}, edited"))
        (watched.share / f".{path}").replace(watched.share / path)
    seen: list[Shown] = []

    def is_new() -> bool:
        seen.append(watched.shown(path))
        return seen[-1] == {path: new}

    watched.awaits(is_new)
    assert [] == [shown for shown in seen if shown not in ({path: old}, {path: new})]


RENAMED = {
    "file": ("renamed-file.txt", "new-file.txt", {"": "indexed"}),
    "folder": ("renamed-folder", "new-folder", {"/in/one.txt": "indexed", "/two.txt": "indexed"}),
    "archive": ("renamed-archive.zip", "new-archive.zip", {"": "indexed", "/inner/name.txt": "indexed"}),
}


@pytest.mark.parametrize("kind", RENAMED)
def test_what_is_renamed_answers_under_its_new_path_without_embedding(watched: Watched, kind: str) -> None:
    """A file, a folder, an archive: all in it is known and found under the new path, with the passages as they were."""
    old, new, below = RENAMED[kind]
    answered = watched.shown(old)
    assert answered
    runs = watched.runs()
    (watched.share / old).rename(watched.share / new)
    watched.awaits(lambda: {new + path[len(old) :]: texts for path, texts in answered.items()} == watched.shown(new))
    assert [0] * len(done := watched.awaits_quiet(runs)) == [run["passages"] for run in done]
    assert ({}, {new + path: status for path, status in below.items()}) == (watched.known(old), watched.known(new))


def _delete(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _close(path: Path) -> None:
    (path / ".readers.toml").write_text('readers = ["user:bob"]\n')


def _forbid(path: Path) -> None:
    path.chmod(0o700)


LOST: dict[str, tuple[str, Callable[[Path], None]]] = {
    "file deleted": ("deleted.txt", _delete),
    "folder deleted": ("deleted-folder", _delete),
    "mail deleted": ("deleted.eml", _delete),
    "archive deleted": ("deleted.zip", _delete),
    "rule file": ("ruled", _close),
    "mode of a file": ("moded.txt", _forbid),
    "mode of a folder": ("moded-folder", _forbid),
}


@pytest.mark.parametrize("how", LOST)
def test_what_may_not_be_read_any_more_is_silent_within_seconds(watched: Watched, how: str) -> None:
    """Deleted, or its readers taken away: from the event on it takes less than five seconds."""
    path, change = LOST[how]
    assert watched.shown(path)
    change(watched.share / path)
    assert watched.awaits(lambda: not watched.shown(path), SILENT_SECONDS) < SILENT_SECONDS


def test_who_loses_readers_gets_them_back_without_embedding(watched: Watched) -> None:
    """A rule file that goes again leaves everything as it was."""
    folder = watched.share / "ruled"
    (folder / ".readers.toml").unlink(missing_ok=True)
    watched.awaits(lambda: {"ruled/one.txt", "ruled/in/two.txt"} == set(watched.shown("ruled")))
    runs = watched.runs()
    _close(folder)
    watched.awaits(lambda: not watched.shown("ruled"))
    (folder / ".readers.toml").unlink()
    watched.awaits(lambda: {"ruled/one.txt", "ruled/in/two.txt"} == set(watched.shown("ruled")))
    assert {0} == {run["passages"] for run in watched.awaits_quiet(runs)}


def test_a_killed_service_comes_back_and_the_watch_goes_on(watched: Watched) -> None:
    """What happened while it was away is made up for: a file is new, one is gone, one has another text."""
    (watched.share / "away-gone.txt").write_text(text("away-gone.txt"))
    watched.awaits(lambda: bool(watched.shown("away-gone.txt")))
    watched.service.send_signal(signal.SIGKILL)
    watched.service.wait(60)
    (watched.share / "away-gone.txt").unlink()
    (watched.share / "away-new.txt").write_text(text("away-new.txt"))
    (watched.share / "killed.txt").write_text(text("after the kill"))
    # Long enough for the watch to find out that nobody answers.
    watched.awaits(lambda: "does not answer" in watched.said.read_text())
    watched.service = serve(watched.home, watched.environment)
    watched.awaits(lambda: not watched.shown("away-gone.txt"))
    watched.awaits(lambda: {"away-new.txt": (text("away-new.txt").strip(),)} == watched.shown("away-new.txt"))
    watched.awaits(lambda: {"killed.txt": (text("after the kill").strip(),)} == watched.shown("killed.txt"))
    (watched.share / "later.txt").write_text(text("later"))
    watched.awaits(lambda: bool(watched.shown("later.txt")))


def test_the_log_of_all_this_verifies(watched: Watched) -> None:
    """Every change is an entry, and the tree is whole."""
    done = subprocess.run(
        [*CLI, "log", "verify", "--home", str(watched.home)],
        cwd=ROOT,
        env=dict(watched.environment),
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    assert 0 == done.returncode, done.stderr
    kinds = {entry["kind"] for entry in watched.call("GET", "/api/log", last="1000")["entries"]}
    assert {"document.put", "document.moved", "document.removed", "documents.regranted"} <= kinds, json.dumps([*kinds])
