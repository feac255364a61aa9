"""What every log promises; FileLog and the log in memory pass the same suite."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.errors import LogError
from appliance.log import FileLog
from appliance.merkle import EMPTY_ROOT, Frontier
from appliance.ports import Log
from tests.fakes import MemoryLog

MakeLog = Callable[[], Log]

floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | floats | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)
bodies = st.dictionaries(st.text(), values, max_size=5)


@pytest.fixture(params=["file", "memory"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    made: Log = FileLog(tmp_path / "log", tmp_path / "keys", "test") if request.param == "file" else MemoryLog()
    yield made
    made.close()


def test_append_returns_the_entry_that_entries_yields(log: Log) -> None:
    """An entry reads back as it was returned."""
    returned = [log.append("a.b", {"n": n, "x": [1.5, None, {"é": "ü"}]}, version=n + 1) for n in range(5)]
    assert returned == list(log.entries())
    assert [0, 1, 2, 3, 4] == [entry.index for entry in returned]
    assert [1, 2, 3, 4, 5] == [entry.version for entry in returned]
    assert {"n": 3, "x": [1.5, None, {"é": "ü"}]} == returned[3].body


def test_entries_honours_its_bounds(log: Log) -> None:
    """start <= index < stop, and bounds beyond the log cut nothing else."""
    for n in range(6):
        log.append("a", {"n": n})
    assert [2, 3] == [entry.index for entry in log.entries(2, 4)]
    assert [4, 5] == [entry.index for entry in log.entries(4, 99)]
    assert [] == list(log.entries(6))
    assert [] == list(log.entries(4, 2))


def test_entries_is_a_snapshot(log: Log) -> None:
    """What is appended after the call of `entries` does not appear in it."""
    log.append("a", {})
    before = log.entries()
    log.append("a", {})
    assert [0] == [entry.index for entry in before]


def test_a_body_is_copied(log: Log) -> None:
    """Changing the caller's object afterwards changes no entry."""
    body: dict[str, Any] = {"list": [1]}
    entry = log.append("a", body)
    body["list"].append(2)
    assert {"list": [1]} == entry.body == next(log.entries()).body


def test_other_mappings_and_sequences_are_bodies_too(log: Log) -> None:
    """A body may be any mapping and hold tuples."""
    assert {"t": [1, 2]} == log.append("a", MappingProxyType({"t": (1, 2)})).body


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(body=bodies)
def test_any_json_is_a_body(log: Log, body: dict[str, Any]) -> None:
    """Every JSON value survives, numbers by their value."""
    entry = log.append("a", body)
    assert body == entry.body


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 2**53, -(2**53), b"bytes", {1, 2}, object(), {1: "key"}, "\ud800", {"\udfff": 1}, Path("x")],
    ids=repr,
)
def test_what_is_not_json_is_refused_before_anything_is_written(log: Log, value: Any) -> None:
    """A body that canonical JSON cannot hold raises LogError and leaves the log as it was."""
    log.append("a", {})
    with pytest.raises(LogError) as caught:
        log.append("a", {"value": [value]})
    assert caught.value.hint
    assert 1 == log.size()
    assert 1 == log.append("a", {}).index


def test_too_deep_and_too_large_bodies_are_refused(log: Log) -> None:
    """What a verifier would refuse is not written."""
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    for body in ({"deep": deep}, {"large": "x" * (1 << 20)}):
        with pytest.raises(LogError):
            log.append("a", body)
    assert 0 == log.size()


@pytest.mark.parametrize("kind", ["", "A", "a b", "a..b", 'a"', "ä", "a\n", "x" * 101])
def test_a_kind_is_lower_case_words_joined_by_dots(log: Log, kind: str) -> None:
    """Other kinds raise LogError."""
    with pytest.raises(LogError):
        log.append(kind, {})
    assert 0 == log.size()


def test_checkpoint_states_size_and_root(log: Log) -> None:
    """A checkpoint has the root of all leaves, and signs nothing of what comes after."""
    empty = log.checkpoint()
    assert (0, EMPTY_ROOT.hex()) == (empty.size, empty.root)
    frontier = Frontier()
    for n in range(7):
        frontier.add(bytes.fromhex(log.append("a", {"n": n}).leaf))
    head = log.checkpoint()
    log.append("a", {})
    assert (7, frontier.root().hex()) == (head.size, head.root)
    assert [head.origin, "7"] == head.note.split("\n")[:2]


def test_threads_never_share_an_index(log: Log) -> None:
    """Sixteen writers at once: every index once, every entry once, each writer's own in its order."""

    def write(writer: int) -> None:
        for n in range(20):
            log.append("a", {"writer": writer, "n": n})

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = list(log.entries())
    assert list(range(320)) == [entry.index for entry in entries]
    for writer in range(16):
        assert list(range(20)) == [entry.body["n"] for entry in entries if entry.body["writer"] == writer]


def test_a_closed_log_takes_nothing(log: Log) -> None:
    """After close, which may be called twice, append, entries and checkpoint raise LogError."""
    log.append("a", {})
    log.close()
    log.close()
    for use in (lambda: log.append("a", {}), lambda: list(log.entries()), log.checkpoint):
        with pytest.raises(LogError):
            use()
