"""Values of cells as a spreadsheet shows them, by number formats (ECMA-376, part 1, 18.8.30 and 18.8.31).

Dates come in ISO form whatever the order that the format asks for: it depends on the reader's country. What is rare
(fractions, East Asian calendars) is shown as the plain value.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from math import isfinite

# Ids 27 to 36 and 50 to 58 are dates of East Asian calendars.
_DATE, _TIME, _BOTH = "yyyy-mm-dd", "h:mm:ss", "yyyy-mm-dd h:mm"
_MONEY = "#,##0;(#,##0)"
BUILT_IN: dict[int, str] = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: _DATE, 15: _DATE, 16: _DATE, 17: "mmm-yy", 18: "h:mm", 19: _TIME, 20: "h:mm", 21: _TIME, 22: _BOTH,
    37: _MONEY, 38: _MONEY, 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)",
    41: '#,##0;(#,##0);"-";@', 42: '$#,##0;($#,##0);"-";@', 43: '#,##0.00;(#,##0.00);"-";@',
    44: '$#,##0.00;($#,##0.00);"-";@', 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss", 48: "##0.0E+0", 49: "@",
    **dict.fromkeys((*range(27, 37), *range(50, 59)), _DATE),
}  # fmt: skip

# Signs of a format: quoted text, an escaped sign, a space as wide as a sign, a sign that fills the cell, brackets,
# exponents, "am/pm", runs of date letters, placeholders, the rest sign by sign.
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<wide>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<exponent>E[+-])|(?P<noon>am/pm|a/p)|(?P<general>general)"
    r"|(?P<letters>y+|m+|d+|h+|s+|e+|b+|g+)|(?P<sign>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[0-9.]+)")
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_FORMAT_CHARACTERS = 255
_SHOWN_DIGITS = 15
_LAST_DAY = 2_958_466
_SECONDS = 86_400

Shown = Callable[[float], str | None]


@dataclass(frozen=True, slots=True)
class Format:
    """How a cell shows numbers and texts. Where it is made to show nothing, both return None."""

    sections: tuple[_Section, ...]
    epoch: datetime.datetime

    def number(self, value: float) -> str | None:
        """Return a number as shown: "1,234.50 EUR", "12%", "2024-01-05"."""
        if not self.sections:
            return plain(value)
        section, signed = self._section(value)
        if section.empty:
            return None if value or len(self.sections) < 3 or self.hides else ""
        if section.date:
            return _date(section, value, self.epoch)
        if section.plain:
            return section.before + plain(value if signed else abs(value)) + section.after
        return _number(section, value if signed else abs(value))

    def text(self, value: str) -> str | None:
        """Return a text as shown."""
        if len(self.sections) < 4:
            return value
        section = self.sections[3]
        return None if section.empty else section.before + value + section.after if section.text else section.before

    @property
    def hides(self) -> bool:
        """Whether nothing at all is shown (";;;")."""
        return len(self.sections) > 2 and all(section.empty for section in self.sections)

    def _section(self, value: float) -> tuple[_Section, bool]:
        """Return the section for a number, and whether a minus is still to be shown."""
        numeric = self.sections[:3]
        if any(section.test for section in numeric):
            for section in numeric:
                if section.test is None or section.test(value):
                    return section, "-" not in section.before
            return numeric[-1], True
        if value < 0 and len(numeric) > 1:
            return numeric[1], False
        return (numeric[2] if value == 0 and len(numeric) > 2 else numeric[0]), True


@dataclass(frozen=True, slots=True)
class _Section:
    """One of a format's parts between semicolons, taken apart."""

    before: str = ""
    after: str = ""
    digits: tuple[str, ...] = ()  # placeholders of the whole part with the texts between them
    decimals: str = ""  # placeholders behind the point
    grouped: bool = False
    scale: int = 0  # power of ten
    exponent: bool = False
    date: str = ""  # its letters, as in "ymd hms"
    text: bool = False
    plain: bool = False
    empty: bool = False
    test: Callable[[float], bool] | None = None


def read_format(code: str, dates_from_1904: bool = False) -> Format:
    """Return the format that a code stands for. Never fails: what is not understood shows the plain value."""
    epoch = datetime.datetime(1904, 1, 1) if dates_from_1904 else datetime.datetime(1899, 12, 30)  # noqa: DTZ001 - cells have no zone
    if code.strip().lower() in ("", "general", "standard", "@"):
        return Format((), epoch)
    return Format(tuple(_read(part) for part in _divide(code[:_FORMAT_CHARACTERS])), epoch)


def plain(value: float) -> str:
    """Return a number without a format: as many digits as a spreadsheet keeps, and no exponent for identifiers."""
    if not isfinite(value):
        return ""
    if value == int(value) and abs(value) < 10**_SHOWN_DIGITS:
        return str(int(value))
    short = f"{value:.{_SHOWN_DIGITS}g}"
    return short if "e" not in short or abs(value) >= 1 else f"{Decimal(short):f}" if abs(value) > 1e-9 else short


def _divide(code: str) -> list[list[re.Match[str]]]:
    parts: list[list[re.Match[str]]] = [[]]
    for token in _TOKEN.finditer(code):
        if token["sign"] == ";":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts[:4]


