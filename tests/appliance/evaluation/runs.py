"""Made-up runs: a small one whose figures can be worked out by hand, and a large one to look at."""

from __future__ import annotations

import random

from appliance.evaluation.records import (
    AnswerRecord,
    Gold,
    Quote,
    RankedRecord,
    Run,
    StatementRecord,
    System,
)

LEAVE = Gold("leave.md", None, ("Leave is 30 days a year.", "Five of them may be carried over."))
TRAVEL = Gold("travel.pdf", 2, ("A hotel may cost 150 euros.",))


def answered(number: str, text: str, quotes: tuple[Quote, ...], **fields: object) -> AnswerRecord:
    """Return the record of an answer of one supported sentence."""
    said = (StatementRecord(text, "supported", quotes),)
    given: dict[str, object] = {
        "set": "house",
        "split": "test",
        "kind": "lookup",
        "answers": ("30 days",),
        "gold": (LEAVE,),
        "refused": False,
        "reason": "answered",
        "draft": text,
        "statements": said,
        "draft_statements": said,
    }
    return AnswerRecord(id=number, question=f"Question {number}?", text=text, **{**given, **fields})  # type: ignore[arg-type]


def refused(number: str, **fields: object) -> AnswerRecord:
    """Return the record of a refusal without a draft."""
    return answered(
        number,
        "The documents do not say.",
        (),
        **{"refused": True, "reason": "no_support", "draft": "", "statements": (), "draft_statements": (), **fields},
    )


def small(name: str = "small", seed: int = 1) -> Run:
    """Return five answers and two searches.

    Answerable: one right with two good quotes, one wrong with a number of its own and a quote that is not gold, one
    refused. Unanswerable: one refused, one answered.
    """
    right = answered(
        "1",
        "It is 30 days.",
        (Quote("leave.md", None, "Leave is 30 days a year."), Quote("leave.md", None, "Ask your manager first.")),
        confidence=0.9,
        searched_rank=1,
        timings={"search_ms": 10.0, "total_ms": 1000.0},
    )
    wrong = answered(
        "2",
        "It is 31 days.",
        (Quote("travel.pdf", 2, "A hotel may cost 150 euros.", verbatim=False),),
        confidence=0.6,
        unsupported=2,
        timings={"search_ms": 20.0, "total_ms": 3000.0},
    )
    lost = refused("3", confidence=0.2, draft="It is 30 days.", searched_rank=2, kind="comparison")
    due = refused("4", answers=(), gold=(), kind="unanswerable")
    undue = answered("5", "It is 150.", (Quote("x.md", None, "150"),), answers=(), gold=(), confidence=0.6)
    return Run(
        name,
        {"generator": {"name": "tiny", "sha256": "ab" * 32}, "seed": seed},
        (
            ranked("a", "fused", ("d1", "d2", "d3")),
            ranked("b", "fused", ("d3", "d2", "d1")),
            ranked("a", "words", ("d2", "d1", "d3")),
            ranked("b", "words", ("d3", "d2", "d1")),
        ),
        (right, wrong, lost, due, undue),
        12.0,
        "2 cores",
    )


def ranked(number: str, system: System, ranking: tuple[str, ...]) -> RankedRecord:
    """Return a search whose relevant documents are d1 (2) and d2 (1)."""
    return RankedRecord("bench", "test", number, f"Query {number}", "", system, ranking, {"d1": 2, "d2": 1})


def large(name: str, seed: int, skill: float, questions: int = 200) -> Run:
    """Return a run of `questions` answerable and as many unanswerable questions in two splits, and of searches."""
    chance = random.Random(seed)
    answers = [
        _answer(number, number % 2 == 0, "tune" if number % 4 < 2 else "test", chance, skill)
        for number in range(2 * questions)
    ]
    searches = [
        ranked(
            f"q{number}", system, tuple(chance.sample(("d1", "d2", "d3", "d4"), 4)) if chance.random() > bias else _BEST
        )
        for number in range(questions)
        for system, bias in (("fused", 0.2 + skill / 2), ("words", 0.3), ("meaning", 0.4))
    ]
    configuration = {
        "generator": {"name": "qwen2.5-coder-1.5b-instruct", "sha256": "cc32" * 16},
        "embedder": {"name": "all-minilm-l6-v2", "sha256": "53aa" * 16},
        "reranker": None,
        "answer": {"passages": 5, "threshold": 0.5, "name": name},
        "seed": 7,
    }
    return Run(name, configuration, tuple(searches), tuple(answers), 4210.0, "2 cores, AVX-512, 24 GiB")  # type: ignore[arg-type]


_BEST = ("d1", "d2", "d3", "d4")


def _answer(number: int, answerable: bool, split: str, chance: random.Random, skill: float) -> AnswerRecord:
    luck = chance.random()
    confidence = min(0.99, max(0.01, chance.gauss(0.45 + 0.3 * skill if answerable else 0.3, 0.18)))
    good = answerable and luck < 0.5 + 0.4 * skill * confidence
    text = "Annual leave is 30 days a year for everybody who works full time." if good else "It is the 4th of them."
    quotes = (Quote("policies/leave.md", None, "Leave is 30 days a year. Five of them may be carried over."),)
    said = (StatementRecord(text, "supported", quotes if luck > 0.1 else (*quotes, Quote("b.pdf", 3, "Other words."))),)
    is_refused = confidence < 0.4
    return AnswerRecord(
        set="handbook",
        split=split,
        id=f"q{number:03}",
        question=f"How many days of annual leave does somebody in department {number} have?",
        kind=("lookup", "comparison", "de", "follow-up")[number % 8 // 2] if answerable else "unanswerable",
        answers=("30 days", "thirty days") if answerable else (),
        gold=(Gold("policies/leave.md", None, LEAVE.sentences),) if answerable else (),
        text="The documents do not say." if is_refused else text,
        refused=is_refused,
        reason="low_confidence" if is_refused else "answered",
        confidence=confidence,
        draft=text,
        statements=() if is_refused else said,
        draft_statements=said,
        searched_rank=1 if luck < 0.8 else None,
        unsupported=int(luck * 3),
        timings={
            "search_ms": 20 + 30 * luck,
            "first_token_ms": 500 + 1500 * chance.random(),
            "total_ms": 1500 + chance.expovariate(1 / 2000),
            "overhead_ms": 40 + 40 * luck,
            "prompt_tokens": 1200.0,
            "reused_tokens": 1000.0,
            "output_tokens": 40.0,
        },
    )
