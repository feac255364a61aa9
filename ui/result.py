"""What became of a question, drawn: sentences with their quotes, what contradicts them, what is left open."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui import parts
from ui.conversation import State, Turn
from ui.reply import (
    CONTRADICTED,
    UNSUPPORTED,
    Reply,
    Row,
    Source,
    Statement,
    closest,
    meant,
    missing,
    paragraphs,
    reply,
    rows,
    searched,
    source,
)
from ui.text import around, duration, literal, plural

REFUSAL = "The documents do not say."
DISAGREE = "**The documents disagree**"


def written(state: State) -> str:
    """Return an answer that is still being written, as text; what is in doubt says so from the start."""
    marks = {UNSUPPORTED: f" [{parts.NO_SUPPORT}]", CONTRADICTED: f" [{parts.DISAGREEMENT}]"}
    read = reply(state.statements).statements
    return "".join(statement.text + marks.get(statement.support, "") for statement in read)


def draw(turn: Turn) -> None:
    """Draw what became of a question that is no longer being answered."""
    state, key = turn.state, str(turn.number)
    if other := meant(state.answer, turn.question):
        parts.quiet(f"Searched for: {other}", f"meant-{key}")
    if state.answer.get("refused"):
        _draw_refusal(state, key)
    elif state.phase == "done":
        given = rows(state.answer.get("statements")) or state.statements
        _draw_answer(reply(given or [{"text": state.answer.get("answer")}]), state, key)
        if left := missing(state.answer):
            what, hint = f"This answer leaves out: {', '.join(left)}", "Ask for it by itself."
            parts.notice("Part of the question is not answered", what, hint, f"missing-{key}")
    else:
        _draw_broken_off(state, key)
    _draw_end(state, key)


def _draw_refusal(state: State, key: str) -> None:
    """Show the refusal and, to be opened, the documents that came closest."""
    parts.plain(str(state.answer.get("answer") or REFUSAL))
    found = closest(state.answer, _passages(state))
    count = searched(state.answer).get("documents")
    if found and isinstance(count, int):
        st.caption(f"Closest, of {plural(count, 'document')} searched:")
    elif found:
        st.caption("Closest:")
    with st.container(gap="xsmall"):
        for number, (place, passages) in enumerate(found, start=1):
            label = f"{literal(place.document)}{_page(place)}"
            with st.expander(label):
                for i, passage in enumerate(passages):
                    own = source(passage)
                    other_page = f"page {own.page}" if own.page not in (None, place.page) else ""
                    _draw_passage(passage, "", f"{key}-{number}-{i}", other_page)


def _draw_answer(read: Reply, state: State, key: str) -> None:
    """Show sentences, under each that is contradicted the quotes of both sides, and below them all sources."""
    for number, paragraph in enumerate(paragraphs(read.statements)):
        own = f"{key}-after-{number}" if number else key
        parts.sentences(paragraph, own)
        if paragraph[-1].against:
            _draw_disagreement(paragraph[-1], read.sources, own)
    with st.container(gap="xsmall"):
        for number, place in enumerate(read.sources, start=1):
            with st.expander(_label(number, place)):
                _draw_passage(_passage_of(place, _passages(state)), place.quote, f"{key}-{number}")


def _draw_disagreement(statement: Statement, sources: Sequence[Source], key: str) -> None:
    """Show the quotes for a sentence beside those against it."""
    with st.container(border=True, key=f"notice-disagree-{key}", gap="xsmall"):
        st.markdown(DISAGREE)
        sides = st.columns(2, gap="medium")
        with sides[0]:
            st.caption("Quoted for the answer")
            _draw_side(statement.numbers, sources, f"{key}-for")
        with sides[1]:
            st.caption("Quoted against it")
            _draw_side(statement.against, sources, f"{key}-against")


def _draw_side(numbers: Sequence[int], sources: Sequence[Source], key: str) -> None:
    for number in numbers:
        place = sources[number - 1]
        with st.container(key=f"place-{key}-{number}", gap="xsmall"):
            st.markdown(_label(number, place))
            with st.container(key=f"quote-{key}-{number}", gap=None):
                parts.plain(place.quote)


def _draw_broken_off(state: State, key: str) -> None:
    if state.statements:
        _draw_answer(reply(state.statements), state, key)
    if state.error is not None:
        parts.failure(state.error, key, "The answer is not complete" if state.statements else "No answer")
    else:
        st.caption("Stopped. What stands above is not a complete answer." if state.statements else "Stopped.")


def _draw_passage(passage: Row, quote: str, key: str, where: str = "") -> None:
    headings = [str(heading) for heading in passage.get("headings") or ()]
    if where or headings:
        parts.quiet(" · ".join(part for part in (where, " › ".join(headings)) if part), key)
    parts.quoted(around(str(passage.get("text") or ""), quote), key)


def _draw_end(state: State, key: str) -> None:
    """Close an answer with what it was made by, where its log entry stands, and how long it took."""
    model = state.answer.get("model")
    name = str(model.get("name") or "") if isinstance(model, dict) else ""
    entry = state.answer.get("log_index")
    facts = [name, "" if entry is None else f"log entry {entry}", duration(state.seconds)]
    parts.quiet(" · ".join(fact for fact in facts if fact), f"end-{key}")


def _passages(state: State) -> Sequence[Row]:
    # The first event has the headings, the last one only what the log records.
    return state.passages or rows(state.answer.get("passages"))


def _passage_of(place: Source, passages: Sequence[Row]) -> Row:
    """Return the passage that a quote stands in, or the quote alone if it is in none that was sent."""
    for passage in passages:
        found = source(passage)
        same = (found.document, found.page) == (place.document, place.page)
        if same and place.quote in str(passage.get("text") or ""):
            return passage
    return {"document": place.document, "page": place.page, "text": place.quote}


def _label(number: int, place: Source) -> str:
    return f"\\[{number}\\] {literal(place.document)}{_page(place)}"


def _page(place: Source) -> str:
    return f" · page {place.page}" if place.page is not None else ""
