"""Words and numbers of a text, comparable across inflection and ways of writing.

No stemmer, no dictionary beyond the closed lists of the language files: two words are the same when they share their
beginning, two names when one is the other with an ending, two codes when they are equal, two numbers when they share a
reading and a measure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from appliance.dates import Date, find_dates, same_date
from appliance.language import Language, folded
from appliance.quantities import CURRENCIES, TOUCHING, Lexicon, lexicon, readings, symbol_at

# Letters, digits and the marks that belong to letters; Python's \w leaves marks out.
_MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u064b-\u065f\u0900-\u109f"
# Scripts written without spaces: two characters at a time stand for the words nobody marks.
_DENSE = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(
    # What may be a code: letters and digits in one, or joined by hyphens and points ("P12-EX", "2FA", "v1.2.3").
    r"(?P<code>(?<![\w.])(?=[\w.-]*\d)(?=[\d.-]*[A-Za-z])[A-Za-z\d_]+(?:-[A-Za-z\d_]+|\.(?=\d)[A-Za-z\d_]+)*(?!\w))|"
    r"(?P<number>(?<![\d:])\d{1,2}:[0-5]\d(?![\d:])|"
    # Groups with a plain space between them only where decimals or a currency follow: "Room 12 345" are two numbers.
    r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:,\d+(?!\d)|(?=[ \u00a0\u202f]?[€$£]))|"
    r"\d++(?:[.,'’\u00a0\u202f]\d++)*+)|"
    rf"(?P<dense>[{_DENSE}]+)|"
    rf"(?P<word>(?:(?![{_DENSE}])[\w{_MARKS}\u00ad])+(?:['’](?![{_DENSE}])[^\W\d_]+)*)"
)
_VERSION = re.compile(r"[vV](\d+(?:\.\d+)*)")
# Without these a number is another number.
_SCALES = frozenset({"%", "‰", "thousand", "million", "billion"})
_UMLAUTS = str.maketrans("äöü", "aou")
DATE = "date"


@dataclass(frozen=True, slots=True)
class Word:
    """One word, number or date. `key` is its normal form.

    `name` says whether it is written as a proper name, `code` whether as an identifier or an acronym. `readings` are
    what a number or date may mean ("1.500" is 1500 or a decimal), empty for a word; `measure` is its unit, "date" for
    a date. `spelled` is a number in letters. `parts` are the words and the year that a date is written with.
    """

    key: str
    start: int
    end: int
    name: bool = False
    readings: frozenset[str] = frozenset()
    measure: str = ""
    code: bool = False
    spelled: bool = False
    parts: tuple[Word, ...] = ()


def words(text: str, language: Language | None = None) -> list[Word]:
    """Return the words, numbers and dates of `text` in order. Without a language those of all files are understood."""
    known = lexicon(language)
    found: list[Word] = []
    at = 0
    for date in find_dates(text):
        found += _plain_words(text, at, date.start, known)
        found.append(_date(text, date, known))
        at = date.end
    found += _plain_words(text, at, len(text), known)
    return _with_measures(_composed(found, text, known), text, known)


def normal(word: str) -> str:
    """Return the form in which words are compared: compatibility forms folded, case folded, no soft hyphens."""
    return folded(word).strip("_")


def same_word(a: str, b: str) -> bool:
    """Return whether two normal forms are one word, inflected: a common beginning, and little after it."""
    if a == b:
        return True
    short, long = sorted((a, b), key=len)
    common = _common(short, long)
    if common == len(short) and common >= 3:
        return len(long) - common <= (1 if common < 4 else 2 if common < 5 else 3)
    return common >= 5 and len(short) - common <= 3 and len(long) - common <= 4


def same_name(a: str, b: str) -> bool:
    """Return whether two normal forms are one name: with another ending ("Canada", "Canadian"), not another stem."""
    if a == b:
        return True
    short, long = sorted((a, b), key=len)
    common = _common(short, long)
    if common == len(short):
        return common >= 2 and len(long) - common <= 2
    return common >= 5 and len(short) - common <= 1 and len(long) - common <= 3


def same_number(claimed: Word, found: Word) -> bool:
    """Return whether a number or date that is claimed is the one found: same reading, no other measure."""
    if DATE in (claimed.measure, found.measure):
        together = claimed.measure == found.measure
        return together and any(same_date(a, b) for a in claimed.readings for b in found.readings)
    if claimed.readings.isdisjoint(found.readings):
        return False
    if claimed.measure == found.measure:
        return True
    return not (claimed.measure and found.measure) and found.measure not in _SCALES


def starts(keys: Iterable[str]) -> dict[str, list[str]]:
    """Return the keys by their beginnings: only those that share them can be the same word."""
    table: dict[str, list[str]] = {}
    for key in keys:
        table.setdefault(beginning(key), []).append(key)
    return table


def beginning(key: str) -> str:
    """Return what two forms of one word have in common at least: their first three letters, without umlauts."""
    return key[:3].translate(_UMLAUTS)


def _common(short: str, long: str) -> int:
    if len(short) < len(long):
        # An ending may change the vowel of the stem: "Passwort", "Passwörter".
        short, long = short.translate(_UMLAUTS), long.translate(_UMLAUTS)
    return next((i for i, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short))


def _plain_words(text: str, start: int, end: int, known: Lexicon) -> list[Word]:
    found: list[Word] = []
    for match in _TOKEN.finditer(text, start, end):
        if match["code"] is not None:
            found += _code(text, match, known)
        elif match["dense"]:
            found += _pairs(match)
        else:
            found += _word(text, match, known)
    return found


def _word(text: str, match: re.Match[str], known: Lexicon) -> list[Word]:
    if match["number"]:
        meant = _readings(match[0])
        return [Word(match[0], *match.span(), readings=meant, measure=symbol_at(text, *match.span()))]
    start, end = match.span()
    first, apostrophe, rest = match[0].replace("’", "'").partition("'")
    if apostrophe and len(rest) > 1 and normal(first) in known.elided:
        start += len(first) + 1
    written = text[start:end]
    key = normal(written)
    if not key:
        return []
    if key in known.numbers:
        return [Word(key, start, end, readings=frozenset({str(known.numbers[key])}), spelled=True)]
    return [Word(key, start, end, name=written != written.lower(), code=written.isupper() and len(key) > 1)]


def _readings(number: str) -> frozenset[str]:
    """Return what digits may mean: a time of day, a number in groups with spaces between them, any other number."""
    hour, colon, minute = number.partition(":")
    if colon:
        time = f"{int(hour)}:{minute}"
        return frozenset({time, str(int(hour))}) if minute == "00" else frozenset({time})
    grouped = re.sub(r"[ \u00a0\u202f]", "." if "," in number else "'", number)
    return readings(grouped)


def _code(text: str, match: re.Match[str], known: Lexicon) -> list[Word]:
    """Return a code as one word, or what only looked like one as its words."""
    written = match[0]
    if version := _VERSION.fullmatch(written):
        return [Word(version[1], *match.span(), readings=readings(version[1]))]
    if _is_code(written, known):
        return [Word(normal(written), *match.span(), name=True, code=True)]
    found: list[Word] = []
    for part in _PART.finditer(written):
        start, end = match.start() + part.start(), match.start() + part.end()
        if part["number"]:
            inner = Word(part[0], start, end, readings=readings(part[0]))
            found.append(replace(inner, measure=symbol_at(text, start, end)))
        elif not (part["suffix"] and normal(part[0]) in known.ordinals):
            key = normal(part[0])
            if key in known.numbers:
                found.append(Word(key, start, end, readings=frozenset({str(known.numbers[key])}), spelled=True))
            elif key:
                shouted = part[0].isupper() and len(key) > 1
                found.append(Word(key, start, end, name=part[0] != part[0].lower(), code=shouted))
    return found


_PART = re.compile(r"(?P<number>\d+(?:[.,]\d+)*)|(?P<suffix>(?<=\d)[^\W\d_]+)|(?P<word>[^\W\d]+)")


def _is_code(written: str, known: Lexicon) -> bool:
    parts = [part for part in re.split(r"[-._]", written) if part]
    kinds = ""
    for part in parts:
        if part.isdigit():
            kinds += "9"
        elif part.isalpha():
            kinds += "A" if part.isupper() else "a"
        elif (unit := re.fullmatch(r"\d+([A-Za-z]+)", part)) and (
            normal(unit[1]) in known.measures or normal(unit[1]) in known.ordinals
        ):
            kinds += "u"
        else:
            return True
    # "ISO-9001" is as often written "ISO 9001"; "12-EX" and "AB-1234-C" have one way of writing.
    return "A" in kinds and "9" in kinds and kinds != "A9"


def _pairs(match: re.Match[str]) -> list[Word]:
    text, start = match[0], match.start()
    if len(text) == 1:
        return [Word(text, start, start + 1)]
    return [Word(text[i : i + 2], start + i, start + i + 2) for i in range(len(text) - 1)]


def _date(text: str, date: Date, known: Lexicon) -> Word:
    parts = [word for word in _plain_words(text, date.start, date.end, known) if not word.readings]
    if date.year:
        parts.append(Word(str(date.year), date.start, date.end, readings=frozenset({str(date.year)})))
    key = min(date.readings)
    return Word(key, date.start, date.end, readings=date.readings, measure=DATE, parts=tuple(parts))


def _composed(found: list[Word], text: str, known: Lexicon) -> list[Word]:
    """Join number words: "twenty-five", "treinta y uno", "two hundred"."""
    made: list[Word] = []
    for word in found:
        if word.spelled and made and made[-1].spelled and (value := _joined(made[-1], word, text, known)):
            made[-1] = replace(made[-1], key=f"{made[-1].key} {word.key}", end=word.end, readings=frozenset({value}))
        elif (
            word.spelled
            and len(made) > 1
            and made[-1].key in known.tens
            and made[-2].spelled
            and (value := _joined(made[-2], word, text, known))
        ):
            made.pop()
            made[-1] = replace(made[-1], key=f"{made[-1].key} {word.key}", end=word.end, readings=frozenset({value}))
        else:
            made.append(word)
    return made


def _joined(first: Word, second: Word, text: str, known: Lexicon) -> str:
    """Return the number that two number words make, "" if they make none."""
    a, b = int(next(iter(first.readings))), int(next(iter(second.readings)))
    gap = folded(text[first.end : second.start]).strip(" ")
    if 20 <= a < 100 and a % 10 == 0 and b < 20 and gap in {"", *known.tens}:
        return str(a + b)
    return str(a * b) if b == 100 and a < 10 and not gap else ""


def _with_measures(found: list[Word], text: str, known: Lexicon) -> list[Word]:
    """Give numbers the measure that follows them, at most one word between ("30 days", "30 business days"), the code
    of a currency before them, or, at the beginning of a range, the measure of its end.
    """
    for i, word in enumerate(found):
        if word.readings and not word.measure:
            measure = _measure_after(found, i, text, known)
            if not measure and i and found[i - 1].key in CURRENCIES:
                measure = known.measures[found[i - 1].key]
            found[i] = replace(word, measure=measure) if measure else word
    for i in range(len(found) - 1, 0, -1):
        if found[i].readings and found[i].measure not in ("", DATE) and (first := _range_start(found, i, text, known)):
            found[first - 1] = replace(found[first - 1], measure=found[i].measure)
    return found


def _measure_after(found: list[Word], i: int, text: str, known: Lexicon) -> str:
    for step, after in enumerate(found[i + 1 : i + 3]):
        if (
            after.readings
            or after.start - found[i].end > 25
            or any(c in "|\t\n.;" for c in text[found[i].end : after.start])
        ):
            break
        touches = after.start <= found[i].end
        if after.key in known.measures and (after.key not in TOUCHING or touches) and (not step or len(after.key) > 2):
            return known.measures[after.key]
    return ""


def _range_start(found: list[Word], i: int, text: str, known: Lexicon) -> int:
    """Return the place after the number that begins the range which ends in found[i], 0 if there is none."""
    for back in (1, 2):
        if i >= back and (first := found[i - back]).readings and not first.measure:
            gap = folded(text[first.end : found[i].start]).strip(" $€£")
            return i - back + 1 if gap in known.ranges else 0
    return 0
