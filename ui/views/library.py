"""Library: what the last run did, every file that was seen, what became of it and why, and what was found in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import streamlit as st

from ui import parts
from ui.client import ClientError, Totals, Wanted
from ui.text import displayable, duration, literal, moment, plural, size

# A browser table of this many rows scrolls smoothly; more are pages.
ROWS_A_PAGE = 1000
TROUBLE = ("damaged", "encrypted", "unreadable", "timed_out", "quarantined", "too_large", "unsupported", "empty")
KNOWN = frozenset({*TROUBLE, "indexed", "unchanged"})
ALL, ATTENTION, FINDINGS = "All files", "Need attention", "With findings"
# A run that goes on says so every few seconds.
SILENT_SECONDS = 60
REFRESH_SECONDS = 3
# What a finding's kind means, for people.
WORDS = {
    "background_colour": "text in the colour of what it stands on",
    "tiny": "text under 2 points",
    "off_page": "text outside of what is shown",
    "covered": "text under an image or a shape",
    "hidden": "text marked as hidden",
    "not_displayed": "text that is not displayed",
    "invisible_characters": "invisible characters",
    "contradicts_image": "a text layer that says something else than the image",
    "addresses_model": "text that gives orders to a language model",
}
Row = Mapping[str, Any]


def draw() -> None:
    """Draw the page."""
    with st.container(key="wide", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Library", anchor=False, width="content")
        st.button("Refresh", icon=":material/refresh:", type="tertiary")
    try:
        client = parts.client()
        runs = client.runs()
        totals, findings = client.totals(Wanted()), client.totals(Wanted(findings=True)).files
        _draw_runs(runs)
        if not totals.files:
            parts.notice(
                "No documents yet",
                "No share has been taken in.",
                'Run "appliance ingest DIR" with the folder of your documents, then refresh.',
                "empty",
            )
            return
        _draw_totals(totals, findings)
        _draw_rows(_wanted(totals, findings))
    except ClientError as error:
        parts.failure(error, "library", "The library cannot be shown")


def _draw_runs(runs: Sequence[Row]) -> None:
    """Say what the newest run did or does, and what those before it did."""
    if not runs:
        return
    if _goes_on(runs[0]):
        watched: Callable[[], None] = st.fragment(_draw_progress, run_every=REFRESH_SECONDS)
        watched()
    else:
        parts.quiet(_summary(runs[0]), "run")
    if len(runs) > 1:
        with st.expander("Earlier runs"):
            for number, run in enumerate(runs[1:]):
                parts.quiet(_summary(run), f"run-{number}")


def _draw_progress() -> None:
    """Show how far the newest run is; redraw the page once it has ended."""
    try:
        run = next(iter(parts.client().runs()), {})
    except ClientError as error:
        parts.failure(error, "progress", "The run cannot be shown")
        return
    if not _goes_on(run):
        st.rerun()
    done, total = int(run.get("done") or 0), int(run.get("total") or 0)
    parts.quiet(f"A run goes on · {run.get('share') or ''}", "running")
    st.progress(
        min(1.0, done / total) if total else 0.0, f"{done:,} of {plural(total, 'file')}" if total else "Looking"
    )


def _goes_on(run: Row) -> bool:
    """Tell whether a run is still at work: it has not finished, and was heard of not long ago."""
    if run.get("finished"):
        return False
    try:
        heard = datetime.fromisoformat(str(run.get("seen") or run.get("started") or ""))
    except ValueError:
        return False
    return abs((datetime.now(UTC) - heard).total_seconds()) < SILENT_SECONDS


def _summary(run: Row) -> str:
    zone = parts.zone()
    counts = run.get("counts")
    figures = [f"{count:,} {_words(status)}" for status, count in counts.items()] if isinstance(counts, Mapping) else []
    figures += [
        f"{run[name]:,} {word}" for name, word in (("removed", "removed"), ("findings", "findings")) if run.get(name)
    ]
    if run.get("finished"):
        when = f"Run finished {moment(str(run['finished']), zone)} after {duration(float(run.get('seconds') or 0))}"
    else:
        done = f", {run.get('done') or 0} of {run.get('total')} files done" if run.get("total") else ""
        when = f"Run began {moment(str(run.get('started') or ''), zone)} and has not finished{done}"
    share = str(run.get("share") or "")
    return ": ".join(part for part in (f"{when} · {share}", ", ".join(figures)) if part)


def _draw_totals(totals: Totals, findings: int) -> None:
    columns = st.container(horizontal=True, gap="medium", key="totals")
    columns.metric("Files", f"{totals.files:,}", width="content")
    columns.metric("Searchable", f"{totals.statuses.get('indexed', 0):,}", width="content")
    columns.metric(ATTENTION, f"{_troubled(totals):,}", width="content")
    columns.metric(FINDINGS, f"{findings:,}", width="content")
    columns.metric("Passages", f"{totals.passages:,}", width="content")
    columns.metric("Size", size(totals.size_bytes), width="content")


def _troubled(totals: Totals) -> int:
    return sum(totals.statuses.get(status, 0) for status in TROUBLE)


def _wanted(totals: Totals, findings: int) -> Wanted:
    """Return what the reader's filters let through."""
    views = {ALL: totals.files, ATTENTION: _troubled(totals), FINDINGS: findings}
    view = st.segmented_control(
        "Files", list(views), default=ALL, format_func=lambda name: f"{name} {views[name]:,}", key="view"
    )
    chosen = st.pills(
        "Status",
        sorted(totals.statuses, key=_rank),
        selection_mode="multi",
        format_func=lambda status: f"{_label(status)} {totals.statuses[status]:,}",
        key="statuses",
    )
    text = st.text_input("Filter", key="filter", type="search", placeholder="Part of a path, reason or type", live=True)
    statuses = tuple(chosen) or (TROUBLE if view == ATTENTION else ())
    return Wanted(statuses, str(text or ""), view == FINDINGS)


