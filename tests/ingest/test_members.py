"""Files inside of files are documents of their own."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.ingest.conftest import BUDGET, Ingest, zipped


def archive(quick: Ingest, content: bytes, name: str = "a.zip") -> None:
    (quick.share / name).write_bytes(content)


def test_each_member_is_a_document_with_its_archives_readers(quick: Ingest) -> None:
    """Members are indexed under the archive's path; the archive itself says how many there are."""
    archive(quick, zipped(one__txt="one", folder_two__txt="two", locked__txt="x", empty__txt=""))
    rows = {row.path: (row.status, row.reason, row.passages) for row in quick().rows}
    assert rows == {
        "a.zip": ("indexed", "an archive of 4 files", 0),
        "a.zip/one.txt": ("indexed", "", 1),
        "a.zip/folder/two.txt": ("indexed", "", 1),
        "a.zip/locked.txt": ("encrypted", "it has a password", 0),
        "a.zip/empty.txt": ("empty", "the file has no content", 0),
    }
    assert {("a.zip", ("group:everyone",))} == {(row.owner, row.readers) for row in quick.api.documents.values()}
    assert "a.zip" == quick.api.puts[-1]


def test_an_archive_without_members_is_empty(quick: Ingest) -> None:
    """Nothing in it, and no text: empty."""
    archive(quick, zipped())
    assert {"a.zip": "empty"} == quick.statuses()


def test_an_unchanged_archive_is_not_opened_and_its_members_have_rows(quick: Ingest) -> None:
    """The second run parses nothing and reports every member; a touched archive is as unchanged."""
    archive(quick, zipped(one__txt="one", two__txt="two"))
    quick()
    parsed = len(quick.worker.parsed)
    expected = {"a.zip": "unchanged", "a.zip/one.txt": "unchanged", "a.zip/two.txt": "unchanged"}
    assert expected == quick.statuses()
    os.utime(quick.share / "a.zip", ns=(1, 1))
    assert expected == quick.statuses()
    assert parsed == len(quick.worker.parsed)
    assert 1 == quick.api.documents["a.zip"].modified_ns


def test_of_a_changed_archive_only_what_changed_is_parsed(quick: Ingest) -> None:
    """A member with the same content stays, one that is no longer there goes, the others are read."""
    archive(quick, zipped(same__txt="same", gone__txt="gone", new__txt="old"))
    quick()
    quick.worker.parsed.clear()
    archive(quick, zipped(same__txt="same", new__txt="a new text", more__txt="more"))
    report = quick()
    assert ["a.zip", "a.zip/new.txt", "a.zip/more.txt"] == quick.worker.parsed
    assert 2 == report.embedded
    expected = {"a.zip/same.txt": ("same",), "a.zip/new.txt": ("a new text",), "a.zip/more.txt": ("more",)}
    assert expected == quick.api.answering()
    assert "a.zip/gone.txt" not in quick.api.documents


def test_archives_in_archives_are_opened_within_the_budget(quick: Ingest) -> None:
    """An inner archive has one level less, and what was taken out already counts."""
    inner = zipped(deep__txt="deep")
    archive(quick, zipped(inner__zip=inner, a__txt="a"))
    quick()
    assert {"a.zip/inner.zip/deep.txt": ("deep",), "a.zip/a.txt": ("a",)} == quick.api.answering()
    budgets = dict(zip(quick.worker.parsed, quick.worker.budgets, strict=True))
    assert BUDGET == budgets["a.zip"]
    left = replace(
        BUDGET, files=BUDGET.files - 2, size_bytes=BUDGET.size_bytes - len(inner) - 1, depth=BUDGET.depth - 1
    )
    assert left == budgets["a.zip/inner.zip"]


def test_an_unchanged_inner_archive_keeps_what_is_in_it(quick: Ingest) -> None:
    """When something else in the outer archive changes, the inner one is not opened and nothing of it goes."""
    inner = zipped(deep__txt="deep")
    archive(quick, zipped(inner__zip=inner, a__txt="a"))
    quick()
    quick.worker.parsed.clear()
    archive(quick, zipped(inner__zip=inner, a__txt="another"))
    rows = {row.path: row.status for row in quick().rows}
    assert ["a.zip", "a.zip/a.txt"] == quick.worker.parsed
    assert "unchanged" == rows["a.zip/inner.zip/deep.txt"]
    assert {"a.zip/inner.zip/deep.txt": ("deep",), "a.zip/a.txt": ("another",)} == quick.api.answering()


