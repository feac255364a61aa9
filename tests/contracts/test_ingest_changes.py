"""What ingest is promised of documents that move, change readers or go, and of the runs that all of it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.errors import IndexMismatch, NotFound, UsageError
from ingest.files import Stamp
from tests.contracts.apis import OPENERS, READERS, SHARE, Side, known, paths, put, start, tell

ODD = "odd\n\udce9\u2028'.md"


@pytest.fixture(params=OPENERS)
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture
def run(side: Side) -> str:
    return start(side)


def test_a_moved_document_answers_under_its_new_path_alone(side: Side, run: str) -> None:
    """Whatever is said of it is its new state, the passages are those there were."""
    tell(side, run, replace(put("old.txt", "one", "two"), pages=2))
    (before,) = side.api.known(SHARE)
    new = replace(put("in/new.txt", readers=("user:ada",)), title="new", stamp=Stamp(9, 8), pages=2, drafts=None)
    side.api.move(run, SHARE, "old.txt", new)
    moved = replace(before, path="in/new.txt", owner="in/new.txt", title="new", readers=("user:ada",))
    assert [replace(moved, size_bytes=9, modified_ns=8)] == list(side.api.known(SHARE))
    assert ({"in/new.txt": ("one", "two")}, {}) == (side.shown("ada"), side.shown("bob"))


def test_an_archive_moves_document_by_document(side: Side, run: str) -> None:
    """First what is in it, one by one, then itself, which has no passages of its own."""
    archive = replace(put("a.zip"), reason="an archive of 2 files")
    inner = [put(f"a.zip/{name}.txt", name, owner="a.zip") for name in ("one", "two")]
    tell(side, run, *inner, archive)
    for each in (*inner, archive):
        path = "b" + each.path[1:]
        side.api.move(run, SHARE, each.path, replace(each, path=path, owner="b.zip", drafts=None))
    assert ["b.zip", "b.zip/one.txt", "b.zip/two.txt"] == paths(side)
    assert [] == paths(side, "a.zip")
    assert {"b.zip/one.txt": ("one",), "b.zip/two.txt": ("two",)} == side.shown("ada")
    assert ("", "an archive of 2 files") == (known(side)["b.zip"].answers, known(side)["b.zip"].reason)


def test_a_move_replaces_what_stood_there(side: Side, run: str) -> None:
    """The document that was at the new path answers no more."""
    tell(side, run, put("old.txt", "one"), put("new.txt", "two", "three", sha256="2"))
    side.api.move(run, SHARE, "old.txt", replace(put("new.txt"), drafts=None))
    assert ["new.txt"] == paths(side)
    assert {"new.txt": ("one",)} == side.shown("ada")
    assert ("1" * 64, 1) == (known(side)["new.txt"].answers, known(side)["new.txt"].passages)


def test_what_is_not_known_cannot_move(side: Side, run: str) -> None:
    """NotFound, and nothing appears or disappears."""
    tell(side, run, put("b.txt", "two"))
    with pytest.raises(NotFound):
        side.api.move(run, SHARE, "a.txt", replace(put("b.txt"), drafts=None))
    assert {"b.txt": ("two",)} == side.shown("ada")


def test_a_document_that_has_moved_does_not_move_again(side: Side, run: str) -> None:
    """Of two who ingest the same share, the second learns that it was not the first."""
    tell(side, run, put("a.txt", "one"))
    side.api.move(run, SHARE, "a.txt", replace(put("b.txt"), drafts=None))
    with pytest.raises(NotFound):
        side.api.move(run, SHARE, "a.txt", replace(put("c.txt"), drafts=None))
    assert {"b.txt": ("one",)} == side.shown("ada")


@pytest.mark.parametrize(("path", "sha256"), [("b.txt", "2"), ("a.txt", "1")])
def test_only_the_same_content_moves_and_only_elsewhere(side: Side, run: str, path: str, sha256: str) -> None:
    """Passages of one content never answer as those of another."""
    tell(side, run, put("a.txt", "one"))
    with pytest.raises(UsageError):
        side.api.move(run, SHARE, "a.txt", replace(put(path, sha256=sha256), drafts=None))
    assert {"a.txt": ("one",)} == side.shown("ada")


# Readers, removal, runs


def test_readers_change_at_once_and_nothing_else_does(side: Side, run: str) -> None:
    """Many paths in one call; of those that are unknown nothing comes to be."""
    tell(side, run, put("a.txt", "one"), put("b.txt", "two"), put(ODD, "three"))
    before = known(side)
    side.api.regrant(run, SHARE, [("a.txt", ()), ("b.txt", ("user:ada",)), ("none.txt", READERS), (ODD, READERS)])
    assert {ODD: ("three",), "b.txt": ("two",)} == side.shown("ada")
    assert {ODD: ("three",)} == side.shown("bob")
    assert {
        **before,
        "a.txt": replace(before["a.txt"], readers=()),
        "b.txt": replace(before["b.txt"], readers=("user:ada",)),
    } == known(side)


def test_readers_that_were_taken_away_can_be_given_back(side: Side, run: str) -> None:
    """Nothing but the readers was lost."""
    tell(side, run, put("a.txt", "one"))
    side.api.regrant(run, SHARE, [("a.txt", ())])
    assert {} == side.shown("ada")
    side.api.regrant(run, SHARE, [("a.txt", READERS)])
    assert {"a.txt": ("one",)} == side.shown("ada")


def test_what_is_removed_is_not_known_and_does_not_answer(side: Side, run: str) -> None:
    """A document goes with its passages, and it alone: not what is in it, not its neighbours."""
    tell(side, run, put("a.zip"), put("a.zip/b", "one", owner="a.zip"), put("a", "two"), put(ODD, "three"))
    side.api.remove(run, SHARE, "a.zip")
    side.api.remove(run, SHARE, ODD)
    assert (["a", "a.zip/b"], {"a": ("two",), "a.zip/b": ("one",)}) == (paths(side), side.shown("ada"))


def test_what_is_not_known_cannot_be_removed(side: Side, run: str) -> None:
    """NotFound, so that whoever removes counts what there was."""
    tell(side, run, put("a.txt", "one"))
    side.api.remove(run, SHARE, "a.txt")
    with pytest.raises(NotFound):
        side.api.remove(run, SHARE, "a.txt")


def test_another_embedder_or_chunker_is_a_mismatch(side: Side) -> None:
    """Vectors of two embedders, or texts cut by two rules, never meet in one index."""
    start(side)
    with pytest.raises(IndexMismatch):
        side.api.start(SHARE, "another", side.embedder)
    with pytest.raises(IndexMismatch):
        side.api.start(SHARE, side.chunker, replace(side.embedder, sha256="0" * 64))


CHANGES: dict[str, Callable[[Side, str], None]] = {
    "put": lambda side, run: tell(side, run, put("a.txt", "two")),
    "move": lambda side, run: side.api.move(run, SHARE, "a.txt", replace(put("b.txt"), drafts=None)),
    "regrant": lambda side, run: side.api.regrant(run, SHARE, [("a.txt", ())]),
    "loaded": lambda side, run: side.api.loaded(run, side.embedder),
    "progress": lambda side, run: side.api.progress(run, 1, 2),
    "finish": lambda side, run: side.api.finish(run, {}, 0, 0, 0.0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_belong_to_a_run(side: Side, run: str, change: str) -> None:
    """Without one that was started, nothing is changed."""
    tell(side, run, put("a.txt", "one"))
    before = known(side)
    with pytest.raises(NotFound):
        CHANGES[change](side, "no-such-run")
    assert (before, {"a.txt": ("one",)}) == (known(side), side.shown("ada"))
    CHANGES[change](side, run)


def test_those_who_look_on_see_how_far_a_run_is_and_what_it_did(side: Side, run: str) -> None:
    """Two runs at a time, each with its own figures."""
    other = start(side)
    side.api.progress(run, 1, 4)
    side.api.progress(run, 3, 4)
    side.api.progress(other, 5, 6)
    side.api.finish(run, {"indexed": 3, "damaged": 1}, removed=2, passages=9, seconds=0.5, findings=4)
    side.api.finish(other, {}, removed=0, passages=0, seconds=0.1)
    assert ((3, 4), (5, 6)) == (side.how_far(run), side.how_far(other))
    assert (({"indexed": 3, "damaged": 1}, 2, 9, 4), ({}, 0, 0, 0)) == (side.outcome(run), side.outcome(other))
