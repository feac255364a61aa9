"""Passages that say the same twice, and those of documents that a newer version has replaced."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Any

from appliance.language import folded, load_languages
from appliance.marks import dates
from appliance.query import Query
from appliance.types import Passage

# Stretches of this many words are compared (Broder, 1997). Of the pairs of passages in the handbook and the contracts
# that share nine of ten, all say the same; among those that share eight, clauses begin that grant and deny the same.
SHINGLE = 4
SAME = 0.9
# Versions of a document speak of the same matter where their passages share this part of their content words: two
# years of a policy share half and more, two chapters of one policy a quarter at most.
MATTER = 0.4
_LEAST_WORDS = 6
# Paths whose editions are kept in memory: those that a few hundred questions come across.
_REMEMBERED = 10_000

_OLD = """
    old older outdated obsolete superseded deprecated archive archived archives draft copy backup bak previous legacy
    alt alte alten altes veraltet archiv archiviert entwurf kopie sicherung vorherige vorige
    ancien ancienne anciens anciennes vieux obsolète brouillon copie archivé archivée précédent précédente
    antiguo antigua antiguos antiguas viejo obsoleto borrador copia archivado archivada anterior"""
# These say nothing themselves.
_NEUTRAL = "stand version versión fassung edition edición édition ausgabe dated vom"
_NEW = (
    "final latest current new aktuell neu gültig endfassung finale actuel actuelle définitif actual definitivo vigente"
)
# By these a question asks for more than what holds now.
_COMPARING = """
    compare compared comparing comparison difference differences differ differs differed changed versus vs formerly
    history vergleich vergleiche vergleichen unterschied unterschiede unterscheiden unterscheidet geändert verändert
    änderung änderungen früher frühere bisher bisherige comparer compare comparez comparaison différence différences
    diffère changé changements modifié auparavant comparar compara comparación diferencia diferencias difiere cambió
    cambiado cambios modificado anteriormente"""
_NUMBER = re.compile(
    r"(?<![^\W_])(?:v|ver|vers|version|versión|rev|revision|révision|revisión|fassung|stand)[ ._-]?"
    r"(\d{1,4}(?:[._-]\d{1,4})*)(?![^\W_])|(?<![\w.-])(\d{1,4}(?:[.-]\d{1,4}){2,})(?![\w])"
)
_COMPACT = re.compile(r"(?<!\d)((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?!\d)")
_COPY = re.compile(r" ?\(\d+\)$")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Edition:
    """What the name of a document says of its version: the `name` without it, the latest date in it, its version
    number, and its state: -1 an old one, a draft or a copy, 1 a final or current one, 0 nothing said.
    """

    name: tuple[str, ...]
    dates: tuple[str, ...] = ()
    number: tuple[int, ...] = ()
    state: int = 0

    def older(self, other: Edition) -> bool:
        """Return whether this is the older of two versions of one document.

        It is when date, number or state says so and none of them says the opposite. A date compares with a date alone;
        no number comes before one.
        """
        signs = {_sign(self.number, other.number), _sign((self.state,), (other.state,))}
        if self.dates and other.dates:
            signs.add(_sign(self.dates[-1:], other.dates[-1:]))
        return self.name == other.name and -1 in signs and 1 not in signs


@lru_cache(_REMEMBERED)
def edition(path: str) -> Edition:
    """Return what a path, or a title, says of a document's version.

    Markers are years and dates; "v2", "version 3", "rev. 4", "4.4.1"; and words such as "old", "archive", "draft",
    "copy", "final" in four languages, in the name of the file or of a folder.
    """
    *folders, last = path.split("/")
    stem = last.rpartition(".")[0] if re.search(r"\.[a-zA-Z]\w{1,4}$", last) else last
    names: list[str] = []
    days: list[str] = []
    numbers: set[tuple[int, ...]] = set()
    state = 0
    for part in (*folders, stem):
        text = folded(part).replace("_", " ")
        if copied := _COPY.search(text):
            text, state = text[: copied.start()], -1
        text = _COMPACT.sub(r" \1-\2-\3 ", text)
        numbers |= _numbers(text)
        text = _NUMBER.sub(lambda m: m[0] if dates(m[0]) else " ", text)
        for mark in reversed(dates(text)):
            days += mark.key
            text = f"{text[: mark.start]} {text[mark.end :]}"
        words = set(_WORD.findall(text))
        state = -1 if words & _set(_OLD) else state or (1 if words & _set(_NEW) else 0)
        kept = [w for w in _WORD.findall(text) if w not in _set(_OLD) | _set(_NEW) | _set(_NEUTRAL)]
        names += [" ".join(kept)] if kept else []
    return Edition(tuple(names), tuple(sorted(days)), max(numbers, default=()), state)


def collapse(query: Query, passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages, best first as they came, without those that a newer version or a better one stands for.

    Two documents are versions of one when their paths, or their titles in the same folder, are alike but for markers
    (see `edition`), and one is older by them (`Edition.older`). A passage of the older goes when the newer has one on
    the same matter among `passages`: at least MATTER of the content words of the shorter are in the other, and what
    the passage has of the question's words, the newer's passages have as well. The newer then stands in the place,
    and with the score, of the best that it stands for. The older stays when the question names its date, year or
    version number, says a word such as "old" or "draft", or asks for a comparison.

    Of what remains, a passage goes when a better one says the same: at least SAME of its shingles of SHINGLE words
    are in that one, which has all of its numbers and capitalised words, those of its headings included, and as many
    negations. Only the title may be another, if it has no other numbers.
    """
    candidates = [_Candidate(passage) for passage in passages]
    if not _set(_COMPARING) & set(_WORD.findall(folded(query.text))):
        candidates = _current(query, candidates)
    return _distinct(candidates)


