"""Ask: a question in, an answer that quotes the documents out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import parts, result
from ui.client import ClientError, Wanted
from ui.conversation import Conversation, State, Turn
from ui.reply import source
from ui.text import plural

QUESTION_CHARACTERS = 100_000
LOOK_SECONDS = 0.25
RETRY_SECONDS = 2.0
FOLLOW_UP = "A question may build on those before it. Start a new conversation for another topic."


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
                result.draw(turn)
    if conversation.turns:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.caption(FOLLOW_UP, width="content")
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
        st.caption(FOLLOW_UP)
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
        if state.statements:
            text.text(result.written(state), width="stretch")
        state = turn.wait(state.version, LOOK_SECONDS)
    st.rerun()


def _doing(state: State) -> str:
    what = {
        "searching": "Searching the documents",
        "reading": f"Reading {plural(len(state.passages), 'passage')}",
        "writing": "Writing",
    }.get(state.phase, "")
    return f"{what} · {int(state.seconds)} s" if state.seconds >= 1 else what


def _place(passage: Mapping[str, Any]) -> str:
    place = source(passage)
    return f"{place.document} · page {place.page}" if place.page is not None else place.document
