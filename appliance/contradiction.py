"""Which other places of the passages deny what a quote says.

Two statements are set against each other only where they are the same but for one thing: the value of the same measure
in the same place, who or what something is, or a negation. Whatever else sets both apart (a product, a country, a
year, a heading) makes them statements about different things. Better to miss a contradiction than to claim one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.claims import Claim, Piece, Text
from appliance.language import load_languages
from appliance.polarity import denies
from appliance.sentences import Span
from appliance.types import Citation, Document
from appliance.words import DATE, Word, beginning, same_number, same_word, words

# So many content words must be common; fewer only where nothing else is said on either side.
SHARED = 3
LEAST = 2
# What is said beside the common words may be at most so many times as much.
LONGER = 1.5
# With so many common words a statement says itself what it is about, whatever its heading.
CLEAR = 4
# So many words on either side of a value are compared.
AROUND = 2
MOST = 3


# Markup is no statement.
_TAG = re.compile(r"</?[a-zA-Z]")


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """A piece of a passage and its content words: neither function words nor numbers."""

    text: Text
    number: int
    content: tuple[Word, ...]

    @property
    def piece(self) -> Piece:
        return self.text.pieces[self.number]


def denials(claim: Claim, texts: Sequence[Text], citations: Sequence[Citation]) -> list[tuple[Text, Span]]:
    """Return at most MOST pieces of `texts`, outside the quotes, that deny what the quotes say of `claim`."""
    said = [_Said(text, i, _content(text, piece)) for text in texts for i, piece in enumerate(text.pieces)]
    said = [each for each in said if not _TAG.search(_written(each))]
    quoted = [each for each in said if any(_inside(each, citation) for citation in citations)]
    others = [each for each in said if each not in quoted and not _repeats(each, quoted)]
    found = [other for other in others if any(_denies(claim, source, other) for source in quoted)]
    return [(other.text, other.piece.span) for other in found[:MOST]]


def _denies(claim: Claim, source: _Said, other: _Said) -> bool:
    # Cheap first: the beginnings of words that are the same are the same.
    beginnings = {beginning(word.key) for word in source.content} & {beginning(word.key) for word in other.content}
    if len(beginnings) < LEAST or not _about_the_same(source, other):
        return False
    mine, theirs = _apart(source, other), _apart(other, source)
    common = len({word.key for word in source.content} - {word.key for word in mine})
    if not _comparable(common, len(mine), len(theirs)):
        return _another_name(claim, source, other, mine, theirs)
    negated = denies(source.text.clauses(source.number), other.text.clauses(other.number))
    if _same_values(source, other):
        return negated
    changed = _changed(source, other)
    return changed is not None and not negated and any(same_number(t, changed) for t in claim.terms if t.readings)


def _comparable(common: int, mine: int, theirs: int) -> bool:
    """Return whether one of two statements has all words of the other, and not many more."""
    if mine and theirs:
        return False
    enough = common >= SHARED or (common >= LEAST and not mine and not theirs)
    return enough and max(mine, theirs) <= LONGER * common


def _values(source: _Said, other: _Said) -> list[Word]:
    """Return the values of one that the other has not."""
    return [n for n in source.piece.words if _is_value(n) and not any(same_number(n, o) for o in other.piece.numbers)]


def _same_values(source: _Said, other: _Said) -> bool:
    return not _values(source, other) and not _values(other, source)


def _changed(source: _Said, other: _Said) -> Word | None:
    """Return the value of the source in whose place the other has another; None if more or something else differs."""
    mine, theirs = _values(source, other), _values(other, source)
    if len(mine) != 1 or len(theirs) != 1 or mine[0].measure != theirs[0].measure:
        return None
    if (
        _in_address(source, mine[0])
        or _in_address(other, theirs[0])
        or not _same_place(source, mine[0], other, theirs[0])
    ):
        return None
    if mine[0].measure == DATE and _numbers_above(source) != _numbers_above(other):
        return None
    return mine[0]


def _in_address(said: _Said, value: Word) -> bool:
    """Return whether a number is part of a link, a tag or a channel's name."""
    text = _written(said)
    start = max(text.rfind(gap, 0, value.start) for gap in " \t\n|") + 1
    run = re.split(r"[\s|]", text[start:], maxsplit=1)[0]
    return any(mark in run for mark in ("://", "](", "=", "<", "#", "_")) or bool(re.search(r"\w/\w.*/", run))


def _is_value(word: Word) -> bool:
    """Return whether a word is a number that counts: in digits, or with a measure."""
    return bool(word.readings) and not (word.spelled and (not word.measure or "1" in word.readings))


def _is_year(word: Word) -> bool:
    return word.measure in ("", DATE) and any(_year(reading) for reading in word.readings)


def _year(reading: str) -> bool:
    head = reading.split("-")[0]
    return len(head) == 4 and head.isdigit() and head.startswith(("19", "20"))


def _same_place(source: _Said, mine: Word, other: _Said, theirs: Word) -> bool:
    """Return whether two values stand in the same place: after the same words, or, bare numbers, between the same."""
    if not mine.measure and (_is_year(mine) or _is_year(theirs)):
        # What differs by the year is said of different years.
        return False
    before = [_before(each, value) for each, value in ((source, mine), (other, theirs))]
    led = before[0] == before[1] == [] or any(same_word(a, b) for a in before[0] for b in before[1])
    if mine.measure:
        return led
    # A bare number may be a name ("step 9", "Vermillion 500"); before a common noun it counts something.
    counted = [_counted(each, value) for each, value in ((source, mine), (other, theirs))]
    return led and bool(counted[0] and counted[1]) and same_word(counted[0], counted[1])


