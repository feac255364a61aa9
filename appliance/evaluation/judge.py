"""Whether texts agree: answers with gold answers, quoted sentences with gold sentences, numbers with quotes.

Rules alone, and none of the answering path's own: a judge that shares code with what it judges shares its mistakes.
Answers are compared as in SQuAD 2.0's evaluation (Rajpurkar et al. 2018: case, punctuation and articles do not count),
with the articles of German, French and Spanish beside the English ones, and with numbers compared by value.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from appliance.sentences import split

_ARTICLES = frozenset(
    [
        *("a", "an", "the"),
        *("der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "eines"),
        *("le", "la", "les", "l", "un", "une", "des"),
        *("el", "la", "los", "las", "un", "una", "unos", "unas"),
    ]
)
# Digits with what may stand between them; letters around do not matter ("Q4", "30th").
_NUMBER = re.compile(r"\d+(?:[.,'’]\d+)*")
_GROUPING = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_TOKEN = re.compile(rf"(?P<number>{_NUMBER.pattern})|(?P<word>[^\W\d_]+)")
# "1 500" with a plain space: one number or two, so it is read both ways.
_SPACED = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?:[.,]\d+)?(?!\d)")
_MARKER = re.compile(r"\s*\(?\d{1,3}[.)]\s")
_ELISION = re.compile(r"(?<![^\W_])l['’](?=\w)")
_JOINT = re.compile(r"(?<=[^\W\d_])[-’'.](?=[^\W\d_])")
# A shorter stretch than this occurs by chance: it must be the whole sentence.
_FRAGMENT_WORDS = 3
# A gold sentence of which parts are quoted is covered by this share of its words.
_COVERED = 0.5


def contains(text: str, answers: Iterable[str]) -> bool:
    """Return whether one of the gold answers stands in `text`, as whole words, one after the other."""
    return any(_within(wanted, found) for answer in answers for wanted, found in _readings(answer, text))


def exact(text: str, answers: Iterable[str]) -> bool:
    """Return whether `text` is one of the gold answers and nothing else."""
    return any(wanted == found for answer in answers for wanted, found in _readings(answer, text))


def token_f1(text: str, answers: Iterable[str]) -> float:
    """Return the F1 of the words of `text` and of a gold answer, for the gold answer that it is greatest for."""
    pairs = (pair for answer in answers for pair in _readings(answer, text))
    return max((_f1(wanted, found) for wanted, found in pairs), default=0.0)


def source_sentences(quote: str) -> list[tuple[str, ...]]:
    """Return the sentences of a quote as words, so that spaces, punctuation and markup do not count."""
    found = (sentence_words(quote[start:end]) for start, end in split(quote, wrapped=True))
    return [words for words in found if words]


def sentence_words(sentence: str) -> tuple[str, ...]:
    """Return the letters and digits of a sentence, word by word, case folded."""
    return tuple(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", sentence).casefold()))


def same_sentence(quoted: Sequence[str], gold: Sequence[str]) -> bool:
    """Return whether a quoted sentence is a gold one. One may be part of the other, cut by other rules."""
    short, long = sorted((quoted, gold), key=len)
    return list(short) == list(long) or (len(short) >= _FRAGMENT_WORDS and _within(short, long))


def covered(gold: Sequence[str], quoted: Iterable[Sequence[str]]) -> bool:
    """Return whether quoted sentences hold a gold one: one of them all of it, or some together half of its words."""
    marked: set[int] = set()
    for sentence in quoted:
        if same_sentence(sentence, gold):
            if len(sentence) >= len(gold):
                return True
            start = _place(sentence, gold)
            marked |= set(range(start, start + len(sentence)))
    return bool(gold) and len(marked) >= _COVERED * len(gold)


def numbers_missing(sentence: str, quotes: Iterable[str]) -> tuple[str, ...]:
    """Return the numbers written in digits in `sentence` that none of the quotes has, as they are written there.

    Grouping and decimal signs do not count: 1,500 is 1500, 1.500 and 1 500, and 2.5 is 2,5; where a number can be
    read in two ways, one of them has to occur. Of what is no number as a whole (12.05.2024, 3.2.1) all parts have to.
    Number words are not read, on neither side: "5 days" is not supported by "five days". The marker of a list ("2. ")
    is no number of the sentence.
    """
    known = {value for quote in quotes for value in _known(quote)}
    marker = _MARKER.match(sentence)
    text = _unspaced(sentence[marker.end() :] if marker else sentence)
    text = _SPACED.sub(lambda match: "" if _values(match[0].replace(" ", "")) & known else match[0], text)
    return tuple(number for number in _NUMBER.findall(text) if not _occurs(number, known))


def _known(quote: str) -> Iterator[str]:
    text = _unspaced(quote)
    for number in [*_NUMBER.findall(text), *(spaced.replace(" ", "") for spaced in _SPACED.findall(text))]:
        yield from _values(number) or {number, *(_digits(part) for part in _parts(number))}


def _occurs(number: str, known: set[str]) -> bool:
    if values := _values(number):
        return not values.isdisjoint(known)
    return number in known or all(_digits(part) in known for part in _parts(number))


def _unspaced(text: str) -> str:
    """Return the text in plain characters, with the thin spaces that group digits as apostrophes."""
    return unicodedata.normalize("NFKC", _GROUPING.sub("'", text))


def _parts(number: str) -> list[str]:
    return re.findall(r"\d+", number)


def _digits(number: str) -> str:
    return number.lstrip("0") or "0"


def _values(number: str) -> set[str]:
    """Return what a number may mean, by either convention for the decimal sign; empty if it is none."""
    return {value for point in ".," if (value := _value(number, point))}


def _value(number: str, point: str) -> str:
    """Return a number's digits, "." before decimals, if `point` is the decimal sign; empty if it is no number then."""
    whole, _, decimals = number.partition(point)
    groups = re.split(r"[.,'’]", whole)
    if (decimals and not decimals.isdigit()) or point in whole:
        return ""
    if len(groups) > 1 and (len(groups[0]) > 3 or any(len(group) != 3 for group in groups[1:])):
        return ""
    # Three decimals may be thousands written by the other rule; cutting their zeros would make 1.500 into 1.5.
    kept = decimals if len(decimals) == 3 else decimals.rstrip("0")
    digits = _digits("".join(groups))
    return f"{digits}.{kept}" if kept else digits


