"""What is measured, one question at a time.

A measure gives each question two terms; its figure for a set is the sum of the first over the sum of the second
(appliance/evaluation/bootstrap_ci.py). (0, 0) is a question that it does not count.

nDCG has a linear gain (the relevance itself) and the discount log2(rank + 1), as trec_eval and BEIR compute it. A
ranking's second place of the same id is no place. Questions without relevant ids do not count, as in trec_eval.

Of answers, "right" means that a gold answer stands in the text that was shown; a refusal shows nothing, and is right
where there is no gold answer. Citations are judged over the questions that have gold places and were answered; how
many were not is another figure, and "of all" counts those, too, as having found nothing. Micro figures weigh every
quote or gold sentence alike, macro figures every question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log2
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from appliance.evaluation.citations import Level, cited
from appliance.evaluation.judge import contains, exact, numbers_missing, token_f1
from appliance.evaluation.records import AnswerRecord, RankedRecord

R = TypeVar("R", RankedRecord, AnswerRecord)
Terms = tuple[float, float]
Unit = Literal["share", "score", "count", "ms"]

NOT_COUNTED: Terms = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Measure(Generic[R]):
    """One figure: its name in the JSON, what a reader sees, and the terms of one question."""

    name: str
    label: str
    terms: Callable[[R], Terms]
    unit: Unit = "share"
    higher_is_better: bool = True


def table(records: Sequence[R], measures: Sequence[Measure[R]]) -> NDArray[np.float64]:
    """Return the terms of all questions, in the shape (questions, measures, 2)."""
    terms = [[measure.terms(record) for measure in measures] for record in records]
    return np.array(terms, dtype=np.float64).reshape(len(records), len(measures), 2)


def ndcg(ranking: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """Return the normalised discounted cumulative gain of the first `k` ids, 0 to 1; 0 where nothing is relevant."""
    ideal = _dcg(sorted(relevant.values(), reverse=True)[:k])
    return _dcg([relevant.get(key, 0) for key in _unique(ranking)[:k]]) / ideal if ideal > 0 else 0.0


def recall(ranking: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """Return the share of the relevant ids that is among the first `k`; 0 where nothing is relevant."""
    wanted = {key for key, grade in relevant.items() if grade > 0}
    return len(wanted & set(_unique(ranking)[:k])) / len(wanted) if wanted else 0.0


def reciprocal_rank(ranking: Sequence[str], relevant: Mapping[str, int]) -> float:
    """Return one over the rank of the first relevant id, 0 where there is none."""
    return next((1 / rank for rank, key in enumerate(_unique(ranking), 1) if relevant.get(key, 0) > 0), 0.0)


def right(record: AnswerRecord) -> bool:
    """Return whether what was shown is what should have been: a gold answer, or a refusal where there is none."""
    if not record.answerable:
        return record.refused
    return not record.refused and contains(record.text, record.answers)


def draft_right(record: AnswerRecord) -> bool:
    """Return whether the draft, had it been shown, would have been right."""
    return record.answerable and contains(record.draft, record.answers)


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _unique(ranking: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ranking))


def _ranked(score: Callable[[Sequence[str], Mapping[str, int]], float], record: RankedRecord) -> Terms:
    if not any(grade > 0 for grade in record.relevant.values()):
        return NOT_COUNTED
    return score(record.ranking, record.relevant), 1.0


def _over(counted: bool, value: float) -> Terms:
    return (float(value), 1.0) if counted else NOT_COUNTED


def _squad(score: Callable[[str, Sequence[str]], float], record: AnswerRecord) -> Terms:
    """SQuAD 2.0 gives a question without an answer 1 if it was refused, and a refusal of another 0."""
    if record.refused or not record.answerable:
        return float(record.refused and not record.answerable), 1.0
    return float(score(record.text, record.answers)), 1.0


def _answerable_squad(score: Callable[[str, Sequence[str]], float], record: AnswerRecord) -> Terms:
    return _squad(score, record) if record.answerable else NOT_COUNTED


def _refusal_f1(record: AnswerRecord) -> Terms:
    right_refusal = record.refused and not record.answerable
    return 2.0 * right_refusal, float(record.refused) + float(not record.answerable)


def _cited(part: Literal["precision", "recall"], how: str, level: Level, record: AnswerRecord) -> Terms:
    counts = cited(record, level)
    if counts is None or (record.refused and how != "of all"):
        return NOT_COUNTED
    above, below = (counts.right, counts.quoted) if part == "precision" else (counts.found, counts.gold)
    if how == "macro":
        return (above / below, 1.0) if below else NOT_COUNTED
    return float(above), float(below)


def _verbatim(record: AnswerRecord) -> Terms:
    quotes = [quote for said in record.statements for quote in (*said.quotes, *said.against)]
    return float(sum(quote.verbatim for quote in quotes)), float(len(quotes))


def _numbers(record: AnswerRecord) -> Terms:
    shown = [said for said in record.statements if said.support != "unsupported"]
    wrong = [said for said in shown if numbers_missing(said.text, [quote.text for quote in said.quotes])]
    return float(len(wrong)), float(len(shown))


def _unsupported_shown(record: AnswerRecord) -> Terms:
    return float(sum(said.support == "unsupported" for said in record.statements)), float(len(record.statements))


def _timing(name: str, record: AnswerRecord) -> Terms:
    return (float(record.timings[name]), 1.0) if name in record.timings else NOT_COUNTED


RETRIEVAL: tuple[Measure[RankedRecord], ...] = (
    Measure("ndcg@10", "nDCG@10", partial(_ranked, partial(ndcg, k=10)), "score"),
    Measure("recall@5", "recall@5", partial(_ranked, partial(recall, k=5))),
    Measure("recall@10", "recall@10", partial(_ranked, partial(recall, k=10))),
    Measure("recall@20", "recall@20", partial(_ranked, partial(recall, k=20))),
    Measure("mrr", "MRR", partial(_ranked, reciprocal_rank), "score"),
)

_LEVELS: tuple[Level, ...] = ("document", "page", "sentence")

ANSWERS: tuple[Measure[AnswerRecord], ...] = (
    Measure("right", "Right, refusals of unanswerable included", lambda r: _over(True, right(r))),
    Measure("accuracy", "Answerable questions right", lambda r: _over(r.answerable, right(r))),
    Measure(
        "accuracy_answered",
        "Right, of the answerable questions answered",
        lambda r: _over(r.answerable and not r.refused, right(r)),
    ),
    Measure("exact_match", "Exact match, answerable", partial(_answerable_squad, exact)),
    Measure("token_f1", "Token F1, answerable", partial(_answerable_squad, token_f1), "score"),
    Measure("squad_exact_match", "Exact match, SQuAD 2.0", partial(_squad, exact)),
    Measure("squad_f1", "Token F1, SQuAD 2.0", partial(_squad, token_f1), "score"),
    Measure("refusal_recall", "Unanswerable questions refused (recall)", lambda r: _over(not r.answerable, r.refused)),
    Measure("refusal_precision", "Refusals that are due (precision)", lambda r: _over(r.refused, not r.answerable)),
    Measure("refusal_f1", "Refusal F1", _refusal_f1, "score"),
    Measure(
        "refused_answerable",
        "Answerable questions refused",
        lambda r: _over(r.answerable, r.refused),
        higher_is_better=False,
    ),
    Measure(
        "gold_given", "Gold passage given to the model", lambda r: _over(bool(r.gold), r.searched_rank is not None)
    ),
    *(
        Measure(f"citation_{level}_{part}", f"Citation {part} by {level}", partial(_cited, part, "micro", level))
        for level in _LEVELS
        for part in ("precision", "recall")
    ),
    Measure(
        "citation_sentence_precision_macro",
        "Citation precision by sentence, mean of questions",
        partial(_cited, "precision", "macro", "sentence"),
    ),
    Measure(
        "citation_sentence_recall_macro",
        "Citation recall by sentence, mean of questions",
        partial(_cited, "recall", "macro", "sentence"),
    ),
    Measure(
        "citation_sentence_recall_of_all",
        "Citation recall by sentence, refused questions included",
        partial(_cited, "recall", "of all", "sentence"),
    ),
    Measure("quotes_verbatim", "Quotes that are verbatim", _verbatim),
    Measure("numbers_missing", "Supported sentences with a number their quotes lack", _numbers, higher_is_better=False),
    Measure("unsupported_shown", "Sentences shown without support", _unsupported_shown, higher_is_better=False),
    Measure(
        "unsupported",
        "Sentences withheld or unsupported, per answer",
        lambda r: _over(not r.refused, r.unsupported),
        "count",
        higher_is_better=False,
    ),
)

TIMINGS: tuple[Measure[AnswerRecord], ...] = (
    Measure("search_ms", "Search", partial(_timing, "search_ms"), "ms", higher_is_better=False),
    Measure("first_token_ms", "First token", partial(_timing, "first_token_ms"), "ms", higher_is_better=False),
    Measure("total_ms", "Whole answer", partial(_timing, "total_ms"), "ms", higher_is_better=False),
    Measure("overhead_ms", "Grounding and refusal", partial(_timing, "overhead_ms"), "ms", higher_is_better=False),
)
