"""Random kills while a share that changes is ingested: `python -m tests.eval.kills --models DIR [--kills 200]`.

Real processes over a real index and log: a service, and `ingest SHARE --watch` with its parsing child. In each round
files are created, changed, renamed, regranted and removed while a process chosen at random is killed with SIGKILL at a
random moment: the service, ingest, the parsing child, or all of them. After each kill the appliance is opened again,
and index, catalogue and log have to agree:

* the index holds, of every document, exactly the version and the number of passages that its row names, and no other;
* the log's entries, replayed, give the same documents, versions, statuses and readers as the rows;
* the verifier finds nothing wrong with the log.

Every so many rounds the share is left alone until it is ingested, and then every file of it, and no other, has to be
found by a word that stands in it alone, once. Prints each inconsistency and exits with 1 if there is any.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from appliance import verify
from appliance.bootstrap import Loaders, open_appliance
from appliance.catalog import Query
from appliance.client import Client
from appliance.config import Settings, load
from appliance.types import LogEntry
from tests.bench import common
from tests.fakes import HashEmbedder, ScriptedGenerator

FILES = 40
SETTLE_EVERY = 10
# A round's kill comes when so many entries say that ingestion is at work, or at the latest after so many seconds.
AT_WORK = 5
AT_WORK_SECONDS = 25
SETTLE_SECONDS = 180
START_SECONDS = 60
WORDS = ("travel", "hotel", "limit", "approval", "manager", "holiday", "contract", "invoice", "deadline", "office")
VICTIMS = ("service",) * 4 + ("ingest",) * 3 + ("worker",) * 2 + ("all",)


@dataclass(frozen=True, slots=True)
class State:
    """What the log says of a document: the version that answers, its status, and its readers."""

    answers: str
    status: str
    readers: tuple[str, ...]


def replayed(entries: Iterable[LogEntry]) -> dict[str, State]:
    """Return the documents that the log's entries leave, by id."""
    states: dict[str, State] = {}
    before: dict[str, State | None] = {}
    for entry in entries:
        body: Mapping[str, Any] = entry.body
        match entry.kind:
            case "document.put" | "document.described" | "document.moved":
                before[body["document"]] = states.get(body["document"])
                states[body["document"]] = _state(body)
                if entry.kind == "document.moved":
                    before[body["former"]] = states.pop(body["former"], None)
            case "document.recovered" if body["landed"]:
                states[body["document"]] = _state(body)
                states.pop(body["former"], None)
            case "document.recovered":
                _undo(states, before, body["document"])
                if body["former"]:
                    _undo(states, before, body["former"])
            case "documents.regranted":
                for document in body["documents"]:
                    states[document] = replace(states[document], readers=tuple(body["readers"]))
            case "document.removed" | "document.lost":
                states.pop(body["document"], None)
    return states


def _state(body: Mapping[str, Any]) -> State:
    return State(body["answers"], body["status"], tuple(body["readers"]))


def _undo(states: dict[str, State], before: Mapping[str, State | None], document: str) -> None:
    former = before.get(document, states.get(document))
    if former is None:
        states.pop(document, None)
    else:
        states[document] = former


