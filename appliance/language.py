"""What the code has to know of a language, as data: one file for each in appliance/languages.

Another language is another file. Nothing else assumes one: words, sentences, grounding, questions that lean on earlier
ones and refusals take theirs from here.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from appliance.errors import ConfigError

# This much of a text tells its language.
DETECT_CHARACTERS = 600
# What a function word says for a language, by how many languages have it; a letter; the ending of a word.
_WORD = (1.0, 0.4, 0.15, 0.05)
_LETTER = 0.5
_ENDING = 0.4
# The best must lead by this much, and this share of the words must have spoken for it.
_LEAD = 0.15
_SHARE = 0.1

# Not the letters of a code: "E-305" has no Spanish "e".
_TOKEN = re.compile(r"(?<!\w)[^\W\d_]+(?:['’-][^\W\d_]+)*(?!\w|-\d)")


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """A language. Words are in the normal form of `folded`.

    `months` and `numbers` give the value of a word, `measures` the measure a word names ("days": "day"), `ranges`
    the words between the ends of a range. `opposites` gives the words that say the opposite of one. `negation`
    finds what denies a clause, `exclusion` what denies only the words after it, `seeming` what looks like either
    and is not, in folded text. After an `equating` word a name says who or what something is. `elided` words lose
    their vowel before the next and are written with it. `affirmations` open an answer to a yes/no question, by
    `preambles` an answer names its source. `titles` and `numbered` are abbreviations whose period ends no sentence,
    the latter before digits. `closest` and `searched` have a place for {documents}, `missing` one for {parts}.
    `refusal_phrases` are phrases, without punctuation, by which a model's refusal in its own words is known.
    """

    code: str
    name: str
    nouns_capitalised: bool
    compounds: bool
    function_words: frozenset[str]
    letters: frozenset[str]
    endings: tuple[str, ...]
    negation: re.Pattern[str]
    exclusion: re.Pattern[str]
    seeming: re.Pattern[str]
    contrast: re.Pattern[str]
    opposites: Mapping[str, frozenset[str]]
    equating: frozenset[str]
    affirmations: frozenset[str]
    preambles: tuple[str, ...]
    anaphora: frozenset[str]
    connectors: tuple[str, ...]
    months: Mapping[str, int]
    ordinal_period: bool
    ordinals: frozenset[str]
    elided: frozenset[str]
    between_dates: frozenset[str]
    numbers: Mapping[str, int]
    tens: frozenset[str]
    ranges: frozenset[str]
    measures: Mapping[str, str]
    titles: frozenset[str]
    numbered: frozenset[str]
    answer_in: str
    refusal: str
    closest: str
    searched: str
    missing: str
    refusal_phrases: tuple[str, ...] = field(repr=False)


def folded(text: str) -> str:
    """Return `text` for comparison: compatibility forms and case folded, one kind of apostrophe, no soft hyphens."""
    return unicodedata.normalize("NFKC", text).casefold().replace("\u00ad", "").replace("’", "'")


@cache
def load_languages() -> tuple[Language, ...]:
    """Return the languages there is a file for, by code. Raises ConfigError for a file that is incomplete."""
    folder = resources.files("appliance").joinpath("languages")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    languages = []
    for file in files:
        try:
            languages.append(_language(tomllib.loads(file.read_text("utf-8"))))
        except (KeyError, ValueError) as error:
            raise ConfigError(f"language file {file.name} cannot be used: {error!r}", "Correct the file.") from error
    return tuple(languages)


def detect(text: str, languages: Sequence[Language]) -> Language | None:
    """Return the language of `text` by its function words, letters and endings; None when they do not tell.

    Codes, names and numbers tell nothing; a text in a language that there is no file for is usually told as None.
    """
    tokens = _tokens(text[:DETECT_CHARACTERS])
    scores = [0.0] * len(languages)
    spoken = 0
    for token in tokens:
        parts = {token, *re.split("['-]", token)} if "'" in token or "-" in token else {token}
        having = [i for i, language in enumerate(languages) if not language.function_words.isdisjoint(parts)]
        spoken += bool(having)
        for i in having:
            scores[i] += _WORD[min(len(having), len(_WORD)) - 1]
        if not having and len(token) > 4:
            for i, language in enumerate(languages):
                scores[i] += _ENDING * token.endswith(language.endings) if language.endings else 0.0
    whole = text[:DETECT_CHARACTERS].lower()
    for i, language in enumerate(languages):
        scores[i] += _LETTER * min(4, sum(whole.count(letter) for letter in language.letters))
    order = sorted(range(len(languages)), key=lambda i: -scores[i])
    if not order or scores[order[0]] <= 0.0 or (len(order) > 1 and scores[order[0]] - scores[order[1]] < _LEAD):
        return None
    enough = scores[order[0]] >= _SHARE * len(tokens) and (spoken or scores[order[0]] >= 2 * _ENDING)
    return languages[order[0]] if enough else None


def _tokens(text: str) -> list[str]:
    return [folded(match[0]) for match in _TOKEN.finditer(text)]


def _language(body: Mapping[str, Any]) -> Language:
    dates, joints, abbreviations = body["dates"], body["number_joints"], body["abbreviations"]
    return Language(
        code=body["code"],
        name=body["name"],
        nouns_capitalised=body["nouns_capitalised"],
        compounds=body["compounds"],
        function_words=_set(body["function_words"]),
        letters=frozenset(body["letters"]),
        endings=tuple(body["endings"].split()),
        negation=_pattern(body["negations"]),
        exclusion=_pattern(body["exclusions"]),
        seeming=_pattern(body["seeming"]),
        contrast=_pattern(body["contrasts"]),
        opposites=_opposites(body["opposites"]),
        equating=_set(body["equating"]),
        affirmations=_set(" ".join(body["affirmations"])),
        preambles=tuple(sorted(map(folded, body["preambles"]), key=len, reverse=True)),
        anaphora=_set(body["anaphora"]),
        connectors=tuple(map(folded, body["connectors"])),
        months={form: int(month) for month, forms in body["months"].items() for form in folded(forms).split()},
        ordinal_period=dates["period"],
        ordinals=_set(dates["ordinals"]),
        elided=_set(body["elided"]),
        between_dates=_set(dates["between"]),
        numbers={form: int(value) for value, forms in body["numbers"].items() for form in folded(forms).split()},
        tens=_set(joints["tens"]),
        ranges=_set(joints["range"]),
        measures={form: measure for measure, forms in body["measures"].items() for form in folded(forms).split()},
        titles=_set(abbreviations["titles"]),
        numbered=_set(abbreviations["numbered"]),
        answer_in=body["answer_in"],
        refusal=body["refusal"],
        closest=body["closest"],
        searched=body["searched"],
        missing=body["missing"],
        refusal_phrases=tuple(map(folded, body["refusal_phrases"])),
    )


def _set(forms: str) -> frozenset[str]:
    return frozenset(folded(forms).split())


def _opposites(pairs: Sequence[str]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in pairs:
        one, other = folded(pair).split()
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(opposites) for word, opposites in found.items()}


def _pattern(entries: Sequence[str]) -> re.Pattern[str]:
    """Return what finds the entries of a word list in folded text: "x*" a beginning, "*x" an ending, " * " a gap."""
    found = []
    for entry in sorted(map(folded, entries), key=len, reverse=True):
        words = re.escape(entry).replace(r"\ \*\ ", r"\b(?:\W*\w+){0,3}?\W+").replace(r"\ ", r"\s+")
        words = words.replace(r"\*", r"[\w]*")
        found.append(words + (r"\b" if entry[-1].isalnum() else ""))
    return re.compile(rf"(?<!\w)(?:{'|'.join(found)})")
