"""What the tests of ingest share: a tokenizer made here, the service's side in memory, and a run over both."""

from __future__ import annotations

import io
import os
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers

from appliance.errors import NotFound
from appliance.types import Finding, ModelRecord
from ingest.chunk import Draft, title_of
from ingest.files import BadFile
from ingest.parsed import Budget, Extracted, Limits, Parsed, Source
from ingest.plan import Options, order
from ingest.pool import Worker
from ingest.push import Known, Put
from ingest.readers import Access
from ingest.register import Place
from ingest.report import Report
from ingest.run import Job, Scope, Tools, run, session
from ingest.turns import Turns
from tests.fakes import HashEmbedder

READERS = ("group:everyone",)
LIMITS = Limits(seconds=60, memory_bytes=2_000_000_000, text_characters=2_000_000)
BUDGET = Budget(files=1000, size_bytes=50_000_000, depth=4, ratio=200)
OPTIONS = Options(10_000_000, BUDGET)


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tokenizer.json for which every word and every sign is one token; it asks for truncation, as many do."""
    made = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.enable_truncation(8)
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(file))
    return file


class MemoryApi:
    """The service as ingest sees it, in memory. `puts` are the paths in the order they arrived, `told` every change.

    `at` is called with the name of a change before it is made, for tests that hold one up.
    """

    def __init__(self) -> None:
        self.documents: dict[str, Known] = {}
        self.passages: dict[str, tuple[str, ...]] = {}
        self.puts: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.started: list[str] = []
        self.finished: list[Mapping[str, int]] = []
        self.models: list[str] = []
        self.fail_at = -1
        self.at: Callable[[str, str], None] = lambda change, path: None
        self._lock = threading.RLock()

    def known(self, share: str, under: str = "") -> Iterator[Known]:
        self.at("known", under)
        inside = under + "/" if under else ""
        with self._lock:
            rows = [
                row
                for row in self.documents.values()
                if row.path == under
                or row.owner == under
                or row.path.startswith(inside)
                or row.owner.startswith(inside)
            ]
        yield from sorted(rows, key=lambda row: (order(row.owner), order(row.path)))

    def start(self, share: str, chunker: str, embedder: ModelRecord) -> str:
        self.started.append(f"run-{len(self.started)}")
        return self.started[-1]

    def loaded(self, run: str, model: ModelRecord) -> None:
        self.models.append(model.name)

    def _tell(self, change: str, path: str) -> None:
        self.at(change, path)
        if len(self.told) == self.fail_at:
            raise OSError("the service is gone")
        self.told.append((change, path))

    def put(self, run: str, share: str, put: Put, vectors: NDArray[np.float32] | None) -> None:
        self._tell("put", put.path)
        assert len(put.drafts or ()) == (0 if vectors is None else len(vectors))
        with self._lock:
            before = self.documents.get(put.path)
            answers = before.answers if before else ""
            if put.drafts is not None:
                self.passages[put.path] = tuple(draft.text for draft in put.drafts)
                answers = put.sha256 if put.drafts else ""
            self.puts.append(put.path)
            self._keep(put, answers)

    def _keep(self, put: Put, answers: str) -> None:
        self.documents[put.path] = Known(
            path=put.path,
            owner=put.owner,
            sha256=put.sha256,
            answers=answers,
            size_bytes=put.stamp.size_bytes,
            modified_ns=put.stamp.modified_ns,
            media_type=put.media_type,
            readers=put.readers,
            status=put.status,
            reason=put.reason,
            hint=put.hint,
            pages=put.pages,
            passages=len(self.passages.get(put.path, ())),
            title=put.title,
            findings=put.findings,
        )

    def move(self, run: str, share: str, old: str, put: Put) -> None:
        self._tell("move", put.path)
        with self._lock:
            if old not in self.documents:
                raise NotFound(f"no document {old}")
            before = self.documents.pop(old)
            self.passages[put.path] = self.passages.pop(old, ())
            self._keep(put, before.answers)

    def regrant(self, run: str, share: str, changes: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        for path, readers in changes:
            self._tell("regrant", path)
            with self._lock:
                if path in self.documents:
                    self.documents[path] = replace(self.documents[path], readers=readers)

    def remove(self, run: str, share: str, path: str) -> None:
        self._tell("remove", path)
        with self._lock:
            if path not in self.documents:
                raise NotFound(f"no document {path}")
            del self.documents[path]
            self.passages.pop(path, None)

    def progress(self, run: str, done: int, total: int) -> None:
        pass

    def finish(
        self, run: str, counts: Mapping[str, int], removed: int, passages: int, seconds: float, findings: int = 0
    ) -> None:
        self.finished.append(dict(counts))

    def close(self) -> None:
        pass

    def answering(self) -> dict[str, tuple[str, ...]]:
        """Return the texts that somebody is shown, by path."""
        with self._lock:
            return {path: texts for path, texts in self.passages.items() if texts and self.documents[path].readers}


class TextWorker:
    """Parses in this process: text by paragraphs, ZIP archives by their members. `parsed` are the paths it got."""

    def __init__(self) -> None:
        self.parsed: list[str] = []
        self.budgets: list[Budget] = []
        self.at: Callable[[str], None] = lambda path: None

    def parse(self, source: Source, budget: Budget) -> Parsed:
        self.parsed.append(source.path)
        self.budgets.append(budget)
        self.at(source.path)
        size = os.fstat(source.descriptor).st_size if source.size_bytes is None else source.size_bytes
        content = os.pread(source.descriptor, size, source.offset)
        if content.startswith(b"PK"):
            return self._archive(content)
        text = content.decode()
        if "broken" in text:
            raise BadFile("damaged", "it is broken")
        if "slow" in text:
            raise BadFile("timed_out", "it takes too long")
        title, _, text = text.partition("\n") if text.startswith("# ") else ("", "", text)
        findings = (Finding("addresses_model", "page 3", 0),) if "ORDERS" in text else ()
        drafts = tuple(Draft(part, None, (title,) if title else ()) for part in text.split("\n\n") if part.strip())
        return Parsed("text/plain", None, "" if title else title_of(source.path), drafts, findings)

    def _archive(self, content: bytes) -> Parsed:
        spool = os.memfd_create("spool")
        members: list[Extracted] = []
        offset = 0
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                data = archive.read(name)
                problem = BadFile("encrypted", "it has a password") if name.startswith("locked") else None
                members.append(Extracted(name, offset, len(data), problem))
                offset += os.write(spool, data)
        return Parsed("application/zip", None, "", (), (), tuple(members), spool)

    def close(self) -> None:
        pass

    def kill(self) -> None:
        pass


def zipped(**files: str | bytes) -> bytes:
    """Return a ZIP archive; `__` in a name stands for a dot, `_` between words for a folder."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", ".").replace("_", "/")), content)
    return made.getvalue()


