"""The report's questions one by one: what changed between two runs, and what went wrong in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from appliance.evaluation.figures import paired
from appliance.evaluation.judge import numbers_missing
from appliance.evaluation.markup import Html, joined, tag
from appliance.evaluation.measures import right
from appliance.evaluation.records import AnswerRecord, Gold, Quote, Run, StatementRecord
from appliance.evaluation.wording import NONE

Outcome = Literal["right", "wrong", "wrongly refused", "wrongly answered", "failed"]
FAILURES: tuple[Outcome, ...] = ("wrong", "wrongly refused", "wrongly answered", "failed")
FAILED = "failed"


def outcome(record: AnswerRecord) -> Outcome:
    """Return how a question ended: right answers and due refusals are right."""
    if record.reason == FAILED:
        return "failed"
    if right(record):
        return "right"
    if not record.answerable:
        return "wrongly answered"
    return "wrongly refused" if record.refused else "wrong"


def changed(run: Run, against: Run) -> list[tuple[AnswerRecord, AnswerRecord]]:
    """Return the questions, before and after, that ended otherwise or were told something else."""
    return [(a, b) for a, b in paired(against.answers, run.answers) if outcome(a) != outcome(b) or a.text != b.text]


def comparison(run: Run, against: Run) -> Html:
    """Return the questions whose answer changed, those that ended otherwise first, both answers side by side."""
    pairs = sorted(changed(run, against), key=lambda pair: right(pair[0]) == right(pair[1]))
    turned = sum(right(a) != right(b) for a, b in pairs)
    won = sum(right(b) and not right(a) for a, b in pairs)
    told = (
        f"{len(pairs)} questions were answered otherwise. {won} of them became right, {turned - won} became wrong; the "
        "others are as right or wrong as before."
    )
    heads = tag("tr", *(tag("th", head, scope="col") for head in ("Question", against.name, run.name)))
    rows = [tag("tr", _asked(b), _side(a), _side(b)) for a, b in pairs]
    table = tag("table", tag("thead", heads), tag("tbody", *rows), cls="pairs")
    return joined([tag("p", told), tag("div", table, cls="scroll") if pairs else ""])


def failures(records: Sequence[AnswerRecord]) -> Html:
    """Return every question that did not end right, by how it ended, each to be opened."""
    parts: list[Html] = []
    for kind in FAILURES:
        found = [record for record in records if outcome(record) == kind]
        if found:
            parts += [tag("h3", f"{kind.capitalize()} ({len(found)})"), *(_case(record) for record in found)]
    return joined(parts) if parts else tag("p", "Every question ended right.")


def _case(record: AnswerRecord) -> Html:
    place = f"{record.set} · {record.split} · {record.id}" + (f" · {record.kind}" if record.kind else "")
    head = tag("summary", tag("span", record.question, cls="asked"), tag("span", place, cls="quiet"))
    shown = "Refusal" if record.refused else "Answer"
    rows = [_row(shown, _said(record.text, record.statements))]
    if record.refused:
        rows.append(_row("Without the refusal", _said(record.draft, record.draft_statements)))
    rows.append(_row("Gold answer", joined(tag("p", each) for each in record.answers) or "The documents do not say."))
    if record.gold:
        rows.append(_row("Gold places", joined(_gold(gold) for gold in record.gold)))
    rows.append(_row("How it ended", tag("p", _ending(record))))
    return tag("details", head, tag("dl", *rows), cls="case")


def _ending(record: AnswerRecord) -> str:
    parts = [record.reason or ("refused" if record.refused else "answered")]
    if record.confidence is not None:
        parts.append(f"confidence {record.confidence:.3f}")
    if record.gold:
        rank = record.searched_rank
        parts.append(f"gold passage given at rank {rank}" if rank else "gold passage not given to the model")
    if record.unsupported:
        parts.append(f"{record.unsupported} sentences withheld or unsupported")
    return ", ".join(parts)


def _said(text: str, statements: Sequence[StatementRecord]) -> Html:
    if not statements:
        return tag("p", text or NONE, cls="said")
    return joined(_statement(said) for said in statements)


def _statement(said: StatementRecord) -> Html:
    marks: list[Html] = []
    if said.support != "supported":
        marks.append(tag("span", said.support, cls="pill off"))
    elif missing := numbers_missing(said.text, [quote.text for quote in said.quotes]):
        marks.append(tag("span", f"number not in its quotes: {', '.join(missing)}", cls="pill off"))
    quotes = [_quote(quote, "") for quote in said.quotes] + [_quote(quote, "against: ") for quote in said.against]
    return joined([tag("p", said.text.strip(), *([" ", *marks] if marks else []), cls="said"), *quotes])


def _quote(quote: Quote, lead: str) -> Html:
    mark = [] if quote.verbatim else [" ", tag("span", "not verbatim", cls="pill off")]
    source = tag("cite", f"{lead}{_place(quote.document, quote.page)}", *mark)
    return tag("blockquote", tag("p", quote.text), source)


def _gold(gold: Gold) -> Html:
    source = tag("cite", _place(gold.document, gold.page))
    return tag("blockquote", *(tag("p", sentence) for sentence in gold.sentences), source)


def _place(document: str | None, page: int | None) -> str:
    return (document or "no document named") + (f", page {page}" if page is not None else "")


def _row(name: str, content: str) -> Html:
    return tag("div", tag("dt", name), tag("dd", content))


def _asked(record: AnswerRecord) -> Html:
    gold = " / ".join(record.answers) or "The documents do not say."
    place = f"{record.set} · {record.split} · {record.id}"
    return tag("th", tag("p", record.question), tag("p", f"Gold: {gold}", cls="quiet"), tag("p", place, cls="quiet"))


def _side(record: AnswerRecord) -> Html:
    found = outcome(record)
    pill = tag("span", found, cls="pill" if found == "right" else "pill off")
    return tag("td", tag("p", pill), _said(record.text, record.statements))