def _readings(answer: str, text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield both texts as words, under each pair of conventions for numbers. Articles count where they are all."""
    for point in ".,":
        wanted = list(_words(answer, point))
        bare = [word for word in wanted if word not in _ARTICLES]
        if not wanted:
            continue
        for other in ".,":
            found = list(_words(text, other))
            yield (bare, [word for word in found if word not in _ARTICLES]) if bare else (wanted, found)


def _words(text: str, point: str) -> Iterator[str]:
    """Yield words and numbers. As in SQuAD's rules "co-founder" and "U.S." are one word each; "l'année" is two."""
    folded = _unspaced(text).casefold().replace("\u00ad", "")
    for match in _TOKEN.finditer(_JOINT.sub("", _ELISION.sub("l ", folded))):
        if match["word"]:
            yield match[0]
        elif value := _value(match[0], point) or _value(match[0], "." if point == "," else ","):
            yield value
        else:
            yield from _parts(match[0])


def _f1(wanted: Sequence[str], found: Sequence[str]) -> float:
    common = sum((Counter(wanted) & Counter(found)).values())
    return 2 * common / (len(wanted) + len(found)) if common else 0.0


def _within(short: Sequence[str], long: Sequence[str]) -> bool:
    return _place(short, long) >= 0


def _place(short: Sequence[str], long: Sequence[str]) -> int:
    """Return where in `long` the words of `short` begin, -1 if nowhere."""
    size, wanted = len(short), list(short)
    return next((i for i in range(len(long) - size + 1) if list(long[i : i + size]) == wanted), -1)
