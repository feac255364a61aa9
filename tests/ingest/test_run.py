from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.errors import ShareError
from ingest.readers import Access
from ingest.run import Scope, run, session
from tests.ingest.conftest import LIMITS, READERS, Ingest


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text)


def test_every_file_is_indexed_once_and_then_unchanged(ingest: Ingest) -> None:
    """The first run puts every file; the second, over the same share, reads, embeds and puts nothing."""
    write(ingest.share, a="# A\n\nFirst.", b="# B\n\nSecond.")
    first = ingest()
    assert [(row.path, row.status, row.passages) for row in first.rows] == [
        ("a.md", "indexed", 1),
        ("b.md", "indexed", 1),
    ]
    assert first.embedded == 2
    puts = len(ingest.api.puts)
    second = ingest()
    assert [(row.path, row.status, row.passages) for row in second.rows] == [
        ("a.md", "unchanged", 1),
        ("b.md", "unchanged", 1),
    ]
    assert (second.embedded, len(ingest.api.puts), ingest.embedders) == (0, puts, 1)
    assert 1 == len(ingest.api.models)
    assert ingest.api.finished == [{"indexed": 2}, {"unchanged": 2}]


def test_changed_files_are_replaced_and_removed_ones_disappear(ingest: Ingest) -> None:
    """Only what changed is put again, and what is gone is removed."""
    write(ingest.share, a="old", b="stays", c="goes")
    ingest()
    write(ingest.share, a="new text")
    (ingest.share / "c.md").unlink()
    report = ingest()
    assert {row.path: row.status for row in report.rows} == {"a.md": "indexed", "b.md": "unchanged"}
    assert (report.removed, report.embedded) == (1, 1)
    assert ingest.api.passages == {"a.md": ("new text",), "b.md": ("stays",)}


def test_a_touched_file_costs_no_embedding(ingest: Ingest) -> None:
    """A file with a new time and the same content is unchanged, and its new time is noted."""
    write(ingest.share, a="text")
    ingest()
    os.utime(ingest.share / "a.md", ns=(1, 1))
    report = ingest()
    assert [(row.status, row.passages) for row in report.rows] == [("unchanged", 1)]
    assert (report.embedded, ingest.api.documents["a.md"].modified_ns) == (0, 1)
    assert ingest.api.passages == {"a.md": ("text",)}


def test_every_bad_file_is_a_row_and_the_others_are_indexed(ingest: Ingest, tmp_path: Path) -> None:
    """Empty, huge, binary, linked, piped and oddly named files each get their status; good ones are indexed."""
    share = ingest.share
    write(share, good="text")
    (share / "zero.md").touch()
    (share / "blank.txt").write_text(" \n\n")
    with (share / "huge.txt").open("wb") as file:
        file.truncate(2_000_000_000)
    (share / "image.md").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (share / "broken.docx").write_bytes(b"PK\x03\x04 nothing behind it")
    (tmp_path / "outside.md").write_text("secret")
    (share / "link.md").symlink_to(tmp_path / "outside.md")
    os.mkfifo(share / "pipe")
    (share / "two\nlines.md").write_text("lines")
    (share / os.fsdecode(b"latin-\xe9.md")).write_text("accent")
    expected = {
        "good.md": "indexed",
        "zero.md": "empty",
        "blank.txt": "empty",
        "huge.txt": "too_large",
        "image.md": "unsupported",
        "broken.docx": "damaged",
        "link.md": "unsupported",
        "pipe": "unsupported",
        "two\nlines.md": "indexed",
        "latin-\udce9.md": "indexed",
    }
    report = ingest()
    assert {row.path: row.status for row in report.rows} == expected
    assert [row.path for row in report.rows if row.status != "indexed" and not row.reason] == []
    assert "secret" not in str(ingest.api.passages)


def test_a_failed_file_is_tried_again_when_it_changes_or_on_demand(ingest: Ingest) -> None:
    """A damaged file keeps its status without being parsed again, until it changes or `retry` asks for it."""
    ingest.module = "tests.ingest.misbehaving"
    (ingest.share / "a.txt").write_text("raise")
    assert ingest.statuses() == {"a.txt": "damaged"}
    # From here on the parser would succeed, so the status tells whether the file was parsed.
    ingest.module = "ingest.worker"
    assert ingest.statuses() == {"a.txt": "damaged"}
    os.utime(ingest.share / "a.txt", ns=(1, 1))
    assert ingest.statuses() == {"a.txt": "damaged"}
    assert ingest.statuses(retry=True) == {"a.txt": "indexed"}


