"""Dates in a text, however they are written: "3 May 2026", "May 3rd", "03.05.2026", "3. Mai", "2026-05-03".

Month names are those of all language files at once: beside digits they are not mistaken for other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from appliance.language import folded, load_languages


class Date(NamedTuple):
    """A date at characters start <= i < end. What is not said is 0; `other` is the same with day and month changed
    over, where the writing does not tell ("03/05/2026"), else None.
    """

    start: int
    end: int
    year: int
    month: int
    day: int
    other: tuple[int, int, int] | None = None

    @property
    def readings(self) -> frozenset[str]:
        """Return what it may mean, as "YYYY-MM-DD" with zeros for what is not said."""
        first = (self.year, self.month, self.day)
        return frozenset(f"{y:04}-{m:02}-{d:02}" for y, m, d in (first, self.other or first))


_YEAR_FIRST = re.compile(r"(?<![\w.,/-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\w-]|[.,/]\d)")
_YEAR_LAST = re.compile(r"(?<![\w.,/-])(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?![\w-]|[.,/]\d)")


def find_dates(text: str) -> list[Date]:
    """Return the dates of `text` in order, none overlapping."""
    if not any(character.isdigit() for character in text):
        return []
    found = [*_in_digits(text), *_in_words(text)]
    kept: list[Date] = []
    for date in sorted(found, key=lambda date: (date.start, -date.end)):
        if not kept or date.start >= kept[-1].end:
            kept.append(date)
    return kept


def same_date(claimed: str, found: str) -> bool:
    """Return whether two readings agree: all that is claimed is said, and is the same."""
    return all(a == b or not int(a) for a, b in zip(claimed.split("-"), found.split("-"), strict=True))


def _in_digits(text: str) -> Iterator[Date]:
    for match in _YEAR_FIRST.finditer(text):
        year, month, day = int(match[1]), int(match[3]), int(match[4])
        if _is_day(month, day):
            yield Date(*match.span(), year, month, day)
    for match in _YEAR_LAST.finditer(text):
        day, month, year = int(match[1]), int(match[3]), int(match[4])
        # With points the day comes first wherever dates are written so.
        turned = (year, day, month) if match[2] != "." and day != month and _is_day(day, month) else None
        if _is_day(month, day):
            yield Date(*match.span(), year, month, day, turned)
        elif turned:
            yield Date(*match.span(), *turned)


def _in_words(text: str) -> Iterator[Date]:
    day_first, month_first, month_alone, months = _patterns()
    for match in day_first.finditer(text):
        month, day = months[folded(match["month"])], int(match["day"])
        if _is_day(month, day):
            yield Date(*match.span(), int(match["year"] or 0), month, day)
    for match in month_first.finditer(text):
        month, day = months[folded(match["month"])], int(match["day"])
        if _is_day(month, day):
            yield Date(*match.span(), int(match["year"] or 0), month, day)
    for match in month_alone.finditer(text):
        yield Date(*match.span(), int(match["year"]), months[folded(match["month"])], 0)


def _is_day(month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= 31


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], dict[str, int]]:
    months = {form: month for language in load_languages() for form, month in language.months.items()}
    between = {form for language in load_languages() for form in language.between_dates}
    ordinals = {form for language in load_languages() for form in language.ordinals}
    month = rf"(?P<month>{_any(months)})\b\.?"
    gap = rf"\s+(?:(?:{_any(between)})\s+){{0,2}}"
    year = r"(?P<year>\d{4})(?![\w-]|[.,]\d)"
    day = rf"(?<![\w.,/:$€£-])(?P<day>\d{{1,2}})(?:{_any(ordinals)})?\b"
    return (
        re.compile(rf"{day}\.?{gap}{month}(?:\s*,?{gap}{year})?", re.IGNORECASE),
        re.compile(
            rf"\b{month}\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:{_any(ordinals)})?(?![\w:%-]|[.,]\d)"
            rf"(?:\s*,?\s+{year})?",
            re.IGNORECASE,
        ),
        re.compile(rf"\b{month},?{gap}{year}", re.IGNORECASE),
        months,
    )


def _any(forms: set[str] | dict[str, int]) -> str:
    return "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
