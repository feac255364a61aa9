"""Renaming costs no embedding."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tests.ingest.conftest import Ingest, zipped


def put(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)


def test_a_renamed_file_is_moved_and_neither_parsed_nor_embedded(quick: Ingest) -> None:
    """The document goes on under the new path, with a title made of the new name."""
    put(quick.share, old_name="text", other="stays")
    quick()
    (quick.share / "old_name.txt").rename(quick.share / "new_name.txt")
    report = quick()
    assert (0, 0) == (report.embedded, report.removed)
    assert ["old_name.txt", "other.txt"] == quick.worker.parsed
    assert {"new_name.txt": ("text",), "other.txt": ("stays",)} == quick.api.answering()
    assert "new name" == quick.api.documents["new_name.txt"].title
    assert {"new_name.txt": "unchanged", "other.txt": "unchanged"} == {row.path: row.status for row in report.rows}


def test_a_documents_own_title_stays(quick: Ingest) -> None:
    """Where the title stands in the document, renaming its file does not make another."""
    put(quick.share, a="# Own title\ntext")
    quick()
    (quick.share / "a.txt").rename(quick.share / "b.txt")
    quick()
    assert "" == quick.api.documents["b.txt"].title


def test_a_renamed_folder_moves_all_of_its_documents(quick: Ingest) -> None:
    """Hundreds of files in a renamed folder are moved, each to its place."""
    (quick.share / "before" / "deep").mkdir(parents=True)
    for i in range(120):
        (quick.share / "before" / "deep" / f"{i}.txt").write_text(f"text {i}")
    quick()
    (quick.share / "before").rename(quick.share / "after")
    report = quick()
    assert (120, 0) == (len(quick.worker.parsed), report.embedded)
    assert {f"after/deep/{i}.txt": (f"text {i}",) for i in range(120)} == quick.api.answering()


def test_of_two_copies_one_takes_the_document_over(quick: Ingest) -> None:
    """One known document moves once; the other copy is a document of its own."""
    put(quick.share, a="text")
    quick()
    (quick.share / "a.txt").rename(quick.share / "b.txt")
    put(quick.share, c="text")
    report = quick()
    assert 1 == report.embedded
    assert {"b.txt": ("text",), "c.txt": ("text",)} == quick.api.answering()


def test_a_copy_moves_nothing(quick: Ingest) -> None:
    """As long as its file is there a document stays where it is."""
    put(quick.share, a="text")
    quick()
    put(quick.share, b="text")
    quick()
    assert {"a.txt": ("text",), "b.txt": ("text",)} == quick.api.answering()


def test_what_may_be_moved_stops_answering_first(quick: Ingest) -> None:
    """Before anything is read the vanished document has no readers, and unclaimed it is removed in the end."""
    put(quick.share, a="same size 1", b="same size 2")
    quick()
    (quick.share / "a.txt").unlink()
    put(quick.share, c="same size 3")
    seen = []
    quick.worker.at = lambda path: seen.append((path, quick.api.documents["a.txt"].readers))
    report = quick()
    assert [("c.txt", ())] == seen
    assert (1, {"b.txt": ("same size 2",), "c.txt": ("same size 3",)}) == (report.removed, quick.api.answering())


def test_what_nothing_can_claim_is_removed_at_once(quick: Ingest) -> None:
    """Without a file of its size, a document whose file is gone is removed before anything is read."""
    put(quick.share, a="gone", b="stays")
    quick()
    (quick.share / "a.txt").unlink()
    put(quick.share, c="a new and longer text")
    seen = []
    quick.worker.at = lambda path: seen.append("a.txt" in quick.api.documents)
    quick()
    assert [False] == seen


def test_another_suffix_is_another_kind_of_text(quick: Ingest) -> None:
    """A text that gets the name of another format is parsed as that."""
    put(quick.share, a="text")
    quick()
    (quick.share / "a.txt").rename(quick.share / "a.md")
    quick()
    assert ["a.txt", "a.md"] == quick.worker.parsed
    assert {"a.md": ("text",)} == quick.api.answering()


def test_a_file_renamed_over_another_takes_its_place(quick: Ingest) -> None:
    """The document that was there is replaced, at no cost."""
    put(quick.share, a="first", b="other")
    quick()
    (quick.share / "a.txt").rename(quick.share / "b.txt")
    os.utime(quick.share / "b.txt", ns=(7, 7))
    report = quick()
    assert (0, {"b.txt": ("first",)}) == (report.embedded, quick.api.answering())
    assert {"b.txt"} == set(quick.api.documents)


def test_a_renamed_archive_takes_everything_in_it_along(quick: Ingest) -> None:
    """Members move with their archive; nothing is unpacked."""
    inner = zipped(deep__txt="deep text")
    (quick.share / "a.zip").write_bytes(zipped(one__txt="one", two_three__txt="three", inner__zip=inner))
    quick()
    parsed = len(quick.worker.parsed)
    (quick.share / "a.zip").rename(quick.share / "b.zip")
    report = quick()
    assert (parsed, 0) == (len(quick.worker.parsed), report.embedded)
    expected = {
        "b.zip/one.txt": ("one",),
        "b.zip/two/three.txt": ("three",),
        "b.zip/inner.zip/deep.txt": ("deep text",),
    }
    assert expected == quick.api.answering()
    assert {"b.zip"} == {row.owner for row in quick.api.documents.values()}
    assert [] == [path for path in quick.api.documents if path.startswith("a.zip")]


def test_a_move_that_was_cut_short_is_completed(quick: Ingest) -> None:
    """After a crash at any step of moving an archive the next run leads to the same state."""
    (quick.share / "a.zip").write_bytes(zipped(one__txt="one", two__txt="two", three__txt="three"))
    quick()
    (quick.share / "a.zip").rename(quick.share / "b.zip")
    documents, passages = dict(quick.api.documents), dict(quick.api.passages)
    expected = {"b.zip/one.txt": ("one",), "b.zip/two.txt": ("two",), "b.zip/three.txt": ("three",)}
    for step in range(12):
        quick.api.documents, quick.api.passages = dict(documents), dict(passages)
        quick.api.told.clear()
        quick.api.fail_at = step
        with contextlib.suppress(OSError):
            quick()
        quick.api.fail_at = -1
        quick()
        assert expected == quick.api.answering()
        assert {"b.zip", *expected} == set(quick.api.documents)


def test_a_move_that_comes_too_late_leaves_nothing_behind(quick: Ingest) -> None:
    """When the file has gone again before its document could be moved there, the document goes too."""
    (quick.share / "a.zip").write_bytes(zipped(one__txt="one", two__txt="two"))
    quick()
    (quick.share / "a.zip").rename(quick.share / "b.zip")

    def interfere(change: str, path: str) -> None:
        if (change, path) == ("move", "b.zip/one.txt"):
            (quick.share / "b.zip").unlink()
            put(quick.share, other="x")

    quick.api.at = interfere
    quick()
    quick.api.at = lambda change, path: None
    quick.over("b.zip")
    assert {} == quick.api.documents