def test_a_version_that_cannot_be_judged_leaves_the_old_one_answering(ingest: Ingest) -> None:
    """When the new version times out the old passages stay; when the old content comes back, all is well again."""
    ingest.module = "tests.ingest.misbehaving"
    ingest.limits = replace(LIMITS, seconds=3)
    file = ingest.share / "a.txt"
    file.write_text("fine")
    ingest()
    file.write_text("hang")
    report = ingest()
    assert [(row.status, row.passages) for row in report.rows] == [("timed_out", 1)]
    assert ingest.api.passages == {"a.txt": ("fine",)}
    assert ingest.statuses() == {"a.txt": "timed_out"}
    file.write_text("fine")
    assert ingest.statuses() == {"a.txt": "unchanged"}
    assert (ingest.api.documents["a.txt"].status, ingest.api.documents["a.txt"].reason) == ("indexed", "")


def test_a_version_without_text_takes_the_old_passages_away(ingest: Ingest) -> None:
    """A file that became damaged, or empty, no longer answers with what it said before."""
    ingest.module = "tests.ingest.misbehaving"
    for name in ("a.txt", "b.txt"):
        (ingest.share / name).write_text("fine")
    ingest()
    (ingest.share / "a.txt").write_text("raise")
    (ingest.share / "b.txt").write_text("")
    assert ingest.statuses() == {"a.txt": "damaged", "b.txt": "empty"}
    assert ingest.api.passages == {"a.txt": (), "b.txt": ()}


def test_a_file_that_changes_while_it_is_parsed_is_tried_again(quick: Ingest) -> None:
    """What was parsed may be half old, half new: it is not indexed, and the next run reads the file again."""
    write(quick.share, a="text")
    quick.worker.at = lambda path: os.utime(quick.share / path, ns=(1, 1))
    assert quick.statuses() == {"a.md": "unreadable"}
    assert quick.api.passages == {}
    quick.worker.at = lambda path: None
    assert quick.statuses() == {"a.md": "indexed"}


def test_what_changed_after_it_was_read_is_not_put(quick: Ingest) -> None:
    """Right before a document is put its file is looked at again: another version, or none, and nothing is said."""
    write(quick.share, a="text", b="text 2", c="text 3")
    changes = {"a.md": lambda: (quick.share / "b.md").write_text("other"), "c.md": (quick.share / "c.md").unlink}

    def interfere(change: str, path: str) -> None:
        if change == "put" and path == "a.md":
            changes["a.md"]()
            changes["c.md"]()

    quick.api.at = interfere
    assert {"a.md": "indexed", "b.md": "unreadable", "c.md": "unreadable"} == quick.statuses()
    assert {"a.md": ("text",)} == quick.api.answering()
    quick.api.at = lambda change, path: None
    assert {"a.md": "unchanged", "b.md": "indexed"} == quick.statuses()


def test_who_may_read_is_looked_up_right_before_a_document_is_put(quick: Ingest) -> None:
    """A rule that appears while files are read holds for those that are put after it."""
    write(quick.share, a="text", b="text 2")

    def interfere(change: str, path: str) -> None:
        if change == "put" and path == "a.md":
            (quick.share / ".readers.toml").write_text('readers = ["user:ada"]')

    quick.api.at = interfere
    quick()
    assert {"a.md": READERS, "b.md": ("user:ada",)} == {path: row.readers for path, row in quick.api.documents.items()}


def test_a_file_that_is_being_written_is_left_for_later(quick: Ingest) -> None:
    """A file that changed a moment ago and has changed since the walk is not read; its old version answers."""
    write(quick.share, a="x", z="old")
    quick()
    write(quick.share, a="a new text", z="newer")

    def grow(path: str) -> None:
        with (quick.share / "z.md").open("a") as file:
            file.write(" and newer")

    quick.worker.at = grow
    assert {"a.md": "indexed", "z.md": "unreadable"} == quick.statuses()
    assert ("old",) == quick.api.answering()["z.md"]
    quick.worker.at = lambda path: None
    assert {"a.md": "unchanged", "z.md": "indexed"} == quick.statuses()


def test_a_run_over_some_paths_leaves_the_others_alone(quick: Ingest) -> None:
    """Only what lies at the paths is looked at, removed and put, and without a change the service hears nothing."""
    (quick.share / "in").mkdir()
    write(quick.share, a="text a", b="text b")
    write(quick.share / "in", c="text c", d="text d")
    quick()
    for path in ("a.md", "b.md", "in/c.md"):
        (quick.share / path).unlink()
    write(quick.share / "in", e="text e, new")
    runs = len(quick.api.started)
    report = quick.over("a.md", "in", "nothing")
    assert {"in/d.md": "unchanged", "in/e.md": "indexed"} == {row.path: row.status for row in report.rows}
    assert {"b.md", "in/d.md", "in/e.md"} == set(quick.api.documents)
    assert (runs + 1, 2) == (len(quick.api.started), report.removed)
    told = len(quick.api.told)
    report = quick.over("a.md", "in", suspect=("in/d.md",))
    assert ("", runs + 1, told) == (report.run, len(quick.api.started), len(quick.api.told))


