"""What the tests of ingest share: a tokenizer made here, the service's side in memory, and a run over both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers

from appliance.types import ModelRecord
from ingest.plan import Options
from ingest.pool import Limits, Worker
from ingest.push import Known, Put
from ingest.run import Report, Tools, run
from tests.fakes import HashEmbedder

READERS = ("group:everyone",)
LIMITS = Limits(seconds=60, memory_bytes=2_000_000_000, text_characters=2_000_000)
OPTIONS = Options(READERS, file_bytes=10_000_000)


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
    """The service as ingest sees it, in memory. `puts` are the paths in the order they arrived."""

    def __init__(self) -> None:
        self.documents: dict[str, Known] = {}
        self.passages: dict[str, tuple[str, ...]] = {}
        self.puts: list[str] = []
        self.finished: list[Mapping[str, int]] = []
        self.models: list[str] = []
        self.fail_at = -1

    def known(self, share: str) -> dict[str, Known]:
        return dict(self.documents)

    def start(self, share: str, chunker: str, embedder: ModelRecord) -> str:
        return f"run-{len(self.finished)}"

    def loaded(self, run: str, model: ModelRecord) -> None:
        self.models.append(model.name)

    def put(self, run: str, share: str, put: Put, vectors: NDArray[np.float32] | None) -> None:
        if len(self.puts) == self.fail_at:
            raise OSError("the service is gone")
        assert len(put.drafts or ()) == (0 if vectors is None else len(vectors))
        before = self.documents.get(put.path)
        answers = before.answers if before else ""
        if put.drafts is not None:
            self.passages[put.path] = tuple(draft.text for draft in put.drafts)
            answers = put.sha256 if put.drafts else ""
        self.puts.append(put.path)
        self.documents[put.path] = Known(
            path=put.path,
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
        )

    def remove(self, run: str, share: str, path: str) -> None:
        del self.documents[path]
        self.passages.pop(path, None)

    def finish(self, run: str, counts: Mapping[str, int], removed: int, passages: int, seconds: float) -> None:
        self.finished.append(dict(counts))

    def close(self) -> None:
        pass


@dataclass
class Ingest:
    """Runs ingest over one folder, again and again, against one service."""

    share: Path
    tokenizer: Path
    api: MemoryApi = field(default_factory=MemoryApi)
    limits: Limits = LIMITS
    options: Options = OPTIONS
    module: str = "ingest.worker"
    embedders: int = 0

    def __call__(self, **changes: bool) -> Report:
        worker = Worker(lambda: self.tokenizer, 60, self.limits, self.share.parent / "scratch", self.module)
        tools = Tools("test", HashEmbedder().record, self._embedder, [worker])
        options = replace(self.options, **changes)
        return run(str(self.share), self.api, tools, options, lambda done, total: None)

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
