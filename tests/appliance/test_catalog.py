"""The catalogue keeps one row per file, durably, whatever the file is called."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.catalog import Catalog, Entry, Run
from appliance.errors import StoreError
from appliance.types import document_id

NAMES = st.binary(min_size=1, max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


def entry(path: str = "a.md", share: str = "/share", **changes: object) -> Entry:
    row = Entry(
        id=document_id(share, path),
        share=share,
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
        indexed_at="2026-01-01T00:00:00+00:00",
    )
    return replace(row, **changes)  # type: ignore[arg-type]  # a row's own fields


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
    assert [row] == again.entries(share)
    again.clear()
    again.close()


def test_rows_of_another_share_are_not_listed(tmp_path: Path) -> None:
    """A run over one share sees its own documents only."""
    catalog = Catalog(tmp_path / "catalog.db")
    for share in ("/a", "/b"):
        catalog.put(entry("same.md", share))
    assert ["/b"] == [row.share for row in catalog.entries("/b")]
    assert 2 == len(catalog.entries())


def test_an_announced_row_stays_arriving_until_it_is_put_or_retracted(tmp_path: Path) -> None:
    """What lies between announcing and putting is what a crash leaves behind."""
    catalog = Catalog(tmp_path / "catalog.db")
    first, second = entry("1"), entry("2")
    catalog.announce(first)
    catalog.announce(second)
    assert {first.id, second.id} == {row.id for row in catalog.arriving()}
    catalog.put(first)
    catalog.retract(second.id)
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