def _draw_rows(wanted: Wanted) -> None:
    """Show one page of rows; the cursors of the pages before it are kept for as long as the filters stay."""
    client, state = parts.client(), st.session_state
    if state.get("wanted") != wanted:
        state["wanted"], state["cursors"] = wanted, [""]
    cursors: list[str] = state["cursors"]
    rows, following = client.documents(wanted, ROWS_A_PAGE, cursors[-1])
    start = (len(cursors) - 1) * ROWS_A_PAGE
    count = client.totals(wanted).files
    st.caption(
        f"{plural(count, 'file')}"
        + (f", {start + 1:,} to {start + len(rows):,} shown" if following or start else "")
        + ". Choose a row to see all of it."
    )
    if following or start:
        with st.container(horizontal=True):
            st.button("Previous", disabled=not start, on_click=cursors.pop)
            st.button("Next", disabled=not following, on_click=lambda: cursors.append(following))
    if not rows:
        return
    table = st.dataframe(
        _columns(rows, parts.zone()),
        hide_index=True,
        key=f"documents-{len(cursors)}",
        on_select="rerun",
        selection_mode="single-row",
        height=min(560, 38 + 35 * len(rows)),
        column_config=_formats(),
        placeholder="",
        alt="Files and what became of them",
    )
    chosen = [index for index in table.selection.rows if index < len(rows)]
    if chosen:
        _draw_details(rows[chosen[0]])


def _columns(rows: Sequence[Row], zone: tzinfo) -> dict[str, list[Any]]:
    return {
        "Status": [_words(str(row.get("status") or "")) for row in rows],
        "Path": [str(row.get("path") or "") for row in rows],
        "Reason": [str(row.get("reason") or "") for row in rows],
        "Findings": [len(row.get("findings") or ()) for row in rows],
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
    counts = ("Findings", "Pages", "Passages")
    numbers = {name: st.column_config.NumberColumn(name, width="small") for name in counts}
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
        for finding in row.get("findings") or ():
            parts.plain(_finding(finding))
        readers = row.get("readers")
        named = ", ".join(str(reader) for reader in readers) if isinstance(readers, list) else ""
        parts.quiet(f"Readers: {named or 'nobody'}", "details-readers")
        facts = [str(row.get("media_type") or ""), size(row.get("size_bytes")), f"in {row.get('share') or ''}"]
        parts.quiet(" · ".join(fact for fact in facts if fact), "details-facts")
        parts.quiet(f"sha256 {row.get('sha256') or 'not known'}", "details-hash")


def _finding(finding: Any) -> str:
    """Return one finding for people: what it is, where, and how much was kept out."""
    if not isinstance(finding, Mapping):
        return ""
    kind, where = str(finding.get("kind") or ""), str(finding.get("where") or "")
    kept_out = int(finding.get("characters") or 0)
    much = f", {plural(kept_out, 'character')} kept out" if kept_out else ""
    return f"Found: {WORDS.get(kind, _words(kind))}{f' ({where})' if where else ''}{much}"


def _words(status: str) -> str:
    return displayable(status).replace("_", " ")


def _label(status: str) -> str:
    return _words(status) if status in KNOWN else literal(status)


def _rank(status: str) -> tuple[int, str]:
    return (TROUBLE.index(status) if status in TROUBLE else len(TROUBLE), status)
