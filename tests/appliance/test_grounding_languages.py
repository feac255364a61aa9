"""Grounding in German, French and Spanish: right answers keep their quotes, answers with one thing changed do not."""

from __future__ import annotations

import pytest

from appliance.evaluation.judge import covered, sentence_words, source_sentences
from appliance.evaluation.sets import Question
from appliance.followup import standalone
from appliance.grounding import Evidence, Grounded
from tests.eval.languages_check import CODES, Said, documents, passages, questions, said

ASKED = {question.id: question for code in CODES for question in questions(code)}
SAID = said()


def ground(question: Question, sentence: str) -> Grounded:
    """Ground a sentence in the gold document and in two that come after it, in passages."""
    gold = str(question.places[0].document)
    others = documents(gold.partition("/")[0])
    at = others.index(gold)
    shown = (gold, others[(at + 1) % len(others)], others[(at + 2) % len(others)])
    meant = standalone(question.question, question.conversation).text
    return Evidence([passage for path in shown for passage in passages(path)], meant).ground(sentence)


@pytest.mark.parametrize("each", SAID, ids=lambda each: each.id)
def test_a_right_answer_is_supported_by_the_gold_sentence(each: Said) -> None:
    """A right sentence is supported, whatever language the question is in, and the gold sentence is quoted."""
    question = ASKED[each.id]
    grounded = ground(question, each.right)
    assert "" == grounded.why
    assert _quotes_gold(grounded, question)


@pytest.mark.parametrize("each", SAID, ids=lambda each: each.id)
def test_an_answer_with_one_thing_changed_is_not_supported(each: Said) -> None:
    """Another number, measure, name or negation in a right sentence withholds it."""
    assert not ground(ASKED[each.id], each.wrong).supported


def _quotes_gold(grounded: Grounded, question: Question) -> bool:
    gold = question.places[0]
    quoted = [
        words
        for citation in grounded.citations
        if citation.passage.chunk.document.path == gold.document
        for words in source_sentences(citation.quote)
    ]
    return all(covered(sentence_words(sentence), quoted) for sentence in gold.sentences)
