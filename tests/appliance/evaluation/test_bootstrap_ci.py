"""Intervals hold what they promise, verdicts follow them, and a seed fixes all of it."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.evaluation.bootstrap_ci import differences, intervals, mcnemar


def terms(values: np.ndarray) -> np.ndarray:
    """Return the terms of one measure that is the mean of `values`."""
    return np.stack([values.astype(float), np.ones(len(values))], axis=-1)[:, None, :]


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of 200 samples of 80 questions of which 60 % are right, 90 to 99 % of the intervals hold 0.6."""
    random = np.random.default_rng(5)
    hits = 0
    for number in range(200):
        found = intervals(terms(random.random(80) < 0.6), number, resamples=400)[0]
        hits += found.low <= 0.6 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_two_equal_systems_rarely_differ() -> None:
    """Where there is no difference, about one comparison of twenty finds one: at most 12 % of 100 here."""
    random = np.random.default_rng(6)
    found = [
        differences(terms(random.random(80) < 0.6), terms(random.random(80) < 0.6), [True], n, resamples=400)[0].verdict
        for n in range(100)
    ]
    assert sum(verdict != "no difference shown" for verdict in found) <= 12


def test_a_ratio_resamples_questions_not_what_they_hold() -> None:
    """Its value is the ratio of the sums, not the mean of the ratios."""
    data = np.array([[[1.0, 1.0]], [[1.0, 3.0]], [[0.0, 0.0]]])
    found = intervals(data, 1)[0]
    assert (0.5, 2.0, 4.0) == (found.value, found.numerator, found.denominator)
    # Resamples of the first two rows lie between 1/3 and 1; those of the third alone have no ratio and are left out.
    assert round(1 / 3, 6) == found.low
    assert 1.0 == found.high


@pytest.mark.parametrize(("higher", "expected"), [(True, "better"), (False, "worse")])
def test_a_clear_difference_has_a_direction(higher: bool, expected: str) -> None:
    """More is better, or worse, as the measure says."""
    before, after = np.zeros(40), np.array([1.0] * 20 + [0.0] * 20)
    found = differences(terms(before), terms(after), [higher], 3)[0]
    assert (0.0, 0.5, 0.5, expected) == (found.before, found.after, found.difference, found.verdict)
    assert found.other_side < 0.01


def test_pairing_sees_what_two_samples_would_not() -> None:
    """A small gain on every question is real, though the questions differ among themselves by much more."""
    before = np.random.default_rng(1).random(40)
    found = differences(terms(before), terms(before + 0.01), [True], 3)[0]
    assert (0.01, 0.01, "better") == (found.low, found.high, found.verdict)


def test_the_same_answers_show_no_difference() -> None:
    """A run compared with itself: zero, no width, p of one."""
    data = terms(np.array([1.0, 0.0, 1.0]))
    found = differences(data, data, [True], 3)[0]
    assert (0.0, 0.0, 0.0, 1.0, "no difference shown") == (
        found.difference,
        found.low,
        found.high,
        found.other_side,
        found.verdict,
    )


def test_nothing_measured_is_no_figure() -> None:
    """Without questions, or with nothing below the line, there is neither value nor interval."""
    for data in (np.zeros((0, 1, 2)), np.zeros((4, 1, 2))):
        found = intervals(data, 1)[0]
        assert (None, None, None) == (found.value, found.low, found.high)
        assert (None, "no difference shown") == (
            differences(data, data, [True], 1)[0].difference,
            differences(data, data, [True], 1)[0].verdict,
        )


def test_a_seed_fixes_the_figures() -> None:
    """The same seed gives the same interval to the last digit, another seed another."""
    data = terms(np.random.default_rng(2).random(50))
    assert intervals(data, 9) == intervals(data, 9)
    assert intervals(data, 9) != intervals(data, 10)


def test_runs_of_different_questions_are_not_compared() -> None:
    """Terms of different shapes are no pairs."""
    with pytest.raises(ValueError, match="paired"):
        differences(np.zeros((3, 1, 2)), np.zeros((4, 1, 2)), [True], 1)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([1, 1, 1, 0], [1, 0, 0, 1], (2, 1, 1.0)),
        ([0] * 6, [1] * 6, (0, 6, 2 / 64)),
        ([0] * 9 + [1], [1] * 9 + [0], (1, 9, 2 * 11 / 1024)),
        ([1, 0], [1, 0], (0, 0, 1.0)),
    ],
)
def test_mcnemar_is_the_exact_binomial(before: list[int], after: list[int], expected: tuple[int, int, float]) -> None:
    """Hand-computed: twice the tail of the binomial at one half, one at most."""
    found = mcnemar([bool(x) for x in before], [bool(x) for x in after])
    assert expected == (found.only_before, found.only_after, found.p)
