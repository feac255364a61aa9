"""The figures that a gate may ask for, over the test split of all sets together.

nDCG@10 is that of the search that answers are made from, for the set where it is least: a good set does not make up
for a bad one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from appliance.evaluation.bootstrap_ci import differences
from appliance.evaluation.measures import ANSWERS, RETRIEVAL, Measure, table
from appliance.evaluation.records import AnswerRecord, RankedRecord, Run

SPLIT = "test"
NDCG = "ndcg@10"
_R = TypeVar("_R", RankedRecord, AnswerRecord)


def figures(run: Run) -> dict[str, float | None]:
    """Return every figure by its name; None where no question of the test split could tell."""
    found = {measure.name: _figure(tested(run), measure) for measure in ANSWERS}
    least = [_figure(records, _ndcg()) for records in _rankings(run).values()]
    return {**found, NDCG: min((value for value in least if value is not None), default=None)}


def tested(run: Run) -> list[AnswerRecord]:
    """Return the answers to questions of the test split."""
    return [record for record in run.answers if record.split == SPLIT]


def worse(before: Run, after: Run, names: Collection[str]) -> list[str]:
    """Return, of the figures called `names`, a line for each that is shown to be worse after than before.

    Questions are paired by set and id; where none is in both runs, nothing can be shown, and a line says that.
    """
    answers = [measure for measure in ANSWERS if measure.name in names]
    found = _worse("answers: ", tested(before), tested(after), answers, after.seed) if answers else []
    if NDCG in names:
        former = _rankings(before)
        for name, records in _rankings(after).items():
            found += _worse(f"{name}: ", former.get(name, []), records, [_ndcg()], after.seed)
    return found


def _worse(
    where: str, before: Iterable[_R], after: Iterable[_R], measures: Sequence[Measure[_R]], seed: int
) -> list[str]:
    first = {(record.set, record.id): record for record in before}
    pairs = [(first[key], record) for record in after if (key := (record.set, record.id)) in first]
    if not pairs:
        return [f"{where}no question of the test split is in both runs"]
    rows = table([a for a, _ in pairs], measures), table([b for _, b in pairs], measures)
    found = differences(*rows, [measure.higher_is_better for measure in measures], seed)
    return [
        f"{where}{measure.name} is shown to be worse: {gap.after:.4f} after {gap.before:.4f}"
        for measure, gap in zip(measures, found, strict=True)
        if gap.verdict == "worse"
    ]


def _figure(records: Sequence[_R], measure: Measure[_R]) -> float | None:
    above, below = table(records, [measure])[:, 0].sum(axis=0)
    return round(float(above / below), 6) if below > 0 else None


def _rankings(run: Run) -> dict[str, list[RankedRecord]]:
    """Return the fused rankings of the test split by set."""
    found: dict[str, list[RankedRecord]] = {}
    for record in run.ranked:
        if record.split == SPLIT and record.system == "fused":
            found.setdefault(record.set, []).append(record)
    return found


def _ndcg() -> Measure[RankedRecord]:
    return next(measure for measure in RETRIEVAL if measure.name == NDCG)
