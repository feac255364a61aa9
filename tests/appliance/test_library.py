"""Putting documents in: whole or not at all, in the log before it can be found, for its readers only."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.catalog import Catalog, Entry, Query
from appliance.errors import IndexMismatch, LogError, NotFound, StoreError, UsageError
from appliance.identity import Identity
from appliance.library import ChunkText, Library, Outcome, Upload
from appliance.types import Box, Chunk, Document, Finding, Place, document_id
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

    def rows(self, share: str | None = None) -> list[Any]:
        return [json.loads(record) for record in self.catalog.page(Query(share), 1000)[0]]

    def row(self, path: str) -> Entry:
        entry = self.catalog.get(document_id("/share", path))
        assert entry is not None
        return entry

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.log.entries()]


def upload(path: str, version: str, chunks: tuple[ChunkText, ...] | None, **changes: object) -> Upload:
    fields: dict[str, object] = {
        "share": "/share",
        "owner": path,
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
        "title": "",
        "findings": (),
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
    assert ([], [], []) == (home.found("hotel"), home.rows(), home.catalog.arriving())


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
        def put_all(self, entries: object) -> None:
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
    assert [] == home.rows()
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
    assert ([], [], {}) == (home.found("hotel"), home.rows(), home.index.versions())
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


def test_a_moved_document_keeps_its_vectors_and_answers_under_its_new_path(home: Home) -> None:
    """A rename embeds nothing: passages and vectors are the same, path, readers and the title from the name are new."""
    changes = {"title": "old name", "findings": (Finding("tiny", "page 1", 4),)}
    places = (Place(0, 5, Box(1.0, 2.0, 3.0, 4.5)),)
    text = (ChunkText("hotel", 3, ("Travel",), places),)
    home.library.put(home.run, upload("old-name.txt", "1", text, **changes), HashEmbedder().embed(["hotel"]))
    before, vectors = home.index.chunks(document_id("/share", "old-name.txt"))
    moved = upload("b/new-name.txt", "1", None, title="new name", readers=("user:ada",))
    home.library.move(home.run, document_id("/share", "old-name.txt"), moved)
    after, again = home.index.chunks(document_id("/share", "b/new-name.txt"))
    assert ([("old name", "Travel")], [("new name", "Travel")]) == (
        [chunk.headings for chunk in before],
        [chunk.headings for chunk in after],
    )
    assert vectors.tolist() == again.tolist()
    assert ("b/new-name.txt", frozenset({"user:ada"}), 3, places) == (
        after[0].document.path,
        after[0].document.readers,
        after[0].page,
        after[0].places,
    )
    assert ["b/new-name.txt"] == [row["path"] for row in home.rows()]
    assert [document_id("/share", "b/new-name.txt")] == list(home.index.versions())


def test_a_move_takes_the_place_of_what_was_there(home: Home) -> None:
    """Renaming one file over another leaves one document."""
    home.put("a.txt", "hotel", "1")
    home.put("b.txt", "flight", "2")
    home.library.move(home.run, document_id("/share", "a.txt"), upload("b.txt", "1", None))
    assert (["hotel"], ["b.txt"]) == (home.found("hotel flight"), [row["path"] for row in home.rows()])
    assert [document_id("/share", "b.txt")] == list(home.index.versions())


def test_only_what_is_known_and_unchanged_can_be_moved(home: Home) -> None:
    """Another content, an unknown document, and a move onto itself are refused, and nothing changes."""
    home.put("a.txt", "hotel", "1")
    former = document_id("/share", "a.txt")
    with pytest.raises(UsageError):
        home.library.move(home.run, former, upload("b.txt", "2", None))
    with pytest.raises(UsageError):
        home.library.move(home.run, former, upload("a.txt", "1", None))
    with pytest.raises(NotFound):
        home.library.move(home.run, "0" * 32, upload("b.txt", "1", None))
    assert (["hotel"], ["a.txt"]) == (home.found("hotel"), [row["path"] for row in home.rows()])


@pytest.mark.parametrize("step", ["announce", "replace", "put", "remove"])
def test_a_crash_in_a_move_leaves_the_document_once(tmp_path: Path, step: str) -> None:
    """Wherever it stops, after the next start the document answers under one path: neither lost nor doubled."""

    class Torn(Exception):
        pass

    def torn(*_: object, **__: object) -> None:
        raise Torn

    home = Home(tmp_path)
    home.put("a.txt", "hotel", "1")
    part = {"announce": home.catalog, "put": home.catalog}.get(step, home.index)
    whole = getattr(part, step)
    retract = home.catalog.retract
    # A process that dies takes nothing back.
    home.catalog.retract = lambda entries: None  # type: ignore[method-assign]
    setattr(part, step, torn)
    with pytest.raises(Torn):
        home.library.move(home.run, document_id("/share", "a.txt"), upload("b.txt", "1", None))
    setattr(part, step, whole)
    home.catalog.retract = retract  # type: ignore[method-assign]
    again = Library(home.catalog, home.index, home.log, IDENTITY)
    again.recover()
    home.library = again
    path = "a.txt" if step in ("announce", "replace") else "b.txt"
    assert ([path], ["hotel"], [document_id("/share", path)]) == (
        [row["path"] for row in home.rows()],
        home.found("hotel"),
        list(home.index.versions()),
    )


def test_new_readers_of_many_documents_take_effect_at_once(home: Home) -> None:
    """One call changes them all; who lost the right finds nothing, and the log says who may read what from now on."""
    for name in ("a.txt", "b.txt", "c.txt"):
        home.put(name, f"hotel {name}", "1")
    changes = [("a.txt", ()), ("b.txt", ("user:ada",)), ("c.txt", ("group:everyone",)), ("unknown.txt", ())]
    assert 2 == home.library.regrant(home.run, "/share", changes)
    assert ["hotel c.txt"] == home.found("hotel")
    logged = [entry.body for entry in home.log.entries() if entry.kind == "documents.regranted"]
    assert [[], ["user:ada"]] == [body["readers"] for body in logged]
    assert [document_id("/share", "b.txt")] == logged[1]["documents"]


def test_a_title_from_the_name_stands_above_every_passage(home: Home) -> None:
    """Where the document has no title of its own, its passages carry the one that its name gives."""
    home.library.put(home.run, upload("p12.txt", "1", (ChunkText("valve", None),), title="p12"), np.ones((1, 384)))
    assert [("p12",)] == [chunk.headings for chunk in home.index.chunks(document_id("/share", "p12.txt"))[0]]


def test_findings_stay_with_a_document_that_is_only_described_anew(home: Home) -> None:
    """New readers or a new time do not make a finding disappear."""
    finding = Finding("hidden", "page 2", 40)
    home.put("a.txt", "hotel", "1", findings=(finding,))
    home.put("a.txt", "", "1", readers=("user:ada",), status="unchanged")
    assert (finding,) == home.row("a.txt").findings


def test_a_run_says_how_far_it_is(home: Home) -> None:
    """Whoever looks on sees the files done and those there are, before and after it has ended."""
    home.library.note_progress(home.run, 3, 10)
    run = home.catalog.run(home.run)
    assert run is not None
    assert (3, 10, "") == (run.done, run.total, run.finished)
    done = home.library.finish_run(home.run, Outcome({"indexed": 10}, 1, 30, 2, 1.5))
    assert ({"indexed": 10}, 1, 30, 2, 1.5, 3) == (
        done.counts,
        done.removed,
        done.passages,
        done.findings,
        done.seconds,
        done.done,
    )


@pytest.mark.parametrize("step", ["append", "update", "put_all"])
def test_a_crash_while_readers_change_leaves_row_index_and_log_in_agreement(tmp_path: Path, step: str) -> None:
    """Wherever it stops, after the next start all three name the same readers."""

    class Torn(Exception):
        pass

    def torn(*_: object, **__: object) -> None:
        raise Torn

    home = Home(tmp_path)
    home.put("a.txt", "hotel", "1")
    part = {"append": home.log, "put_all": home.catalog}.get(step, home.index)
    whole, retract = getattr(part, step), home.catalog.retract
    home.catalog.retract = lambda entries: None  # type: ignore[method-assign]
    setattr(part, step, torn)
    with pytest.raises(Torn):
        home.library.regrant(home.run, "/share", [("a.txt", ("user:ada",))])
    setattr(part, step, whole)
    home.catalog.retract = retract  # type: ignore[method-assign]
    Library(home.catalog, home.index, home.log, IDENTITY).recover()
    held, _ = home.index.chunks(document_id("/share", "a.txt"))
    logged = next(e.body["readers"] for e in reversed(list(home.log.entries())) if "readers" in e.body)
    assert (("user:ada",), {"user:ada"}, ["user:ada"]) == (
        home.row("a.txt").readers,
        set(held[0].document.readers),
        logged,
    )


@pytest.mark.parametrize("step", ["append", "catalog", "index"])
def test_a_removal_that_was_begun_is_finished_at_the_next_start(tmp_path: Path, step: str) -> None:
    """Wherever it stops, after the next start the document is gone from row and index, and the log says so."""

    class Torn(BaseException):
        pass

    def torn(*_: object, **__: object) -> None:
        raise Torn

    home = Home(tmp_path)
    home.put("a.txt", "hotel", "1")
    part, name = {"append": (home.log, "append"), "catalog": (home.catalog, "remove")}.get(step, (home.index, "remove"))
    whole = getattr(part, name)
    setattr(part, name, torn)
    with pytest.raises(Torn):
        home.library.remove(home.run, document_id("/share", "a.txt"))
    setattr(part, name, whole)
    Library(home.catalog, home.index, home.log, IDENTITY).recover()
    assert ([], {}, []) == (home.rows(), home.index.versions(), home.catalog.leaving())
    assert "document.removed" in home.kinds()
