"""Putting documents in: whole or not at all, in the log before it can be found, for its readers only."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.catalog import Catalog
from appliance.errors import IndexMismatch, LogError, NotFound, StoreError, UsageError
from appliance.identity import Identity
from appliance.library import ChunkText, Library, Upload
from appliance.types import Chunk, Document, document_id
from tests.fakes import HashEmbedder, MemoryIndex, MemoryLog

IDENTITY = Identity("hash", "0" * 64, HashEmbedder().dimensions, "sections.v1/200")
READER = frozenset({"group:everyone"})


class Home:
    """A library on fakes, with what it is made of at hand."""

    def __init__(self, folder: Path, index: MemoryIndex | None = None, log: MemoryLog | None = None) -> None:
        self.folder = folder
        self.index = index or MemoryIndex()
        self.log = log or MemoryLog()
        self.catalog = Catalog(folder / "catalog.db")
        self.library = Library(self.catalog, self.index, self.log, IDENTITY)
        self.run = self.library.start_run("/share", IDENTITY).id

    def put(self, path: str, text: str, version: str, **changes: object) -> None:
        chunks = None if text == "" else (ChunkText(text, None),)
        vectors = None if chunks is None else HashEmbedder().embed([text])
        self.library.put(self.run, upload(path, version, chunks, **changes), vectors)

    def found(self, text: str) -> list[str]:
        """Return what a search finds and the catalogue confirms."""
        passages = self.index.search(text, HashEmbedder().embed([text])[0], READER, 10)
        return [passage.chunk.text for passage in passages if self.library.current(passage.chunk.document)]

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.log.entries()]


def upload(path: str, version: str, chunks: tuple[ChunkText, ...] | None, **changes: object) -> Upload:
    fields: dict[str, object] = {
        "share": "/share",
        "path": path,
        "sha256": version * 64,
        "media_type": "text/plain",
        "readers": ("group:everyone",),
        "status": "indexed",
        "reason": "",
        "hint": "",
        "size_bytes": 1,
        "modified_ns": 1,
        "pages": None,
        "chunks": chunks,
    }
    return Upload(**{**fields, **changes})  # type: ignore[arg-type]  # an upload's own fields


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.catalog.close()


def test_a_document_is_found_and_its_next_version_takes_its_place(home: Home) -> None:
    """A search finds the newest version and nothing of the one before."""
    home.put("a.txt", "the hotel limit is 140", "1")
    assert ["the hotel limit is 140"] == home.found("hotel limit")
    home.put("a.txt", "the hotel limit is 165", "2")
    assert ["the hotel limit is 165"] == home.found("hotel limit")


def test_every_change_is_in_the_log_before_the_index_has_it(tmp_path: Path) -> None:
    """When the log cannot be written, nothing changes: no row, no passage."""

    home = Home(tmp_path, log=MemoryLog(refused={"document.put"}))
    with pytest.raises(LogError):
        home.put("a.txt", "hotel", "1")
    assert ([], [], []) == (home.found("hotel"), home.catalog.entries(), home.catalog.arriving())


def test_when_the_index_refuses_the_former_version_answers(tmp_path: Path) -> None:
    """A failed replacement leaves the document as it was."""

    class StubbornIndex(MemoryIndex):
        refuses = False

        def replace(self, document: Document, chunks: list[Chunk], vectors: NDArray[np.float32]) -> None:  # type: ignore[override]
            if self.refuses:
                raise StoreError("engine gone")
            super().replace(document, chunks, vectors)

    index = StubbornIndex()
    home = Home(tmp_path, index=index)
    home.put("a.txt", "old hotel", "1")
    index.refuses = True
    with pytest.raises(StoreError):
        home.put("a.txt", "new hotel", "2")
    assert ["old hotel"] == home.found("hotel")
    assert [] == home.catalog.arriving()


def test_a_crash_before_the_row_is_put_is_mended_from_the_index(tmp_path: Path) -> None:
    """The index holds the new version, the row does not know it yet: the row follows, and the log says so."""

    class TornCatalog(Catalog):
        def put(self, entry: object) -> None:
            raise KeyboardInterrupt

    home = Home(tmp_path)
    home.put("a.txt", "old hotel", "1")
    torn = Library(TornCatalog(tmp_path / "catalog.db"), home.index, home.log, IDENTITY)
    with pytest.raises(KeyboardInterrupt):
        torn.put(home.run, upload("a.txt", "2", (ChunkText("new hotel", None),)), HashEmbedder().embed(["new hotel"]))
    again = Library(home.catalog, home.index, home.log, IDENTITY)
    again.recover()
    row = home.catalog.get(document_id("/share", "a.txt"))
    assert row is not None
    assert "2" * 64 == row.answers
    assert ["new hotel"] == home.found("hotel")
    assert "document.recovered" in home.kinds()


def test_passages_that_no_row_claims_are_removed_at_start(home: Home) -> None:
    """A crash in a removal leaves passages in the index; the next start takes them out."""
    home.put("a.txt", "hotel", "1")
    home.catalog.remove(document_id("/share", "a.txt"))
    home.library.recover()
    assert {} == home.index.versions()


def test_a_row_whose_passages_are_lost_is_forgotten_so_that_the_next_run_reads_the_file_again(home: Home) -> None:
    """Better one more parse than a document that is listed and never answers."""
    home.put("a.txt", "hotel", "1")
    home.index.remove(document_id("/share", "a.txt"))
    home.library.recover()
    assert [] == home.catalog.entries()
    assert "document.lost" in home.kinds()


def test_a_newer_version_that_cannot_be_read_leaves_the_older_one_answering(home: Home) -> None:
    """The row shows the new state and why; the passages stay."""
    home.put("a.txt", "hotel", "1")
    home.put("a.txt", "", "2", status="timed_out", reason="took too long")
    row = home.catalog.get(document_id("/share", "a.txt"))
    assert row is not None
    assert ("timed_out", "1" * 64, "2" * 64) == (row.status, row.answers, row.sha256)
    assert ["hotel"] == home.found("hotel")


def test_new_readers_take_effect_at_once_and_without_new_vectors(home: Home) -> None:
    """Whoever lost the right to read finds nothing from this moment on."""
    home.put("a.txt", "hotel", "1")
    home.put("a.txt", "", "1", readers=("user:ada",), status="unchanged")
    assert [] == home.found("hotel")
    found = home.index.search("hotel", HashEmbedder().embed(["hotel"])[0], frozenset({"user:ada"}), 10)
    assert ["hotel"] == [passage.chunk.text for passage in found]


def test_a_removed_document_is_gone(home: Home) -> None:
    """Neither search nor catalogue knows it any more, and removing it again says so."""
    home.put("a.txt", "hotel", "1")
    home.library.remove(home.run, document_id("/share", "a.txt"))
    assert ([], [], {}) == (home.found("hotel"), home.catalog.entries(), home.index.versions())
    with pytest.raises(NotFound):
        home.library.remove(home.run, document_id("/share", "a.txt"))


def test_ingest_with_another_embedder_is_refused_by_name(home: Home) -> None:
    """Vectors of two models do not compare, so a run with the other one does not begin."""
    other = Identity("other-model", "1" * 64, IDENTITY.dimensions, IDENTITY.chunker)
    with pytest.raises(IndexMismatch, match="other-model") as caught:
        home.library.start_run("/share", other)
    assert "--rebuild" in caught.value.hint


def test_the_embedder_that_a_run_loads_is_in_the_log(home: Home) -> None:
    """A model load is an entry, also where another process loads it; without a run it is refused."""
    home.library.note_model(home.run, "hash", "0" * 64)
    entry = list(home.log.entries())[-1]
    assert ("model.loaded", "hash", home.run) == (entry.kind, entry.body["name"], entry.body["run"])
    with pytest.raises(NotFound):
        home.library.note_model("no-run", "hash", "0" * 64)


def test_chunks_without_their_vectors_are_refused(home: Home) -> None:
    """One vector for each chunk, or nothing is changed."""
    two = (ChunkText("a", None), ChunkText("b", None))
    with pytest.raises(UsageError, match="2 chunks came with 1 vectors"):
        home.library.put(home.run, upload("a.txt", "1", two), HashEmbedder().embed(["a"]))


def test_no_word_of_a_document_is_in_the_log(home: Home) -> None:
    """The log holds ids and digests: neither the text nor the name of a file."""
    home.put("salaries-secret.txt", "the director earns a lot", "1")
    written = " ".join(str(entry.body) for entry in home.log.entries())
    assert not any(word in written for word in ("salaries", "director", "earns"))


def test_a_change_outside_a_run_is_refused(home: Home) -> None:
    """Each change belongs to an ingest run that the log knows."""
    with pytest.raises(NotFound):
        home.library.put("no-run", upload("a.txt", "1", ()), HashEmbedder().embed([]))
