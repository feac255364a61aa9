"""Figures in words: how a number is written, and what a run's figures say in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from appliance.evaluation.measures import ANSWERS, RETRIEVAL, TIMINGS, Unit
from appliance.evaluation.records import Run

NONE = "–"
UNITS: dict[str, Unit] = {each.name: each.unit for each in RETRIEVAL} | {
    each.name: each.unit for each in (*ANSWERS, *TIMINGS)
}
LABELS: dict[str, str] = {each.name: each.label for each in RETRIEVAL} | {
    each.name: each.label for each in (*ANSWERS, *TIMINGS)
}
SYSTEMS = {"fused": "as the appliance searches", "words": "words alone (BM25)", "meaning": "meaning alone (vectors)"}
Figure = Mapping[str, Any]


def number(value: float | None, unit: str = "score", signed: bool = False) -> str:
    """Return a figure as it is written everywhere: shares in percent, scores to three digits, times in ms."""
    if value is None:
        return NONE
    match unit:
        case "share":
            return f"{_written(100 * value, 1, signed)} {'points' if signed else '%'}"
        case "ms":
            return f"{_written(value, 0, signed)} ms"
        case "count":
            return _written(value, 2, signed)
        case _:
            return _written(value, 3, signed)


def _written(value: float, digits: int, signed: bool) -> str:
    """Return a number with a minus that is as wide as a plus; what rounds to zero has no sign."""
    rounded = round(value, digits)
    if rounded == 0:
        return f"{0:.{digits}f}"
    return f"{rounded:{'+' if signed else ''},.{digits}f}".replace("-", "−")


def span(figure: Figure, unit: str = "score", signed: bool = False) -> str:
    """Return the ends of an interval."""
    if figure["low"] is None:
        return NONE
    ends = (number(figure[end], unit, signed) for end in ("low", "high"))
    return " to ".join(end.rsplit(" ", 1)[0] for end in ends)


def probability(value: float | None) -> str:
    """Return a p-value as it is written: below a thousandth only that it is."""
    return "<0.001" if value is not None and value < 0.001 else number(value)


def counts(figure: Figure) -> str:
    """Return what a figure is the ratio of: "140 of 200"."""
    above, below = figure["numerator"], figure["denominator"]
    if float(above).is_integer() and float(below).is_integer():
        return f"{int(above)} of {int(below)}"
    return f"{int(below)}" if float(below).is_integer() else NONE


def sure(figure: Figure, name: str) -> str:
    """Return a figure with its interval."""
    unit = UNITS[name]
    return f"{number(figure['value'], unit)} (95 % interval {span(figure, unit)})"


def opening(run: Run, figures: Figure) -> str:
    """Return what was measured, on what."""
    parts = []
    if run.answers:
        answerable = sum(record.answerable for record in run.answers)
        without = len(run.answers) - answerable
        parts.append(
            f"{_many(len(run.answers), 'question')} asked, {answerable} that the documents answer and {without} that "
            "they do not"
        )
    queries = sum(record.system == "fused" for record in run.ranked)
    if queries:
        parts.append(f"{_many(queries, 'search')} compared with the documents known to be relevant")
    what = "; ".join(parts) or "Nothing was measured"
    sets = sorted({*figures["answers"], *figures["retrieval"]})
    return f"{what}. Sets: {', '.join(sets) or 'none'}. Measured in {duration(run.seconds)} on {run.machine}."


def findings(figures: Figure) -> Iterator[tuple[str, str]]:
    """Yield the main findings: the split that a sentence speaks of ("" for what is not of one), and the sentence."""
    for split, overall in sorted(figures["overall"].items()):
        for sentence in _answers(overall):
            yield split, sentence
    for name, splits in figures["retrieval"].items():
        for split, systems in splits.items():
            if fused := systems.get("fused"):
                yield split, _search(name, fused, figures["systems"].get(name, {}).get(split, {}))


def changes(figures: Figure) -> Iterator[str]:
    """Yield what the comparison found, most important first."""
    comparison = figures["comparison"]
    for name, splits in comparison["answers"].items():
        for split, found in splits.items():
            for key in ("accuracy", "refusal_recall", "refused_answerable", "citation_sentence_precision"):
                if found[key]["difference"] is not None:
                    yield f"{name}, {split}: {LABELS[key]} {change(found[key], key)}."
    for name, splits in comparison["retrieval"].items():
        for split, systems in splits.items():
            if "fused" in systems:
                yield f"{name}, {split}: nDCG@10 {change(systems['fused']['ndcg@10'], 'ndcg@10')}."


def change(difference: Figure, name: str) -> str:
    """Return a difference with its interval and verdict."""
    unit = UNITS[name]
    before, after = number(difference["before"], unit), number(difference["after"], unit)
    return (
        f"{before} → {after}, {number(difference['difference'], unit, signed=True)} (95 % interval "
        f"{span(difference, unit, signed=True)}): {difference['verdict']}"
    )


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _answers(overall: Figure) -> Iterator[str]:
    right, refused = overall["accuracy"], overall["refused_answerable"]
    if right["denominator"]:
        yield (
            f"Of {_many(int(right['denominator']), 'question')} that the documents answer, {right['numerator']:.0f} "
            f"were answered right: {sure(right, 'accuracy')}. {refused['numerator']:.0f} were refused."
        )
    due = overall["refusal_recall"]
    if due["denominator"]:
        yield (
            f"Of {_many(int(due['denominator']), 'question')} that the documents do not answer, "
            f"{due['numerator']:.0f} were refused: {sure(due, 'refusal_recall')}."
        )
    precision, recall = overall["citation_sentence_precision"], overall["citation_sentence_recall"]
    if precision["denominator"]:
        yield (
            f"Of the sentences quoted, {sure(precision, 'citation_sentence_precision')} are among those that the set "
            f"names; of those named, {sure(recall, 'citation_sentence_recall')} are quoted."
        )
    verbatim, missing = overall["quotes_verbatim"], overall["numbers_missing"]
    if verbatim["denominator"]:
        yield (
            f"{verbatim['numerator']:.0f} of {verbatim['denominator']:.0f} quotes are verbatim; "
            f"{missing['numerator']:.0f} of {missing['denominator']:.0f} sentences shown as supported have a number "
            "that their quotes lack."
        )


def _search(name: str, fused: Figure, against: Mapping[str, Figure]) -> str:
    text = f"Search in {name}: nDCG@10 {sure(fused['ndcg@10'], 'ndcg@10')}"
    known = {key: found["ndcg@10"] for key, found in against.items() if found["ndcg@10"]["difference"] is not None}
    if not known:
        return f"{text}."
    best = max(known, key=lambda key: (known[key]["before"], key))
    gap = known[best]
    words = {"better": "a real gain", "worse": "a real loss"}.get(gap["verdict"], "no difference shown")
    return (
        f"{text}, {number(gap['difference'], 'score', signed=True)} against the better of words and meaning alone "
        f"({SYSTEMS[best]}, {number(gap['before'])}): {words}."
    )


def _many(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
