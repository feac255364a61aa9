"""All figures of a run, and of its comparison with another, as plain data: what the JSON report holds.

    figures = summary(run, against, threshold)
    figures["answers"]["squad"]["test"]["accuracy"]["value"]
    figures["retrieval"]["scifact"]["test"]["fused"]["ndcg@10"]["low"]
    figures["comparison"]["answers"]["squad"]["test"]["accuracy"]["verdict"]

A figure that nothing could be computed from has the value None.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np

from appliance.evaluation import tradeoff
from appliance.evaluation.bootstrap_ci import LEVEL, RESAMPLES, differences, intervals, mcnemar
from appliance.evaluation.measures import ANSWERS, RETRIEVAL, TIMINGS, Measure, right, table
from appliance.evaluation.records import FORMAT, AnswerRecord, RankedRecord, Run

R = TypeVar("R", RankedRecord, AnswerRecord)
Figures = dict[str, Any]

# What a table by kind of question shows.
KINDS = ("right", "accuracy", "refused_answerable", "refusal_recall", "citation_sentence_precision")
TOKENS = ("prompt_tokens", "reused_tokens", "output_tokens")
BASELINES = ("words", "meaning")


def summary(run: Run, against: Run | None = None, threshold: float | None = None) -> Figures:
    """Return the figures of `run`; with `against`, the differences from it; with `threshold`, the one that refusals
    were decided by, what it does on the trade-off curve. Equal runs give equal figures.
    """
    answers, ranked, seed = by_set(run.answers), by_set(run.ranked), run.seed
    return {
        "format": FORMAT,
        "name": run.name,
        "configuration": dict(run.configuration),
        "machine": run.machine,
        "seconds": run.seconds,
        "seed": run.seed,
        "resamples": RESAMPLES,
        "level": LEVEL,
        "threshold": threshold,
        "retrieval": _each(ranked, _by_system, seed),
        "systems": _each(ranked, _fused_against_parts, seed),
        "answers": _each(answers, lambda part, seed: _figures(part, ANSWERS, seed), seed),
        "overall": {
            split: _figures(part, ANSWERS, _seed(seed, "", split)) for split, part in by_split(answers).items()
        },
        "kinds": _each(answers, _by_kind, seed),
        "timings": _each(answers, lambda part, _: _timings(part), seed),
        "refusal": _each(answers, lambda part, _: _refusal(part, threshold), seed),
        "comparison": _comparison(run, against) if against else None,
    }


def by_set(records: Iterable[R]) -> dict[str, dict[str, list[R]]]:
    """Return records by set and split, each in the order of their ids, so that the order of a run changes nothing."""
    parts: dict[str, dict[str, list[R]]] = {}
    for record in sorted(records, key=lambda record: (record.set, record.split, record.id)):
        parts.setdefault(record.set, {}).setdefault(record.split, []).append(record)
    return parts


def by_split(sets: Mapping[str, Mapping[str, Sequence[R]]]) -> dict[str, list[R]]:
    """Return the records of all sets by split."""
    parts: dict[str, list[R]] = {}
    for splits in sets.values():
        for split, records in splits.items():
            parts.setdefault(split, []).extend(records)
    return parts


def paired(before: Sequence[AnswerRecord], after: Sequence[AnswerRecord]) -> list[tuple[AnswerRecord, AnswerRecord]]:
    """Return the questions that two runs have in common, with the same gold answers and places, in order."""
    first = {(r.set, r.split, r.id, r.question, r.answers, r.gold): r for r in before}
    second = sorted(after, key=lambda r: (r.set, r.split, r.id))
    return [(first[key], r) for r in second if (key := (r.set, r.split, r.id, r.question, r.answers, r.gold)) in first]


def _each(
    sets: Mapping[str, Mapping[str, Sequence[R]]], compute: Callable[[Sequence[R], int], Figures], seed: int
) -> Figures:
    return {
        name: {split: compute(records, _seed(seed, name, split)) for split, records in splits.items()}
        for name, splits in sets.items()
    }


def _seed(seed: int, *names: str) -> int:
    """Return a seed of its own for each part of the report: another set beside it changes no interval."""
    return zlib.crc32("\0".join([str(seed), *names]).encode("utf-8", "surrogatepass"))


def _figures(records: Sequence[R], measures: Sequence[Measure[R]], seed: int) -> Figures:
    found = intervals(table(records, measures), seed)
    return {measure.name: asdict(interval) for measure, interval in zip(measures, found, strict=True)}


def _by_system(records: Sequence[RankedRecord], seed: int) -> Figures:
    systems: dict[str, list[RankedRecord]] = {}
    for record in records:
        systems.setdefault(record.system, []).append(record)
    # One seed for all: the systems are compared on the same resamples.
    return {system: _figures(part, RETRIEVAL, seed) for system, part in sorted(systems.items())}


def _fused_against_parts(records: Sequence[RankedRecord], seed: int) -> Figures:
    """Return what fusion brings over each of the searches that it is made from."""
    fused = [record for record in records if record.system == "fused"]
    compared = {}
    for name in BASELINES:
        pairs = _paired_queries([record for record in records if record.system == name], fused)
        if pairs:
            compared[name] = _differences(pairs, RETRIEVAL, seed)
    return compared


def _by_kind(records: Sequence[AnswerRecord], seed: int) -> Figures:
    kinds: dict[str, list[AnswerRecord]] = {}
    for record in records:
        kinds.setdefault(record.kind, []).append(record)
    measures = [measure for measure in ANSWERS if measure.name in KINDS]
    return {
        kind: {"questions": len(part), **_figures(part, measures, _seed(seed, kind))}
        for kind, part in sorted(kinds.items())
    }


def _timings(records: Sequence[AnswerRecord]) -> Figures:
    """Return median, 95th percentile and mean of each timing, in milliseconds, and the means of the token counts."""
    found: Figures = {}
    for name in [*(measure.name for measure in TIMINGS), *TOKENS]:
        values = [record.timings[name] for record in records if name in record.timings]
        if values:
            middle, tail = np.percentile(values, [50, 95])
            figures = {"p50": middle, "p95": tail, "mean": np.mean(values)}
            found[name] = {**{key: round(float(value), 3) for key, value in figures.items()}, "questions": len(values)}
    return found


def _refusal(records: Sequence[AnswerRecord], threshold: float | None) -> Figures:
    questions = tradeoff.judged(records)
    return {
        "judged": len(questions.scores),
        "auc": tradeoff.auc(questions),
        "mean_risk": tradeoff.mean_risk(questions),
        "calibration_error": tradeoff.calibration_error(records),
        "brier": tradeoff.brier(records),
        "at_threshold": None if threshold is None else asdict(tradeoff.at(questions, threshold)),
        "curve": [asdict(point) for point in tradeoff.curve(questions)],
        "calibration": [asdict(each) for each in tradeoff.bins(records)],
    }


def _comparison(run: Run, against: Run) -> Figures:
    """Return every measure's difference over the questions that both runs have, and how many those are."""
    pairs = paired(against.answers, run.answers)
    answers: Figures = {}
    for (name, split), part in _pairs_by_set(pairs).items():
        found = _differences(part, (*ANSWERS, *TIMINGS), _seed(run.seed, name, split))
        outcomes = mcnemar([right(before) for before, _ in part], [right(after) for _, after in part])
        answers.setdefault(name, {})[split] = {"questions": len(part), "right_or_not": asdict(outcomes), **found}
    ranked: Figures = {}
    first, second = by_set(against.ranked), by_set(run.ranked)
    for name, splits in second.items():
        for split, records in splits.items():
            pairs_of = _queries_by_system(first.get(name, {}).get(split, []), records)
            found = {key: _differences(each, RETRIEVAL, _seed(run.seed, name, split)) for key, each in pairs_of.items()}
            ranked.setdefault(name, {})[split] = found
    return {
        "against": against.name,
        "configuration": dict(against.configuration),
        "machine": against.machine,
        "paired": len(pairs),
        "unpaired": len(run.answers) + len(against.answers) - 2 * len(pairs),
        "answers": answers,
        "retrieval": ranked,
    }