class Share:
    """A folder that changes. Every text has a word of its own, by which its version is found."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder = folder
        self._chance = chance
        self._count = 0
        for _ in range(FILES):
            self.create()

    def change(self) -> None:
        """Make one change at random."""
        kinds = (self.create, self.edit, self.edit, self.rename, self.rename_folder, self.remove, self.regrant)
        with suppress(FileNotFoundError):
            self._chance.choice(kinds)()

    def create(self) -> None:
        folder = self.folder / f"team{self._chance.randrange(4)}"
        folder.mkdir(exist_ok=True)
        kind = self._chance.choice(["md", "txt", "html", "zip", "eml"])
        self._write(folder / f"note{self._chance.randrange(60)}.{kind}")

    def edit(self) -> None:
        if files := self.files():
            self._write(self._chance.choice(files))

    def rename(self) -> None:
        if files := self.files():
            file = self._chance.choice(files)
            file.rename(file.with_name(f"note{self._chance.randrange(60)}{file.suffix}"))

    def rename_folder(self) -> None:
        folder = self.folder / f"team{self._chance.randrange(4)}"
        target = self.folder / f"team{self._chance.randrange(4)}"
        if folder.is_dir() and not target.exists():
            folder.rename(target)

    def remove(self) -> None:
        files = self.files()
        if len(files) > FILES // 2:
            self._chance.choice(files).unlink()

    def regrant(self) -> None:
        folder = self.folder / f"team{self._chance.randrange(4)}"
        folder.mkdir(exist_ok=True)
        readers = self._chance.choice(['["group:everyone"]', '["user:ada"]', "[]"])
        self._place(folder / ".readers.toml", f"readers = {readers}\n".encode())

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("note*") if path.is_file())

    def words(self) -> Counter[str]:
        """Return the words that every document of the share holds alone."""
        return Counter(word for file in self.files() for word in _words(file))

    def _write(self, file: Path) -> None:
        text = " ".join(self._text() for _ in range(self._chance.choice([1, 1, 3, 30])))
        made = io.BytesIO()
        match file.suffix:
            case ".zip":
                with zipfile.ZipFile(made, "w") as archive:
                    for number in range(self._chance.randrange(1, 4)):
                        archive.writestr(f"in{number}.md", f"# Inner\n\n{self._word()} {text}")
            case ".eml":
                message = EmailMessage()
                message["Subject"], message["From"], message["To"] = "Note", "a@example.com", "b@example.com"
                message.set_content(f"{self._word()} {text}")
                message.add_attachment(f"{self._word()} {text}", filename="attached.txt")
                made.write(message.as_bytes())
            case ".html":
                made.write(f"<html><body><h1>Note</h1><p>{self._word()} {text}</p></body></html>".encode())
            case _:
                made.write(f"# Note\n\n{self._word()} {text}\n".encode())
        self._place(file, made.getvalue())

    def _place(self, file: Path, content: bytes) -> None:
        """Write a file as programs do: half the time into its place, half the time beside it and then over it."""
        if self._chance.random() < 0.5:
            file.write_bytes(content)
        else:
            beside = file.with_name(f".{file.name}.tmp")
            beside.write_bytes(content)
            beside.replace(file)

    def _word(self) -> str:
        self._count += 1
        return f"zq{self._count}x"

    def _text(self) -> str:
        return " ".join(self._chance.choices(WORDS, k=40)) + "."


def _words(file: Path) -> list[str]:
    """Return the words of a file, and of those in it, that stand nowhere else."""
    content = file.read_bytes()
    if file.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = b" ".join(archive.read(name) for name in archive.namelist())
    elif file.suffix == ".eml":
        parts = message_from_bytes(content, policy=policy.default).walk()
        content = b" ".join(part.get_payload(decode=True) or b"" for part in parts)
    return re.findall(r"\bzq\d+x\b", content.decode())


@dataclass
class Processes:
    """The processes of one home, each started when it is needed and killed at will."""

    home: Path
    share: Path
    environment: dict[str, str]
    service: subprocess.Popen[bytes] | None = None
    ingest: subprocess.Popen[bytes] | None = None
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(load(self.home).socket)

    def start(self) -> None:
        """Have both run."""
        if self.service is None:
            self.service = self._run("appliance.cli", "serve", "--home", str(self.home), "--no-tcp")
        if self.ingest is None or self.ingest.poll() is not None:
            self.ingest = self._run("ingest", str(self.share), "--home", str(self.home), "--watch", "--wait")
        deadline = time.monotonic() + START_SECONDS
        while not self.client.is_up():
            if self.service.poll() is not None or time.monotonic() > deadline:
                sys.exit("the service does not start")
            time.sleep(0.02)

    def kill(self, victim: str) -> None:
        """Kill what the name says, without a warning."""
        worker = self._worker() if victim in ("worker", "all") else None
        for process in (
            self.service if victim in ("service", "all") else None,
            self.ingest if victim in ("ingest", "all") else None,
        ):
            if process is not None:
                process.kill()
                process.wait()
        if worker is not None:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        if victim in ("service", "all"):
            self.service = None
        if victim in ("ingest", "all"):
            self.ingest = None

    def changes(self) -> int:
        """Return the number of entries in the log: it grows with every change."""
        return int(self.client.call("GET", "/api/log/checkpoint")["size"])

    def stop_service(self) -> None:
        """Have the service end as it should."""
        if self.service is not None:
            self.service.terminate()
            self.service.wait()
            self.service = None

    def stop(self) -> None:
        if self.ingest is not None and self.ingest.poll() is None:
            self.ingest.terminate()
            self.ingest.wait()
        self.ingest = None
        self.stop_service()

    def ingest_once(self) -> dict[str, Any]:
        """Bring the index up to date with the share as it is, and return the report."""
        line = common.command("ingest", str(self.share), "--home", str(self.home), "--json")
        done = subprocess.run(line, cwd=common.ROOT, env=self.environment, stdout=subprocess.PIPE, check=True)
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def _run(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "appliance.child", module, *arguments]
        return subprocess.Popen(
            line, cwd=common.ROOT, env=self.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _worker(self) -> int | None:
        """Return the process id of the parsing child, if there is one."""
        if self.ingest is None:
            return None
        for children in Path(f"/proc/{self.ingest.pid}/task").glob("*/children"):
            with suppress(OSError):
                for child in children.read_text().split():
                    return int(child)
        return None


def disagreements(settings: Settings) -> list[str]:
    """Open the appliance as a start does and return what index, catalogue and log do not agree on."""
    opened = open_appliance(settings, loaders=Loaders(lambda _: HashEmbedder(384), lambda _: ScriptedGenerator("")))
    try:
        wrong: list[str] = []
        rows = [json.loads(record) for record in opened.catalog.page(Query(), 100_000)[0]]
        held, answering = dict(opened.index.versions()), opened.catalog.answering()
        wrong += [
            f"index {held.get(i)} but row {answering.get(i)}: {i}"
            for i in held.keys() | answering.keys()
            if held.get(i) != answering.get(i)
        ]
        for row in rows:
            chunks, _ = opened.index.chunks(row["id"]) if row["answers"] else ([], None)
            if len(chunks) != row["passages"]:
                wrong.append(f"{len(chunks)} passages in the index, {row['passages']} in the row of {row['path']}")
            if any(
                set(chunk.document.readers) != set(row["readers"]) or chunk.document.path != row["path"]
                for chunk in chunks
            ):
                wrong.append(f"index and row of {row['path']} name other readers or paths")
        states = {row["id"]: State(row["answers"], row["status"], tuple(row["readers"])) for row in rows}
        logged = replayed(opened.log.entries())
        wrong += [
            f"log {logged.get(i)} but row {states.get(i)}: {i}"
            for i in states.keys() | logged.keys()
            if states.get(i) != logged.get(i)
        ]
    finally:
        opened.close()
    report = verify.verify_log(settings.home / "log", (settings.home / "keys" / "log.pub").read_text("utf-8"), [])
    return wrong + [f"log: {finding.place}: {finding.what}" for finding in report.findings]


def missing(settings: Settings, share: Share) -> list[str]:
    """Return what a search finds of the share's words that it should not, or not as often as it should."""
    opened = open_appliance(settings, loaders=Loaders(lambda _: HashEmbedder(384), lambda _: ScriptedGenerator("")))
    try:
        found: Counter[str] = Counter()
        for document in opened.catalog.answering():
            chunks, _ = opened.index.chunks(document)
            found.update(word for chunk in chunks for word in re.findall(r"\bzq\d+x\b", chunk.text))
    finally:
        opened.close()
    wanted = share.words()
    return [
        f"{word} stands {wanted[word]} times in the share, {found[word]} in the index"
        for word in wanted.keys() | found.keys()
        if wanted[word] != found[word]
    ]


