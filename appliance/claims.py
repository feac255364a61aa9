"""What a sentence claims, and what the passages have of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from appliance.language import Language, detect, load_languages
from appliance.polarity import Clause, clauses
from appliance.sentences import Span, marker_length, split
from appliance.types import Passage
from appliance.words import DATE, Word, beginning, same_name, same_number, same_word, starts, words

# What a word is worth where it is found, if the question had it already.
ECHO = 0.7
# What it is worth where it is not: an answer may put the question's way of saying it in place of the document's.
UNSAID = 0.25
# What a function word is worth.
SMALL = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A sentence or line of a passage. A `row` of a table or list is not about what the row above is about."""

    span: Span
    words: tuple[Word, ...]
    keys: frozenset[str]
    numbers: tuple[Word, ...]
    row: bool


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A passage, cut; `label` are the words of its path and headings, which say what it is about."""

    passage: Passage
    pieces: tuple[Piece, ...]
    label: frozenset[str]
    language: Language | None

    def clauses(self, number: int) -> list[Clause]:
        """Return the clauses of a piece."""
        piece = self.pieces[number]
        text = self.passage.chunk.text[piece.span.start : piece.span.end]
        return clauses(text, piece.words, _one_or_all(self.language))


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence's words: for each its forms in the passages, its weight found and missing. The masks have a bit for
    each word: `required` must be found, `numbers` and `names` say which of them are which, `figured` are names with
    digits, `echo` what the question brought along.
    """

    text: str
    terms: tuple[Word, ...]
    forms: tuple[frozenset[str], ...]
    found: tuple[float, ...]
    missing: tuple[float, ...]
    required: int
    numbers: int
    figured: int
    echo: int
    language: Language | None
    spoken: tuple[Word, ...]

    def score(self, mask: int) -> float:
        """Return the share of the weight that `mask` has found, 0 to 1."""
        found = sum(w for i, w in enumerate(self.found) if mask >> i & 1)
        missing = sum(w * UNSAID if self.echo >> i & 1 else w for i, w in enumerate(self.missing) if not mask >> i & 1)
        return found / (found + missing) if found else 0.0

    def share(self, mask: int) -> float:
        """Return the share of the weight that `mask` has, whether or not the question had it."""
        return sum(w for i, w in enumerate(self.missing) if mask >> i & 1) / (sum(self.missing) or 1.0)

    def echoed(self, mask: int) -> float:
        """Return the share of what the question brought along that stands in the quotes; 1 if it brought nothing."""
        brought = [(weight, mask >> i & 1) for i, weight in enumerate(self.missing) if self.echo >> i & 1]
        whole = sum(weight for weight, _ in brought)
        return sum(weight * stands for weight, stands in brought) / whole if whole else 1.0

    def mask(self, keys: frozenset[str], numbers: Sequence[Word]) -> int:
        """Return which of the words stand among these."""
        mask = 0
        for i, (term, forms) in enumerate(zip(self.terms, self.forms, strict=True)):
            if any(same_number(term, number) for number in numbers) if term.readings else not forms.isdisjoint(keys):
                mask |= 1 << i
        return mask

    @property
    def languages(self) -> Sequence[Language]:
        """The language of the sentence; all if it is not known."""
        return _one_or_all(self.language)

    def clauses(self) -> list[Clause]:
        """Return the clauses of the sentence."""
        return clauses(self.text, self.spoken, self.languages)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A piece of a passage that has something of a claim: `own` what stands in it, `mask` that and its headings'."""

    text: Text
    number: int
    own: int
    mask: int
    rank: float

    @property
    def piece(self) -> Piece:
        """The piece itself."""
        return self.text.pieces[self.number]


@dataclass(frozen=True, slots=True)
class Lexis:
    """The words of all passages: how often each stands in how many pieces; those of the question, and its `names`."""

    counts: Mapping[str, int]
    starts: Mapping[str, list[str]]
    size: int
    question: frozenset[str]
    question_starts: Mapping[str, list[str]]
    names: frozenset[str]
    language: Language | None

    def claim(self, sentence: str) -> Claim:
        """Return what `sentence` claims."""
        language = detect(sentence, load_languages()) or self.language
        spoken = words(sentence, language)
        terms, named = _terms(spoken, sentence, language)
        # What the question shows to be a name is one at the beginning of a sentence, too.
        named = [name or term.key in self.names for term, name in zip(terms, named, strict=True)]
        found: list[float] = []
        missing: list[float] = []
        forms: list[frozenset[str]] = []
        required = numbers = figured = echoes = 0
        for i, term in enumerate(terms):
            same = self._forms(term, named[i])
            weight = self._weight(term, same, language)
            echo = bool(self._echoes(term))
            forms.append(same)
            missing.append(weight)
            found.append(weight * ECHO if echo else weight)
            echoes |= echo << i
            numbers |= bool(term.readings) << i
            figured |= (term.code and any(c.isdigit() for c in term.key)) << i
            required |= (bool(term.readings) or named[i]) << i
        return Claim(
            sentence,
            tuple(terms),
            tuple(forms),
            tuple(found),
            tuple(missing),
            required,
            numbers,
            figured,
            echoes,
            language,
            tuple(spoken),
        )

    def _forms(self, term: Word, named: bool) -> frozenset[str]:
        if term.readings and not term.spelled:
            return frozenset({term.key})
        if term.code and any(c.isdigit() for c in term.key):
            return frozenset({term.key} & self.counts.keys())
        return _same(term.key, self.starts, named)

    def _echoes(self, term: Word) -> frozenset[str]:
        return _same(term.key, self.question_starts, named=False)

    def _weight(self, term: Word, forms: frozenset[str], language: Language | None) -> float:
        """Return what a word says: rare in the passages and long is much, frequent and short is little."""
        if term.readings:
            return math.log(self.size + 1.0)
        count = max((self.counts.get(form, 0) for form in forms), default=0)
        weight = math.log((self.size + 1.5) / (count + 0.5)) * min(1.0, len(term.key) / 6)
        return weight * SMALL if language and term.key in language.function_words else weight


