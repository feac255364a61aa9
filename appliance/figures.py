"""Which numbers of a sentence do not occur in its quotes.

Simple on purpose, and apart from how grounding compares numbers: runs of digits, normalised. Grounding asks it last,
so that no sentence is ever shown as supported with a number that its quotes do not have; the evaluation asks it again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from appliance.language import folded, load_languages

_MARKER = re.compile(r"\s*(?:[-*•–·]\s+)?\(?\d{1,3}[.)]\s+(?=\S)")
_RUN = re.compile(r"\d+(?:[.,'’\u00a0\u202f]\d+)*")
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}")


def numbers_missing(sentence: str, quotes: Sequence[str]) -> list[str]:
    """Return the numbers of `sentence`, as written, that occur in none of `quotes`.

    1,250.00 is 1250, 05 is 5; a date in digits is three numbers. The number of a list item is none. A quote's number
    may be in letters, and its month a name.
    """
    quoted = {value for quote in quotes for value in (*_in_digits(quote), *_in_words(quote))}
    text = sentence[match.end() :] if (match := _MARKER.match(sentence)) else sentence
    return [run for run in _runs(text) if _values(run).isdisjoint(quoted)]


def _runs(text: str) -> list[str]:
    split = _DATE.sub(lambda match: re.sub(r"\D", " ", match[0]), text)
    return [match[0] for match in _RUN.finditer(split)]


def _in_digits(text: str) -> set[str]:
    # Dates both ways: a version number 1.2.2026 is also the whole run.
    runs = [*_runs(text), *(match[0] for match in _RUN.finditer(text))]
    return {value for run in runs for value in _values(run)}


def _values(run: str) -> set[str]:
    """Return what a run of digits may stand for: its last separator before decimals, or all of them between groups."""
    parts = re.split(r"\D", run)
    values = {"".join(parts).lstrip("0") or "0"} if all(len(part) == 3 for part in parts[1:]) else set()
    if len(parts) > 1 and (len(parts[-1]) != 3 or len(parts) == 2):
        whole, fraction = "".join(parts[:-1]).lstrip("0") or "0", parts[-1]
        # 1.000 may be a thousand, so it is never 1.
        fraction = fraction if len(fraction) == 3 else fraction.rstrip("0")
        values.add(f"{whole}.{fraction}" if fraction else whole)
    if len(parts) > 2:
        values.add(".".join(parts))
    return values


def _in_words(text: str) -> set[str]:
    words = re.findall(r"[^\W\d_]+", folded(text))
    languages = load_languages()
    tables = [table for language in languages for table in (language.numbers, language.months)]
    values = {str(table[word]) for word in words for table in tables if word in table}
    pairs = pairwise(words)
    for first, second in (
        (language.numbers.get(a), language.numbers.get(b)) for a, b in pairs for language in languages
    ):
        if first and second:
            values |= {str(first + second)} if first > second and first % 10 == 0 else set()
            values |= {str(first * second)} if second == 100 and first < 10 else set()
    return values
