"""Ask: a question in, an answer that quotes the documents out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ui import parts
from ui.client import ClientError, Wanted
from ui.conversation import Conversation, State, Turn
from ui.text import around, duration, literal, numbered, plural

QUESTION_CHARACTERS = 100_000
LOOK_SECONDS = 0.25
RETRY_SECONDS = 2.0
REFUSAL = "The documents do not say."
ALONE = "Each question is answered on its own; earlier ones are not taken into account."


def draw() -> None:
    """Draw the page; while an answer is being written, keep on drawing until it is complete."""
    conversation = _conversation()
    if not conversation.turns:
        st.title("Ask your documents", anchor=False)
    running = conversation.running
    ready = running is not None or _is_ready()
    st.chat_input(
        "Ask a question" if running is None else "An answer is being written",
        key="question",
        max_chars=QUESTION_CHARACTERS,
        disabled=running is not None or not ready,
        submit_mode="disable",
        on_submit=_submit,
    )
    if ready and not conversation.turns:
        _draw_start()
    for turn in conversation.turns:
        with st.chat_message("user", avatar=":material/person:"):
            parts.plain(turn.question)
        with st.chat_message("assistant", avatar=":material/menu_book:"):
            if turn is running:
                _follow(turn)
            else:
                _draw_result(turn)
    if conversation.turns:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.caption(ALONE, width="content")
            st.button("New conversation", icon=":material/refresh:", type="tertiary", on_click=conversation.clear)


def _conversation() -> Conversation:
    if "conversation" not in st.session_state:
        st.session_state.conversation = Conversation(parts.client().ask)
    conversation: Conversation = st.session_state.conversation
    return conversation


def _submit() -> None:
    _conversation().start(str(st.session_state.question or ""))


def _draw_start() -> None:
    try:
        count = _searchable()
    except ClientError as error:
        parts.failure(error, "start", "The list of documents cannot be shown")
        return
    if count:
        st.markdown(f"Answers come from {plural(count, 'document')}, sentence by sentence, each with its quote.")
        st.caption(ALONE)
    else:
        st.fragment(_wait_for_documents, run_every=RETRY_SECONDS)()


def _searchable() -> int:
    return parts.client().totals(Wanted()).statuses.get("indexed", 0)


def _wait_for_documents() -> None:
    try:
        count, runs = _searchable(), parts.client().runs()
    except ClientError as error:
        parts.failure(error, "empty", "The list of documents cannot be shown")
        return
    if count:
        st.rerun()
    if runs and not runs[0].get("finished"):
        what = "They are being taken in; as soon as the first ones are there, you can ask."
        hint = "This page looks again by itself."
    else:
        what = "Nothing has been taken in, so there is nothing to answer from."
        hint = 'Run "appliance ingest DIR" with the folder of your documents; this page looks again by itself.'
    parts.notice("No documents yet", what, hint, "empty")


def _is_ready() -> bool:
    """Return whether questions can be answered; if not, say why, and look again by itself."""
    try:
        if parts.client().readiness().ready:
            return True
    except ClientError:
        pass  # the part below says it, and goes on saying it until it is over
    st.fragment(_wait_until_ready, run_every=RETRY_SECONDS)()
    return False


def _wait_until_ready() -> None:
    try:
        readiness = parts.client().readiness()
    except ClientError as error:
        parts.failure(error, "down", "The appliance does not answer")
        return
    if readiness.ready:
        st.rerun()
    reasons = "\n".join(f"{name}: {reason}" for name, reason in readiness.waiting.items())
    parts.notice("The appliance is getting ready", reasons, "This page looks again by itself.", "ready")


def _follow(turn: Turn) -> None:
    """Show an answer while it grows, then draw the page anew."""
    state = turn.state
    status = st.status(_doing(state), type="compact")
    text = st.empty()
    st.button("Stop", icon=":material/stop_circle:", key=f"stop-{turn.number}", on_click=turn.stop)
    listed = False
    # Every call into Streamlit is where a rerun may take over: the turn goes on by itself, the next run finds it.
    while state.running:
        status.update(label=_doing(state))
        if state.passages and not listed:
            listed = True
            # Not `with status`, which would mark it as complete.
            with status.container():
                parts.plain("\n".join(dict.fromkeys(_place(passage) for passage in state.passages)))
        if state.text:
            text.text(state.text, width="stretch")
        state = turn.wait(state.version, LOOK_SECONDS)
    st.rerun()


def _doing(state: State) -> str:
    what = {
        "searching": "Searching the documents",
        "reading": f"Reading {plural(len(state.passages), 'passage')}",
        "writing": "Writing",
    }.get(state.phase, "")
    return f"{what} · {int(state.seconds)} s" if state.seconds >= 1 else what


def _draw_result(turn: Turn) -> None:
    state, key = turn.state, str(turn.number)
    if state.phase == "done":
        _draw_answer(state, key)
    else:
        if state.text:
            parts.plain(state.text)
        if state.error is not None:
            parts.failure(state.error, key, "The answer is not complete" if state.text else "No answer")
        else:
            st.caption("Stopped. What stands above is not a complete answer." if state.text else "Stopped.")
    _draw_end(state, key)


def _draw_answer(state: State, key: str) -> None:
    answer = state.answer
    # The first event has the headings, the last one only what the log records.
    passages = state.passages or _maps(answer.get("passages"))
    if answer.get("refused"):
        parts.plain(str(answer.get("answer") or REFUSAL))
        if passages:
            st.caption("No passage supports an answer. These came closest:")
        with st.container(gap="xsmall"):
            for number, passage in enumerate(passages, start=1):
                _draw_passage(f"{literal(_name(passage))}{_page(passage)}", passage, "", f"{key}-{number}")
        return
    citations = _maps(answer.get("citations"))
    sources = list(dict.fromkeys(_source(citation) for citation in citations))
    cited = [(str(c.get("sentence") or ""), sources.index(_source(c)) + 1) for c in citations]
    parts.numbered_text(numbered(str(answer.get("answer") or state.text), cited), key)
    with st.container(gap="xsmall"):
        for number, (document, page, quote) in enumerate(sources, start=1):
            source = {"document": document, "page": page}
            label = f"\\[{number}\\] {literal(document)}{_page(source)}"
            _draw_passage(label, _passage_of(quote, source, passages), quote, f"{key}-{number}")


def _draw_passage(label: str, passage: Mapping[str, Any], quote: str, key: str) -> None:
    with st.expander(label):
        headings = [str(heading) for heading in passage.get("headings") or ()]
        if headings:
            parts.quiet(" › ".join(headings), key)
        parts.quoted(around(str(passage.get("text") or ""), quote), key)


def _draw_end(state: State, key: str) -> None:
    """Close an answer with what it was made by, where its log entry stands, and how long it took."""
    model = state.answer.get("model")
    name = str(model.get("name") or "") if isinstance(model, dict) else ""
    entry = state.answer.get("log_index")
    facts = [name, "" if entry is None else f"log entry {entry}", duration(state.seconds)]
    parts.quiet(" · ".join(fact for fact in facts if fact), f"end-{key}")


def _passage_of(quote: str, source: Mapping[str, Any], passages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the passage that the quote stands in, or the quote alone if it is in none that was sent."""
    for passage in passages:
        if _source(passage)[:2] == _source(source)[:2] and quote in str(passage.get("text") or ""):
            return passage
    return {**source, "text": quote}


def _source(item: Mapping[str, Any]) -> tuple[str, int | None, str]:
    page = item.get("page")
    return str(item.get("document") or ""), page if isinstance(page, int) else None, str(item.get("quote") or "")


def _name(item: Mapping[str, Any]) -> str:
    return str(item.get("document") or "")


def _page(item: Mapping[str, Any]) -> str:
    page = item.get("page")
    return f" · page {page}" if isinstance(page, int) else ""


def _place(item: Mapping[str, Any]) -> str:
    return f"{_name(item)}{_page(item)}"


def _maps(value: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()
