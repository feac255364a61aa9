"""The catalogue keeps one row per file, durably, whatever the file is called."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.catalog import Catalog, Entry, Query, Run
from appliance.errors import StoreError, UsageError
from appliance.types import Finding, document_id

NAMES = st.binary(min_size=1, max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


def entry(path: str = "a.md", share: str = "/share", **changes: object) -> Entry:
    row = Entry(
        id=document_id(share, path),
        share=share,
        owner=path,
        path=path,
        sha256="0" * 64,
        answers="0" * 64,
        media_type="text/markdown",
        readers=("group:everyone",),
        status="indexed",
        reason="",
        hint="",
        size_bytes=3,
        modified_ns=5,
        pages=None,
        passages=2,
        title="",
        findings=(),
        indexed_at="2026-01-01T00:00:00+00:00",
    )
    return replace(row, **changes)  # type: ignore[arg-type]  # a row's own fields


def listed(catalog: Catalog, query: Query, limit: int = 1000) -> list[Any]:
    """Return all rows that a query finds, page by page."""
    rows: list[Any] = []
    cursor = ""
    while True:
        records, cursor = catalog.page(query, limit, cursor)
        rows += [json.loads(record) for record in records]
        if not cursor:
            return rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(path=NAMES, share=NAMES)
def test_a_row_comes_back_as_it_was_put(tmp_path: Path, path: str, share: str) -> None:
    """File names are bytes: those that are no UTF-8 survive, too, and a close and open in between."""
    row = entry(path, share)
    catalog = Catalog(tmp_path / "catalog.db")
    catalog.put(row)
    catalog.close()
    again = Catalog(tmp_path / "catalog.db")
    assert row == again.get(row.id)
    assert [row.id] == [found["id"] for found in listed(again, Query(share))]
    again.clear()
    again.close()


def test_rows_of_another_share_are_not_listed(tmp_path: Path) -> None:
    """A run over one share sees its own documents only."""
    catalog = Catalog(tmp_path / "catalog.db")
    for share in ("/a", "/b"):
        catalog.put(entry("same.md", share))
    assert ["/b"] == [row["share"] for row in listed(catalog, Query("/b"))]
    assert ["/a", "/b"] == [row["share"] for row in listed(catalog, Query())]


def test_an_announced_row_stays_arriving_until_it_is_put_or_retracted(tmp_path: Path) -> None:
    """What lies between announcing and putting is what a crash leaves behind."""
    catalog = Catalog(tmp_path / "catalog.db")
    first, second = entry("1"), entry("2")
    catalog.announce([first])
    catalog.announce([second])
    assert {(first.id, ""), (second.id, "")} == {(row.id, former) for row, former in catalog.arriving()}
    catalog.put(first)
    catalog.retract([second])
    assert [] == catalog.arriving()
    assert (first, None) == (catalog.get(first.id), catalog.get(second.id))


def test_the_newest_run_comes_first(tmp_path: Path) -> None:
    """IT looks at the last run, not at the first."""
    catalog = Catalog(tmp_path / "catalog.db")
    for day in ("1", "3", "2"):
        catalog.put_run(Run(f"run{day}", "/share", f"2026-01-0{day}T00:00:00+00:00"))
    assert ["run3", "run2"] == [run.id for run in catalog.runs(2)]


def test_a_catalogue_of_another_format_is_refused(tmp_path: Path) -> None:
    """A newer program's catalogue is not misread."""
    Catalog(tmp_path / "catalog.db").close()
    with sqlite3.connect(tmp_path / "catalog.db") as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match="format 99"):
        Catalog(tmp_path / "catalog.db")


