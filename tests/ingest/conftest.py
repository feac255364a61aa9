"""What the tests of ingest share: a tokenizer made here, the service's side in memory, and a run over both."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from appliance.types import Finding
from ingest.chunk import Draft, title_of
from ingest.files import BadFile
from ingest.parsed import Budget, Extracted, Limits, Parsed, Source
from ingest.plan import Options
from ingest.pool import Worker
from ingest.readers import Access
from ingest.register import Place
from ingest.report import Report
from ingest.run import Job, Scope, Tools, run, session
from ingest.turns import Turns
from tests.fakes import HashEmbedder, MemoryApi

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