@dataclass
class Ingest:
    """Runs ingest over one folder, again and again, against one service."""

    share: Path
    tokenizer: Path
    api: MemoryApi = field(default_factory=MemoryApi)
    limits: Limits = LIMITS
    options: Options = OPTIONS
    access: Access = field(default_factory=lambda: Access(READERS))
    module: str = "ingest.worker"
    embedders: int = 0
    worker: TextWorker | None = None

    def job(self, **changes: bool) -> Job:
        worker = self.worker or Worker(
            lambda: self.tokenizer, 60, self.limits, self.share.parent / "scratch", self.module
        )
        tools = Tools("test", HashEmbedder().record, self._embedder, [worker])
        place = Place(str(self.share), self.access, Turns(self.share.parent / "turns"))
        folder = Path(tempfile.gettempdir())
        return Job(place, tools, replace(self.options, **changes), folder, lambda done, total: None)

    def __call__(self, **changes: bool) -> Report:
        job = self.job(**changes)
        return run(job, self.api, session(job))

    def over(self, *paths: str, suspect: tuple[str, ...] = ()) -> Report:
        """Run over these paths alone, as after events."""
        job = self.job()
        return run(job, self.api, session(job), Scope(paths, suspect, quiet=True))

    def _embedder(self) -> HashEmbedder:
        self.embedders += 1
        return HashEmbedder()

    def statuses(self, **changes: bool) -> dict[str, str]:
        return {row.path: row.status for row in self(**changes).rows}


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


@pytest.fixture
def quick(share: Path, tokenizer: Path) -> Ingest:
    """Return what ingests text and archives, without a process that parses."""
    return Ingest(share, tokenizer, worker=TextWorker())


@pytest.fixture
def ingest(share: Path, tokenizer: Path) -> Ingest:
    return Ingest(share, tokenizer)


@pytest.fixture
def worker(tokenizer: Path, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Return a function that makes workers, ended after the test."""
    made: list[Worker] = []

    def make(limits: Limits = LIMITS, module: str = "ingest.worker") -> Worker:
        made.append(Worker(lambda: tokenizer, 60, limits, tmp_path / "scratch", module))
        return made[-1]

    yield make
    for each in made:
        each.close()
