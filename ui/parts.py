"""Pieces of the page that more than one of its pages is made of.

Text of others goes through `plain`, `flow` and `notice` only; labels take it through `ui.text.literal`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from ui.client import Client, ClientError
from ui.text import Piece, displayable, untrimmed


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


def numbered_text(pieces: list[Piece], key: str) -> None:
    """Show text that runs on, with the numbers of its citations after each piece."""
    with st.container(key=f"flow-{key}", gap=None):
        for piece in pieces:
            plain(piece.text)
            if piece.numbers:
                # The word joiner keeps a number on the line of its sentence.
                st.markdown(" ".join(f":blue[\N{WORD JOINER}\\[{number}\\]]" for number in piece.numbers))


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
