"""The curve of the refusal, the areas under it, and calibration."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.evaluation.records import AnswerRecord
from appliance.evaluation.tradeoff import at, auc, bins, brier, calibration_error, curve, judged, mean_risk
from tests.appliance.evaluation.runs import answered, small


def records(pairs: list[tuple[float, str]]) -> list[AnswerRecord]:
    """Return answers of given confidence: "r" answerable and right, "w" answerable and wrong, "u" unanswerable."""
    return [
        answered(
            str(number),
            "30 days" if kind == "r" else "31",
            (),
            answers=() if kind == "u" else ("30 days",),
            confidence=confidence,
        )
        for number, (confidence, kind) in enumerate(pairs)
    ]


PAIRS = st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.5, 0.9]), st.sampled_from("rwu")), max_size=12)


def test_a_threshold_of_the_small_run() -> None:
    """At 0.6 the confident ones stay; the refusal without a draft is refused at every threshold."""
    point = at(judged(small().answers), 0.6)
    assert (round(1 / 3, 6), round(1 / 3, 6), 0.5, 0.6, round(2 / 3, 6)) == (
        point.answerable_right,
        point.answerable_refused,
        point.unanswerable_refused,
        point.coverage,
        point.risk,
    )
    lowest = curve(judged(small().answers))[0]
    assert (round(2 / 3, 6), 0.0, 0.5) == (
        lowest.answerable_right,
        lowest.answerable_refused,
        lowest.unanswerable_refused,
    )


@given(PAIRS)
def test_the_area_is_the_share_of_pairs_in_order(pairs: list[tuple[float, str]]) -> None:
    """Brute force over all pairs of an answerable and an unanswerable question; ties count half."""
    high = [confidence for confidence, kind in pairs if kind != "u"]
    low = [confidence for confidence, kind in pairs if kind == "u"]
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in high for b in low]
    assert (round(sum(wins) / len(wins), 6) if wins else None) == auc(judged(records(pairs)))


@given(PAIRS)
def test_a_higher_threshold_refuses_more(pairs: list[tuple[float, str]]) -> None:
    """Along the curve refusals never fall, and its last point refuses everything."""
    points = curve(judged(records(pairs)))
    covered = [point.coverage for point in points]
    assert sorted(covered, key=lambda share: -(share or 0.0)) == covered
    assert not points or (1.0, 0.0) == (points[0].coverage, points[-1].coverage)


def test_mean_risk_by_hand() -> None:
    """Right at 0.9, wrong at 0.5, right at 0.1: risks 0, 1/2, 1/3."""
    assert round((0 + 1 / 2 + 1 / 3) / 3, 6) == mean_risk(judged(records([(0.9, "r"), (0.5, "w"), (0.1, "r")])))


def test_calibration_by_hand() -> None:
    """Two bins: 0.2 on average with none right, 0.8 with all right: both 0.2 off; Brier 0.04 but for the spread."""
    found = records([(0.1, "w"), (0.3, "u"), (0.7, "r"), (0.9, "r")])
    assert [(0.2, 0.0, 2), (0.8, 1.0, 2)] == [(each.confidence, each.right, each.count) for each in bins(found, 2)]
    assert 0.2 == calibration_error(found, 2)
    assert 0.05 == brier(found)
    assert calibration_error([]) is None


def test_an_answer_that_was_not_judged_is_left_out() -> None:
    """A draft without a confidence says nothing about thresholds, nor does a failure."""
    unjudged = answered("1", "30 days", (), confidence=None)
    failed = answered("2", "", (), confidence=None, reason="failed")
    assert 0 == len(judged([unjudged, failed]).scores)
