from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import IndexMismatch
from ingest.dirty import (
    MOST_SECONDS,
    PATIENCE_SECONDS,
    QUIET_SECONDS,
    Batch,
    Dirty,
    listings,
    topmost,
)
from ingest.events import Event
from ingest.files import Stamp
from ingest.readers import RULES

SECONDS = 20.0


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def nothing(path: str) -> Stamp | None:
    return None


def test_a_batch_waits_for_quiet_but_not_for_long() -> None:
    """It is due half a second after the last event, and two seconds after the first."""
    clock = Clock()
    dirty = Dirty(clock)
    assert dirty.due() is None
    dirty.add([Event("written", "a")])
    assert QUIET_SECONDS == dirty.due()
    for _ in range(4):
        clock.now += QUIET_SECONDS * 0.9
        dirty.add([Event("written", "b")])
    assert (100 + MOST_SECONDS - clock.now) == pytest.approx(dirty.due())
    assert MOST_SECONDS <= 2
    assert Batch(("a", "b"), frozenset({"a", "b"})) == dirty.take(nothing)
    assert dirty.due() is None


def test_a_file_that_is_being_written_is_taken_when_it_stands_still() -> None:
    """Made and not yet closed, it has to look the same twice; closed, it is taken at once."""
    clock, looks = Clock(), {"a": Stamp(1, 1), "b": Stamp(1, 1)}
    dirty = Dirty(clock)
    dirty.add([Event("begun", "a"), Event("begun", "b"), Event("rights", "a"), Event("written", "b")])
    assert ("b",) == dirty.take(looks.get).paths
    looks["a"] = Stamp(2, 2)
    assert () == dirty.take(looks.get).paths
    assert QUIET_SECONDS == dirty.due()
    assert Batch(("a",), frozenset({"a"})) == dirty.take(looks.get)


def test_a_rule_file_concerns_its_folder() -> None:
    """Whatever happens to it, everything below is looked at; changed rights make no content suspect."""
    dirty = Dirty()
    dirty.add([Event("written", f"in/{RULES}"), Event("rights", "a")])
    assert Batch(("a", "in"), frozenset({"in"})) == dirty.take(nothing)
    dirty.add([Event("gone", RULES), Event("written", "in/b")])
    assert ("",) == dirty.take(nothing).paths


def test_lost_events_ask_for_everything() -> None:
    """Without knowing what happened the whole share is looked at."""
    dirty = Dirty()
    dirty.add([Event("lost")])
    assert dirty.take(nothing).whole


def test_a_long_run_is_told_when_something_waits() -> None:
    """A change that waits too long, or a failure, asks the run to make room."""
    clock = Clock()
    dirty = Dirty(clock)
    dirty.add([Event("written", "a")])
    assert not dirty.waits()
    clock.now += PATIENCE_SECONDS + 1
    assert dirty.waits()
    dirty.take(nothing)
    assert not dirty.waits()
    dirty.fail(IndexMismatch("other"))
    assert dirty.waits()
    with pytest.raises(IndexMismatch):
        dirty.wait(1)


def test_paths_in_others_are_left_out() -> None:
    """What lies in a folder that is looked at need not be named; names that only begin alike stay."""
    assert ("a", "ab", "b/c") == topmost(["a/x", "a", "ab", "b/c", "a/y/z"])
    assert ("",) == topmost(["a", ""])


@given(st.lists(st.sampled_from(["a", "a/b", "a/b/c", "d", "d/e", *(f"many/{i}" for i in range(60))]), min_size=1))
def test_listings_cover_what_was_asked_for_and_no_more(paths: list[str]) -> None:
    """Whether one by one or by their folder: every path and all in it count, and nothing else does."""
    asked = listings(paths)
    for owner in ("a", "a/b", "a/b/c/x", "d", "d/e", "other", *(f"many/{i}" for i in range(60)), "many/3/in"):
        counts = any(
            (owner == under or not under or owner.startswith(under + "/")) and rule(owner)
            for under, rule in asked.items()
        )
        assert any(owner == path or owner.startswith(path + "/") for path in paths) == counts
