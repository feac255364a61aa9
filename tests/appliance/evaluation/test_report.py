"""The report holds every figure, and nothing in it is alive."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import lxml.html
import pytest

from appliance.evaluation.bootstrap_ci import RESAMPLES
from appliance.evaluation.figures import summary
from appliance.evaluation.markup import Html, escaped, tag
from appliance.evaluation.records import Gold, Quote, Run, StatementRecord
from appliance.evaluation.report import render, text_summary
from appliance.evaluation.wording import number, probability
from tests.appliance.evaluation.runs import answered, large, small

HOSTILE = '"><script>alert(1)</script><img src=x onerror=y><a href="http://x">z</a></style></title><!--\x00\ud800\u202e'


def pages() -> Iterator[tuple[dict[str, Any], Any]]:
    after, before = large("after", 4, 0.9, 16), large("before", 3, 0.5, 16)
    for run, against in ((small(), None), (after, before), (Run("none", {}, (), (), 0.0, ""), None)):
        figures = summary(run, against, 0.5)
        yield figures, lxml.html.document_fromstring(render(run, against, 0.5, figures).encode())


def leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield every number in the figures with its place, but for the points of curves: those are drawn."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in ("curve", "calibration"):
                yield from leaves(part, f"{place}/{key}" if place else key)
    elif isinstance(value, float | int):
        yield place, value


def test_every_figure_of_the_json_stands_in_the_page() -> None:
    """Each value, by its place, in the notation of the page; interval and counts stand in the same cell or row."""
    for figures, page in pages():
        shown = {cell.get("data-figure"): cell.text_content() for cell in page.iter("data")}
        for part in ("answers", "retrieval", "systems", "kinds", "timings", "refusal"):
            for place, value in leaves(figures[part], part):
                if place.rsplit("/", 1)[1] in ("low", "high", "numerator", "denominator"):
                    continue
                assert place in shown
                digits = "".join(c for c in shown[place] if c.isdigit()).strip("0")
                written = {number(value, unit, True) for unit in ("share", "score", "ms", "count")}
                written |= {probability(value), f"{value:,.0f}"}
                assert digits in {"".join(c for c in each if c.isdigit()).strip("0") for each in written}
        for place, value in leaves((figures["comparison"] or {}).get("answers", {}), "comparison/answers"):
            if place.rsplit("/", 1)[1] in ("before", "after", "difference", "other_side"):
                assert place in shown, (place, value)


def test_intervals_stand_beside_their_figures() -> None:
    """A cell holds the value, the ends of its interval and what it is the ratio of."""
    figures = summary(small())
    page = lxml.html.document_fromstring(render(small(), figures=figures).encode())
    (cell,) = page.xpath("//td[data[@data-figure='answers/house/test/accuracy/value']]")
    assert "33.3 %0.0 to 100.0 · 1 of 3" == cell.text_content()


def test_whatever_a_text_says_is_text() -> None:
    """No element of its own comes of a question, an answer, a quote, a name or a setting."""
    quote = Quote(HOSTILE, 1, HOSTILE, verbatim=False)
    said = (StatementRecord(HOSTILE, "contradicted", (quote,), (quote,)),)
    fields = {"set": HOSTILE, "split": HOSTILE, "kind": HOSTILE, "answers": (HOSTILE,), "reason": HOSTILE}
    record = answered(HOSTILE, HOSTILE, (), statements=said, gold=(Gold(HOSTILE, 1, (HOSTILE,)),), **fields)
    record = dataclasses.replace(record, question=HOSTILE, answers=("no",), confidence=0.5)
    run = Run(HOSTILE, {HOSTILE: HOSTILE}, small().ranked, (record,), 1.0, HOSTILE)
    before = dataclasses.replace(run, answers=(dataclasses.replace(record, text="otherwise"),))
    text = render(run, before, 0.5)
    page = lxml.html.document_fromstring(text.encode("utf-8"))
    for name in ("script", "img", "a", "iframe", "object", "link", "form", "image", "use"):
        assert [] == page.xpath(f"//{name}")
    assert [] == [key for each in page.iter() for key in each.attrib if key.startswith("on") or key in ("href", "src")]
    assert 1 == len(page.xpath("//style"))
    assert "<script>alert(1)</script>" in page.xpath("string(//h1)")


def test_the_page_forbids_itself_everything_but_its_style() -> None:
    """The policy stands in the page, before anything it could forbid, and the style fetches nothing."""
    page = lxml.html.document_fromstring(render(small()))
    assert ["default-src 'none'; style-src 'unsafe-inline'"] == page.xpath(
        "/html/head/meta[@http-equiv='Content-Security-Policy']/@content"
    )
    style = page.xpath("string(//style)")
    assert "url(" not in style
    assert "@import" not in style


def test_the_same_runs_give_the_same_report() -> None:
    """In whatever order a run's records come; another seed moves intervals alone."""
    run = small()
    turned = dataclasses.replace(run, answers=run.answers[::-1], ranked=run.ranked[::-1])
    assert summary(run, None, 0.5) == summary(turned, None, 0.5)
    figure, other = (summary(large("x", 1, 0.5, 20) if not seed else seeded(seed)) for seed in (0, 8))
    place = ("answers", "handbook", "test", "token_f1")
    first, second = (dig(found, place) for found in (figure, other))
    assert first["value"] == second["value"]
    assert figure["answers"] != other["answers"]


