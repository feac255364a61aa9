"""The report's tables of figures, and the plots of a set. A cell's data-figure is its place in the JSON report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from appliance.evaluation import plots, tradeoff
from appliance.evaluation.figures import KINDS, TOKENS
from appliance.evaluation.markup import Html, joined, tag
from appliance.evaluation.measures import ANSWERS, RETRIEVAL, TIMINGS
from appliance.evaluation.plots import Bar, Line
from appliance.evaluation.records import AnswerRecord
from appliance.evaluation.wording import LABELS, NONE, SYSTEMS, UNITS, Figure, counts, number, probability, span

_TIMED = {measure.name: measure.label for measure in TIMINGS} | {
    "prompt_tokens": "Prompt tokens",
    "reused_tokens": "of those reused",
    "output_tokens": "Output tokens",
}
_REFUSAL = {
    "auc": "Area under the ROC curve",
    "mean_risk": "Mean risk (area under risk and coverage)",
    "calibration_error": "Expected calibration error",
    "brier": "Brier score",
}
_POINT = {
    "threshold": "Threshold in use",
    "answerable_right": "Answerable questions right, at it",
    "answerable_refused": "Answerable questions refused, at it",
    "unanswerable_refused": "Unanswerable questions refused, at it",
    "coverage": "Questions answered, at it",
    "risk": "Answers wrong, at it",
}
# Shown in the short table on top.
MAIN = (
    "right",
    "accuracy",
    "refused_answerable",
    "refusal_recall",
    "refusal_precision",
    "citation_document_precision",
    "citation_sentence_precision",
    "citation_sentence_recall",
    "quotes_verbatim",
    "numbers_missing",
    "unsupported",
)


def answers(place: str, splits: Mapping[str, Figure], names: Sequence[str] | None = None) -> Html:
    """Return the figures of answers, a column a split. `place` is where the splits stand in the JSON."""
    shown = [measure.name for measure in ANSWERS if names is None or measure.name in names]
    rows = [
        (LABELS[name], [_figure(f"{place}/{split}/{name}", found[name], name) for split, found in splits.items()])
        for name in shown
        if any(found[name]["value"] is not None for found in splits.values())
    ]
    return _table("Figure", list(splits), rows, width=2)


def retrieval(place: str, systems: Mapping[str, Figure]) -> Html:
    """Return the figures of one split's searches, a column a way of searching."""
    order = [name for name in SYSTEMS if name in systems]
    rows = [
        (
            measure.label,
            [
                _figure(f"{place}/{system}/{measure.name}", systems[system][measure.name], measure.name)
                for system in order
            ],
        )
        for measure in RETRIEVAL
    ]
    return _table("Figure", [SYSTEMS[system] for system in order], rows, width=2)


def differences(place: str, found: Figure, heads: tuple[str, str] = ("before", "after")) -> Html:
    """Return the differences of one set and split; measures that neither run has a figure for are left out."""
    rows = []
    for name, difference in found.items():
        if name not in LABELS or (difference["before"] is None and difference["after"] is None):
            continue
        unit, at = UNITS[name], f"{place}/{name}"
        verdict = tag("span", difference["verdict"], cls="pill" + ("" if difference["verdict"] == "better" else " off"))
        cells = [
            _cell(f"{at}/before", number(difference["before"], unit)),
            _cell(f"{at}/after", number(difference["after"], unit)),
            _cell(f"{at}/difference", number(difference["difference"], unit, signed=True)),
            tag("td", span(difference, unit, signed=True), cls="number quiet"),
            _cell(f"{at}/other_side", probability(difference["other_side"])),
            tag("td", verdict if difference["verdict"] != "no difference shown" else difference["verdict"]),
        ]
        rows.append((LABELS[name], cells))
    return _table("Figure", [*heads, "difference", "95 % interval", "p", "verdict"], rows)


def kinds(place: str, found: Mapping[str, Figure]) -> Html:
    """Return the main figures for each kind of question."""
    rows = []
    for kind, figures in found.items():
        cells = [_cell(f"{place}/{kind}/questions", str(figures["questions"]))]
        cells += [_figure_alone(f"{place}/{kind}/{name}", figures[name], name) for name in KINDS]
        rows.append((kind or "no kind given", cells))
    return _table("Kind", ["Questions", *(LABELS[name] for name in KINDS)], rows)


def timings(place: str, found: Mapping[str, Figure]) -> Html:
    """Return median, 95th percentile and mean of what an answer took."""
    rows = []
    for name in [*_TIMED]:
        if name in found:
            unit = "" if name in TOKENS else "ms"
            cells = [_cell(f"{place}/{name}/{key}", _amount(found[name][key], unit)) for key in ("p50", "p95", "mean")]
            rows.append((_TIMED[name], [*cells, _cell(f"{place}/{name}/questions", str(found[name]["questions"]))]))
    return _table("Timing", ["median", "95th percentile", "mean", "questions"], rows)


