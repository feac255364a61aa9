"""The handbook's questions by their own form, and the program that compares them with the handbook."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.eval.handbook_check import Question, form_errors, load, place_errors, places

LOOKUP: Question = {
    "id": "x-1",
    "question": "How long is the pump guaranteed?",
    "answers": ["two years"],
    "document": "pump.md",
    "page": None,
    "sentences": ["The pump is guaranteed for two years."],
    "split": "tune",
    "kind": "lookup",
    "conversation": [],
    "also": [],
}
PLACE = {"document": "valve.md", "page": None, "sentences": ["The valve is guaranteed for one year."]}
TURN = {"question": "Which pump do we sell?", "answer": "The blue one."}


def test_ids_are_unique() -> None:
    """No two questions share an id."""
    counts = Counter(question["id"] for question in load())
    assert [name for name, count in counts.items() if count > 1] == []


def test_every_question_is_well_formed() -> None:
    """Every line has all fields, none of them empty where its kind needs them, and no sentence that is too short."""
    assert [f"{question['id']}: {error}" for question in load() for error in form_errors(question)] == []


def test_no_document_is_in_both_splits() -> None:
    """What is tuned on says nothing about the other half: a document belongs to one split, further places included."""
    pairs = {(document, question["split"]) for question in load() for document, _ in places(question)}
    counts = Counter(document for document, _ in pairs)
    assert [document for document, count in counts.items() if count > 1] == []


def test_no_question_is_asked_twice() -> None:
    """Questions are different, together with the conversation that they lean on."""
    counts = Counter((question["question"], str(question["conversation"])) for question in load())
    assert [text for text, count in counts.items() if count > 1] == []


def test_a_right_question_has_no_error() -> None:
    """The rules let a lookup, a comparison, a follow-up and an unanswerable question through."""
    refused: Question = {"kind": "unanswerable", "answers": [], "document": None, "sentences": []}
    kinds: tuple[Question, ...] = (
        {},
        {"kind": "comparison", "also": [PLACE]},
        {"kind": "follow-up", "conversation": [TURN]},
        refused,
    )
    assert [list(form_errors(LOOKUP | kind)) for kind in kinds] == [[], [], [], []]


@pytest.mark.parametrize(
    "change",
    [
        {"answers": []},
        {"answers": [" "]},
        {"answers": "two years"},
        {"document": None},
        {"sentences": []},
        {"sentences": ["Two years."]},
        {"kind": "unanswerable"},
        {"kind": "comparison"},
        {"kind": "riddle"},
        {"split": "train"},
        {"kind": "follow-up"},
        {"conversation": [TURN]},
        {"also": [PLACE | {"sentences": []}]},
        {"note": "a field of our own"},
    ],
    ids=str,
)
def test_a_wrong_question_is_named(change: Question) -> None:
    """Each rule of the form refuses a question that breaks it, and that one alone is said."""
    assert len(list(form_errors(LOOKUP | change))) == 1


def test_places_are_looked_up_in_the_visible_text(tmp_path: Path) -> None:
    """A sentence may be wrapped, emphasised and linked in the Markdown, but must have the question's very words."""
    (tmp_path / "pump.md").write_text("# Pump\n\nThe [pump](a.md) is **guaranteed**\nfor two years.\n")
    assert list(place_errors(LOOKUP, tmp_path)) == []
    changed = LOOKUP | {"sentences": ["The pump is guaranteed for 2 years."]}
    assert list(place_errors(changed, tmp_path)) == ["not in pump.md: 'The pump is guaranteed for 2 years.'"]
    assert list(place_errors(LOOKUP | {"also": [PLACE]}, tmp_path)) == ["no document valve.md"]