def test_a_damaged_catalogue_is_an_error_with_its_name(tmp_path: Path) -> None:
    """Random bytes are no database, and the message names the file."""
    (tmp_path / "catalog.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match=r"catalog\.db"):
        Catalog(tmp_path / "catalog.db")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(names=st.sets(NAMES, max_size=12), limit=st.integers(1, 5))
def test_pages_hold_every_row_once_in_byte_order(tmp_path: Path, names: set[str], limit: int) -> None:
    """However small the pages, together they are the whole list, ordered by the bytes of owner and path."""
    catalog = Catalog(tmp_path / "catalog.db")
    catalog.clear()
    rows = [entry(name, owner=name.partition("a")[0] or name) for name in sorted(names)]
    catalog.put_all(rows)
    wanted = sorted(rows, key=lambda row: (raw(row.owner), raw(row.path)))
    assert [row.path for row in wanted] == [row["path"] for row in listed(catalog, Query("/share"), limit)]
    catalog.close()


def raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def test_a_query_finds_a_file_with_what_is_in_it_and_a_folder_with_what_is_below_it(tmp_path: Path) -> None:
    """`under` means the path itself, its members and everything below, and no neighbour whose name begins alike."""
    catalog = Catalog(tmp_path / "catalog.db")
    catalog.put_all(
        [
            entry("a.zip"),
            entry("a.zip/x.md", owner="a.zip"),
            entry("a.zip/in.zip/y.md", owner="a.zip"),
            entry("a.zip.bak"),
            entry("a/b.md"),
            entry("a/c.zip"),
            entry("a/c.zip/z.md", owner="a/c.zip"),
            entry("a0"),
            entry("a-b"),
        ]
    )

    def under(path: str) -> list[str]:
        return [row["path"] for row in listed(catalog, Query("/share", path))]

    assert ["a.zip", "a.zip/in.zip/y.md", "a.zip/x.md"] == under("a.zip")
    assert ["a/b.md", "a/c.zip", "a/c.zip/z.md"] == under("a")
    assert ["a/c.zip", "a/c.zip/z.md"] == under("a/c.zip")
    assert [] == under("b")


def test_rows_are_found_by_status_text_findings_and_reader(tmp_path: Path) -> None:
    """Each filter narrows; totals count the same rows; a reader sees neither others' rows nor their number."""
    catalog = Catalog(tmp_path / "catalog.db")
    catalog.put_all(
        [
            entry("plan.md"),
            entry("Übersicht.pdf", status="damaged", reason="its container is broken", passages=0),
            entry("odd.docx", findings=(Finding("hidden", "paragraph 2", 9),)),
            entry("salaries.xlsx", readers=("group:board",), size_bytes=100),
        ]
    )

    def paths(query: Query) -> list[str]:
        return [row["path"] for row in listed(catalog, query)]

    everyone = frozenset({"group:everyone", "user:ada"})
    assert ["Übersicht.pdf"] == paths(Query(statuses=frozenset({"damaged", "empty"})))
    assert ["Übersicht.pdf"] == paths(Query(text="ÜBERSICHT"))
    assert ["Übersicht.pdf"] == paths(Query(text="container"))
    assert ["odd.docx"] == paths(Query(findings=True))
    assert ["odd.docx", "plan.md", "Übersicht.pdf"] == paths(Query(readers=everyone))
    assert {"damaged": (1, 0, 3), "indexed": (2, 4, 6)} == catalog.totals(Query(readers=everyone))
    assert {"indexed": (1, 2, 100)} == catalog.totals(Query(readers=frozenset({"group:board"})))
    assert [] == paths(Query(readers=frozenset()))


def test_a_row_takes_the_place_of_a_former_one_in_one_step(tmp_path: Path) -> None:
    """After a move there is the new row and not the old, and nothing is arriving."""
    catalog = Catalog(tmp_path / "catalog.db")
    former, row = entry("a.md"), entry("b.md")
    catalog.put(former)
    catalog.announce([row], former.id)
    assert [(row, former.id)] == catalog.arriving()
    catalog.put(row, former.id)
    assert ([], ["b.md"]) == (catalog.arriving(), [found["path"] for found in listed(catalog, Query())])


def test_a_cursor_that_nobody_gave_is_refused(tmp_path: Path) -> None:
    """What is no cursor is an error of the caller, not of the catalogue."""
    catalog = Catalog(tmp_path / "catalog.db")
    for cursor in ("x", "eA==", "ZGUvYWQ="):
        with pytest.raises(UsageError):
            catalog.page(Query(), 10, cursor)


def test_rows_of_the_first_format_are_forgotten(tmp_path: Path) -> None:
    """What an earlier version knew says too little: the next run takes every file for new."""
    with sqlite3.connect(tmp_path / "catalog.db") as db:
        db.executescript(
            "CREATE TABLE documents (id TEXT PRIMARY KEY, share BLOB, path BLOB, record TEXT);"
            "CREATE INDEX documents_by_share ON documents (share, path);"
            "CREATE TABLE arriving (id TEXT PRIMARY KEY, record TEXT);"
            "INSERT INTO documents VALUES ('i', 's', 'p', '{}'); PRAGMA user_version=1"
        )
    catalog = Catalog(tmp_path / "catalog.db")
    assert ([], []) == (listed(catalog, Query()), catalog.arriving())