class _Candidate:
    """A passage with what is compared: the words with content, all shingles, what a duplicate may not lack, how many
    negations, and what path and title say of the version.
    """

    def __init__(self, passage: Passage) -> None:
        self.passage = passage
        chunk = passage.chunk
        self.document = chunk.document.id
        title, *inner = chunk.headings or ("",)
        whole = "\n".join((*inner, chunk.text))
        written = _WORD.findall(whole)
        words = _WORD.findall(folded(whole))
        self.content = frozenset(words) - _function_words()
        self.shingles = frozenset(tuple(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1)))
        telling = {folded(word) for word in set(written) if not (word.islower() and word.isalpha())}
        self.telling = telling | {word for word in _WORD.findall(title) if any(c.isdigit() for c in word)}
        self._whole = whole
        folder = chunk.document.path.rpartition("/")[0]
        named = (chunk.document.path, f"{folder}/{title.replace('/', ' ')}") if title else (chunk.document.path,)
        self.editions = tuple(found for name in named if (found := edition(name)).name)

    @cached_property
    def negations(self) -> int:
        text = folded(self._whole)
        return sum(len(language.negation.findall(text)) for language in load_languages())

    def older(self, other: _Candidate) -> bool:
        if self.document == other.document:
            return False
        pairs = [(mine, theirs) for mine in self.editions for theirs in other.editions]
        newer = any(theirs.older(mine) for mine, theirs in pairs)
        return not newer and any(mine.older(theirs) for mine, theirs in pairs)

    def shared(self, other: _Candidate) -> float:
        """Return which part of the content words of the shorter are in the other."""
        return len(self.content & other.content) / max(_LEAST_WORDS, min(len(self.content), len(other.content)))

    def repeats(self, other: _Candidate) -> bool:
        """Return whether it says nothing that `other` does not say."""
        return (
            self.telling <= other.telling
            and len(self.shingles & other.shingles) >= SAME * len(self.shingles)
            and self.negations == other.negations
        )


def _current(query: Query, candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Return the candidates with the newest on a matter in the place of the best that it stands for."""
    asked = frozenset(map(folded, _WORD.findall(query.text))) - _function_words()
    families: dict[tuple[str, ...], dict[int, _Candidate]] = defaultdict(dict)
    words: dict[str, set[str]] = defaultdict(set)
    for candidate in candidates:
        words[candidate.document] |= candidate.content
        for said in candidate.editions:
            families[said.name][id(candidate)] = candidate
    found: dict[str, _Candidate] = {}
    for candidate in candidates:
        family = {key: other for said in candidate.editions for key, other in families[said.name].items()}
        family = {} if len(family) == 1 or _is_named(query, candidate) else family
        wanted = candidate.content & asked
        able = [other for other in family.values() if wanted <= words[other.document]]
        newest = _newest(candidate, able, asked)
        kept = found.setdefault(newest.passage.chunk.id, newest)
        if candidate.passage.score > kept.passage.score:
            kept.passage = replace(kept.passage, score=candidate.passage.score)
    return list(found.values())


def _newest(candidate: _Candidate, family: Sequence[_Candidate], asked: frozenset[str]) -> _Candidate:
    """Return the newest of a family on the candidate's matter, of its passages the one with most of the question's
    words; the candidate itself if there is none newer.
    """
    newer = [other for other in family if candidate.older(other) and candidate.shared(other) >= MATTER]
    if not newer:
        return candidate
    last = newer[0]
    for other in newer[1:]:
        last = other if last.older(other) else last
    same = [other for other in newer if other.document == last.document]
    return max(same, key=lambda other: (len(other.content & asked), candidate.shared(other)))


def _is_named(query: Query, candidate: _Candidate) -> bool:
    """Return whether the question names the version that a candidate is of."""
    text = folded(query.text)
    old = bool(_set(_OLD) & set(_WORD.findall(text)))
    numbers = _numbers(text)
    return any(
        (old and said.state < 0)
        or said.number in numbers
        or any(day.startswith(asked) or asked.startswith(day) for day in said.dates for asked in query.dates)
        for said in candidate.editions
    )


def _distinct(candidates: Sequence[_Candidate]) -> list[Passage]:
    """Return the candidates' passages without those that repeat a better one."""
    kept: list[_Candidate] = []
    having: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for candidate in candidates:
        sharing = Counter(place for shingle in candidate.shingles for place in having.get(shingle, ()))
        if not any(candidate.repeats(kept[place]) for place in sharing):
            for shingle in candidate.shingles:
                having[shingle].append(len(kept))
            kept.append(candidate)
    return [candidate.passage for candidate in kept]


def _numbers(text: str) -> set[tuple[int, ...]]:
    """Return the version numbers in folded text; what is a date is none."""
    return {tuple(map(int, re.findall(r"\d+", m[0]))) for m in _NUMBER.finditer(text) if not dates(m[0])}


def _sign(mine: tuple[Any, ...], theirs: tuple[Any, ...]) -> int:
    return (mine > theirs) - (mine < theirs)


@cache
def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


@cache
def _function_words() -> frozenset[str]:
    return frozenset(word for language in load_languages() for word in language.function_words)