def test_a_suspect_is_read_though_size_and_time_say_nothing(quick: Ingest) -> None:
    """A file replaced by another of the same size and time is found out when an event named it."""
    write(quick.share, a="one")
    quick()
    before = (quick.share / "a.md").stat()
    write(quick.share, a="two")
    os.utime(quick.share / "a.md", ns=(before.st_atime_ns, before.st_mtime_ns))
    quick.over("a.md")
    assert {"a.md": ("one",)} == quick.api.answering()
    quick.over("a.md", suspect=("a.md",))
    assert {"a.md": ("two",)} == quick.api.answering()


def test_a_run_makes_room_when_asked_to(quick: Ingest) -> None:
    """When it is enough no further file is begun, what is hidden stays hidden, and the next run does the rest."""
    write(quick.share, a="text 1", b="text 2", c="text 3", z="text 4")
    quick()
    (quick.share / "z.md").unlink()
    write(quick.share, a="text 5", b="text 6", c="text 7")
    job = quick.job()
    report = run(job, quick.api, session(job), Scope(enough=lambda: len(quick.worker.parsed) > 4))
    assert (False, 1) == (report.whole, report.counts["indexed"])
    assert () == quick.api.documents["z.md"].readers
    quick()
    assert {"a.md": ("text 5",), "b.md": ("text 6",), "c.md": ("text 7",)} == quick.api.answering()
    assert {"a.md", "b.md", "c.md"} == set(quick.api.documents)


def test_documents_beneath_an_unreadable_folder_are_not_removed(ingest: Ingest) -> None:
    """A folder that cannot be read for a while does not take its documents out of the index."""
    (ingest.share / "in").mkdir()
    (ingest.share / "in" / "a.md").write_text("text")
    write(ingest.share, b="text")
    ingest()
    report = ingest_without(ingest, "in")
    assert {row.path: row.status for row in report} == {"in/": "unreadable", "b.md": "unchanged"}
    assert set(ingest.api.documents) == {"in/a.md", "b.md"}


def ingest_without(ingest: Ingest, folder: str) -> tuple[object, ...]:
    from tests.ingest.test_walk import as_nobody

    (ingest.share / folder).chmod(0)
    try:
        with as_nobody(ingest.share):
            return tuple(ingest().rows)
    finally:
        (ingest.share / folder).chmod(0o755)


def test_an_empty_folder_is_not_taken_for_the_share(ingest: Ingest) -> None:
    """When nothing is mounted any more the documents stay, and the error says how to forget them on purpose."""
    write(ingest.share, a="text")
    ingest()
    (ingest.share / "a.md").unlink()
    with pytest.raises(ShareError) as caught:
        ingest()
    assert "--rebuild" in caught.value.hint
    assert set(ingest.api.documents) == {"a.md"}
    assert ingest(rebuild=True).removed == 1
    assert {} == ingest.api.documents


def test_new_readers_reach_unchanged_files_without_embedding(ingest: Ingest) -> None:
    """Changing who may read puts the documents anew and leaves their passages alone."""
    write(ingest.share, a="text")
    ingest()
    ingest.access = Access(("user:ada",))
    report = ingest()
    assert [row.status for row in report.rows] == ["unchanged"]
    assert (ingest.api.documents["a.md"].readers, report.embedded) == (("user:ada",), 0)


def test_a_failing_service_ends_the_run_with_its_error(ingest: Ingest) -> None:
    """What the service raises reaches the caller; what was put before stays, and the next run does the rest."""
    write(ingest.share, **{f"file{i:02}": f"text {i}" for i in range(30)})
    ingest.api.fail_at = 10
    with pytest.raises(OSError, match="the service is gone"):
        ingest()
    assert len(ingest.api.documents) == 10
    ingest.api.fail_at = -1
    assert sorted(ingest.statuses().values()) == ["indexed"] * 20 + ["unchanged"] * 10


def test_many_files_keep_their_own_passages(ingest: Ingest) -> None:
    """Embedding across documents never gives one document another's passages."""
    write(ingest.share, **{f"file{i:03}": f"# Title {i}\n\nNumber {i}." for i in range(60)})
    report = ingest()
    assert report.embedded == 60
    assert ingest.api.passages == {f"file{i:03}.md": (f"Number {i}.",) for i in range(60)}
