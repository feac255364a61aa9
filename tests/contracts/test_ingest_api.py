"""What ingest is promised by the service, and by the one in memory that its own tests run against."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.errors import NotFound, UsageError
from appliance.types import Finding, Status
from ingest.chunk import Draft
from ingest.files import Stamp
from ingest.push import Known
from tests.contracts.apis import OPENERS, READERS, SHARE, Side, known, paths, put, start, tell, vectors

ODD = "odd\n\udce9\u2028'.md"
FINDING = Finding("tiny", "page 3", 7)


@pytest.fixture(params=OPENERS)
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture
def run(side: Side) -> str:
    return start(side)


def test_what_was_said_of_a_file_is_known_of_it(side: Side, run: str) -> None:
    """Every field comes back as it was put, names that are no UTF-8 and nanoseconds included."""
    said = replace(put(ODD, "one", "two"), reason="why", hint="Do.", pages=4, findings=(FINDING,), owner="\udcff.zip")
    tell(side, run, said)
    assert [
        Known(
            path=ODD,
            owner="\udcff.zip",
            sha256="1" * 64,
            answers="1" * 64,
            size_bytes=6,
            modified_ns=1_700_000_000_123_456_789,
            media_type="text/plain",
            readers=READERS,
            status="indexed",
            reason="why",
            hint="Do.",
            pages=4,
            passages=2,
            title="a title",
            findings=(FINDING,),
        )
    ] == list(side.api.known(SHARE))


@pytest.mark.parametrize("rows", [1, 2, 3, 1000])
def test_files_are_known_in_the_order_of_their_bytes(
    side: Side, run: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By owner, then path, however many are asked for at once; as `walk` yields them, not as characters compare."""
    monkeypatch.setattr("ingest.push.PAGE_ROWS", rows)
    # As bytes, U+10000 comes after U+E000; as Python compares text, lone surrogates come between the two.
    places = [
        ("B.txt", "B.txt"),
        ("a", "a"),
        ("a-b.zip", "a-b.zip"),
        ("a.zip", "a.zip"),
        ("a.zip", "a.zip/b.txt"),
        ("a.zip", "a.zip/b/c.txt"),
        ("a.zip!", "a.zip!"),
        ("a/z", "a/z"),
        ("\u00e9", "\u00e9"),
        ("\ue000", "\ue000"),
        ("\U00010000", "\U00010000"),
        ("\udcff", "\udcff"),
    ]
    for owner, path in sorted(places, key=lambda place: place[1][::-1]):
        tell(side, run, put(path, owner=owner))
    assert places == [(row.owner, row.path) for row in side.api.known(SHARE)]


UNDER = {
    "": ["a", "a b.txt", "a.zip", "a.zip/in/x.txt", "a.zip/y.txt", "a.zip0", "a/b.txt", "a/c.zip", "a/c.zip/z", "a0"],
    "a": ["a", "a/b.txt", "a/c.zip", "a/c.zip/z"],
    "a.zip": ["a.zip", "a.zip/in/x.txt", "a.zip/y.txt"],
    "a/c.zip": ["a/c.zip", "a/c.zip/z"],
    "a.zip/y.txt": ["a.zip/y.txt"],
    "a.zip/in": [],
    "a/": [],
    "A": [],
    "a/b": [],
    "%": [],
}


def test_under_confines_to_a_file_and_what_is_in_or_below_it(side: Side, run: str) -> None:
    """The file of this path, what is in it, what lies below the folder of this path; no neighbour whose name begins
    like it, and no folder inside of an archive, which nothing on a share is.
    """
    owners = {"a.zip/in/x.txt": "a.zip", "a.zip/y.txt": "a.zip", "a/c.zip/z": "a/c.zip"}
    for path in UNDER[""]:
        tell(side, run, put(path, owner=owners.get(path, path)))
    assert UNDER == {under: paths(side, under) for under in UNDER}


def test_under_takes_names_as_bytes(side: Side, run: str) -> None:
    """A folder whose name is no UTF-8, and one that ends in the last byte there is."""
    tell(side, run, put("\udcff/a"), put("\udcff"), put("\udcff0"), put("\udce9/a"))
    assert ["\udcff", "\udcff/a"] == paths(side, "\udcff")


def test_shares_do_not_see_each_other(side: Side, run: str) -> None:
    """The same path on another share is another document."""
    tell(side, run, put("a.txt", "one"))
    assert [] == list(side.api.known("/srv/other"))
    with pytest.raises(NotFound):
        side.api.remove(run, "/srv/other", "a.txt")
    side.api.regrant(run, "/srv/other", [("a.txt", ())])
    assert {"a.txt": ("one",)} == side.shown("ada")


# Putting


def test_a_new_version_takes_the_place_of_the_old(side: Side, run: str) -> None:
    """Passages, the version that answers and every field: nothing of the former version is left."""
    tell(side, run, replace(put("a.txt", "one", "two"), pages=3, findings=(FINDING,)))
    tell(side, run, replace(put("a.txt", "three", sha256="2"), title=""))
    row = known(side)["a.txt"]
    assert ("2" * 64, "2" * 64, 1, "", None, ()) == (
        row.sha256,
        row.answers,
        row.passages,
        row.title,
        row.pages,
        row.findings,
    )
    assert {"a.txt": ("three",)} == side.shown("ada")