def torture(folder: Path, models: Path, kills: int, seed: int) -> int:
    """Run the rounds and return the number of inconsistencies."""
    chance = random.Random(seed)
    home, place = folder / "home", folder / "share"
    place.mkdir()
    share = Share(place, chance)
    settings = load(home, None, {"models_dir": models})
    environment = common.environment(models) | {
        "APPLIANCE_INGEST__SCAN_SECONDS": "10",
        "APPLIANCE_INGEST__WORKERS": "1",
    }
    processes = Processes(home, place, environment)
    counts: Counter[str] = Counter()
    wrong = idle = 0
    try:
        for number in range(1, kills + 1):
            processes.start()
            at_work = processes.changes() + AT_WORK
            limit = time.monotonic() + AT_WORK_SECONDS
            while processes.changes() < at_work and time.monotonic() < limit:
                share.change()
                time.sleep(chance.uniform(0, 0.1))
            idle += time.monotonic() >= limit
            until = time.monotonic() + chance.uniform(0, 3)
            while time.monotonic() < until:
                share.change()
                time.sleep(chance.uniform(0, 0.1))
            victim = chance.choice(VICTIMS)
            processes.kill(victim)
            counts[victim] += 1
            processes.stop_service()
            found = disagreements(settings)
            if number % SETTLE_EVERY == 0 or number == kills:
                processes.stop()
                report = processes.ingest_once()
                found += disagreements(settings) + missing(settings, share)
                print(
                    f"{number} kills ({dict(counts)}, {idle} while nothing was ingested): {dict(report['counts'])}, "
                    f"{wrong + len(found)} inconsistencies",
                    flush=True,
                )
            for line in found:
                print(f"  after kill {number} ({victim}): {line}", flush=True)
            wrong += len(found)
    finally:
        processes.stop()
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="folder of model files (as APPLIANCE_MODELS_DIR)")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    common.skip_unless(options.models)
    folder = Path(tempfile.mkdtemp())
    wrong = torture(folder, options.models.absolute(), options.kills, options.seed)
    print(f"{options.kills} kills, {wrong} inconsistencies")
    if not wrong:
        shutil.rmtree(folder)
    else:
        print(f"what is left is in {folder}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
