"""Whether the numbers of a sentence are said, in its quotes, of what the sentence says them of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from appliance.claims import Claim, Found
from appliance.words import DATE, Word, same_number, same_word

# So far before a noun its number may stand: "three new full members".
_AROUND = 3
_CELL = re.compile(r"[|\t]")


def numbers_belong(claim: Claim, chosen: Sequence[Found], found: Sequence[Found]) -> bool:
    """Return whether each number stands with a word of the claim, not merely near one.

    A price from one row and a name from the next, among all that was `found`, make no price of that name. In prose they
    may stand in neighbouring sentences.
    """
    named = ~claim.numbers & sum(1 << i for i in range(len(claim.terms)))
    if not any(each.mask & named for each in chosen):
        return True
    stand = 0
    for each in chosen:
        beside = any(each.text is other.text and abs(each.number - other.number) == 1 for other in chosen)
        if each.own & named or (beside and not each.piece.row):
            stand |= each.own & ~_of_another_row(claim, each, found)
    return claim.numbers & ~stand == 0


def counts_differ(claim: Claim, chosen: Sequence[Found]) -> bool:
    """Return whether the quotes number something otherwise: "five people" where they have "eight people", "extension
    20" where the best of them has "extension 30".
    """
    ignored = claim.language.function_words if claim.language else frozenset[str]()
    if any(term.measure not in ("", DATE) and _measured_otherwise(term, chosen) for term in claim.terms):
        return True
    return any(
        number.readings
        and not number.spelled
        and not number.measure
        and not noun.readings
        and noun.key not in ignored
        and number.start == noun.end + 1
        and _called_otherwise(claim, noun, number, chosen[0])
        for noun, number in pairwise(claim.spoken)
    ) or any(
        _counted_otherwise(number, noun, chosen)
        for number, noun in pairwise(claim.spoken)
        if number.spelled
        and not number.measure
        # "One" is an article in other languages.
        and "1" not in number.readings
        and not noun.readings
        and noun.key not in ignored
        and noun.start == number.end + 1
    )


def _measured_otherwise(number: Word, chosen: Sequence[Found]) -> bool:
    """Return whether the quotes have the measure of a number with another value, or its value with another measure, and
    the number itself only without one: "cabinet 9 … six minutes" is no "nine minutes".
    """
    prose = [other for each in chosen if not each.piece.row for other in each.piece.numbers if other.measure]
    rows = [other for each in chosen if each.piece.row for other in each.piece.numbers]
    same = [other for other in (*prose, *rows) if not number.readings.isdisjoint(other.readings)]
    if any(other.measure == number.measure for other in same):
        return False
    return any(other.measure == number.measure for other in prose) or any(other in prose for other in same)


def _counted_otherwise(number: Word, noun: Word, chosen: Sequence[Found]) -> bool:
    otherwise = False
    for each in chosen:
        spoken = each.piece.words
        for i, word in enumerate(spoken):
            if word.readings or not same_word(word.key, noun.key):
                continue
            if any(not number.readings.isdisjoint(near.readings) for near in spoken[max(0, i - _AROUND) : i]):
                return False
            before = spoken[i - 1] if i else None
            if before and before.readings and before.end + 1 == word.start:
                otherwise |= not (before.spelled and "1" in before.readings)
    return otherwise


def _called_otherwise(claim: Claim, noun: Word, number: Word, best: Found) -> bool:
    """Return whether the best piece has, after the same word, a number instead that the claim has not."""
    if any(same_number(number, other) for other in best.piece.numbers):
        return False
    return any(
        same_word(before.key, noun.key)
        and not after.measure
        and not any(same_number(term, after) for term in claim.terms if term.readings)
        for before, after in pairwise(best.piece.words)
        if after.readings and not before.readings and after.start == before.end + 1
    )


def _of_another_row(claim: Claim, row: Found, found: Sequence[Found]) -> int:
    """Return which numbers of a table's row are said of another row.

    It is another row where that one has all of the claim's words that this one has, and more, or a number in another
    column ("DN 50"), and something else in the column of this number, which the claim does not mention.
    """
    columns = _columns(claim, row)
    if len(columns) < 2:
        return 0
    ignored = claim.language.function_words if claim.language else frozenset[str]()
    plain = sum(1 << i for i, term in enumerate(claim.terms) if not term.readings and term.key not in ignored)
    others = [
        other for other in found if other.text is row.text and other is not row and not row.own & plain & ~other.own
    ]
    of_another = 0
    for other in others:
        theirs = _columns(claim, other)
        if not (other.own & ~row.own & (plain | claim.numbers)):
            continue
        of_another |= sum(
            1 << i
            for i in range(len(claim.terms))
            if claim.numbers & row.own & ~other.own & 1 << i
            and all(
                name in theirs and not claim.numbers & theirs[name] for name, has in columns.items() if has >> i & 1
            )
        )
    return of_another


def _columns(claim: Claim, row: Found) -> dict[str, int]:
    """Return which of the claim's numbers each cell of a row has, by the title of its column; empty for no row."""
    start, end = row.piece.span
    line = row.text.passage.chunk.text[start:end]
    if not row.piece.row or not _CELL.search(line):
        return {}
    columns, at = {}, 0
    for number, cell in enumerate(_CELL.split(line)):
        inside = tuple(word for word in row.piece.numbers if at <= word.start < at + len(cell))
        title, colon, _ = cell.partition(":")
        columns[title.strip() if colon else str(number)] = claim.mask(frozenset(), inside)
        at += len(cell) + 1
    return columns
