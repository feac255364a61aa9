"""Numbers and measures: what a number may mean as it is written, and which words name a measure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from appliance.language import Language, load_languages

_GROUPED = re.compile(r"(\d{1,3}(?:([,'’\u00a0\u202f])\d{3})(?:\2\d{3})*)(?:\.(\d+))?")
_GROUPED_BY_POINTS = re.compile(r"(\d{1,3}(?:\.\d{3})+)(?:,(\d+))?")
_DECIMAL = re.compile(r"(\d+)[.,](\d+)")
_SYMBOLS = {"%": "%", "‰": "‰", "°": "°", "$": "$", "€": "€", "£": "£", "¥": "¥", "₹": "₹"}
# Signs for measures that are the same everywhere, by measure; the language files have the words.
_SIGNS = {
    "$": "usd",
    "€": "eur",
    "£": "gbp",
    "¥": "jpy",
    "₹": "inr",
    "second": "sec",
    "minute": "min",
    "hour": "h hr hrs",
    "thousand": "k",
    "million": "mio",
    "billion": "bn",
    "metre": "m",
    "kilometre": "km",
    "kilogram": "kg",
    "litre": "l",
}
# These are their own measures.
_UNITS = (
    "chf cad aud kb mb gb tb pb kib mib gib tib mbit gbit kbit mbps gbps mm cm g mg ml cl kw kwh mwh mw hz khz mhz ghz "
    "ms px pt dpi rpm v w a"
)
# These are taken for a measure only where they touch the number: "5 a day" is not five ampere.
TOUCHING = frozenset({"m", "g", "l", "k", "v", "w", "a"})
CURRENCIES = frozenset({"usd", "eur", "gbp", "jpy", "inr", "chf", "cad", "aud"})


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of one language, or of all: numbers and measures, endings of ordinals, elided words, what joins
    tens and ones, and what stands between the ends of a range.
    """

    numbers: Mapping[str, int]
    measures: Mapping[str, str]
    ordinals: frozenset[str]
    elided: frozenset[str]
    tens: frozenset[str]
    ranges: frozenset[str]


@cache
def lexicon(language: Language | None) -> Lexicon:
    """Return the number words of `language`, of all languages for None; measures are those of all, its own first."""
    taken = (language,) if language else load_languages()
    measures = {form: measure for measure, forms in _SIGNS.items() for form in forms.split()}
    measures.update((unit, unit) for unit in _UNITS.split())
    for each in load_languages():
        measures.update((form, measure) for form, measure in each.measures.items() if form not in measures)
    measures.update({form: measure for each in taken for form, measure in each.measures.items()})
    # A number word of one language that is a function word of another ("once") is taken in its own alone.
    others = {each: {form for other in taken if other is not each for form in other.function_words} for each in taken}
    return Lexicon(
        {form: value for each in taken for form, value in each.numbers.items() if form not in others[each]},
        measures,
        frozenset().union(*(each.ordinals for each in load_languages())),
        frozenset().union(*(each.elided for each in load_languages())),
        frozenset().union(*(each.tens for each in taken)),
        frozenset({"-", "–", "—"}).union(*(each.ranges for each in taken)),
    )


def readings(number: str) -> frozenset[str]:
    """Return what a number may mean, digits alone, with a point before decimals."""
    if grouped := _GROUPED.fullmatch(number):
        whole = re.sub(r"\D", "", grouped[1])
        return frozenset({_decimal(whole, grouped[3] or "")})
    if grouped := _GROUPED_BY_POINTS.fullmatch(number):
        whole = _decimal(grouped[1].replace(".", ""), grouped[2] or "")
        # With one point it may as well be a decimal; kept as written, so that 1.000 is never 1.
        return frozenset({whole, number}) if number.count(".") == 1 and not grouped[2] else frozenset({whole})
    if decimal := _DECIMAL.fullmatch(number):
        return frozenset({_decimal(decimal[1], decimal[2])})
    return frozenset({number, number.lstrip("0") or "0"})


def _decimal(whole: str, fraction: str) -> str:
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def symbol_at(text: str, start: int, end: int) -> str:
    """Return the measure whose sign stands beside characters start <= i < end, "" if there is none."""
    before, after = text[max(0, start - 3) : start].rstrip()[-1:], text[end : end + 3].lstrip(" \u00a0\u202f")[:1]
    return _SYMBOLS.get(after, "") if after and after in "%‰°€£¥" else _SYMBOLS.get(before, "")
