"""How sure a figure is, and whether a difference between two runs is more than chance.

Every figure here is a ratio of two sums over questions: a mean has the number of questions below the line, a recall
what should have been found. A resample draws as many questions as there are, with repetition, and computes the ratio
of its sums; an interval spans the middle 95 % of 10,000 of them (the percentile bootstrap: Efron 1979; for systems
compared on the same questions Koehn 2004). Two runs are resampled together, question by question. Resamples in which a
ratio has nothing below its line are left out. The same terms and seed give the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 0.95
# So many resamples are held at once: 1,000 questions take 8 MB.
_AT_ONCE = 1_000

Floats = NDArray[np.float64]
Verdict = Literal["better", "worse", "no difference shown"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio of sums with its 95 % interval; None where there is nothing below the line."""

    value: float | None
    low: float | None
    high: float | None
    numerator: float
    denominator: float


@dataclass(frozen=True, slots=True)
class Difference:
    """`after` minus `before` with its 95 % interval. `other_side` is twice the share of resamples in which the
    difference is zero or has the other sign, 1 at most: read it as a two-sided p-value.
    """

    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None
    other_side: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class McNemar:
    """Of paired yes-or-no outcomes those that differ, and the exact probability of so uneven a split by chance."""

    only_before: int
    only_after: int
    p: float


def intervals(terms: Floats, seed: int, resamples: int = RESAMPLES) -> list[Interval]:
    """Return one interval a measure. `terms` has the shape (questions, measures, 2): above and below the line."""
    sums = terms.sum(axis=0)
    ratios = _ratios(_resampled(terms, seed, resamples))
    return [
        Interval(_known(_ratio(above, below)), *_middle(ratios[:, i]), float(above), float(below))
        for i, (above, below) in enumerate(sums)
    ]


def differences(
    before: Floats, after: Floats, higher_is_better: Sequence[bool], seed: int, resamples: int = RESAMPLES
) -> list[Difference]:
    """Return one difference a measure. Both have `intervals`' shape, with the same question in the same row."""
    if before.shape != after.shape:
        raise ValueError(f"paired terms have the shapes {before.shape} and {after.shape}")
    measures = before.shape[1]
    resampled = _ratios(_resampled(np.concatenate([before, after], axis=1), seed, resamples))
    gaps = resampled[:, measures:] - resampled[:, :measures]
    first, second = _ratios(before.sum(axis=0)), _ratios(after.sum(axis=0))
    return [_difference(first[i], second[i], gaps[:, i], better) for i, better in enumerate(higher_is_better)]


def mcnemar(before: Sequence[bool], after: Sequence[bool]) -> McNemar:
    """Return McNemar's exact test: the two-sided binomial probability, at one half, of the outcomes that differ."""
    only_before = sum(a and not b for a, b in zip(before, after, strict=True))
    only_after = sum(b and not a for a, b in zip(before, after, strict=True))
    changed, fewer = only_before + only_after, min(only_before, only_after)
    tail = sum(comb(changed, i) for i in range(fewer + 1))
    return McNemar(only_before, only_after, min(1.0, 2 * tail / 2**changed))


def _difference(before: float, after: float, gaps: Floats, higher_is_better: bool) -> Difference:
    low, high = _middle(gaps)
    if low is None or high is None or np.isnan(after - before):
        return Difference(_known(before), _known(after), None, None, None, None, "no difference shown")
    known = gaps[~np.isnan(gaps)]
    # One more on both sides of the fraction: of a finite number of resamples none proves a probability of zero.
    side = (1 + min(int((known <= 0).sum()), int((known >= 0).sum()))) / (1 + len(known))
    verdict: Verdict = "no difference shown"
    if low > 0 or high < 0:
        verdict = "better" if (low > 0) == higher_is_better else "worse"
    return Difference(_known(before), _known(after), _known(after - before), low, high, min(1.0, 2 * side), verdict)


def _resampled(terms: Floats, seed: int, resamples: int) -> Floats:
    """Return the sums of each resample, in the shape (resamples, measures, 2)."""
    questions, measures, _ = terms.shape
    if not questions:
        return np.zeros((resamples, measures, 2))
    flat = terms.reshape(questions, -1)
    random = np.random.default_rng(seed)
    sums = []
    for start in range(0, resamples, _AT_ONCE):
        size = min(_AT_ONCE, resamples - start)
        drawn = random.integers(0, questions, (size, questions)) + questions * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * questions).reshape(size, questions)
        sums.append(counts.astype(np.float64) @ flat)
    return np.concatenate(sums).reshape(resamples, measures, 2)


def _ratios(sums: Floats) -> Floats:
    above, below = sums[..., 0], sums[..., 1]
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else float("nan")


def _middle(values: Floats) -> tuple[float | None, float | None]:
    known = values[~np.isnan(values)]
    if not len(known):
        return None, None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return _known(low), _known(high)


def _known(value: float) -> float | None:
    """Return a figure to six digits: further ones depend on the order in which a processor adds."""
    return None if np.isnan(value) else round(float(value), 6)
