"""The decision to refuse: weights as data, and a probability that moves with each signal as its weight says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import load
from appliance.errors import ConfigError
from appliance.refusal import NAMES, Calibration, Signals, load_calibration

MIDDLE = Signals(**dict.fromkeys(NAMES, 0.5))
finite = st.floats(-50, 50)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, finite)), finite, st.dictionaries(st.sampled_from(NAMES), finite))
def test_confidence_is_a_probability(values: dict[str, float], bias: float, weights: dict[str, float]) -> None:
    """Whatever the signals and the weights, it lies between 0 and 1."""
    assert 0.0 <= Calibration("any", bias, weights).confidence(Signals(**values)) <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_moves_the_confidence_as_its_weight_says(name: str) -> None:
    """Up with a weight above zero, down with one below, not at all without."""
    more = replace(MIDDLE, **{name: 0.9})
    for weight, expected in ((2.0, 1), (-2.0, -1), (0.0, 0)):
        judged = Calibration("one", 0.0, {name: weight})
        moved = judged.confidence(more) - judged.confidence(MIDDLE)
        assert expected == (moved > 0) - (moved < 0)


def test_the_default_models_are_calibrated() -> None:
    """The prompt and the generator of the default configuration have weights of their own, and not of nothing."""
    settings = load()
    found = load_calibration(settings.answer.prompt, settings.generator.name)
    assert settings.generator.name == found.name
    assert found.weights


def test_a_generator_that_was_not_measured_takes_the_default() -> None:
    """Its name is that of the weights that are used, so that the log tells the truth."""
    assert load_calibration("answer.v2", "qwen2.5-coder-1.5b-instruct") == load_calibration("answer.v2", "another")


def test_a_prompt_that_was_never_calibrated_is_refused() -> None:
    """Without weights there is no decision, and no answer without one."""
    with pytest.raises(ConfigError, match="never calibrated"):
        load_calibration("answer.v99", "qwen2.5-coder-1.5b-instruct")
