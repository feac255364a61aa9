"""What an evaluation asks: questions about documents, and queries of search benchmarks; and which of them.

appliance/evaluation/folder.py reads them from files.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from appliance.errors import UsageError
from appliance.evaluation.records import Gold
from appliance.types import Turn

# What benchmarks call the half that may be tuned on.
TUNED = frozenset({"tune", "train", "dev"})


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a set. `answers` are the gold answers, none where the documents do not answer it; `places` the
    gold places that answer it, `conversation` what was said before.
    """

    id: str
    question: str
    split: str
    kind: str
    answers: tuple[str, ...] = ()
    places: tuple[Gold, ...] = ()
    conversation: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions of one file."""

    name: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A question of a search benchmark, with the documents that it is about and their relevance, 1 or more."""

    id: str
    question: str
    split: str
    relevant: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """A search benchmark in `folder`. `documents` are the ids of its corpus, with their lines in it."""

    name: str
    folder: Path
    queries: tuple[Query, ...]
    documents: Mapping[str, int]

    @property
    def corpus(self) -> Path:
        return self.folder / "corpus.jsonl"


@dataclass(frozen=True, slots=True)
class Sets:
    """What an evaluation asks. `share` is the folder of documents, None without questions about one."""

    share: Path | None
    questions: tuple[QuestionSet, ...]
    retrieval: tuple[RetrievalSet, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(each.name for each in self.questions), *(each.name for each in self.retrieval))


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the questions are asked: sets by name (none named: all), a split ("": all), and of every set, split and
    kind of question (answerable or not) at most `limit` (0: all), drawn by `seed`.
    """

    only: frozenset[str] = frozenset()
    split: str = ""
    limit: int = 0
    seed: int = 0

    @property
    def whole(self) -> bool:
        """Return whether the test split is asked as a whole."""
        return not self.only and not self.limit and self.split in ("", "test")


def choose(sets: Sets, choice: Choice) -> Sets:
    """Return the questions that are asked. The same seed draws the same ones. Raises UsageError where none is left."""
    strangers = sorted(choice.only - set(sets.names))
    if strangers:
        raise UsageError(f'there is no set "{strangers[0]}"', f"Choose from: {', '.join(sets.names)}.")

    def wanted(name: str) -> bool:
        return not choice.only or name in choice.only

    questions = [
        replace(each, questions=_drawn(each.name, each.questions, choice, lambda q: "answerable" if q.answers else ""))
        for each in sets.questions
        if wanted(each.name)
    ]
    retrieval = [
        replace(each, queries=_drawn(each.name, each.queries, choice, lambda q: ""))
        for each in sets.retrieval
        if wanted(each.name)
    ]
    chosen = Sets(
        sets.share,
        tuple(each for each in questions if each.questions),
        tuple(each for each in retrieval if each.queries),
    )
    if not chosen.names:
        raise UsageError(f'no question is of split "{choice.split}"', "Choose another split, or none.")
    return chosen


def is_of_split(split: str, wanted: str) -> bool:
    """Return whether questions of `split` belong to the half `wanted` ("" is both)."""
    return not wanted or split == wanted or (wanted == "tune" and split in TUNED)


_Asked = TypeVar("_Asked", Question, Query)


def _drawn(
    name: str, questions: tuple[_Asked, ...], choice: Choice, kind: Callable[[_Asked], str]
) -> tuple[_Asked, ...]:
    """Return the chosen ones in the order of the file."""
    groups: dict[tuple[str, str], list[str]] = {}
    for question in questions:
        if is_of_split(question.split, choice.split):
            groups.setdefault((question.split, kind(question)), []).append(question.id)
    drawn: set[tuple[str, str]] = set()
    for (split, label), ids in groups.items():
        ids.sort()
        if choice.limit:
            # Each group by itself, so that a question added elsewhere changes nothing here.
            random.Random(f"{choice.seed}/{name}/{split}/{label}").shuffle(ids)  # noqa: S311  # a sample, no secret
        drawn.update((split, each) for each in (ids[: choice.limit] if choice.limit else ids))
    return tuple(question for question in questions if (question.split, question.id) in drawn)


def missing_documents(queries: Iterable[Query], documents: Mapping[str, int]) -> list[str]:
    """Return a warning for each query whose relevant documents are not all in the corpus."""
    return [
        f'query "{query.id}": its relevant document "{name}" is not in the corpus'
        for query in queries
        for name in query.relevant
        if name not in documents
    ]