def _pairs_by_set(
    pairs: Sequence[tuple[AnswerRecord, AnswerRecord]],
) -> dict[tuple[str, str], list[tuple[AnswerRecord, AnswerRecord]]]:
    parts: dict[tuple[str, str], list[tuple[AnswerRecord, AnswerRecord]]] = {}
    for before, after in pairs:
        parts.setdefault((after.set, after.split), []).append((before, after))
    return parts


def _queries_by_system(
    before: Sequence[RankedRecord], after: Sequence[RankedRecord]
) -> dict[str, list[tuple[RankedRecord, RankedRecord]]]:
    systems = sorted({record.system for record in after})
    parts = {
        system: _paired_queries([r for r in before if r.system == system], [r for r in after if r.system == system])
        for system in systems
    }
    return {system: part for system, part in parts.items() if part}


def _paired_queries(
    before: Sequence[RankedRecord], after: Sequence[RankedRecord]
) -> list[tuple[RankedRecord, RankedRecord]]:
    first = {(r.id, r.question, tuple(sorted(r.relevant.items()))): r for r in before}
    pairs = ((first.get((r.id, r.question, tuple(sorted(r.relevant.items())))), r) for r in after)
    return [(a, b) for a, b in pairs if a]


def _differences(pairs: Sequence[tuple[R, R]], measures: Sequence[Measure[R]], seed: int) -> Figures:
    before, after = table([a for a, _ in pairs], measures), table([b for _, b in pairs], measures)
    found = differences(before, after, [measure.higher_is_better for measure in measures], seed)
    return {measure.name: asdict(difference) for measure, difference in zip(measures, found, strict=True)}
