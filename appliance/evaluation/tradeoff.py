"""What every threshold of the refusal would have done, and whether confidence means what it says.

An answer is refused when its confidence is below the threshold. One without a draft is refused at every threshold: it
had nothing to show. One that has a draft and no confidence was not judged, and is left out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.evaluation.measures import draft_right
from appliance.evaluation.records import AnswerRecord

BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """Questions that the decision was made for, by confidence, lowest first; minus infinity without a draft."""

    scores: NDArray[np.float64]
    answerable: NDArray[np.bool_]
    right: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold does: shares of the answerable questions that are right and refused, the share of the
    unanswerable that is refused, and of all questions the share answered, and of these the share that is wrong.
    """

    threshold: float
    answerable_right: float | None
    answerable_refused: float | None
    unanswerable_refused: float | None
    coverage: float | None
    risk: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same confidence: the mean of it, and the share that is right."""

    confidence: float
    right: float
    count: int


def judged(records: Sequence[AnswerRecord]) -> Judged:
    """Return the records that the decision to refuse was made for; the order of the records does not matter."""
    rows = sorted(
        (
            record.confidence if record.draft and record.confidence is not None else -np.inf,
            record.id,
            record.answerable,
            draft_right(record),
        )
        for record in records
        if record.confidence is not None or (record.refused and not record.draft)
    )
    return Judged(
        np.array([row[0] for row in rows], dtype=np.float64),
        np.array([row[2] for row in rows], dtype=np.bool_),
        np.array([row[3] for row in rows], dtype=np.bool_),
    )


def at(questions: Judged, threshold: float) -> Point:
    """Return what one threshold does."""
    shown = questions.scores >= threshold
    answerable, unanswerable = questions.answerable, ~questions.answerable
    return Point(
        round(float(threshold), 6),
        _share(questions.right & shown, answerable),
        _share(~shown, answerable),
        _share(~shown, unanswerable),
        _share(shown, np.ones_like(shown)),
        _share(~questions.right, shown),
    )


def curve(questions: Judged) -> tuple[Point, ...]:
    """Return a point for each threshold that makes a difference, from answering everything to refusing everything."""
    finite = np.unique(questions.scores[np.isfinite(questions.scores)])
    if not len(finite):
        return ()
    above = np.nextafter(finite[-1], np.inf) if finite[-1] >= 1 else 1.0
    return tuple(at(questions, threshold) for threshold in (*finite, above))


def auc(questions: Judged) -> float | None:
    """Return the probability that an answerable question has more confidence than an unanswerable one, equal ones
    half: the area under the ROC curve (Mann and Whitney 1947). None without both kinds.
    """
    higher, lower = questions.scores[questions.answerable], np.sort(questions.scores[~questions.answerable])
    if not len(higher) or not len(lower):
        return None
    below = np.searchsorted(lower, higher, side="left") + np.searchsorted(lower, higher, side="right")
    return round(float(below.sum()) / (2 * len(higher) * len(lower)), 6)


def mean_risk(questions: Judged) -> float | None:
    """Return the area under the risk-coverage curve: the share of wrong answers among the most confident ones, mean
    over how many are answered (Geifman and El-Yaniv 2017). Questions of equal confidence are answered together.
    """
    shown = np.isfinite(questions.scores)
    scores, wrong = questions.scores[shown], ~questions.right[shown]
    if not len(scores):
        return None
    risks = [wrong[scores >= score].mean() for score in scores]
    return round(float(np.mean(risks)), 6)


def bins(records: Sequence[AnswerRecord], count: int = BINS) -> tuple[Bin, ...]:
    """Return the reliability diagram's bins, of equal numbers of answers, least confident first."""
    confidence, right = _pairs(records)
    parts = zip(np.array_split(confidence, count), np.array_split(right, count), strict=True)
    return tuple(Bin(round(float(a.mean()), 6), round(float(b.mean()), 6), len(a)) for a, b in parts if len(a))


def calibration_error(records: Sequence[AnswerRecord], count: int = BINS) -> float | None:
    """Return the expected calibration error: the distance of confidence and share right, mean over the answers of
    each bin (Naeini et al. 2015, with bins of equal numbers). None without any confidence.
    """
    found = bins(records, count)
    total = sum(bin_.count for bin_ in found)
    return round(sum(bin_.count * abs(bin_.confidence - bin_.right) for bin_ in found) / total, 6) if total else None


def brier(records: Sequence[AnswerRecord]) -> float | None:
    """Return the mean squared distance of confidence and outcome (Brier 1950): 0 is perfect, 0.25 is a coin."""
    confidence, right = _pairs(records)
    return round(float(np.mean((confidence - right) ** 2)), 6) if len(confidence) else None


def _pairs(records: Sequence[AnswerRecord]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows = sorted((r.confidence, r.id, draft_right(r)) for r in records if r.confidence is not None)
    return np.array([row[0] for row in rows], dtype=np.float64), np.array([row[2] for row in rows], dtype=np.float64)


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float | None:
    size = int(whole.sum())
    return round(float((part & whole).sum()) / size, 6) if size else None