def refusal(place: str, found: Figure) -> Html:
    """Return how well confidence tells apart what the documents answer, and what the threshold in use does."""
    rows = [("Questions decided", [_cell(f"{place}/judged", str(found["judged"]))])]
    rows += [(label, [_cell(f"{place}/{name}", number(found[name]))]) for name, label in _REFUSAL.items()]
    for name, label in _POINT.items():
        if at := found["at_threshold"]:
            unit = "score" if name == "threshold" else "share"
            rows.append((label, [_cell(f"{place}/at_threshold/{name}", number(at[name], unit))]))
    return _table("Decision to refuse", ["figure"], rows)


def set_plots(records: Sequence[AnswerRecord], threshold: float | None) -> Html:
    """Return the plots of one set and split."""
    return tag("div", *_plots(records, threshold), cls="plots")


def search_plot(title: str, systems: Mapping[str, Figure]) -> Html:
    """Return nDCG@10 and recall@10 of each way of searching as bars."""
    bars = [
        Bar(
            f"{LABELS[name]}, {system}",
            found[name]["value"],
            found[name]["low"],
            found[name]["high"],
            system == "fused",
        )
        for name in ("ndcg@10", "recall@10")
        for system, found in ((key, systems[key]) for key in SYSTEMS if key in systems)
    ]
    return plots.bars(title, bars)


def _plots(records: Sequence[AnswerRecord], threshold: float | None) -> Iterator[Html]:
    questions = tradeoff.judged(records)
    curve = tradeoff.curve(questions)
    use = tradeoff.at(questions, threshold) if threshold is not None and curve else None
    if curve and questions.answerable.any() and not questions.answerable.all():
        yield _tradeoff_plot(curve, use)
        yield _roc_plot(curve, use)
    if curve:
        risks = [(p.coverage or 0.0, p.risk) for p in curve if p.risk is not None]
        marks = [(use.coverage or 0.0, use.risk)] if use and use.risk is not None else []
        lines = [Line("answers that are wrong", risks)]
        yield plots.chart("Risk and coverage", ("share of questions answered", "share of answers wrong"), lines, marks)
        yield plots.reliability("Calibration of the confidence", tradeoff.bins(records))
    totals = [record.timings["total_ms"] for record in records if "total_ms" in record.timings]
    if totals:
        yield plots.histogram("Time to the whole answer", totals, "milliseconds")


def _tradeoff_plot(curve: Sequence[tradeoff.Point], use: tradeoff.Point | None) -> Html:
    lines = [
        Line("answerable: right", [(p.threshold, p.answerable_right or 0.0) for p in curve]),
        Line("unanswerable: refused", [(p.threshold, p.unanswerable_refused or 0.0) for p in curve], "plain"),
        Line("answerable: refused", [(p.threshold, p.answerable_refused or 0.0) for p in curve], "dashed"),
    ]
    if use:
        lines.append(plots.upright(use.threshold))
    return plots.chart("Trade-off of the refusal", ("threshold of the confidence", "share of questions"), lines)


def _roc_plot(curve: Sequence[tradeoff.Point], use: tradeoff.Point | None) -> Html:
    def place(point: tradeoff.Point) -> tuple[float, float]:
        return 1 - (point.unanswerable_refused or 0.0), 1 - (point.answerable_refused or 0.0)

    lines = [plots.diagonal("chance"), Line("confidence", [place(point) for point in curve])]
    axes = ("unanswerable questions answered", "answerable questions answered")
    return plots.chart("ROC curve of the confidence", axes, lines, [place(use)] if use else [])


def _table(head: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Html]]], width: int = 1) -> Html:
    heads = [tag("th", column, scope="col", colspan=width if width > 1 else None) for column in columns]
    body = [tag("tr", tag("th", label, scope="row"), *cells) for label, cells in rows]
    top = tag("thead", tag("tr", tag("th", head, scope="col"), *heads))
    return tag("div", tag("table", top, tag("tbody", *body), cls="figures"), cls="scroll")


def _figure(place: str, figure: Figure, name: str) -> Html:
    """Return two cells: the bar, and the figure with its interval and what it is the ratio of."""
    unit = UNITS[name]
    drawn = plots.gauge(figure["value"], figure["low"], figure["high"]) if unit in ("share", "score") else ""
    return joined([tag("td", drawn, cls="drawn"), _figure_alone(place, figure, name)])


def _figure_alone(place: str, figure: Figure, name: str) -> Html:
    if figure["value"] is None:
        return tag("td", tag("data", NONE, data_figure=f"{place}/value"), cls="number")
    unit = UNITS[name]
    value = tag("data", number(figure["value"], unit), data_figure=f"{place}/value", cls="value")
    beside = tag("span", f"{span(figure, unit)} · {counts(figure)}", cls="quiet")
    return tag("td", value, beside, cls="number")


def _cell(place: str, text: str) -> Html:
    return tag("td", tag("data", text, data_figure=place), cls="number")


def _amount(value: float, unit: str) -> str:
    return number(value, unit) if unit else f"{value:,.0f}"