def test_a_removed_archive_takes_its_members_along(quick: Ingest) -> None:
    """When the file is gone so is everything that was in it."""
    archive(quick, zipped(one__txt="one", two__txt="two"))
    archive(quick, b"text", "b.txt")
    quick()
    (quick.share / "a.zip").unlink()
    assert 3 == quick().removed
    assert {"b.txt"} == set(quick.api.documents)


def test_an_archive_that_becomes_damaged_loses_its_members(quick: Ingest) -> None:
    """What was in it is not there any more; when it only takes too long, it stays."""
    archive(quick, zipped(one__txt="one"))
    quick()
    archive(quick, b"slow")
    assert {"a.zip": "timed_out", "a.zip/one.txt": "unchanged"} == quick.statuses()
    assert {"a.zip/one.txt": ("one",)} == quick.api.answering()
    archive(quick, b"broken and more")
    assert {"a.zip": "damaged"} == quick.statuses()
    assert {"a.zip"} == set(quick.api.documents)


def test_retry_opens_an_archive_whose_member_failed(quick: Ingest) -> None:
    """On demand, and only then, a failed member is tried again; its neighbours are not parsed."""
    archive(quick, zipped(bad__txt="broken", good__txt="good"))
    quick()
    quick.worker.parsed.clear()
    quick()
    assert [] == quick.worker.parsed
    quick(retry=True)
    assert ["a.zip", "a.zip/bad.txt"] == quick.worker.parsed


def test_names_that_meet_are_told_apart(quick: Ingest) -> None:
    """A member called like what an inner archive holds is a document of its own."""
    inner = zipped(deep__txt="inner")
    archive(quick, zipped(x__zip=inner, x__zip_deep__txt="outer"))
    quick()
    assert {("inner",), ("outer",)} == set(quick.api.answering().values())


def test_an_archive_cut_short_is_read_to_its_end(quick: Ingest) -> None:
    """After a crash at any step of the first run over an archive, the next run puts the rest, and nothing twice."""
    archive(quick, zipped(one__txt="one", two__txt="two", three__txt="three"))
    for step in range(4):
        quick.api.documents.clear()
        quick.api.passages.clear()
        quick.api.told.clear()
        quick.api.fail_at = step
        with pytest.raises(OSError, match="gone"):
            quick()
        quick.api.fail_at = -1
        report = quick()
        assert 3 - min(step, 3) == report.embedded
        assert {"a.zip/one.txt": ("one",), "a.zip/two.txt": ("two",), "a.zip/three.txt": ("three",)} == (
            quick.api.answering()
        )


def test_a_crash_while_a_member_goes_leaves_nothing_behind(quick: Ingest) -> None:
    """After a crash at any step of a run over a changed archive, the next one leads to the same documents."""
    archive(quick, zipped(one__txt="one", two__txt="two"))
    quick()
    documents, passages = dict(quick.api.documents), dict(quick.api.passages)
    archive(quick, zipped(two__txt="two", three__txt="three"))
    for step in range(4):
        quick.api.documents, quick.api.passages = dict(documents), dict(passages)
        quick.api.told.clear()
        quick.api.fail_at = step
        try:
            quick()
        except OSError:
            assert step < 3
        quick.api.fail_at = -1
        quick()
        assert {"a.zip", "a.zip/two.txt", "a.zip/three.txt"} == set(quick.api.documents)


def test_quarantine_keeps_a_document_out_and_says_where(quick: Ingest) -> None:
    """With it a flagged document has no passages and a reason; without, it is indexed with its finding."""
    (quick.share / "a.txt").write_text("ORDERS to the model")
    row = next(iter(quick().rows))
    assert ("indexed", 1, "addresses_model") == (row.status, row.passages, row.findings[0].kind)
    quick.options = replace(quick.options, quarantine=True)
    row = next(iter(quick().rows))
    assert ("quarantined", "its text gives orders to the model (page 3)") == (row.status, row.reason)
    assert row.hint
    assert {} == quick.api.answering()
    assert "quarantined" == quick.api.documents["a.txt"].status
    assert {"a.txt": "quarantined"} == quick.statuses()
    quick.options = replace(quick.options, quarantine=False)
    assert {"a.txt": "indexed"} == quick.statuses()
    assert {"a.txt": ("ORDERS to the model",)} == quick.api.answering()
