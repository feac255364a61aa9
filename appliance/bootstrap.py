"""The one place that reads Settings and names concrete classes.

`open_appliance` opens what is cheap (lock, log, catalogue, index) at once; the embedder and the generator, which take
seconds and gigabytes, at first use.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from appliance import __version__
from appliance.answer import Answerer, Limits, Policy
from appliance.catalog import Catalog, Query
from appliance.config import Settings
from appliance.digest import Digester
from appliance.errors import ApplianceError, HomeInUse, IndexMismatch
from appliance.identity import Identity
from appliance.library import Library
from appliance.log import FileLog
from appliance.manifest import load_manifest
from appliance.models import ModelFolder
from appliance.ports import Embedder, Generator, Index
from appliance.prompt import load_template
from appliance.refusal import load_calibration
from appliance.retrieval import Rerank, Retrieval, Stages, unchanged
from appliance.search import Searcher
from appliance.types import CHUNKER, ModelRecord, Status

# The status of documents whose passages answer.
ANSWERING: frozenset[Status] = frozenset({"indexed"})
# Names of files in a question that are looked up, and documents that may be meant by one.
NAMES = 3
NAMED_DOCUMENTS = 50


def model_folder(settings: Settings) -> ModelFolder:
    """Return the folder of model files."""
    return ModelFolder(settings.models, load_manifest())


def chunker(settings: Settings) -> str:
    """Return the version of the rules by which documents are cut, the size included."""
    return f"{CHUNKER}/{settings.ingest.chunk_tokens}"


def embedder(settings: Settings) -> Embedder:
    """Load the configured embedder. Its files are compared with the manifest before anything parses them."""
    from appliance.embedder import SentenceEmbedder  # takes seconds to import, and many commands never embed

    name = settings.embedder.name
    spec = load_manifest().spec(name)
    folder = model_folder(settings).verified(name)
    state = settings.home / "embedder.json"
    return SentenceEmbedder(folder, spec.record, settings.embedder.backend, settings.embedder.threads, state)


def generator(settings: Settings) -> Generator:
    """Load the configured generator. Its file is compared with the manifest before anything parses it."""
    from appliance.engine import LlamaGenerator  # loads llama.cpp, which many commands never need

    name, wanted = settings.generator.name, settings.generator
    spec = load_manifest().spec(name)
    file = model_folder(settings).verified(name)
    return LlamaGenerator(
        file, spec.record, spec.chat, min(wanted.context_tokens, spec.context_tokens), wanted.threads, wanted.gpu_layers
    )


def open_index(settings: Settings, identity: Identity) -> Index:
    """Open the configured index. Raises IndexMismatch when it was built otherwise."""
    if settings.index.url:
        from appliance.index_server import ServerIndex  # only where a server is configured

        return ServerIndex(settings.index.url, settings.index.collection, identity, settings.index.api_key)
    from appliance.index_edge import EdgeIndex  # one of the two is loaded

    return EdgeIndex(settings.home / "index", identity)


def open_log(settings: Settings) -> FileLog:
    """Open the home's log alone, for this process. Raises HomeInUse while a service has it."""
    return FileLog(settings.home / "log", settings.home / "keys", settings.log.origin)


@dataclass(frozen=True, slots=True)
class Loaders:
    """How the parts that cost seconds and gigabytes are loaded."""

    embedder: Callable[[Settings], Embedder] = embedder
    generator: Callable[[Settings], Generator] = generator


