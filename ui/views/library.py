"""Library: every file that was seen, what became of it, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

import streamlit as st

from ui import parts
from ui.client import ClientError
from ui.text import displayable, duration, literal, moment, plural, size

# A browser table of this many rows scrolls smoothly; more are pages.
ROWS_A_PAGE = 1000
TROUBLE = ("damaged", "encrypted", "unreadable", "timed_out", "quarantined", "too_large", "unsupported", "empty")
KNOWN = frozenset({*TROUBLE, "indexed", "unchanged"})
Row = Mapping[str, Any]


def draw() -> None:
    """Draw the page."""
    with st.container(key="wide", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Library", anchor=False, width="content")
        st.button("Refresh", icon=":material/refresh:", type="tertiary")
    try:
        rows, runs = parts.client().documents(), parts.client().runs()
    except ClientError as error:
        parts.failure(error, "library", "The library cannot be shown")
        return
    _draw_run(runs)
    if not rows:
        parts.notice(
            "No documents yet",
            "No share has been taken in.",
            'Run "appliance ingest DIR" with the folder of your documents, then refresh.',
            "empty",
        )
        return
    _draw_totals(rows)
    _draw_rows(_filtered(rows))


def _draw_run(runs: Sequence[Row]) -> None:
    if not runs:
        return
    run, zone = runs[0], parts.zone()
    counts = run.get("counts")
    figures = ", ".join(f"{count:,} {_words(status)}" for status, count in counts.items()) if counts else ""
    if run.get("finished"):
        when = (
            f"Last run finished {moment(str(run['finished']), zone)} after {duration(float(run.get('seconds') or 0))}"
        )
    else:
        # Going on, or interrupted: nobody can tell from here.
        when = f"Last run began {moment(str(run.get('started') or ''), zone)} and has not finished"
    share = str(run.get("share") or "")
    parts.quiet(": ".join(part for part in (f"{when} · {share}", figures) if part), "run")


def _draw_totals(rows: Sequence[Row]) -> None:
    answering = [row for row in rows if row.get("passages")]
    columns = st.container(horizontal=True, gap="medium", key="totals")
    columns.metric("Files", f"{len(rows):,}", width="content")
    columns.metric("Searchable", f"{len(answering):,}", width="content")
    columns.metric("Passages", f"{sum(int(row['passages']) for row in answering):,}", width="content")
    columns.metric("Size", size(sum(int(row.get("size_bytes") or 0) for row in rows)), width="content")


def _filtered(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that the reader's filters let through; what went wrong comes first."""
    counts = Counter(str(row.get("status") or "") for row in rows)
    chosen = st.pills(
        "Status",
        sorted(counts, key=_rank),
        selection_mode="multi",
        format_func=lambda status: f"{_label(status)} {counts[status]:,}",
        key="statuses",
    )
    wanted = st.text_input(
        "Filter", key="filter", type="search", placeholder="Part of a path, reason or type", live=True
    )
    needle = str(wanted or "").casefold()
    kept = [
        row
        for row in rows
        if (not chosen or str(row.get("status") or "") in chosen)
        and any(needle in str(row.get(name) or "").casefold() for name in ("path", "reason", "media_type", "share"))
    ]
    return sorted(kept, key=lambda row: (_rank(str(row.get("status") or "")), str(row.get("path") or "")))


def _draw_rows(rows: Sequence[Row]) -> None:
    pages = max(1, -(-len(rows) // ROWS_A_PAGE))
    start = 0
    if pages > 1:
        start = (st.pagination(pages, key=f"page-of-{pages}") - 1) * ROWS_A_PAGE
    shown = rows[start : start + ROWS_A_PAGE]
    st.caption(
        f"{plural(len(rows), 'file')}"
        + (f", {start + 1:,} to {start + len(shown):,} shown" if pages > 1 else "")
        + ". Choose a row to see all of it."
    )
    if not shown:
        return
    table = st.dataframe(
        _columns(shown, parts.zone()),
        hide_index=True,
        key="documents",
        on_select="rerun",
        selection_mode="single-row",
        height=min(560, 38 + 35 * len(shown)),
        column_config=_formats(),
        placeholder="",
        alt="Files and what became of them",
    )
    chosen = [index for index in table.selection.rows if index < len(shown)]
    if chosen:
        _draw_details(shown[chosen[0]])


def _columns(rows: Sequence[Row], zone: tzinfo) -> dict[str, list[Any]]:
    return {
        "Status": [_words(str(row.get("status") or "")) for row in rows],
        "Path": [str(row.get("path") or "") for row in rows],
        "Reason": [str(row.get("reason") or "") for row in rows],
        "Pages": [row.get("pages") for row in rows],
        "Passages": [row.get("passages") for row in rows],
        "Size": [size(row.get("size_bytes")) for row in rows],
        "Indexed": [moment(row.get("indexed_at"), zone) for row in rows],
        "Hint": [str(row.get("hint") or "") for row in rows],
        "Type": [str(row.get("media_type") or "") for row in rows],
    }


def _formats() -> dict[str, Any]:
    """Text columns are said to be text: a table that guesses would turn addresses into links."""
    text = {name: st.column_config.TextColumn(name) for name in ("Status", "Size", "Indexed", "Type")}
    numbers = {name: st.column_config.NumberColumn(name, width="small") for name in ("Pages", "Passages")}
    wide = {"Path": "large", "Reason": "medium", "Hint": "medium"}
    text |= {name: st.column_config.TextColumn(name, width=width) for name, width in wide.items()}
    return text | numbers


def _draw_details(row: Row) -> None:
    with st.container(border=True, key="details", gap="xsmall"):
        parts.plain(str(row.get("path") or ""))
        status, reason = _words(str(row.get("status") or "")), str(row.get("reason") or "")
        parts.plain(f"{status}: {reason}" if reason else status)
        if row.get("hint"):
            parts.plain(str(row["hint"]))
        facts = [str(row.get("media_type") or ""), size(row.get("size_bytes")), f"in {row.get('share') or ''}"]
        parts.quiet(" · ".join(fact for fact in facts if fact), "details-facts")
        parts.quiet(f"sha256 {row.get('sha256') or 'not known'}", "details-hash")


def _words(status: str) -> str:
    return displayable(status).replace("_", " ")


def _label(status: str) -> str:
    return _words(status) if status in KNOWN else literal(status)


def _rank(status: str) -> tuple[int, str]:
    return (TROUBLE.index(status) if status in TROUBLE else len(TROUBLE), status)
