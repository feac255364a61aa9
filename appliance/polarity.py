"""Whether one text denies what another says.

Nothing is understood: words that deny come from the language files, and a text denies another where the words that
stand under such a word here stand there without one. What has other words ("mandatory", "optional") is no denial.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from appliance.language import Language
from appliance.words import Word, same_word

# So many content words after a negation are what it denies; without any, as many before it.
_DENIED = 2
# So many after "without", "unless", "except".
_EXCLUDED = 3
# A clause carries a claim's clause if it has this share of its words.
_CARRIES = 0.5
_BREAK = re.compile(r"[,;:()\[\]|\n]|[.!?](?=\s)|\s[-–—]\s")


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause: its content words, those a negation stands over, and those left out by "without" and its like."""

    words: tuple[str, ...]
    denied: tuple[str, ...]
    excluded: tuple[str, ...]


def clauses(text: str, found: Sequence[Word], languages: Sequence[Language]) -> list[Clause]:
    """Return the clauses of `text`, whose words are `found`, with what is denied in them."""
    plain = _plain(text, languages)
    negations = sorted(m.span() for language in languages for m in language.negation.finditer(plain))
    exclusions = sorted(m.span() for language in languages for m in language.exclusion.finditer(plain))
    ignored = frozenset[str]().union(*(language.function_words for language in languages))
    content = [
        (word.start, word.key)
        for word in found
        if word.key not in ignored
        and len(word.key) > 1
        and not word.readings
        and not any(a <= word.start < b for a, b in (*negations, *exclusions))
    ]
    return [
        _clause(start, end, content, negations, exclusions)
        for start, end in _bounds(plain, languages, exclusions)
        if any(start <= at < end for at, _ in content)
    ]


def negated(text: str, languages: Sequence[Language]) -> bool:
    """Return whether anything is denied in `text`."""
    plain = _plain(text, languages)
    return any(language.negation.search(plain) for language in languages)


def opposed(claimed: Set[str], said: Set[str], languages: Sequence[Language]) -> int:
    """Return how many words claimed are not said while their opposite is, among words in their normal forms."""
    # An opposite that is claimed as well is one of two things that are compared.
    instead = said - claimed
    return sum(
        any(not instead.isdisjoint(language.opposites.get(word, ())) for language in languages)
        for word in claimed - said
    )


def denies(claim: Sequence[Clause], quote: Sequence[Clause]) -> bool:
    """Return whether a clause of `claim` is denied by those of `quote` that carry it, or denies them."""
    return any(_denied(said, quote) for said in claim)


def _plain(text: str, languages: Sequence[Language]) -> str:
    """Return the text as long as it is, in lower case, without what only seems to deny ("not only")."""
    plain = "".join(c.lower() if len(c.lower()) == 1 else c for c in text).replace("’", "'")
    for language in languages:
        plain = language.seeming.sub(lambda match: " " * len(match[0]), plain)
    return plain


def _denied(said: Clause, quote: Sequence[Clause]) -> bool:
    if said.denied and any(all(_has(other.denied, word) for word in said.denied) for other in quote):
        return False
    if not said.denied and any(_only_denies(other, said) for other in quote):
        return True
    carriers = _carriers(said, quote)
    return bool(carriers) and all(_opposed(said, other) for other in carriers)


def _carriers(said: Clause, quote: Sequence[Clause]) -> list[Clause]:
    """Return the clauses that say what `said` says: with most of its words, and what it is about if any has that."""
    able = []
    for other in quote:
        count = sum(_has(other.words, word) for word in said.words)
        # "…, but contractors may not" has no more words than its subject.
        if count and (count >= _CARRIES * len(said.words) or count == len(other.words)):
            able.append((_has(other.words, said.words[0]), count, other))
    best = max(((subject, count) for subject, count, _ in able), default=None)
    return [other for subject, count, other in able if (subject, count) == best]


def _only_denies(other: Clause, said: Clause) -> bool:
    """Return whether a clause denies a part of what is said, and says nothing else: "but not the children"."""
    return set(other.denied) == set(other.words) and all(_has(said.words, word) for word in other.words)


def _opposed(a: Clause, b: Clause) -> bool:
    if _twice(a, b) or _twice(b, a):
        # "Cannot be booked without approval" and "approval is required to book": two negations are none.
        return False
    flips = [_flips(a.denied, b), _flips(b.denied, a), _flips(a.excluded, b), _flips(b.excluded, a)]
    return sum(flips) % 2 == 1


def _twice(a: Clause, b: Clause) -> bool:
    """Return whether one denies and leaves out what the other, denying nothing, says."""
    return bool(a.denied) and not (b.denied or b.excluded) and any(_has(b.words, word) for word in a.excluded)


def _flips(denied: tuple[str, ...], other: Clause) -> bool:
    """Return whether what is denied here is said there, and not denied."""
    present = [word for word in denied if _has(other.words, word)]
    return bool(present) and not other.denied and not any(_has(other.excluded, word) for word in present)


def _has(words: Sequence[str], word: str) -> bool:
    return any(same_word(word, other) for other in words)


def _bounds(plain: str, languages: Sequence[Language], exclusions: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    cuts = {m.end() for m in _BREAK.finditer(plain)}
    cuts |= {m.start() for language in languages for m in language.contrast.finditer(plain)}
    # "…, except contractors" belongs to what it is an exception to.
    opened = {start for start, _ in exclusions}
    kept = sorted(cut for cut in cuts if cut + len(plain[cut:]) - len(plain[cut:].lstrip()) not in opened)
    edges = [0, *kept, len(plain)]
    return [(a, b) for a, b in pairwise(edges) if a < b]


def _clause(
    start: int,
    end: int,
    content: Sequence[tuple[int, str]],
    negations: Sequence[tuple[int, int]],
    exclusions: Sequence[tuple[int, int]],
) -> Clause:
    inside = [(at, key) for at, key in content if start <= at < end]
    left_out: list[tuple[int, str]] = []
    for _, after in (span for span in exclusions if start <= span[0] < end):
        left_out += [(at, key) for at, key in inside if at >= after][:_EXCLUDED]
    rest = [pair for pair in inside if pair not in left_out]
    denied: list[str] = []
    for before, after in (span for span in negations if start <= span[0] < end):
        following = [key for at, key in rest if at >= after][:_DENIED]
        denied += following or [key for at, key in rest if at < before][-_DENIED:]
    return Clause(
        tuple(key for _, key in inside), tuple(dict.fromkeys(denied)), tuple(dict.fromkeys(key for _, key in left_out))
    )
