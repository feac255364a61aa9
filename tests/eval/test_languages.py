"""The questions in German, French and Spanish by their form, and the documents that they are about."""

from __future__ import annotations

from collections import Counter

import pytest

from appliance.language import detect, load_languages
from tests.eval.languages_check import CODES, documents, missing_sentences, questions, said, visible_text

# Questions of each language by kind; those of the first four have answers.
KINDS = {
    "lookup": 11,
    "paraphrase": 6,
    "keyword": 3,
    "cross-language": 4,
    "unanswerable": 12,
    "follow-up": 4,
}


def test_ids_are_unique() -> None:
    """No two questions of any language share an id, nor two answers."""
    asked = Counter(question.id for code in CODES for question in questions(code))
    answered = Counter(each.id for each in said())
    assert ([], []) == ([name for name in asked if asked[name] > 1], [name for name in answered if answered[name] > 1])


@pytest.mark.parametrize("code", CODES)
def test_gold_sentences_stand_in_the_documents(code: str) -> None:
    """Every answerable question has sentences that support it, and they stand in the document, word for word."""
    answerable = [question for question in questions(code) if question.answers]
    assert [] == [question.id for question in answerable if not any(place.sentences for place in question.places)]
    assert [] == [(question.id, sentence) for question in answerable for sentence in missing_sentences(question)]


@pytest.mark.parametrize("code", CODES)
def test_answers_stand_in_the_gold_sentences(code: str) -> None:
    """At least one spelling of an answer stands as it is in what supports it, so that no answer is made up."""
    strangers = []
    for question in questions(code):
        gold = " ".join(sentence for place in question.places for sentence in place.sentences).casefold()
        if question.answers and not any(answer.casefold() in gold for answer in question.answers):
            strangers.append(question.id)
    assert [] == strangers


@pytest.mark.parametrize("code", CODES)
def test_every_language_asks_the_same_kinds(code: str) -> None:
    """Languages can be compared: as many questions of each kind, half of each split, answers only where there are."""
    asked = questions(code)
    assert KINDS == Counter(question.kind for question in asked)
    assert {"tune": 20, "test": 20} == Counter(question.split for question in asked)
    assert [] == [q.id for q in asked if bool(q.answers) == (q.kind == "unanswerable")]
    assert [] == [q.id for q in asked if bool(q.conversation) != (q.kind == "follow-up")]


@pytest.mark.parametrize("code", CODES)
def test_no_document_is_in_both_splits(code: str) -> None:
    """What is tuned on says nothing about the other half: a document belongs to one split."""
    pairs = {(place.document, question.split) for question in questions(code) for place in question.places}
    assert [] == [document for document, count in Counter(document for document, _ in pairs).items() if count > 1]


def test_every_document_is_asked_about_and_in_its_language() -> None:
    """There are eight documents of a language, each is the gold place of a question and in the folder's language."""
    for code in CODES:
        gold = {place.document for question in questions(code) for place in question.places}
        assert 8 == len(documents(code))
        assert set(documents(code)) == gold
        for document in documents(code):
            language = detect(visible_text(document), load_languages())
            assert (document, code) == (document, language.code if language else None)


def test_every_answerable_question_has_something_said() -> None:
    """The right and the wrong sentence are there for each answerable question, for no other, and they differ."""
    answerable = [question.id for code in CODES for question in questions(code) if question.answers]
    assert answerable == [each.id for each in said()]
    assert [] == [each.id for each in said() if each.right == each.wrong]
