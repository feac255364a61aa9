"""Questions of a conversation made to stand alone, without a model: "And for contractors?" has to say what of.

Words of a language come from appliance/languages; the few here are those that the decision itself needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from appliance.language import Language, detect, folded, load_languages
from appliance.marks import kinds
from appliance.types import Turn

# So many turns back a topic is carried; so many of its phrases, and of names that only the answer had.
MEMORY = 6
PHRASES = 6
FROM_ANSWER = 3
# A noun of a language that writes nouns large and in one word says as much as two words do elsewhere.
_LONG_NOUN = 8
_ANSWER_CHARACTERS = 2000

# A question that begins with one of these, or has it after a connector, is a whole sentence.
_ASKING = """
    who whom whose what which how when where why is are was were am do does did can could may might must shall should
    will would have has had
    wer wen wem wessen was welche welcher welches welchen welchem wie wann wo warum wieso woher wohin wofür womit ist
    sind war waren darf dürfen kann können muss müssen soll sollen sollte wird werden hat haben gibt gilt gelten
    qui que qu quoi quel quelle quels quelles comment combien quand où pourquoi est sont était peut peuvent doit
    doivent faut a ont y-a-t-il est-ce
    quién quiénes qué cuál cuáles cómo cuánto cuánta cuántos cuántas cuándo dónde por es son era puede pueden debe
    deben hay tiene tienen hace"""
_ARTICLES = (
    "the a an der die das den dem des ein eine einen einem einer le la les l un une des el los las una unos unas"
)
# These are pronouns only where no word with content follows; otherwise articles, conjunctions or parts of a name.
_EITHER = """
    das der die dem den es da sie ihr ihnen la los las lo le les l en y that there one ones same then here dort"""
# These stand for someone or something that the same sentence may have named.
_PERSONAL = """
    it its they them their theirs he him his she her hers er sie ihn ihm ihr ihre ihren ihrem ihnen sein seine seinen
    il elle ils elles lui leur leurs son sa ses él ella ellos ellas su sus"""
# Amounts are no topic.
_CURRENCIES = "eur usd gbp chf jpy"
_THEREIN = "darin drin hierzu hierfür hierbei"
# These ask for more of the same, whatever follows them.
_ELLIPTIC = re.compile(
    r"(?:and |but |or )?(?:what|how) about\b|(?:and )?the same for\b|"
    r"(?:und |aber )?(?:was ist|wie (?:ist|sieht|steht) (?:es|das)(?: aus)?) (?:mit|bei|in|für|um)\b|"
    r"gilt (?:das|dies) auch\b|(?:et |mais )?qu'en est-il\b|quid\b|(?:est-ce )?pareil pour\b|et concernant\b|"
    r"(?:y |pero )?qué (?:pasa|hay|ocurre)\b|(?:y )?lo mismo para\b|(?:y )?en cuanto a\b"
)
# "It" and "there" that stand for nothing.
_EMPTY = re.compile(
    r"\b(?:is|was|are|were) there\b|\bthere (?:is|are|was|were)\b|\b(?:is|was) it (?=\w+ (?:to|that|if|for)\b)|"
    r"\bit (?:is|was) (?=\w+ (?:to|that|if)\b)|\bgibt es\b|\bes gibt\b|\bist es (?=\w+,? (?:zu|dass|wenn)\b)|"
    r"\b(?:est|faut|y a-t|peut|doit)-il\b|\bil (?:y a|faut|est \w+ de)\b|\b(?:qu')?est-ce qu[e']|\ben (?=\w)|\blo que\b"
)
_TOKEN = re.compile(r"[^\W_]+(?:['’.,/-][^\W_]+)*")
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class Standalone:
    """What a question is taken to mean: `text` is itself, with the `topic` that it leans on in brackets behind it."""

    text: str
    topic: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a question. `shape` tells what may take its place: "year", "name", a code's pattern, or nothing."""

    text: str
    key: str
    start: int
    end: int
    content: bool
    shape: str = ""


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Content words that stand together, and the function word before them."""

    words: tuple[_Word, ...]
    before: str = ""

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def is_year(self) -> bool:
        return all(word.shape == "year" for word in self.words)


def standalone(question: str, turns: Sequence[Turn]) -> Standalone:
    """Return the question as it can be searched for and answered without the conversation before it.

    One that does not lean on the conversation comes back as it is, and so does the first of one. It leans when it has
    no content of its own ("Why?"), begins as an addition to what was said ("And for contractors?", "What about
    Paris?"), or has a pronoun or demonstrative that nothing in it explains ("Who approves it?"). Then it gets the
    phrases of the question before, and what that one leaned on; names and codes of the answer come after them. Phrases
    that the question replaces are left out: a year by a year, a name by a name, "for employees" by "for contractors".
    """
    known: tuple[_Phrase, ...] = ()
    for i, turn in enumerate(turns[-MEMORY:]):
        language = _language(turn.question, turns[: len(turns[:-MEMORY]) + i])
        own = _words(turn.question, language)
        carried = _carried(own, known) if known and _leans(turn.question, own, language) else ()
        asked = _merged(_phrases(own), carried)
        known = _merged(asked, _answered(turn.answer, language, few=len(asked) < 2))
    language = _language(question, turns)
    words = _words(question, language)
    if not known or not _leans(question, words, language):
        return Standalone(question)
    topic = tuple(phrase.text for phrase in _carried(words, known))
    return Standalone(f"{question} ({', '.join(topic)})", topic) if topic else Standalone(question)


def _language(question: str, turns: Sequence[Turn]) -> Language | None:
    """Return the language of a conversation's newest question, as far as it and those before it tell."""
    before = " ".join(turn.question for turn in turns[-2:])
    return detect(f"{question} {before}", load_languages()) or detect(question, load_languages())


def _leans(question: str, words: Sequence[_Word], language: Language | None) -> bool:
    content = [word for word in words if word.content]
    if not content:
        return bool(words)
    text = folded(question).lstrip(" ¿¡\"'(-–")
    if _ELLIPTIC.match(text):
        return len(content) <= 5
    connector = _connector(text, language)
    first = _first(words, connector)
    whole = first is None or first.key.split("'")[0] in _set(_ASKING) or bool(_EMPTY.match(text))
    if connector and connector.split()[0] not in _set(_ASKING):
        return len(content) <= (2 if whole else 3)
    if _refers_back(text, words, language):
        return len(content) <= 4
    if not whole and first is not None and not first.content:
        return len(content) <= 2
    return len(content) == 1 and not _says_enough(content[0], words, language)


def _connector(text: str, language: Language | None) -> str:
    """Return the connector that a folded question begins with, or ""."""
    known = [form for each in ([language] if language else load_languages()) for form in each.connectors]
    found = (form for form in known if text.startswith(form) and not text[len(form) : len(form) + 1].isalnum())
    return max(found, key=len, default="")


def _first(words: Sequence[_Word], connector: str) -> _Word | None:
    after = words[len(connector.split()) :] if connector else words
    return after[0] if after else None


def _refers_back(text: str, words: Sequence[_Word], language: Language | None) -> bool:
    """Return whether a pronoun or demonstrative has nothing before it in the question that it could stand for."""
    known = frozenset(form for each in ([language] if language else load_languages()) for form in each.anaphora)
    left = [word.key for word in _words(_EMPTY.sub(" ", text), language)]
    seen = 0
    for i, word in enumerate(words):
        seen += word.content
        if seen > (1 if word.key in _set(_PERSONAL) else 2):
            return False
        if word.key not in left or (word.key not in known and word.key not in _set(_THEREIN)):
            continue
        # "The laptop that was lost", "true that it holds": after a word with content it is a conjunction.
        joins = word.key == "that" and i > 0 and words[i - 1].content
        noun_follows = word.key != "that" and i + 1 < len(words) and words[i + 1].content
        if not joins and not (word.key in _set(_EITHER) and noun_follows):
            return True
    return False


def _says_enough(word: _Word, words: Sequence[_Word], language: Language | None) -> bool:
    """Return whether a question's only word with content is enough of a subject: a name, a code, a compound, or what
    is asked for without an article ("What is phishing?").
    """
    if words[0].key.split("'")[0] not in _set(_ASKING):
        return False
    if word.shape or (
        language and language.nouns_capitalised and word.text[:1].isupper() and len(word.key) >= _LONG_NOUN
    ):
        return True
    at = words.index(word)
    return (
        at == len(words) - 1
        and at == 2
        and words[at - 1].key not in _set(_ARTICLES)
        and words[0].key in ("what", "was", "qué")
    )


def _carried(words: Sequence[_Word], known: Sequence[_Phrase]) -> tuple[_Phrase, ...]:
    """Return the phrases of a topic that a question neither has nor replaces."""
    own = _phrases(words)
    said = {word.key for word in words}
    shapes = {word.shape for word in words if word.shape}
    before = {(phrase.before, phrase.is_year) for phrase in own if phrase.before not in _set(_ASKING)}
    kept = []
    for phrase in known:
        left = tuple(word for word in phrase.words if word.shape not in shapes and word.key not in said)
        if left and (phrase.before, phrase.is_year) not in before - {("", False)}:
            kept.append(_Phrase(left, phrase.before))
    return tuple(kept[:PHRASES])


def _merged(first: Sequence[_Phrase], second: Sequence[_Phrase]) -> tuple[_Phrase, ...]:
    said = {word.key for phrase in first for word in phrase.words}
    return (*first, *(phrase for phrase in second if not said >= {word.key for word in phrase.words}))


def _answered(answer: str, language: Language | None, few: bool) -> tuple[_Phrase, ...]:
    """Return the names and codes of an answer, with `few` its first words with content; nothing of a refusal."""
    start = folded(answer[:_ANSWER_CHARACTERS])
    if any(start.startswith(folded(each.refusal)) for each in load_languages()):
        return ()
    phrases = _phrases(_words(answer[:_ANSWER_CHARACTERS], language))
    named = [phrase for phrase in phrases if any(word.shape not in ("", "year") for word in phrase.words)]
    return tuple((named or (phrases[:2] if few else []))[:FROM_ANSWER])


def _phrases(words: Sequence[_Word]) -> list[_Phrase]:
    found: list[_Phrase] = []
    before, run = "", list[_Word]()
    for word in words:
        if run and (not word.content or word.start - run[-1].end > 1):
            found.append(_Phrase(tuple(run), before))
            before, run = "", []
        if word.content:
            run.append(word)
        elif word.key not in _set(_ARTICLES):
            before = word.key
    return [*found, _Phrase(tuple(run), before)] if run else found


def _words(text: str, language: Language | None) -> list[_Word]:
    """Return the words of a text. Where no language is known, the function words of all are without content."""
    functions = language.function_words if language else _all_functions()
    large = language is not None and language.nouns_capitalised
    found: list[_Word] = []
    for match in _TOKEN.finditer(text):
        for piece, start in _pieces(match[0], match.start(), functions):
            key = folded(piece)
            empty = key in functions or set(re.split("['-]", key)) <= functions or key in _set(_CURRENCIES)
            content = not empty and (not key.isdigit() or bool(_YEAR.fullmatch(key)))
            begins = not found or bool(re.search(r"[.!?:]\s*\W*$", text[max(0, start - 4) : start]))
            # "London, Zurich and Oslo have one."
            begins = begins and not re.match(r",| [A-Z]", text[start + len(piece) :])
            shape = _shape(piece, key, begins or large) if content else ""
            found.append(_Word(piece, key, start, start + len(piece), content, shape))
    return found


def _pieces(token: str, start: int, functions: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield a token, its two parts where an apostrophe joins them ("l'hôtel"), or its first where the other says no
    more ("Ada's").
    """
    plain = token.replace("’", "'")
    head, apostrophe, tail = plain.partition("'")
    if not apostrophe or folded(plain) in functions:
        yield token, start
    elif tail.lower() in ("s", "re", "ve", "ll", "d", "m", "t"):
        yield token[: len(head)], start
    else:
        yield token[: len(head)], start
        yield token[len(head) + 1 :], start + len(head) + 1


def _shape(piece: str, key: str, large: bool) -> str:
    if _YEAR.fullmatch(key):
        return "year"
    if any(c.isdigit() for c in piece):
        groups = tuple(re.findall(r"\d+|[^\W\d_]+", key))
        return "/".join(kinds(groups)) if any(c.isalpha() for c in piece) else ""
    inner = any(c.isupper() for c in piece[1:])
    return "name" if inner or (piece[:1].isupper() and not large) else ""


@cache
def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


@cache
def _all_functions() -> frozenset[str]:
    return frozenset(word for language in load_languages() for word in language.function_words)