def prepare(passage: Passage, fallback: Language | None) -> Text:
    """Return a passage cut into pieces."""
    chunk = passage.chunk
    language = detect(chunk.text, load_languages()) or fallback
    pieces = []
    for span in split(chunk.text, wrapped=True):
        line = chunk.text[span.start : span.end]
        spoken = words(line, language)
        flat = [*spoken, *(part for word in spoken for part in word.parts)]
        keys = frozenset(word.key for word in flat if not word.readings or word.spelled)
        row = marker_length(line) > 0 or "|" in line or "\t" in line
        # "3. Loss" is no 3 that could stand for three hours.
        counted = tuple(word for word in flat if word.readings and word.start >= marker_length(line))
        pieces.append(Piece(span, tuple(spoken), keys, counted, row))
    above = words(" ".join((chunk.document.path, *chunk.headings)).replace("_", " "), language)
    # No numbers, and no codes that have any: what is shown as a quote must hold them itself.
    label = frozenset(word.key for word in above if not word.readings and not any(c.isdigit() for c in word.key))
    return Text(passage, tuple(pieces), label, language)


def lexis(texts: Sequence[Text], question: str, language: Language | None) -> Lexis:
    """Return the words of the passages and of the question."""
    counts: dict[str, int] = {}
    size = 0
    for text in texts:
        size += len(text.pieces)
        for piece in text.pieces:
            for key in piece.keys:
                counts[key] = counts.get(key, 0) + 1
    labels = frozenset(key for text in texts for key in text.label)
    spoken = words(question, language)
    asked = frozenset(word.key for word in spoken)
    names = frozenset(
        word.key for i, word in enumerate(spoken) if i and not word.readings and _is_name(i, spoken, question, language)
    )
    return Lexis(counts, starts(counts.keys() | labels), size, asked, starts(asked), names, language)


def _terms(spoken: Sequence[Word], text: str, language: Language | None) -> tuple[list[Word], list[bool]]:
    """Return the distinct words of a sentence, and which are names. A number word counts as a number with a measure."""
    seen: set[tuple[str, str]] = set()
    terms: list[Word] = []
    named: list[bool] = []
    for i, word in enumerate(spoken):
        if word.spelled and (not word.measure or "1" in word.readings):
            word = replace(word, readings=frozenset(), measure="")
        if (word.key, word.measure) in seen:
            continue
        seen.add((word.key, word.measure))
        terms.append(word)
        named.append(not word.readings and _is_name(i, spoken, text, language))
    return terms, named


def _is_name(position: int, spoken: Sequence[Word], text: str, language: Language | None) -> bool:
    """Return whether a word is a name. The first word is one only if more than its first letter says so.

    Where every noun has a capital, two in a row are a name ("Margarete Holloway"), and one alone is a word.
    """
    word = spoken[position]
    if not word.name or len(word.key) < 2 or word.measure == DATE:
        return False
    if word.code:
        return True
    if language and word.key in language.function_words:
        return False
    before = spoken[position - 1] if position else None
    after = spoken[position + 1] if position + 1 < len(spoken) else None
    if language and language.nouns_capitalised:
        pairs = ((before, word), (word, after))
        return any(
            a and b and a.name and b.name and text[a.end : b.start] == " " and not _opens(a, text, language)
            for a, b in pairs
        )
    return before is not None or (after is not None and after.name)


def _opens(word: Word, text: str, language: Language) -> bool:
    return word.start == 0 and word.key in language.function_words


def _same(key: str, table: Mapping[str, list[str]], named: bool) -> frozenset[str]:
    same = same_name if named else same_word
    return frozenset(other for other in table.get(beginning(key), ()) if same(key, other))


def _one_or_all(language: Language | None) -> Sequence[Language]:
    return (language,) if language else load_languages()
