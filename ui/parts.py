"""Pieces of the page that more than one of its pages is made of.

Text of others goes through `plain`, `flow` and `notice` only; labels take it through `ui.text.literal`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from ui.client import Client, ClientError
from ui.reply import CONTRADICTED, UNSUPPORTED, Statement
from ui.text import displayable, untrimmed

# Said in words wherever such a sentence stands: a mark or a colour alone is not seen by everybody.
NO_SUPPORT = "no document supports this"
DISAGREEMENT = "the documents disagree"


def client() -> Client:
    """Return this process's client of the service."""
    cached: Callable[[str], Client] = st.cache_resource(_connect, show_spinner=False)
    return cached(st.secrets["api"]["socket"])


def _connect(path: str) -> Client:
    return Client(Path(path))


def plain(text: str) -> None:
    """Show text as it stands, wrapped."""
    st.text(untrimmed(displayable(text)), width="stretch")


def quiet(text: str, key: str) -> None:
    """Show text as it stands, small and pale."""
    with st.container(key=f"quiet-{key}"):
        plain(text)


def notice(title: str, message: str, hint: str, key: str) -> None:
    """Say that something is not as it should be: our own title, what happened, and what to do about it."""
    with st.container(border=True, key=f"notice-{key}", gap="xsmall"):
        st.markdown(f"**{title}**")
        if message:
            plain(message)
        if hint:
            quiet(hint, f"{key}-hint")


def failure(error: ClientError, key: str, title: str = "This did not work") -> None:
    """Show an error of the service."""
    notice(title, error.message, error.hint, key)


def sentences(statements: Sequence[Statement], key: str) -> None:
    """Show sentences that run on, each with the numbers of its sources, and in words what speaks against it."""
    with st.container(key=f"flow-{key}", gap=None):
        for number, statement in enumerate(statements):
            # What separates a sentence from the one before it, not from what stands above.
            text = statement.text if number else statement.text.lstrip()
            if statement.support in (UNSUPPORTED, CONTRADICTED):
                # Blanks before it are not marked.
                if lead := text[: len(text) - len(text.lstrip())]:
                    plain(lead)
                with st.container(key=f"doubt-{key}-{number}", gap=None):
                    plain(text.lstrip())
            else:
                plain(text)
            if statement.numbers:
                # The word joiner keeps a number on the line of its sentence.
                st.markdown(" ".join(f":blue[\N{WORD JOINER}\\[{number}\\]]" for number in statement.numbers))
            if statement.support == UNSUPPORTED:
                st.markdown(f"\\[{NO_SUPPORT}\\]")
            elif statement.support == CONTRADICTED:
                st.markdown(f"\\[{DISAGREEMENT}\\]")


def quoted(parts: tuple[str, str, str], key: str) -> None:
    """Show a passage that runs on, with the quote in its middle marked."""
    before, quote, after = parts
    with st.container(key=f"flow-{key}", gap=None):
        if before:
            plain(before)
        if quote:
            with st.container(key=f"quote-{key}", gap=None):
                plain(quote)
        if after:
            plain(after)


def zone() -> tzinfo:
    """Return the reader's time zone, UTC if the browser does not say or the system does not know it."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