def test_a_new_version_takes_its_place_in_one_step(side: Side, run: str) -> None:
    """Whoever looks while it is put finds one version whole: never both, never half, never none."""
    versions = [replace(put("a.txt", *(f"{word} {i}" for i in range(3))), sha256=word * 32) for word in ("ab", "cd")]
    tell(side, run, versions[0])
    seen: list[tuple[str, ...]] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(side.shown("ada").get("a.txt", ()))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(1, 20):
            tell(side, run, versions[number % 2])
    finally:
        done.set()
        looking.join()
    assert seen
    assert set() == set(seen) - {tuple(f"{word} {i}" for i in range(3)) for word in ("ab", "cd")}


@pytest.mark.parametrize("status", ["timed_out", "unreadable"])
def test_without_drafts_the_former_version_answers(side: Side, run: str, status: Status) -> None:
    """A file that could not be judged keeps its passages: what was read last is known beside what answers."""
    tell(side, run, put("a.txt", "one"))
    failed = replace(put("a.txt", sha256="2"), status=status, reason="why", hint="Do.", stamp=Stamp(9, 9), drafts=None)
    side.api.put(run, SHARE, failed, None)
    row = known(side)["a.txt"]
    assert ("2" * 64, "1" * 64, 1, status, "why", "Do.", Stamp(9, 9)) == (
        row.sha256,
        row.answers,
        row.passages,
        row.status,
        row.reason,
        row.hint,
        row.stamp,
    )
    assert {"a.txt": ("one",)} == side.shown("ada")


def test_without_drafts_what_was_found_in_the_passages_stays(side: Side, run: str) -> None:
    """Title, pages and findings are those of the version that answers."""
    tell(side, run, replace(put("a.txt", "one"), pages=3, findings=(FINDING,)))
    failed = replace(put("a.txt", sha256="2"), status="timed_out", title="", drafts=None)
    side.api.put(run, SHARE, failed, None)
    row = known(side)["a.txt"]
    assert ("a title", 3, (FINDING,)) == (row.title, row.pages, row.findings)


def test_an_unchanged_file_keeps_its_status(side: Side, run: str) -> None:
    """`unchanged` is what a run found, not what a document is: only stamp, hash and readers are taken over."""
    tell(side, run, replace(put("a.txt"), status="damaged", reason="why", hint="Do."))
    said = replace(put("a.txt", readers=("user:ada",)), status="unchanged", stamp=Stamp(9, 9), drafts=None)
    side.api.put(run, SHARE, said, None)
    row = known(side)["a.txt"]
    assert ("damaged", "why", "Do.", Stamp(9, 9), ("user:ada",)) == (
        row.status,
        row.reason,
        row.hint,
        row.stamp,
        row.readers,
    )


def test_a_file_that_never_answered_is_known(side: Side, run: str) -> None:
    """Without drafts and without a former version there is a row, and nothing that answers."""
    side.api.put(run, SHARE, replace(put("a.txt"), status="unreadable", drafts=None), None)
    row = known(side)["a.txt"]
    assert ("1" * 64, "", 0, "unreadable") == (row.sha256, row.answers, row.passages, row.status)
    assert {} == side.shown("ada")


@pytest.mark.parametrize("status", ["empty", "damaged", "encrypted", "quarantined"])
def test_no_drafts_at_all_remove_the_passages(side: Side, run: str, status: Status) -> None:
    """An empty tuple is a judgement: nothing of the former version answers."""
    tell(side, run, put("a.txt", "one"), replace(put("a.txt", sha256="2"), status=status))
    row = known(side)["a.txt"]
    assert ("2" * 64, "", 0, status) == (row.sha256, row.answers, row.passages, row.status)
    assert {} == side.shown("ada")


def test_new_readers_without_drafts_count_at_once(side: Side, run: str) -> None:
    """A file that was only described again has the readers that it has now."""
    tell(side, run, put("a.txt", "one"))
    side.api.put(run, SHARE, replace(put("a.txt", readers=("user:ada",)), drafts=None), None)
    assert ({"a.txt": ("one",)}, {}) == (side.shown("ada"), side.shown("bob"))


def test_readers_are_known_in_order(side: Side, run: str) -> None:
    """Whoever compares readers compares them as sorted."""
    tell(side, run, put("a.txt", readers=("user:bob", "user:ada")))
    side.api.put(run, SHARE, replace(put("b.txt", readers=("user:bob", "user:ada")), drafts=None), None)
    tell(side, run, put("c.txt"))
    side.api.regrant(run, SHARE, [("c.txt", ("user:bob", "user:ada"))])
    assert {("user:ada", "user:bob")} == {row.readers for row in known(side).values()}


def test_passages_without_their_vectors_are_refused(side: Side, run: str) -> None:
    """One vector for each passage; what was there stays."""
    tell(side, run, put("a.txt", "one"))
    new = put("a.txt", "two", "three", sha256="2")
    with pytest.raises(UsageError):
        side.api.put(run, SHARE, new, vectors(put("a.txt", "two")))
    assert ({"a.txt": ("one",)}, "1" * 64) == (side.shown("ada"), known(side)["a.txt"].sha256)


def test_a_text_is_what_was_said(side: Side, run: str) -> None:
    """Signs that JSON, SQL and HTTP would have their own ideas about."""
    text = "'; DROP TABLE documents; --\x00\u2028\U0001f600 \"<b>&amp;\\u0000"
    said = replace(put("a.txt"), drafts=(Draft(text, None, ()),))
    tell(side, run, said)
    assert {"a.txt": (text,)} == side.shown("ada")
