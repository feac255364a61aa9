"""An evaluation as a page, as JSON, and as a few lines.

The page is one file that needs nothing else and runs nothing: no script, no font, image or link, and a policy that
forbids them. Whatever a question, an answer or a document says in it is text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from appliance.evaluation import cases, tables, wording
from appliance.evaluation.figures import Figures, by_set, summary
from appliance.evaluation.markup import Html, escaped, joined, tag
from appliance.evaluation.records import Run

__all__ = ["render", "summary", "text_summary"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_METHOD = (
    "An interval holds the middle 95 % of 10,000 resamples of the questions (paired, percentile bootstrap, seeded); a "
    "difference is called real when its interval leaves out zero, and p is twice the share of resamples on the other "
    "side. A figure of 0 or 100 % has an interval without width: of n questions that all agree, up to 3/n of all such "
    "questions may still differ.",
    "nDCG has a linear gain and a discount of log2(rank + 1), as trec_eval has it. An answer is right if a gold answer "
    "stands in it, case, punctuation, articles (English, German, French, Spanish) and the spelling of numbers aside; "
    "exact match and F1 follow SQuAD 2.0.",
    "Citations are judged over the questions that the documents answer and that were answered; refused ones count only "
    "where it says so. A quoted sentence is right if it is one of the gold sentences of the same document; spacing and "
    "punctuation do not count, and one may be part of the other.",
    "An answer is refused when its confidence is below the threshold. The curves show what other thresholds would have "
    "done with the same drafts; what had no draft is refused at all of them.",
)


def render(run: Run, against: Run | None = None, threshold: float | None = None, figures: Figures | None = None) -> str:
    """Return the report as one HTML page. `threshold` is the confidence below which answers were refused. `figures`
    are those of `summary` with the same arguments, where they are known.
    """
    figures = figures or summary(run, against, threshold)
    body = [
        _header(run, figures),
        *_overview(run, figures),
        *_warnings(figures),
        *(_comparison(run, against, figures) if against else ()),
        *_sets(run, figures, threshold),
        _section("What went wrong", cases.failures(run.answers)) if run.answers else escaped(""),
        _section("How to read it", *(tag("p", each) for each in _METHOD)),
        _section("Configuration and machine", *_configuration(figures)),
    ]
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"Evaluation: {run.name}"),
        tag("style", Html(_style())),
    ]
    return f"<!doctype html>\n{tag('html', tag('head', *head), tag('body', tag('main', *body)), lang='en')}\n"


def text_summary(run: Run, against: Run | None = None, figures: Figures | None = None) -> str:
    """Return the main figures as a few lines for a terminal. `figures` are those of `summary`, where known."""
    figures = figures or summary(run, against)
    lines = [f"{run.name}: {wording.opening(run, figures)}"]
    lines += [f"{split}: {sentence}" for split, sentence in wording.findings(figures)]
    if against:
        lines.append(f"Compared with {against.name}, question by question:")
        lines += [f"  {change}" for change in wording.changes(figures)]
    return "\n".join(lines)


def _header(run: Run, figures: Mapping[str, Any]) -> Html:
    compared = figures["comparison"]
    under = f"compared with {compared['against']}" if compared else "one configuration"
    return tag("header", tag("p", "Evaluation report", cls="kicker"), tag("h1", run.name), tag("p", under, cls="quiet"))


def _overview(run: Run, figures: Mapping[str, Any]) -> Iterator[Html]:
    parts = [tag("p", wording.opening(run, figures), cls="lead")]
    by_split: dict[str, list[str]] = {}
    for split, sentence in wording.findings(figures):
        by_split.setdefault(split, []).append(sentence)
    for split, sentences in sorted(by_split.items()):
        listed = tag("ul", *(tag("li", sentence) for sentence in sentences))
        parts.append(tag("div", tag("h3", f"Split “{split}”"), listed, cls="card"))
    if figures["comparison"]:
        changes = tag("ul", *(tag("li", change) for change in wording.changes(figures)))
        head = tag("h3", f"Against “{figures['comparison']['against']}”")
        parts.append(tag("div", head, changes, cls="card"))
    yield _section("In short", *parts)
    if figures["overall"]:
        note = tag("p", "Main figures over all sets, by split, with 95 % intervals and what they are counted from.")
        yield _section("Main figures", note, tables.answers("overall", figures["overall"], tables.MAIN))


def _warnings(figures: Mapping[str, Any]) -> Iterator[Html]:
    """What makes figures doubtful: gold places that are not in the index, questions that failed."""
    if figures.get("warnings"):
        yield _section("Warnings", tag("ul", *(tag("li", warning) for warning in figures["warnings"])))


def _sets(run: Run, figures: Mapping[str, Any], threshold: float | None) -> Iterator[Html]:
    answers = by_set(run.answers)
    for name in sorted({*figures["answers"], *figures["retrieval"]}):
        parts: list[Html] = []
        if name in answers:
            parts += [tag("h3", "Answers"), tables.answers(f"answers/{name}", figures["answers"][name])]
        for split, systems in figures["retrieval"].get(name, {}).items():
            parts += [tag("h3", f"Search, split “{split}”"), tables.search_plot(f"Search in {name}, {split}", systems)]
            parts.append(tables.retrieval(f"retrieval/{name}/{split}", systems))
            for other, found in figures["systems"][name][split].items():
                parts.append(tag("h4", f"As the appliance searches, against {wording.SYSTEMS[other]}"))
                parts.append(tables.differences(f"systems/{name}/{split}/{other}", found, (other, "fused")))
        for split, records in answers.get(name, {}).items():
            place = f"{name}/{split}"
            parts += [tag("h3", f"Refusal and timings, split “{split}”"), tables.set_plots(records, threshold)]
            parts.append(tables.refusal(f"refusal/{place}", figures["refusal"][name][split]))
            parts.append(tables.timings(f"timings/{place}", figures["timings"][name][split]))
            parts += [tag("h4", f"By kind of question, split “{split}”")]
            parts.append(tables.kinds(f"kinds/{place}", figures["kinds"][name][split]))
        yield _section(f"Set “{name}”", *parts)


def _comparison(run: Run, against: Run, figures: Mapping[str, Any]) -> Iterator[Html]:
    compared = figures["comparison"]
    told = f"{compared['paired']} answered questions are in both runs; {compared['unpaired']} are in one alone."
    parts: list[Html] = [tag("p", told)]
    for name, splits in compared["answers"].items():
        for split, found in splits.items():
            odds = found["right_or_not"]
            parts.append(tag("h3", f"Answers in {name}, split “{split}”, {found['questions']} questions"))
            parts.append(tables.differences(f"comparison/answers/{name}/{split}", found))
            parts.append(
                tag(
                    "p",
                    f"Right before and no longer: {odds['only_before']}. Right now and not before: "
                    f"{odds['only_after']}. McNemar's exact test, p: {wording.probability(odds['p'])}.",
                )
            )
    for name, splits in compared["retrieval"].items():
        for split, systems in splits.items():
            for system, found in systems.items():
                parts.append(tag("h3", f"Search in {name}, split “{split}”, {wording.SYSTEMS[system]}"))
                parts.append(tables.differences(f"comparison/retrieval/{name}/{split}/{system}", found))
    yield _section(f"Compared with “{against.name}”", *parts)
    yield _section("Question by question", cases.comparison(run, against))


def _configuration(figures: Mapping[str, Any]) -> Iterator[Html]:
    compared = figures["comparison"]
    runs = [(figures["name"], figures["configuration"], figures["machine"])]
    if compared:
        runs.insert(0, (compared["against"], compared["configuration"], compared["machine"]))
    flat = [dict(_flattened(configuration, "")) | {"machine": machine} for _, configuration, machine in runs]
    names = sorted({name for each in flat for name in each})
    rows = []
    for name in names:
        values = [each.get(name, wording.NONE) for each in flat]
        style = "differs" if len(set(values)) > 1 else None
        rows.append(tag("tr", tag("th", name, scope="row"), *(tag("td", value) for value in values), cls=style))
    heads = tag("tr", tag("th", "Setting", scope="col"), *(tag("th", name, scope="col") for name, *_ in runs))
    yield tag("div", tag("table", tag("thead", heads), tag("tbody", *rows), cls="settings"), cls="scroll")
    if compared:
        yield tag("p", "Settings that differ are marked.", cls="quiet")


def _flattened(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _flattened(part, f"{name}.{key}" if name else str(key))
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _section(title: str, *parts: str) -> Html:
    return tag("section", tag("h2", title), joined(parts))


def _style() -> str:
    return resources.files("appliance.evaluation").joinpath("report.css").read_text("utf-8")
