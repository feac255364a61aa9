"""Words and numbers of a text, comparable across inflection and ways of writing, in any language.

No stop words, no dictionary, no stemmer of one language: two words are the same when they share their beginning,
two numbers when they share a reading.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

# Letters, digits and the marks that belong to letters; Python's \w leaves marks out.
_MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u064b-\u065f\u0900-\u109f"
# Scripts written without spaces: two characters at a time stand for the words nobody marks.
_DENSE = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(
    rf"(?P<number>\d++(?:[.,'’\u00a0\u202f]\d++)*+)|(?P<dense>[{_DENSE}]+)|"
    rf"(?P<word>(?:(?![{_DENSE}])[\w{_MARKS}\u00ad])+(?:['’](?![{_DENSE}])[^\W\d_]+)*)"
)
_GROUPED = re.compile(r"(\d{1,3}(?:([,'’\u00a0\u202f])\d{3})(?:\2\d{3})*)(?:\.(\d+))?")
_GROUPED_BY_POINTS = re.compile(r"(\d{1,3}(?:\.\d{3})+)(?:,(\d+))?")
_DECIMAL = re.compile(r"(\d+)[.,](\d+)")
_SYMBOLS = {"%": "%", "‰": "‰", "°": "°", "$": "$", "€": "€", "£": "£", "¥": "¥", "₹": "₹"}
# Measures in the languages the project is measured in. A number agrees only with the same number of the same measure.
_MEASURES = {
    "%": "percent prozent pourcent",
    "$": "dollar dollars usd",
    "€": "euro euros eur",
    "£": "pound pounds gbp",
    "second": "second seconds sekunde sekunden seconde secondes segundo segundos",
    "minute": "minute minutes minuten minuto minutos",
    "hour": "hour hours stunde stunden heure heures hora horas",
    "day": "day days tag tage tagen jour jours día días",
    "week": "week weeks woche wochen semaine semaines semana semanas",
    "month": "month months monat monate monaten mois mes meses",
    "quarter": "quarter quarters quartal quartale trimestre trimestres",
    "year": "year years jahr jahre jahren an ans année années año años",
    "thousand": "thousand tausend mille mil",
    "million": "million millions millionen millón millones mio",
    "billion": "billion billions milliarde milliarden milliard milliards mrd",
    "kb": "kb",
    "mb": "mb",
    "gb": "gb",
    "tb": "tb",
    "km": "km",
    "kg": "kg",
}
_MEASURE_OF = {form: measure for measure, forms in _MEASURES.items() for form in forms.split()}
# Without these a number is another number.
_SCALES = frozenset({"%", "‰", "thousand", "million", "billion"})


@dataclass(frozen=True, slots=True)
class Word:
    """One word or number. `key` is its normal form, `name` whether it is written as a proper name or a code.

    `readings` are what a number may mean ("1.500" is 1500 or a decimal), empty for a word; `measure` is its unit.
    """

    key: str
    start: int
    end: int
    name: bool = False
    readings: frozenset[str] = frozenset()
    measure: str = ""


def words(text: str) -> list[Word]:
    """Return the words and numbers of `text` in order."""
    found: list[Word] = []
    for match in _TOKEN.finditer(text):
        if match["dense"]:
            found += _pairs(match)
        elif match["number"]:
            found.append(Word(match[0], *match.span(), readings=_readings(match[0]), measure=_symbol(text, match)))
        else:
            key = normal(match[0])
            if key:
                found.append(Word(key, *match.span(), name=_is_name(match[0])))
    return _with_measures(found)


def normal(word: str) -> str:
    """Return the form in which words are compared: compatibility forms folded, case folded, no soft hyphens."""
    return unicodedata.normalize("NFKC", word).casefold().replace("\u00ad", "").strip("_")


def same_word(a: str, b: str) -> bool:
    """Return whether two normal forms are one word, inflected: a common beginning, and little after it."""
    if a == b:
        return True
    short, long = sorted((a, b), key=len)
    common = next((i for i, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short))
    if common == len(short) and common >= 3:
        return len(long) - common <= (1 if common < 5 else 3)
    return common >= 5 and len(short) - common <= 3 and len(long) - common <= 4


def same_number(claimed: Word, found: Word) -> bool:
    """Return whether a number that is claimed is the one found: same reading, no other measure."""
    if claimed.readings.isdisjoint(found.readings):
        return False
    if claimed.measure == found.measure:
        return True
    return not (claimed.measure and found.measure) and found.measure not in _SCALES


def starts(keys: Iterable[str]) -> dict[str, list[str]]:
    """Return the keys by their first three letters: only those that share them can be the same word."""
    table: dict[str, list[str]] = {}
    for key in keys:
        table.setdefault(key[:3], []).append(key)
    return table


def _pairs(match: re.Match[str]) -> list[Word]:
    text, start = match[0], match.start()
    if len(text) == 1:
        return [Word(text, start, start + 1)]
    return [Word(text[i : i + 2], start + i, start + i + 2) for i in range(len(text) - 1)]


def _is_name(word: str) -> bool:
    return word[0].isupper() or any(c.isupper() for c in word[1:]) or any(c.isdigit() for c in word)


def _readings(number: str) -> frozenset[str]:
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
    return frozenset({number})


def _decimal(whole: str, fraction: str) -> str:
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def _symbol(text: str, match: re.Match[str]) -> str:
    before, after = text[: match.start()].rstrip()[-1:], text[match.end() :].lstrip(" \u00a0\u202f")[:1]
    return _SYMBOLS.get(after, "") if after and after in "%‰°€£¥" else _SYMBOLS.get(before, "")


def _with_measures(found: list[Word]) -> list[Word]:
    """Give numbers the measure that follows them, at most one word between: "30 days", "30 business days"."""
    for i, word in enumerate(found):
        if not word.readings or word.measure:
            continue
        for after in found[i + 1 : i + 3]:
            if after.readings or after.start - word.end > 25:
                break
            if after.key in _MEASURE_OF:
                measure = _MEASURE_OF[after.key]
                found[i] = Word(word.key, word.start, word.end, readings=word.readings, measure=measure)
                break
    return found