def seeded(seed: int) -> Run:
    run = large("x", 1, 0.5, 20)
    return dataclasses.replace(run, configuration={**run.configuration, "seed": seed})


def dig(figures: dict[str, Any], place: tuple[str, ...]) -> Any:
    for key in place:
        figures = figures[key]
    return figures


def test_a_comparison_pairs_only_the_same_questions() -> None:
    """A question whose gold answer was changed between two runs is no pair."""
    before, after = small("before"), small("after")
    moved = dataclasses.replace(after.answers[1], answers=("31 days",))
    after = dataclasses.replace(after, answers=(after.answers[0], moved, *after.answers[2:]))
    found = summary(after, before)["comparison"]
    assert (4, 2) == (found["paired"], found["unpaired"])
    assert {"only_before": 0, "only_after": 0, "p": 1.0} == found["answers"]["house"]["test"]["right_or_not"]


def test_changed_answers_stand_side_by_side() -> None:
    """Only questions whose answer changed are compared, with which of the two is right."""
    before = small("before")
    better = dataclasses.replace(before.answers[1], text="It is 30 days.", statements=())
    after = dataclasses.replace(before, name="after", answers=(before.answers[0], better, *before.answers[2:]))
    page = lxml.html.document_fromstring(render(after, before))
    rows = page.xpath("//table[@class='pairs']/tbody/tr")
    assert [["wrong", "right"]] == [[pill.text for pill in row.xpath(".//td/p[1]/span")] for row in rows]


def test_what_went_wrong_is_listed_by_how() -> None:
    """Wrong, wrongly refused and wrongly answered questions, each once."""
    page = lxml.html.document_fromstring(render(small()))
    heads = [head.text for head in page.xpath("//section[h2='What went wrong']/h3")]
    assert ["Wrong (1)", "Wrongly refused (1)", "Wrongly answered (1)"] == heads
    assert 3 == len(page.xpath("//details"))


def test_the_lines_for_the_terminal() -> None:
    """The main findings of the small run in words."""
    told = text_summary(small())
    assert told.startswith("small: 5 questions asked, 3 that the documents answer and 2 that they do not; 2 searches")
    assert "test: Of 3 questions that the documents answer, 1 were answered right: 33.3 %" in told
    assert "3 of 4 quotes are verbatim; 1 of 3 sentences shown as supported have a number" in told


@pytest.mark.parametrize(
    ("value", "unit", "signed", "expected"),
    [
        (0.5, "share", False, "50.0 %"),
        (-0.0004, "share", True, "0.0 points"),
        (-0.04, "share", True, "−4.0 points"),
        (0.12345, "score", True, "+0.123"),
        (1234.5, "ms", False, "1,234 ms"),
        (None, "ms", False, "–"),
    ],
)
def test_how_a_figure_is_written(value: float | None, unit: str, signed: bool, expected: str) -> None:
    """Shares in percent, their differences in points; what rounds to zero has no sign."""
    assert expected == number(value, unit, signed)


def test_markup_escapes_what_is_not_markup() -> None:
    """In content and in attributes; what is HTML already is left alone."""
    assert '<p title="&lt;&quot;">a &amp; b<br></p>' == tag("p", "a & b", tag("br"), title='<"')
    assert "&lt;b&gt;" == escaped("<b>")
    assert Html("<b>") == escaped(Html("<b>"))


def test_an_interval_rests_on_as_many_resamples_as_the_report_says() -> None:
    """The JSON names them."""
    assert RESAMPLES == summary(small())["resamples"]
