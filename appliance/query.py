"""What a question names exactly, found without a model, and passages re-ordered by it.

Meaning and words rank "P12-EX" and "P12" alike; whoever writes the one does not ask for the other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from appliance.language import folded, load_languages
from appliance.marks import dates, identifiers, kinds
from appliance.types import Passage

# What naming all that the question names is worth beside fused scores, which lie in 0 to about 2: the passage with the
# number that was asked for overtakes one that is about the same thing, not one that is far better in both searches.
# Of the claims of SciFact's training half, 346 name something; with 0.3 their nDCG@10 by BM25 alone rises from 0.721 to
# 0.735, with 0.5 to 0.733.
BONUS = 0.3
# What naming another one costs: it answers a question that was not asked. Research papers name many, and may answer
# without the one in the question: there 0.1 takes 0.002 from the gain, 0.3 takes 0.009.
OTHER = 0.1

_QUOTES = {
    "“": "”",
    "„": "“”",
    "«": "»",
    "»": "«",
    "‹": "›",
    "‚": "‘’",
    "‘": "’",
    "「": "」",
    "『": "』",
    '"': '"',
    "'": "'",
}
_PHRASE_CHARACTERS = 200
_EXTENSIONS = """
    md markdown txt text rst org pdf doc docx docm odt rtf xls xlsx xlsm ods csv tsv ppt pptx odp html htm xml json
    yaml yml eml msg mbox epub zip tar gz png jpg jpeg tif tiff log ini toml cfg conf sql"""
_NAME = re.compile(r"(?<![\w/.-])/?[\w-]+(?:[./][\w-]+)*+/?(?![\w/])")
_LEAST_PART = 3


@dataclass(frozen=True, slots=True)
class Query:
    """A question and what it names. All as written, in order, each once, but `dates`, which are ISO 8601 days, months
    or years ("2026-03-04", "2026-03", "2026"); `names` are names of files or folders, or what looks like one.
    """

    text: str
    identifiers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether there is anything by which `boost` could prefer one passage to another."""
        return bool(self.identifiers or self.phrases or self.names or any("-" in date for date in self.dates))


def understand(question: str) -> Query:
    """Return what a question names, by the form of what is written. No model is called, no language is assumed."""
    names = _once(_names(question))
    hidden = question
    for name in names:
        hidden = hidden.replace(name, " " * len(name))
    return Query(
        question,
        _once(mark.text for mark in identifiers(hidden)),
        _once(day for mark in dates(question) for day in mark.key),
        _once(phrase for phrase in _phrases(question) if phrase not in names),
        names,
    )


