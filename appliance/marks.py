"""What names one thing exactly: identifiers ("INV-2024-0042", "P12-EX", "ISO 27001", "§ 12") and dates in a text.

Identifiers are told by their form; words of a language come from appliance/languages alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from appliance.language import folded, load_languages

# Hyphens of other kinds, spaces that do not break and the shilling mark stand for the plain ones, one sign for one.
_PLAIN = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2212": "-", "\u00a0": " ", "\u202f": " ", "\u2215": "/"})
_TOKEN = re.compile(r"[^\W_]+(?:[-_./][^\W_]+)*+")
_DIGIT = re.compile(r"\d")
_DATED = re.compile(r"(?<!\d)(?:(?:19|20)\d\d|\d\d\.\d\d\.\d\d)(?!\d)")
_GROUP = re.compile(r"\d+|[^\W\d_]+")
_NUMBERED = re.compile(
    r"(?P<sign>§§?|#|№|[nN][°º])\s?(?P<of_sign>\d[\w.-]*)|"
    r"(?<![^\W_])(?P<word>[^\W\d_]++)(?P<dot>\.?) (?P<of_word>\d[\w.-]*)"
)
# Words that a number after them belongs to, in the languages the project is measured in.
_COUNTED = """
    section sections article articles clause clauses annex appendix chapter paragraph version release room building
    form step phase level schedule exhibit abschnitt artikel absatz ziffer anhang anlage kapitel paragraf raum gebäude
    formular schritt stufe klausel annexe chapitre paragraphe salle bâtiment formulaire étape niveau sección artículo
    cláusula anexo capítulo párrafo versión sala edificio formulario paso fase nivel"""
_CURRENCIES = "eur usd gbp chf jpy cny inr sek nok dkk pln czk cad aud"
# What follows digits without a space and makes a quantity, an ordinal or a time of them.
_UNITS = """
    b kb mb gb tb kib mib gib k m g t kg mg km cm mm nm µm l ml s ms h hz khz mhz ghz w kw kwh mw v kv a ma mah px pt
    dpi am pm st nd rd th er re de eme te ten bps rpm bar c f x"""
_YEAR = r"(?:19|20)\d\d"
_WORD_LETTERS = 4
# Nobody asks for a longer one, and what is divided part by part must not be long.
_CODE_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Mark:
    """An identifier or date: as written, and the key by which two of them are compared.

    An identifier's key are its groups of letters and of digits, case folded, separators aside; a date's is ISO 8601
    down to what was said, a year ("2026",), a month ("2026-03",) or a day, two days where 3/4/2026 may be either.
    """

    text: str
    start: int
    end: int
    key: tuple[str, ...]


def identifiers(text: str) -> list[Mark]:
    """Return the identifiers of `text` in order. Numbers, amounts, ordinals, times and dates are none."""
    plain = text.translate(_PLAIN)
    taken = _Taken(len(text))
    for date in dates(text):
        if len(date.text) > len("2026"):
            taken.take(date)
    found = sorted((mark for mark in (*_numbered(plain), *_codes(plain)) if taken.take(mark)), key=lambda m: m.start)
    return [replace(mark, text=text[mark.start : mark.end]) for mark in found]


def kinds(key: tuple[str, ...]) -> tuple[str, ...]:
    """Return the pattern of an identifier: what it begins with, and which groups are letters and which digits.

    Identifiers that begin with different letters are of different patterns, unless it is a single one: "P12" and
    "V40" are of one, "INV-7" and "PO-7" are not.
    """
    first = "?" if len(key[0]) == 1 and key[0].isalpha() else key[0] if not key[0].isdigit() else "0"
    return (first, *("0" if group.isdigit() else "a" for group in key[1:]))


def dates(text: str) -> list[Mark]:
    """Return the dates, months with a year, and years of `text` in order, none inside another."""
    plain = text.translate(_PLAIN)
    found: list[Mark] = []
    if not _DATED.search(plain):
        return found
    taken = _Taken(len(text))
    for pattern in _date_patterns():
        for match in pattern.finditer(plain):
            key = _date_key(match)
            mark = Mark(text[match.start() : match.end()], match.start(), match.end(), key)
            if key and taken.take(mark):
                found.append(mark)
    return sorted(found, key=lambda mark: mark.start)


class _Taken:
    """The characters of a text that belong to a mark already."""

    def __init__(self, characters: int) -> None:
        self._taken = bytearray(characters)

    def take(self, mark: Mark) -> bool:
        """Take a mark's characters and return True, unless one of them has been taken."""
        if any(self._taken[mark.start : mark.end]):
            return False
        self._taken[mark.start : mark.end] = b"\1" * (mark.end - mark.start)
        return True