def _before(said: _Said, value: Word) -> list[str]:
    at = said.piece.words.index(value)
    return [word.key for word in said.piece.words[max(0, at - AROUND) : at] if not word.readings]


def _counted(said: _Said, value: Word) -> str:
    """Return the word right after a number if it is what the number counts, "" if not."""
    at = said.piece.words.index(value)
    before, after = said.piece.words[max(0, at - 1) : at], said.piece.words[at + 1 : at + 2]
    nouns = said.text.language is not None and said.text.language.nouns_capitalised
    if not after or after[0].readings or after[0].start - value.end != 1 or (before and before[0].name and not nouns):
        return ""
    return "" if after[0].name and not nouns else after[0].key


def _another_name(claim: Claim, source: _Said, other: _Said, mine: Sequence[Word], theirs: Sequence[Word]) -> bool:
    """Return whether both say who or what something is, in the same words but for the name."""
    if not mine or not theirs or len({word.key for word in source.content}) - len(mine) < LEAST:
        return False
    if not _same_values(source, other) or not all(word.name for word in (*mine, *theirs)):
        return False
    claimed = {term.key for term in claim.terms}
    ends = [_equated(source, mine), _equated(other, theirs)]
    return all(ends) and ends[0] == ends[1] and any(word.key in claimed for word in mine)


def _equated(said: _Said, names: Sequence[Word]) -> str:
    """Return the word that makes the names at the end of a piece say who or what something is, "" if there is none."""
    spoken = said.piece.words
    first, last = spoken.index(names[0]), spoken.index(names[-1])
    if last != len(spoken) - 1 or last - first != len(names) - 1:
        return ""
    languages = (said.text.language,) if said.text.language else load_languages()
    before = spoken[max(0, first - AROUND) : first]
    return next((w.key for w in reversed(before) if any(w.key in language.equating for language in languages)), "")


def _about_the_same(source: _Said, other: _Said) -> bool:
    """Return whether headings, file names and years leave two statements about one thing."""
    if any(map(_is_year, source.piece.words)) and not _years(other) >= _years(source):
        return False
    if any(map(_is_year, other.piece.words)) and not _years(source) >= _years(other):
        return False
    mine, theirs = source.text.passage.chunk, other.text.passage.chunk
    if mine.document.path == theirs.document.path and (source.piece.row or other.piece.row):
        # Rows and items of one document are alternatives, steps or cases.
        return False
    if _siblings(mine.document, theirs.document):
        return False
    common = len({word.key for word in source.content}) - len(_apart(source, other))
    return common >= CLEAR or not _differ(mine.headings[-1:], theirs.headings[-1:])


def _differ(a: Sequence[str], b: Sequence[str]) -> bool:
    """Return whether each of two headings has words that the other has not."""
    first, second = ([word.key for word in words(" ".join(each)) if not word.readings] for each in (a, b))
    return bool(_lacking(first, second) and _lacking(second, first))


def _siblings(a: Document, b: Document) -> bool:
    """Return whether two documents are the same for different things: one folder with a name for each, or one name in
    two folders.
    """
    if a.path == b.path:
        return False
    folders, names = zip(*(document.path.rpartition("/")[::2] for document in (a, b)), strict=True)
    stems = [name.rsplit(".", 1)[0].replace("_", " ").replace("-", " ") for name in names]
    return _differ(stems[:1], stems[1:]) if folders[0] == folders[1] else stems[0] == stems[1]


def _lacking(a: Sequence[str], b: Sequence[str]) -> list[str]:
    return [word for word in a if not any(same_word(word, other) for other in b)]


def _apart(source: _Said, other: _Said) -> list[Word]:
    """Return the content words of `source` that `other` has not, each once."""
    there = [word.key for word in other.content]
    lacking = {word.key: word for word in source.content if not any(same_word(word.key, key) for key in there)}
    return list(lacking.values())


def _content(text: Text, piece: Piece) -> tuple[Word, ...]:
    ignored = text.language.function_words if text.language else frozenset[str]()
    return tuple(word for word in piece.words if not word.readings and word.key not in ignored and len(word.key) > 1)


def _years(said: _Said) -> set[str]:
    years = {reading.split("-")[0] for word in said.piece.words if _is_year(word) for reading in word.readings}
    return years | {number for number in _numbers_above(said) if _year(number)}


def _numbers_above(said: _Said) -> set[str]:
    chunk = said.text.passage.chunk
    above = words(" ".join((chunk.document.path, *chunk.headings)).replace("_", " ").replace("-", " "))
    return {reading for word in above for reading in word.readings}


def _inside(said: _Said, citation: Citation) -> bool:
    start, end = said.piece.span
    inside = citation.start <= start and end <= citation.start + len(citation.quote)
    return inside and said.text.passage.chunk.id == citation.passage.chunk.id


def _written(said: _Said) -> str:
    return said.text.passage.chunk.text[said.piece.span.start : said.piece.span.end]


def _repeats(said: _Said, quoted: Sequence[_Said]) -> bool:
    """Return whether a piece says a quote again, word for word."""
    own = [word.key for word in said.piece.words]
    return any(own == [word.key for word in each.piece.words] for each in quoted)