def boost(query: Query, passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages with new scores, best first; equal ones keep their order.

    A passage gains BONUS times the share of what the question names that stands in its text, its headings or its path:
    identifiers, phrases, days and months, names of files. An identifier counts where it stands alone, not as a part of
    a longer one. Where some passage has an asked identifier, one loses OTHER that has none but another of the same
    pattern (marks.kinds): in its text one that begins with the same letters, "INV-7" for "INV-8"; in its headings or
    its path, which say what it is about, also "V40" for "P12". A question that names nothing leaves scores and order
    as they are.
    """
    if not query.exact:
        return list(passages)
    asked = _Asked(query, {passage.chunk.document.path for passage in passages})
    held = [asked.held(passage) for passage in passages]
    others = any(each.identified for each in held)
    scored = [
        replace(passage, score=passage.score + BONUS * each.share - (OTHER if others and each.other else 0.0))
        for passage, each in zip(passages, held, strict=True)
    ]
    return sorted(scored, key=lambda passage: -passage.score)


@dataclass(frozen=True, slots=True)
class _Held:
    """What a passage has of what is asked: the share of all, whether an identifier, whether only another one."""

    share: float
    identified: bool
    other: bool


class _Asked:
    """What a question names, in the form in which it is looked for among documents with these paths. What looks like
    the name of a file and is that of none counts for nothing.
    """

    def __init__(self, query: Query, paths: Collection[str]) -> None:
        self._keys = frozenset(mark.key for each in query.identifiers for mark in identifiers(each))
        self._kinds = frozenset(kinds(key) for key in self._keys)
        self._families = frozenset(_family(key) for key in self._keys)
        self._phrases = [phrase for each in query.phrases if (phrase := _flat(each).strip())]
        self._days = frozenset(date for date in query.dates if "-" in date)
        stems = (stem for each in query.names if (stem := _stem(each)))
        self._names = [stem for stem in stems if any(_is_named(stem, path) for path in paths)]

    def held(self, passage: Passage) -> _Held:
        chunk = passage.chunk
        written = "\n".join((*chunk.headings, chunk.text))
        over = self._carried("\n".join((*chunk.headings, _open(chunk.document.path))))
        carried = over | self._carried(chunk.text)
        identified = not self._keys.isdisjoint(carried)
        other = any(kinds(key) in self._kinds for key in over) or any(_family(key) in self._families for key in carried)
        held = len(self._keys & carried)
        if self._phrases:
            flat = f" {_flat(written)} "
            held += sum(f" {phrase} " in flat for phrase in self._phrases)
        if self._days:
            held += len(self._days & {day for mark in dates(written) for day in mark.key})
        held += sum(_is_named(name, chunk.document.path) for name in self._names)
        count = len(self._keys) + len(self._phrases) + len(self._days) + len(self._names)
        return _Held(held / max(1, count), identified, other and not identified)

    def _carried(self, text: str) -> frozenset[tuple[str, ...]]:
        return frozenset(mark.key for mark in identifiers(text)) if self._keys else frozenset()


def _family(key: tuple[str, ...]) -> tuple[str, ...]:
    """Return an identifier's pattern together with what it begins with, where that is letters."""
    return (key[0] if key[0].isalpha() else "", *kinds(key))


def _phrases(text: str) -> Iterator[str]:
    """Yield what stands in quotation marks. An apostrophe opens only before a word and closes only after one."""
    at = 0
    while at < len(text):
        closing = _QUOTES.get(text[at])
        if closing is None or (text[at] in "'‘‚»" and at and text[at - 1].isalnum()):
            at += 1
            continue
        ends = range(at + 1, min(len(text), at + _PHRASE_CHARACTERS + 2))
        end = next((i for i in ends if text[i] in closing and not text[i + 1 : i + 2].isalnum()), 0)
        phrase = text[at + 1 : end].strip(" \t\n\u00a0\u202f.,;:!?") if end else ""
        if len(phrase) > 1 and any(c.isalnum() for c in phrase):
            yield phrase
        at = end + 1 if end else at + 1


def _names(text: str) -> Iterator[str]:
    """Yield what looks like the name of a file or folder: an extension, strokes, underscores or hyphens that words of
    a sentence do not have.
    """
    for match in _NAME.finditer(text):
        name = match[0].rstrip(".")
        folder_like = "." not in name and any(_is_file_like(part) for part in name.split("/"))
        if folder_like or _without_extension(name) != name:
            yield name


def _is_file_like(part: str) -> bool:
    """Return whether a piece of a path is no ordinary word: "travel_policy", "price-list", "leave-policy-2026"."""
    pieces = re.split("[-_]", part)
    if len(pieces) < 2 or not all(pieces) or any(c.isdigit() and p.strip("0123456789") for p in pieces for c in p):
        return False
    words = [piece for piece in pieces if not piece.isdigit()]
    if not words or any(len(word) < _LEAST_PART or not word.islower() for word in words):
        return "_" in part and bool(words)
    return "_" in part or not any(folded(word) in _function_words() for word in words)


def _is_named(name: str, path: str) -> bool:
    """Return whether a stem is that of the path, of a folder on it, or of its end; years and versions aside."""
    wanted = name.split("/")
    parts = [_stem(part) for part in path.split("/")]
    bare = [re.sub(r"(?: (?:v?\d+))+$", "", part) for part in parts]
    return any(wanted in (parts[i : i + len(wanted)], bare[i : i + len(wanted)]) for i in range(len(parts)))


def _stem(name: str) -> str:
    """Return a path without its extension, case and signs folded."""
    parts = _without_extension(name.strip("/")).split("/")
    return "/".join(re.sub(r"[\W_]+", " ", folded(part)).strip() for part in parts)


def _open(path: str) -> str:
    """Return a path as text in which identifiers stand apart."""
    return _without_extension(path).replace("/", " ").replace("_", " ")


def _without_extension(path: str) -> str:
    stem, _, extension = path.rpartition(".")
    return stem if stem and extension.lower() in _EXTENSIONS.split() else path


def _flat(text: str) -> str:
    """Return the words of a text with one space between them, case folded, marks of sentences left out."""
    return " ".join(re.findall(r"[\w§%€$£°]+", unicodedata.normalize("NFKC", folded(text))))


def _once(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))


@cache
def _function_words() -> frozenset[str]:
    return frozenset(word for language in load_languages() for word in language.function_words)