def _numbered(text: str) -> Iterator[Mark]:
    """Yield what a sign or a word before a number makes an identifier: "§ 12", "ISO 27001", "section 4.2"."""
    for match in _NUMBERED.finditer(text):
        sign, word = match["sign"], match["word"]
        number = (match["of_sign"] or match["of_word"]).rstrip(".-_")
        if not sign and not _takes_number(word, bool(match["dot"]), number):
            continue
        head = "§" if sign and sign[0] == "§" else "#" if sign else folded(word)
        end = match.start("of_sign" if sign else "of_word") + len(number)
        yield Mark(text[match.start() : end], match.start(), end, (head, *_groups(number)))


def _takes_number(word: str, abbreviated: bool, number: str) -> bool:
    name = folded(word)
    if re.fullmatch(rf"{_YEAR}|\d+[.,]?\d*[^\W\d]{{3,}}", number) or name in _set(_CURRENCIES) or name in _measures():
        return False
    if name in _set(_COUNTED) or (abbreviated and any(name in language.numbered for language in load_languages())):
        return True
    if abbreviated or any(name in language.function_words or name in language.months for language in load_languages()):
        return False
    digits = re.match(r"\d+", number)
    long = digits is not None and len(digits[0]) >= 4
    # "ISO 27001" by its capitals; "iso 27001", as it is typed into a search box, by its length.
    return (2 <= len(word) <= 6 and word.isupper()) or (len(word) == 3 and long)


def _codes(text: str) -> Iterator[Mark]:
    for match in _TOKEN.finditer(text):
        if not _DIGIT.search(match[0]):
            continue
        parts = match[0].split("/")
        if len(parts) > 1 and all(_code(part) for part in parts):
            start = match.start()
            for part in parts:
                yield Mark(part, start, start + len(part), _groups(_code(part)))
                start += len(part) + 1
        elif code := _code(match[0]):
            start = match.start() + match[0].index(code)
            yield Mark(code, start, start + len(code), _groups(code))


def _code(token: str) -> str:
    """Return the part of a token that is an identifier: without words that are joined to it ("P12-sensor"), or ""."""
    if len(token) > _CODE_CHARACTERS:
        return ""
    parts = re.split(r"[-_./]", token)
    first, last = 0, len(parts)
    while last - first > 1 and _is_word(parts[last - 1]) and _is_code(parts[first : last - 1], token):
        last -= 1
    while last - first > 1 and _is_word(parts[first]) and any(map(_is_mixed, parts[first + 1 : last])):
        first += 1
    start = sum(len(part) + 1 for part in parts[:first])
    end = sum(len(part) + 1 for part in parts[:last]) - 1
    return token[start:end] if _is_code(parts[first:last], token) else ""


def _is_code(parts: list[str], token: str) -> bool:
    if not any(c.isdigit() for part in parts for c in part) or "º" in token or "ª" in token:
        return False
    if all(part.isdigit() for part in parts):
        return _is_number_code(parts, token)
    if any(_is_mixed(part) for part in parts):
        return not _is_quantity(parts)
    if parts[0].isdigit():
        # "30-day", "3-year-old", "5-Tage-Woche"
        return any(part.isalpha() and part.isupper() and len(part) > 1 for part in parts)
    # A name with a year is the name of a file or a plan, "type-2" and "INV-7" are codes.
    return not all(re.fullmatch(_YEAR, part) for part in parts if part.isdigit())


def _is_number_code(parts: list[str], token: str) -> bool:
    """Return whether digits alone are an identifier: a version (1.2.3), or a number with a gap in it (2024-0042)."""
    if len(parts) < 2 or all(re.fullmatch(_YEAR, part) for part in parts):
        return False
    if "." in token:
        return len(parts) > 2 and not all(len(part) == 3 for part in parts[1:])
    return any(len(part) > 1 and part[0] == "0" for part in parts) or sum(map(len, parts)) >= 7


def _is_quantity(parts: list[str]) -> bool:
    """Return whether "30days", "1.5GB", "3rd", "1990s" or "14h30" is all there is."""
    if not all(part.isdigit() for part in parts[:-1]):
        return False
    match = re.fullmatch(r"\d+([^\W\d_]+)(\d*)", parts[-1])
    if match is None:
        return False
    unit = unicodedata.normalize("NFKD", match[1]).casefold().encode("ascii", "ignore").decode()
    return (
        unit in _set(_UNITS)
        or unit in _set(_CURRENCIES)
        or (len(match[1]) > 2 and not match[1].isupper())
        or (unit == "h" and bool(match[2]))
    )


