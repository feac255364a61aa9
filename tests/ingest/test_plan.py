from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import StoreError
from appliance.types import Finding
from ingest.files import BadFile, Stamp
from ingest.plan import Before, Planner, Row, joined, order
from ingest.push import Known
from ingest.report import Report, Rows, record, summary
from ingest.walk import Found
from tests.ingest.conftest import OPTIONS, READERS

STAMP = Stamp(5, 7)


def file(path: str, stamp: Stamp = STAMP) -> Found:
    return Found(path, stamp, None, READERS)


def known(path: str, owner: str = "", **others: object) -> Known:
    row = Known(
        path, owner or path, "ab", "ab", 5, 7, "text/plain", READERS, "indexed", "", "", None, 1, "", ()
    )  # fmt: skip
    return replace(row, **others)


def planned(files: Sequence[Found], rows: Sequence[Known]) -> tuple[Planner, list[tuple[str, str]]]:
    settled: list[tuple[str, str]] = []
    planner = Planner(OPTIONS, lambda owner, row: settled.append((row.path, row.status)))
    planner.add(files, rows)
    return planner, settled


names = st.text(st.sampled_from(["a", "b", "-", "0", "ä", "\udcff", "𝄞", "\uffff"]), min_size=1, max_size=4)


@given(st.frozensets(names), st.frozensets(names))
def test_files_meet_what_is_known_of_them(files: frozenset[str], rows: frozenset[str]) -> None:
    """Whatever the names, each path comes once, in the order of its bytes, with its file and what is known of it."""
    left = [file(path) for path in sorted(files, key=order)]
    right = [(path, Before(known(path))) for path in sorted(rows, key=order)]
    met = [
        (found.path if found else "", before.owner.path if before.owner else "")
        for found, before in joined(left, right)
    ]
    expected = [
        (path if path in files else "", path if path in rows else "") for path in sorted(files | rows, key=order)
    ]
    assert expected == met


def test_only_what_changes_is_kept() -> None:
    """Files that are as they were have their rows and nothing in the plan, with all that is in them."""
    rows = [known("a"), known("b.zip", answers=""), known("b.zip/x", "b.zip"), known("c")]
    planner, settled = planned([file("a"), file("b.zip"), file("c", Stamp(6, 7)), file("d")], rows)
    assert [("a", "unchanged"), ("b.zip", "unchanged"), ("b.zip/x", "unchanged")] == settled
    plan = planner.plan
    assert ["c", "d"] == [task.found.path for task in plan.tasks]
    assert ([], [], [], [], 4) == (plan.changes, plan.readers, plan.narrow, plan.gone, plan.files)


def test_members_without_their_archive_are_read_again() -> None:
    """A run that ended before the archive itself was put is made up for."""
    planner, settled = planned([file("b.zip")], [known("b.zip/x", "b.zip")])
    assert (1, []) == (len(planner.plan.tasks), settled)


def test_a_list_out_of_order_is_refused() -> None:
    """Documents that come in another order would look like gone and new: nothing is planned from them."""
    with pytest.raises(StoreError):
        planned([], [known("b"), known("a")])


def test_what_may_not_be_entered_answers_nobody() -> None:
    """Beneath a folder without the right to enter nothing is removed, and nobody reads until it can be checked."""
    denied = Found("in/", Stamp(0, 0), BadFile("unreadable", "permission denied"))
    away = Found("out/", Stamp(0, 0), BadFile("unreadable", "it cannot be read: Input/output error"))
    planner, _ = planned([denied, away], [known("in/a"), known("out/b"), known("z")])
    assert ["in/a"] == [before.owner.path for before in planner.plan.closed]
    assert ["z"] == [before.owner.path for before in planner.plan.gone]


def test_a_changed_file_loses_readers_before_it_is_read() -> None:
    """Who may not read the new version stops reading the old one at once; who may read more waits for it."""
    fewer, more = known("a", readers=(*READERS,)), known("b", readers=("user:ada",))
    files = [Found("a", Stamp(6, 7), None, ("user:ada",)), Found("b", Stamp(6, 7), None, READERS)]
    planner, _ = planned(files, [fewer, more])
    assert ["a"] == planner.plan.narrow


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return Rows(tmp_path)


def test_rows_come_in_the_order_of_files(rows: Rows) -> None:
    """What was settled and what was read are one list, members behind their archive, odd names intact."""
    finding = Finding("tiny", "page 1", 3)
    odd = os.fsdecode(b"\xff\n")
    for path in ("a", "a.zip", "c"):
        rows.settled(path, Row(path, "unchanged", passages=2))
    for owner, path in ((odd, odd), ("b", "b"), ("a.zip", "a.zip/x")):
        rows.done(owner, Row(path, "indexed", passages=1, findings=(finding,)))
    assert ["a", "a.zip", "a.zip/x", "b", "c", odd] == [row.path for row in rows]
    assert [(), (), (finding,), (finding,), (), (finding,)] == [row.findings for row in rows]
    assert ({"unchanged": 3, "indexed": 3}, 9, 3, 6) == (dict(rows.counts), rows.passages, rows.findings, len(rows))


def test_a_report_is_one_line_of_json(rows: Rows) -> None:
    """It has the totals, and a row per file with status, reason, hint, passages, pages and findings."""
    rows.settled("a", Row("a", "unchanged", passages=2))
    rows.done("b", Row("b", "damaged", "it is broken", "Mend it.", findings=(Finding("tiny", "page 1", 3),)))
    text = "".join(record(Report("/share", "r1", rows, 3, 4, 0.5)))
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "share": "/share",
        "run": "r1",
        "counts": {"unchanged": 1, "damaged": 1},
        "removed": 3,
        "passages": 2,
        "passages_embedded": 4,
        "seconds": 0.5,
        "files": [
            {
                "path": "a",
                "status": "unchanged",
                "reason": "",
                "hint": "",
                "passages": 2,
                "pages": None,
                "findings": [],
            },
            {
                "path": "b",
                "status": "damaged",
                "reason": "it is broken",
                "hint": "Mend it.",
                "passages": 0,
                "pages": None,
                "findings": [{"kind": "tiny", "where": "page 1", "characters": 3}],
            },
        ],
    }


def test_a_summary_names_what_a_person_should_see(rows: Rows) -> None:
    """Files that yielded nothing stand with reason and hint, twenty at most; the totals come last."""
    for i in range(25):
        rows.settled("a", Row(f"a{i}\n", "damaged", "it is broken", "Mend it."))
    lines = summary(Report("/share", "r1", rows, 3, 4, 0.5)).splitlines()
    assert r"  damaged     a0\n: it is broken. Mend it." == lines[0]
    assert (22, "  … and 5 more; --json lists them all") == (len(lines), lines[20])
    assert "25 files (25 damaged), 3 removed, 0 passages, 4 embedded, 0.5 s" == lines[21]
