"""Which of an answer's quotes come from the gold places, and which gold places are quoted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from appliance.evaluation.judge import covered, same_sentence, sentence_words, source_sentences
from appliance.evaluation.records import AnswerRecord, Gold, Quote

Level = Literal["document", "page", "sentence"]
Sentence = tuple[str | None, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Cited:
    """Of `quoted` places (documents, pages, sentences) `right` are gold; of `gold` ones `found` are quoted.

    By sentence these may differ, as one side may have cut in two what the other has in one piece.
    """

    right: int
    quoted: int
    found: int
    gold: int


def cited(record: AnswerRecord, level: Level) -> Cited | None:
    """Return how the quotes of what was shown compare with the gold places.

    Each place counts once, however often it is quoted. None where the question has no gold places of this level: then
    there is nothing to compare with. A sentence has to come from the gold document, where the set names one.
    """
    quotes = [quote for said in record.statements for quote in said.quotes] if not record.refused else []
    if not record.answerable:
        return None
    if level == "sentence":
        return _sentences(quotes, record.gold)
    places = record.gold if level == "document" else tuple(gold for gold in record.gold if gold.page is not None)
    if not places or any(gold.document is None for gold in places) or len(places) < len(record.gold):
        return None
    wanted = {(gold.document, gold.page if level == "page" else None) for gold in places}
    quoted = {(quote.document, quote.page if level == "page" else None) for quote in quotes}
    common = len(wanted & quoted)
    return Cited(common, len(quoted), common, len(wanted))


def _sentences(quotes: list[Quote], gold: tuple[Gold, ...]) -> Cited | None:
    wanted: dict[Sentence, None] = {
        (place.document, words): None for place in gold for text in place.sentences if (words := sentence_words(text))
    }
    if not wanted:
        return None
    quoted: dict[Sentence, None] = {
        (quote.document, words): None for quote in quotes for words in source_sentences(quote.text)
    }
    right = sum(any(_in_same_place(source, want) for want in wanted) for source in quoted)
    found = sum(
        covered(words, (said for place, said in quoted if document in (None, place))) for document, words in wanted
    )
    return Cited(right, len(quoted), found, len(wanted))


def _in_same_place(quoted: Sentence, wanted: Sentence) -> bool:
    return wanted[0] in (None, quoted[0]) and same_sentence(quoted[1], wanted[1])