def _is_word(part: str) -> bool:
    return len(part) >= _WORD_LETTERS and part.isalpha() and not part.isupper()


def _is_mixed(part: str) -> bool:
    return any(c.isdigit() for c in part) and any(c.isalpha() for c in part)


def _groups(code: str) -> tuple[str, ...]:
    return tuple(_GROUP.findall(folded(code)))


@cache
def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


@cache
def _measures() -> frozenset[str]:
    return frozenset(form for language in load_languages() for form in language.measures)


@cache
def _months() -> dict[str, int]:
    return {form: month for language in load_languages() for form, month in language.months.items()}


@cache
def _date_patterns() -> tuple[re.Pattern[str], ...]:
    """Return what finds dates, the most exact first."""
    months = "|".join(sorted(map(re.escape, _months()), key=len, reverse=True))
    languages = load_languages()
    ordinals = "|".join(sorted({o for language in languages for o in language.ordinals}, key=len, reverse=True))
    between = "|".join(sorted({b for language in languages for b in language.between_dates}, key=len, reverse=True))
    measures = "|".join(sorted(map(re.escape, _measures()), key=len, reverse=True))
    day = rf"(?P<day>\d{{1,2}})(?:{ordinals}|\.)?"
    joint = rf"(?:\s(?:{between}))*"
    patterns = (
        rf"(?<![\w.])(?<!\d[-/])(?P<year>{_YEAR})([-./])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}})(?!\w)(?![-./]\d)",
        rf"(?<![\w.])(?<!\d[-/])(?P<one>\d{{1,2}})([-./]) ?(?P<two>\d{{1,2}})\2 ?(?P<year>{_YEAR})(?!\w)(?![-./]\d)",
        r"(?<![\w./-])(?P<one>\d\d)\.(?P<two>\d\d)\.(?P<short>\d\d)(?![\w./-])",
        rf"(?<!\w){day}{joint}\s?(?P<name>{months})\b\.?{joint},?\s(?P<year>{_YEAR})(?!\w)",
        rf"(?<!\w)(?P<name>{months})\.? {day},? (?P<year>{_YEAR})(?!\w)",
        rf"(?<!\w)(?P<name>{months})\b\.?{joint},?\s(?P<year>{_YEAR})(?!\w)",
        rf"(?<!\w)(?<!\d[-/.])(?P<year>{_YEAR})-(?P<month>0[1-9]|1[0-2])(?!\d)(?!-\d)",
        rf"(?<![\w/-])(?P<month>0?[1-9]|1[0-2])/(?P<year>{_YEAR})(?![\w/-])",
        rf"(?<![^\W\d_])(?<!\d)(?<!\d[-./,])(?<![$€£] )(?<![$€£])(?P<year>{_YEAR})"
        rf"(?!\w)(?![.,]\d)(?![-/](?!{_YEAR}(?!\d))\d{{3}})(?! ?[$€£%])(?! (?:{measures}|eur|usd|gbp|chf)\b)",
        rf"(?<={_YEAR}[-/])(?P<year>{_YEAR}|\d\d)(?!\w)(?![-./,]\d)",
    )
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


def _date_key(match: re.Match[str]) -> tuple[str, ...]:
    """Return the days, the month or the year that a match of `_date_patterns` may mean; none if there is no such."""
    said = match.groupdict()
    year = said.get("year") or f"20{said['short']}"
    year = year if len(year) == 4 else match.string[match.start() - 5 : match.start() - 3] + year
    if said.get("one"):
        one, two = int(said["one"]), int(said["two"])
        # Points and hyphens put the day first wherever they are in use; a stroke is read either way.
        pairs = [(one, two), (two, one)] if "/" in match[0] else [(one, two)]
        found = [f"{year}-{month:02}-{day:02}" for day, month in pairs if day <= 31 and 0 < month <= 12 and day]
        return tuple(dict.fromkeys(found))
    month = _months()[folded(said["name"])] if said.get("name") else int(said.get("month") or 0)
    date = int(said.get("day") or 0)
    if month > 12 or date > 31:
        return ()
    return (year + (f"-{month:02}" if month else "") + (f"-{date:02}" if month and date else ""),)
