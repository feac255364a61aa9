"""What is said when the documents do not answer, or not all of it: in the language of the question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.language import Language, folded
from appliance.safe_text import plain
from appliance.types import Passage, Searched, Statement
from appliance.words import same_word, words

CLOSEST_DOCUMENTS = 3


def closest_passages(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return the best passage of each of the first documents, best first."""
    best: dict[str, Passage] = {}
    for passage in passages:
        best.setdefault(passage.chunk.document.id, passage)
    return tuple(best.values())[:CLOSEST_DOCUMENTS]


def refusal_text(language: Language, searched: Searched) -> str:
    """Return what a reader is told who gets no answer: how much was searched, and which documents come closest."""
    said = [language.refusal, language.searched.format(documents=searched.documents)]
    if searched.closest:
        paths = [passage.chunk.document.path for passage in searched.closest]
        # The names of the reader's own documents are information, as addresses in quotes are.
        names = ", ".join(plain(path, paths) for path in paths)
        said.append(language.closest.format(documents=names))
    return " ".join(said)


def sounds_like_refusal(sentence: str, refusal: str, languages: Sequence[Language]) -> bool:
    """Return whether a sentence is the refusal that the model was told to give, or one in words of its own."""
    said = _words(sentence)
    if said == _words(refusal):
        return True
    return any(f" {phrase} " in f" {said} " for language in languages for phrase in language.refusal_phrases)


def missing_parts(question: str, statements: Sequence[Statement], language: Language | None) -> tuple[str, ...]:
    """Return the names and numbers of a question that its answer leaves out, where it has others of them.

    "Hotel limits in Berlin and Madrid?", answered for Berlin, misses Madrid. A question with a single name misses
    nothing: what it is about, an answer need not say again.
    """
    ignored = language.function_words if language else frozenset[str]()
    nouns = language is not None and language.nouns_capitalised
    asked = [
        word
        for i, word in enumerate(words(question))
        if (word.readings or (word.name and i > 0))
        and word.key not in ignored
        and not (nouns and question[word.start : word.end].istitle() and not word.readings)
    ]
    said = {word.key for word in words(" ".join(_told(statement) for statement in statements))}
    left = [word for word in asked if not any(same_word(word.key, key) for key in said)]
    if len(left) == len(asked):
        return ()
    return tuple(dict.fromkeys(question[word.start : word.end] for word in left))


def _told(statement: Statement) -> str:
    quoted = []
    for citation in statement.citations:
        chunk = citation.passage.chunk
        quoted += [citation.quote, *chunk.headings, chunk.document.path]
    return " ".join([statement.text, *quoted])


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", folded(text)))