def _read(tokens: Sequence[re.Match[str]]) -> _Section:
    """Take one part of a format apart."""
    letters, test, elapsed = "", None, False
    for token in tokens:
        bracket = token["bracket"] or ""
        if match := _CONDITION.match(bracket):
            test = _condition(match[1], match[2])
        if bracket and _ELAPSED.fullmatch(bracket):
            elapsed = True
            letters += bracket[0].lower()
        if token["letters"] and token["letters"][0].lower() in "ymdhs":
            letters += token["letters"].lower() if token["letters"][0] in "mM" else token["letters"][0].lower()
    if letters:
        return _Section(date=("[" if elapsed else "") + letters, test=test)
    return _placeholders(tokens, test)


def _placeholders(tokens: Sequence[re.Match[str]], test: Callable[[float], bool] | None) -> _Section:
    before, after, digits, decimals = "", "", [""], ""
    point = started = text = general = exponent = fraction = False
    scale, commas, grouped = 0, 0, False
    for token in tokens:
        sign, shown = token["sign"] or "", _literal(token)
        if exponent and sign in ("0", "#", "?"):
            continue
        if token["exponent"]:
            exponent = True
        elif token["general"] or sign == "@":
            started, text, general = True, text or sign == "@", general or not sign
        elif sign and sign in "0#?":
            grouped, commas, started = grouped or (commas > 0 and not point), 0, True
            if point:
                decimals, after = decimals + sign, ""
            else:
                # What looked like the end stood between two digits: "000-00-0000".
                digits.extend([after, sign] if after else [sign])
                after = ""
        elif sign == "." and not point:
            point = started = True
        elif sign == "," and started:
            commas += 1
        elif sign == "/" and started:
            fraction = True
        else:
            scale += 2 if sign == "%" else 0
            before, after = (before, after + shown) if started else (before + shown, after)
    if fraction:
        return _Section(plain=True, test=test)
    if not started:
        return _Section(before=before, empty=not before.strip(), test=test)
    return _Section(
        before, after, tuple(digits[1:]), decimals, grouped, scale - 3 * commas, exponent, "", text,
        general or (text and len(digits) == 1), test=test,
    )  # fmt: skip


def _literal(token: re.Match[str]) -> str:
    """Return what a sign of a format shows by itself."""
    if token["bracket"] is not None:
        # "[$€-407]" is a currency with a country; colours and conditions show nothing.
        return token["bracket"][1:].partition("-")[0] if token["bracket"].startswith("$") else ""
    if token["wide"] is not None:
        return " "
    return token["quoted"] or token["escaped"] or token["letters"] or token["sign"] or ""


def _condition(sign: str, limit: str) -> Callable[[float], bool] | None:
    try:
        bound = float(limit)
    except ValueError:
        return None
    tests: dict[str, Callable[[float], bool]] = {
        "<": lambda value: value < bound, ">": lambda value: value > bound, "=": lambda value: value == bound,
        "<=": lambda value: value <= bound, ">=": lambda value: value >= bound, "<>": lambda value: value != bound,
    }  # fmt: skip
    return tests[sign]


def _number(section: _Section, value: float) -> str:
    places = len(section.decimals)
    if not section.digits and not places:
        return ("-" if value < 0 else "") + section.before + section.after
    if section.exponent:
        return f"{section.before}{value:.{places}E}{section.after}"
    with localcontext(Context(prec=400)):
        exact = Decimal(f"{value:.{_SHOWN_DIGITS}g}").scaleb(section.scale)
        rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    whole, _, part = f"{abs(rounded):f}".partition(".")
    least = len(section.decimals.rstrip("#?"))
    while len(part) > least and part.endswith("0"):
        part = part[:-1]
    shown = _whole(section, whole) + (f".{part}" if part else "")
    return ("-" if rounded < 0 else "") + section.before + shown + section.after


def _whole(section: _Section, whole: str) -> str:
    """Put the digits before the point into their places, from the right."""
    places = [sign for sign in section.digits if sign in ("0", "#", "?")]
    whole = ("" if whole == "0" else whole).rjust(places.count("0"), "0")
    if len(places) == len(section.digits):
        return re.sub(r"(?<=\d)(?=(\d{3})+$)", ",", whole) if section.grouped else whole
    left, shown = whole, ""
    for i in range(len(section.digits) - 1, -1, -1):
        sign = section.digits[i]
        if sign not in ("0", "#", "?"):
            shown = sign + shown if left else shown
        elif left:
            left, shown = left[:-1], left[-1] + shown
    return left + shown


def _date(section: _Section, value: float, epoch: datetime.datetime) -> str:
    letters = section.date
    if letters.startswith("["):
        minutes, seconds = divmod(round(abs(value) * _SECONDS), 60)
        clock = f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if "s" in letters else "")
        return ("-" if value < 0 else "") + clock
    if not 0 <= value < _LAST_DAY:
        return plain(value)
    # The first spreadsheets took 1900 for a leap year; serial numbers before its first of March are one day off.
    early = 1 if epoch.year == 1899 and value < 60 else 0
    try:
        moment = epoch + datetime.timedelta(days=int(value) + early, seconds=round(value % 1 * _SECONDS))
    except OverflowError:
        return plain(value)
    # "m" is a month beside days and years, and minutes beside hours and seconds.
    timed = "h" in letters or "s" in letters
    day = "y" in letters or "d" in letters or not timed
    shown = []
    if day and "d" not in letters and not timed:
        shown.append(f"{moment:%Y-%m}" if "m" in letters else str(moment.year))
    elif day:
        shown.append(moment.date().isoformat())
    # Programs write dates with a time of day that nobody gave them.
    if timed and not (day and value == int(value)):
        shown.append(f"{moment:%H:%M:%S}" if "s" in letters and moment.second else f"{moment:%H:%M}")
    return " ".join(shown)
