"""Never half: a few rounds of the random kills of which tests/eval/kills.py runs hundreds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.eval.kills import torture

KILLS = 5


@pytest.mark.e2e
@pytest.mark.model
@pytest.mark.slow
def test_killed_processes_leave_index_catalogue_and_log_in_agreement(embedder_path: Path, tmp_path: Path) -> None:
    """Service, ingest and parsing child die at random moments; nothing is lost, doubled or half."""
    assert 0 == torture(tmp_path, embedder_path.parent, KILLS, seed=7)
