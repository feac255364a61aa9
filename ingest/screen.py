"""Screens the text of every file: takes out characters that nobody sees, and tells whether text addresses the model.

Invisible characters (`clean`). Some of them carry whole instructions (tag characters, runs of variation selectors or
zero-width characters as bits), some break words up so that no filter knows them, some show letters in another order
than they stand. All go, except where a script or an emoji needs them: joiners in Arabic and Indic words, variation
selectors behind what they vary, the tags of the three flags that Unicode recommends, fillers in old Hangul. Not
suspicious, though removed: soft hyphens, a few stray marks as word processors and web pages leave them, and marks of
direction that override nothing.

Orders to a model (`addresses_model`). Rules with weights, in `orders`, in English, German, French and Spanish: to
disregard one's instructions, forged roles and control tokens, a new identity, naming the machine as the reader, how it
is to answer, what to keep from the user, to give away its prompt. A text is flagged where rules of different names
within 300 characters of each other weigh 1 or more. Words in quotation marks weigh half: that is how one writes about
such orders. An order that names neither the machine nor its instructions or answer ("write a poem about the sea") is
not told from a text for people, on purpose.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ingest.orders import RULES

_SPECIAL = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e01ef"
)
_RUN = re.compile(f"[{_SPECIAL}]+")
_SILENT = re.compile("[\u00ad\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069]+")
_OVERRIDE = re.compile("[\u202d\u202e]")
_BIDI_OPEN = re.compile("[\u202a\u202b\u202d\u202e\u2066-\u2068]")
_BIDI_CLOSE = re.compile("[\u202c\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_TAGS = re.compile("[\U000e0000-\U000e007f]")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_FLAGS = frozenset(
    "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f" for region in ("gbeng", "gbsct", "gbwls")
)
_BLACK_FLAG = "\U0001f3f4"
_EMOJI = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff]"
)
# Scripts in which a joiner or non-joiner decides how letters connect.
_JOINING = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ua840-\ua877\ua8e0-\ua8ff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00011000-\U000119ff]"
)
# So many at once are a message, not a mark left behind; and so are so many spread over so little text.
_MARKS_AT_ONCE = 4
_ANY_AT_ONCE = 12
_MARKS_AT_LEAST = 8
_CHARACTERS_PER_MARK = 20


def clean(text: str) -> tuple[str, int]:
    """Return the text without characters that nobody sees, and how many of those removed are suspicious.

    Linear in the text; cleaning a second time changes nothing.
    """
    if text.isascii() or _RUN.search(text) is None:
        return text, 0
    # An override is at home among letters that run from right to left, if something ends it.
    at_home = _OVERRIDE.search(text) and _RIGHT_TO_LEFT.search(text) and _balanced(text)
    suspicious = strays = end = 0
    parts: list[str] = []
    for match in _RUN.finditer(text):
        run = match[0]
        parts.append(text[end : match.start()])
        end = match.end()
        before = text[match.start() - 1] if match.start() else ""
        kept = _kept(_SILENT.sub("", run), before, text[end] if end < len(text) else "")
        parts.append(kept)
        if not kept:
            hidden, lone = _weigh(run, bool(at_home))
            suspicious, strays = suspicious + hidden, strays + lone
    parts.append(text[end:])
    if strays >= _MARKS_AT_LEAST and strays * _CHARACTERS_PER_MARK > len(text):
        suspicious += strays
    cleaned = "".join(parts)
    # What stood apart may stand together now: a joiner whose letter was behind another mark.
    return (cleaned, suspicious) if cleaned == text else (_again(cleaned), suspicious)


def _weigh(run: str, at_home: bool) -> tuple[int, int]:
    """Return how many characters of a removed run are suspicious, and how many others may be if there are many."""
    overrides = len(_OVERRIDE.findall(run))
    hidden = len(_TAGS.findall(run)) + _selectors(run) + (0 if at_home else overrides)
    others = len(_SILENT.sub("", _OVERRIDE.sub("", run))) - len(_TAGS.findall(run)) - _selectors(run)
    if others >= _MARKS_AT_ONCE or len(run) >= _ANY_AT_ONCE:
        return len(run), 0
    return hidden, others


def _again(text: str) -> str:
    def drop(match: re.Match[str]) -> str:
        before = text[match.start() - 1] if match.start() else ""
        return _kept(match[0], before, text[match.end()] if match.end() < len(text) else "")

    return _RUN.sub(drop, text)


def _kept(run: str, before: str, after: str) -> str:
    """Return what a run of special characters has to leave for the characters beside it to look right: all or none."""
    if not run:
        return ""
    if run in ("\ufe0e", "\ufe0f"):
        legitimate = bool(_EMOJI.match(before)) or (before in "0123456789#*" and after == "\u20e3")
    elif run in ("\u200d", "\ufe0f\u200d"):
        joined = bool(_EMOJI.match(before) and _EMOJI.match(after))
        legitimate = joined or (run == "\u200d" and bool(_JOINING.match(before)))
    elif run == "\u200c":
        legitimate = bool(_JOINING.match(before))
    elif run in _FLAGS:
        legitimate = before == _BLACK_FLAG
    elif len(run) == 1 and _SELECTORS.match(run):
        legitimate = before >= "\u1000" and not _EMOJI.match(before)
    elif len(run) == 1 and "\u180b" <= run <= "\u180f":
        legitimate = "\u1820" <= before <= "\u18aa"
    elif run in ("\u115f", "\u1160"):
        legitimate = "\u1100" <= before <= "\u11ff" or "\u1100" <= after <= "\u11ff"
    else:
        legitimate = False
    return run if legitimate else ""


def _selectors(run: str) -> int:
    """Return how many variation selectors in a run vary nothing. One for emoji that lost its emoji is ordinary."""
    found = _SELECTORS.findall(run)
    return 0 if found in (["\ufe0f"], ["\ufe0e"]) else len(found)


def _balanced(text: str) -> bool:
    return len(_BIDI_OPEN.findall(text)) == len(_BIDI_CLOSE.findall(text))


# Between two rules that add up, and around a stem that a rule's pattern is tried on, in characters.
_NEAR = 300
_AROUND = 160
_ENOUGH = 0.99
# Long texts are looked at in pieces, so that what is remembered of them stays small.
_BLOCK = 1_000_000
_QUOTES = "\"'“„«‘‚`”’"


def addresses_model(text: str) -> bool:
    """Tell whether a text gives orders to a language model that reads it. `text` has been through `clean`.

    Time grows with the length of the text and nothing else.
    """
    text = (text if text.isascii() else unicodedata.normalize("NFKC", text).replace("’", "'")).lower()
    return any(_orders(text[start : start + _BLOCK + _NEAR]) for start in range(0, len(text), _BLOCK))


def _orders(text: str) -> bool:
    recent: dict[str, tuple[int, float]] = {}
    for place, name, weight in sorted(_hits(text)):
        before, former = recent.get(name, (0, 0.0))
        if weight >= former or place - before > _NEAR:
            recent[name] = (place, weight)
        if sum(heavy for last, heavy in recent.values() if place - last <= _NEAR) >= _ENOUGH:
            return True
    return False


def _hits(text: str) -> Iterator[tuple[int, str, float]]:
    # Several rules share their stems.
    windows: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for rule in RULES:
        if rule.stems not in windows:
            windows[rule.stems] = list(_windows(text, rule.stems))
        for start, end in windows[rule.stems]:
            for match in rule.pattern.finditer(text, start, end):
                quoted = match.start() > 0 and text[match.start() - 1] in _QUOTES
                yield match.start(), rule.name, rule.weight / 2 if quoted else rule.weight


def _windows(text: str, stems: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a text around any of these stems, none overlapping another."""
    for stem in stems:
        place = text.find(stem)
        while place >= 0:
            start, end = max(0, place - _AROUND), place + _AROUND
            place = text.find(stem, place + 1)
            while 0 <= place < end:
                end = place + _AROUND
                place = text.find(stem, place + 1)
            yield start, end
