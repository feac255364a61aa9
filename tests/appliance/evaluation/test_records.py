"""Runs survive a journey through JSON, and nothing else passes for one."""

from __future__ import annotations

import dataclasses
import json

import pytest

from appliance.errors import UsageError
from appliance.evaluation.records import Quote, from_json, to_json
from tests.appliance.evaluation.runs import answered, small


def test_a_run_comes_back_as_it_was() -> None:
    """Names of files that are no text survive, too."""
    odd = answered("9", "x", (Quote("caf\udce9.md", None, "x"),))
    run = dataclasses.replace(small(), answers=(*small().answers, odd))
    assert run == from_json(json.loads(json.dumps(to_json(run), allow_nan=False)))


@pytest.mark.parametrize("data", [None, [], {}, {"format": "appliance-evaluation/2"}])
def test_another_format_is_refused(data: object) -> None:
    """A run says what it is."""
    with pytest.raises(UsageError) as caught:
        from_json(data)
    assert caught.value.hint


def test_a_damaged_run_is_refused_with_the_place() -> None:
    """What is missing is named."""
    data = to_json(small())
    del data["answers"][2]["text"]
    with pytest.raises(UsageError, match=r"answers\.2\.text"):
        from_json(data)