class Appliance:
    """Everything the service needs, with the parts that cost seconds loaded when first asked for."""

    def __init__(
        self, settings: Settings, log: FileLog, catalog: Catalog, index: Index, loaders: Loaders, lock: IO[str]
    ) -> None:
        self.settings = settings
        self.log = log
        self.catalog = catalog
        self.index = index
        self.identity = identity(settings)
        self.library = Library(catalog, index, log, self.identity)
        self.generator_record: ModelRecord = load_manifest().spec(settings.generator.name).record
        self._loaders = loaders
        self._lock = lock
        self._loading = threading.Lock()
        self._digest = Digester.open(settings.home / "keys").digest
        self._searcher: Searcher | None = None
        self._embedder: Embedder | None = None
        self._generator: Generator | None = None
        self._answerer: Answerer | None = None
        self._failure: ApplianceError | None = None
        self._closed = False

    @property
    def searcher(self) -> Searcher:
        """Return what finds passages, loading the embedder at first use."""
        with self._loading:
            if self._searcher is None:
                self._embedder = self._loaders.embedder(self.settings)
                self._note(self._embedder.record)
                stages = Stages(self.settings.answer.candidates, self._rerank(), self._named, self._readable)
                retrieval = Retrieval(self._embedder, self.index, self.library.current, stages)
                most = self.settings.answer.question_characters
                self._searcher = Searcher(retrieval, self.log, self._digest, most)
            return self._searcher

    @property
    def answerer(self) -> Answerer:
        """Return the second use-case, loading both models at first use."""
        retrieval = self.searcher.retrieval
        with self._loading:
            if self._answerer is None:
                self._generator = self._loaders.generator(self.settings)
                self._note(self._generator.record)
                wanted = self.settings.answer
                self._answerer = Answerer(
                    retrieval,
                    self._generator,
                    self.log,
                    load_template(wanted.prompt),
                    Policy(
                        load_calibration(wanted.prompt, self._generator.record.name),
                        wanted.least_confidence,
                        Limits(
                            wanted.passages, wanted.passage_tokens, wanted.output_tokens, wanted.question_characters
                        ),
                        wanted.unsupported,
                    ),
                    self._digest,
                )
            return self._answerer

    def _rerank(self) -> Rerank:
        """Return the configured reranker, loaded, or what leaves everything as it is."""
        wanted = self.settings.reranker
        if not wanted.name:
            return unchanged
        from appliance.reranker import CrossEncoderReranker  # takes seconds to import, and most homes have none

        spec = load_manifest().spec(wanted.name)
        folder = model_folder(self.settings).verified(wanted.name)
        reranker = CrossEncoderReranker(folder, spec.record, wanted.depth, self.settings.embedder.threads)
        self._note(spec.record)
        return reranker.rerank

    def _named(self, names: Sequence[str], readers: frozenset[str]) -> frozenset[str]:
        """Return the ids of documents with one of these names in their path that one of `readers` may read."""
        found: set[str] = set()
        for name in names[:NAMES]:
            rows, _ = self.catalog.page(Query(text=name, statuses=ANSWERING, readers=readers), NAMED_DOCUMENTS)
            records = map(json.loads, rows)
            found |= {record["id"] for record in records if name.casefold() in record["path"].casefold()}
        return frozenset(found)

    def _readable(self, readers: frozenset[str]) -> int:
        """Return how many documents with passages one of `readers` may read."""
        totals = self.catalog.totals(Query(statuses=ANSWERING, readers=readers))
        return sum(files for files, _, _ in totals.values())

    def _note(self, record: ModelRecord) -> None:
        self.log.append("model.loaded", {"role": record.role, "name": record.name, "sha256": record.sha256})

    def warm(self) -> None:
        """Load the models now. A failure is kept for `readiness`; the next question tries again."""
        try:
            _ = self.answerer
        except ApplianceError as error:
            self._failure = error

    def readiness(self) -> dict[str, dict[str, object]]:
        """Return, part by part, whether it could answer now, and why not."""
        waiting = str(self._failure) if self._failure else "loading"
        return {
            "index": {"ready": not self._closed, "reason": "" if not self._closed else "closed"},
            "embedder": {"ready": self._embedder is not None, "reason": "" if self._embedder else waiting},
            "generator": {"ready": self._generator is not None, "reason": "" if self._generator else waiting},
        }

    def close(self) -> None:
        """Say so in the log and release everything. Calling it twice is harmless."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as parts:  # the last one named closes first, and each does, whatever fails
            for part in (self._lock, self.log, self.catalog, self.index, self._generator):
                if part is not None:
                    parts.callback(part.close)
            self.log.append("appliance.stopped", {"version": __version__})


def identity(settings: Settings) -> Identity:
    """Return what the configuration says the index is built by."""
    spec = load_manifest().spec(settings.embedder.name)
    return Identity(spec.record.name, spec.record.sha256, spec.dimensions, chunker(settings))


def open_appliance(settings: Settings, rebuild: bool = False, loaders: Loaders = Loaders()) -> Appliance:
    """Open the home for this process alone.

    With `rebuild`, an index built by another embedder or chunker is emptied instead of refused. Raises HomeInUse,
    LogError, StoreError.
    """
    for folder in (settings.home, settings.run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.run.chmod(0o700)
    lock = _lock(settings.run / "lock")
    log = open_log(settings)
    catalog = Catalog(settings.home / "catalog.db")
    try:
        index = open_index(settings, identity(settings))
    except IndexMismatch:
        if not rebuild:
            raise
        index = _emptied(settings, catalog, log)
    appliance = Appliance(settings, log, catalog, index, loaders, lock)
    log.append("appliance.started", {"version": __version__, "settings": _digest(settings)})
    appliance.library.recover()
    return appliance


def _emptied(settings: Settings, catalog: Catalog, log: FileLog) -> Index:
    """Remove an index built otherwise, and the rows that name its passages, and open an empty one."""
    log.append("index.emptied", {"identity": str(identity(settings))})
    catalog.clear()
    if settings.index.url:
        from appliance.index_server import ServerIndex  # as in open_index

        ServerIndex.destroy(settings.index.url, settings.index.collection, settings.index.api_key)
    else:
        from appliance.index_edge import EdgeIndex  # as in open_index

        EdgeIndex.destroy(settings.home / "index")
    return open_index(settings, identity(settings))


def _lock(file: Path) -> IO[str]:
    """Return the home's lock, held until closed. Raises HomeInUse with the process that holds it."""
    handle = file.open("a+", encoding="ascii")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise HomeInUse(
            f"home {file.parent.parent} is in use by process {holder}", "Stop that process, or choose another --home."
        ) from error
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def _digest(settings: Settings) -> str:
    return hashlib.sha256(settings.model_dump_json(exclude={"index": {"api_key"}}).encode()).hexdigest()
