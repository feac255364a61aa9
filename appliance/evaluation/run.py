"""Measuring one configuration: every question is searched for and answered by the real parts, in this process.

What was found and said is kept question by question, so that the same question under the same configuration is
computed once, and an interrupted run goes on where it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from appliance import bootstrap
from appliance.config import Settings
from appliance.errors import EngineError, QuestionError
from appliance.evaluation import asking, gate
from appliance.evaluation.asking import Finder, Outcome, Parts, Texts
from appliance.evaluation.home import corpus_home, document_of, documents_home
from appliance.evaluation.records import Run
from appliance.evaluation.sets import Choice, Query, Question, RetrievalSet, Sets, missing_documents
from appliance.evaluation.store import Store, key
from appliance.ports import Embedder
from appliance.types import Json

_Asked = TypeVar("_Asked", Question, Query)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked: `sets` as `choice` has drawn them. With `fresh`, nothing computed before counts."""

    sets: Sets
    choice: Choice
    fresh: bool = False


@dataclass(slots=True)
class Measured:
    """A run, with what a reader of its report should know beside it."""

    run: Run
    warnings: list[str] = field(default_factory=list)


def measure(name: str, settings: Settings, plan: Plan, store: Store) -> Measured:
    """Return the run of one configuration over the sets, under `name`.

    Raises what the parts raise, a failed answer aside: that is a wrong one, and a warning.
    """
    started, decides = time.monotonic(), {**gate.configuration(settings), "code": code_digest()}
    outcomes: list[Outcome] = []
    warnings: list[str] = []
    if plan.sets.questions and plan.sets.share:
        with documents_home(settings, plan.sets.share, plan.fresh) as prepared, _opened(prepared.settings) as parts:
            warnings += [f"documents/{problem}" for problem in prepared.problems]
            for each in plan.sets.questions:
                texts = Texts(parts.index, prepared.share)
                warnings += asking.doubts(each.name, each.questions, texts)
                session = Session(parts, store, {**decides, "documents": _contents(parts)}, warnings)
                outcomes += session.questions(each.name, each.questions, texts)
    for benchmark in plan.sets.retrieval:
        warnings += [f"{benchmark.name}, {each}" for each in missing_documents(benchmark.queries, benchmark.documents)]
        outcomes += _benchmark(settings, benchmark, plan, store, decides, warnings)
    run = Run(
        name=name,
        configuration={**decides, "seed": plan.choice.seed, "asked": _described(plan.choice)},
        ranked=tuple(record for outcome in outcomes for record in outcome.ranked),
        answers=tuple(record for outcome in outcomes for record in outcome.answers),
        seconds=round(time.monotonic() - started, 3),
        machine=machine(),
    )
    return Measured(run, warnings)


class Session:
    """Asks questions of one index. `decides` is everything beside the question that decides what comes of it."""

    def __init__(self, parts: Parts, store: Store, decides: Mapping[str, Json], warnings: list[str]) -> None:
        self._parts = parts
        self._store = store
        self._decides = decides
        self._warnings = warnings

    def questions(self, name: str, questions: Sequence[Question], texts: Texts) -> Iterator[Outcome]:
        """Yield what comes of each question of a set."""

        def compute(question: Question) -> Outcome:
            answer = asking.ask(self._parts, question)
            # A follow-up is searched for as what it was taken to mean.
            meant = answer.searched.question if question.conversation and answer.searched else question.question
            ranked = tuple(asking.rank_places(self._parts, name, question, meant))
            return Outcome(ranked, (asking.answer_record(name, question, answer, texts, self._parts.log),))

        for question in _shown(name, questions):
            yield self._computed(name, question, compute)

    def queries(self, name: str, queries: Sequence[Query], document_of: Callable[[str], str]) -> Iterator[Outcome]:
        """Yield what comes of each query of a benchmark."""

        def compute(query: Query) -> Outcome:
            return Outcome(tuple(asking.rank_documents(self._parts, name, query, document_of)), ())

        for query in _shown(name, queries):
            yield self._computed(name, query, compute)

    def _computed(self, name: str, question: _Asked, compute: Callable[[_Asked], Outcome]) -> Outcome:
        place = key(self._decides, name, question)
        outcome = self._store.get(place)
        if outcome is not None:
            return outcome
        try:
            outcome = compute(question)
        except (EngineError, QuestionError) as error:
            self._warnings.append(f'{name}, question "{question.id}" failed: {error.message}')
            # Not kept: the next evaluation tries again.
            return asking.failed(name, question)
        self._store.put(place, outcome)
        return outcome


def _benchmark(
    settings: Settings,
    benchmark: RetrievalSet,
    plan: Plan,
    store: Store,
    decides: Mapping[str, Json],
    warnings: list[str],
) -> list[Outcome]:
    with corpus_home(settings, benchmark, plan.fresh) as prepared, _opened(prepared.settings) as parts:
        warnings += [f"{benchmark.name}/{problem}" for problem in prepared.problems]
        session = Session(parts, store, {**decides, "documents": _contents(parts)}, warnings)
        return list(session.queries(benchmark.name, benchmark.queries, document_of))


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[Parts]:
    """Yield the parts of a private home, put together as its service would. Models are loaded when first needed."""
    loaded: list[Embedder] = []

    def load(settings: Settings) -> Embedder:
        loaded.append(bootstrap.embedder(settings))
        return loaded[-1]

    appliance = bootstrap.open_appliance(settings, loaders=bootstrap.Loaders(embedder=load))

    def finder() -> Finder:
        return appliance.searcher.retrieval

    def embedder() -> Embedder:
        finder()
        return loaded[-1]

    with contextlib.closing(appliance):
        yield Parts(finder, embedder, lambda: appliance.answerer, appliance.index, appliance.log)


def code_digest() -> str:
    """Return the digest of the program's own files, evaluation aside: a change of the code may change every answer."""
    return gate.package_digest(lambda file: file.parts[0] != Path(__file__).parent.name)


def machine() -> str:
    """Return what the figures were measured on."""
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {platform.machine()}, {platform.system()} {platform.release()}"


def _contents(parts: Parts) -> str:
    """Return the digest of which version of which document is in the index."""
    lines = sorted(f"{name} {sha256}" for name, sha256 in parts.index.versions().items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _described(choice: Choice) -> dict[str, Json]:
    return {"only": sorted(choice.only), "split": choice.split, "limit": choice.limit}


def _shown(name: str, questions: Sequence[_Asked]) -> Iterator[_Asked]:
    """Yield questions, with a bar on standard error where a person looks on."""
    yield from tqdm(questions, desc=name, unit=" questions", disable=not sys.stderr.isatty(), dynamic_ncols=True)
