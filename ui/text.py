"""Text that others wrote, made safe to show.

Documents, file names, questions and what a model wrote are shown as text, never as Markdown: `st.text` interprets
nothing and is what the page uses for them. Labels (of expanders and filters) are Markdown whatever one does; `literal`
is the only way such a text gets into one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

# Lone surrogates (bytes of a name that are no UTF-8) cannot be sent; control characters and the bidirectional
# overrides make a text look like another one ("exe.fdp" for "pdf.exe").
_UNSHOWABLE = re.compile("[\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile("[\t\n\r\u2028\u2029]+")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_STEP = 1024


def displayable(text: str) -> str:
    """Return `text` with every character that cannot or must not be shown replaced by U+FFFD, one for one."""
    return _UNSHOWABLE.sub(_REPLACEMENT, text)


def clean(value: Any) -> Any:
    """Return a decoded JSON value with all its strings displayable, keys included."""
    if isinstance(value, str):
        return displayable(value)
    if isinstance(value, Mapping):
        return {displayable(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [clean(item) for item in value]
    return value


def untrimmed(text: str) -> str:
    """Return `text` so that `st.text`, which trims what it is given, shows the blanks and breaks at its ends.

    Only an end that has any gets a zero-width space; a text without is not changed.
    """
    guard = "\N{ZERO WIDTH SPACE}"
    return (guard if text[:1].isspace() else "") + text + (guard if text[-1:].isspace() else "")


def literal(text: str) -> str:
    """Return Markdown that shows `text` as it stands, on one line: a code span, which interprets nothing.

    The fence is longer than any run of backticks inside (CommonMark 0.31, 6.1 Code spans).
    """
    # Streamlit replaces this prefix of its icons before it looks for code spans.
    line = _BREAKS.sub(" ", displayable(text)).replace(":material/", ":material\N{DIVISION SLASH}").strip()
    if not line:
        return "` `"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}"


def around(passage: str, quote: str) -> tuple[str, str, str]:
    """Return what stands before the quote, the quote, and what stands after it; the passage alone if it is not in."""
    before, found, after = passage.partition(quote) if quote else (passage, "", "")
    return (before, found, after) if found else (passage, "", "")


def size(count: int | None) -> str:
    """Return a number of bytes for people: "831 B", "12.4 KiB"."""
    if count is None:
        return ""
    amount, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < _STEP or unit == "TiB":
            break
        amount /= _STEP
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def moment(value: str | None, zone: tzinfo = UTC) -> str:
    """Return an RFC 3339 time as date and minute in `zone`; anything else as it stands."""
    if not value:
        return ""
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return displayable(value)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def duration(seconds: float) -> str:
    """Return seconds for people: "0.4 s", "12 s", "3 min 20 s"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def plural(count: int, noun: str) -> str:
    """Return "1 passage", "2,345 passages"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
