"""Measures against values worked out by hand, and against definitions written another way."""

from __future__ import annotations

from itertools import permutations
from math import log2

from hypothesis import given
from hypothesis import strategies as st

from appliance.evaluation.citations import Cited, cited
from appliance.evaluation.figures import summary
from appliance.evaluation.measures import ndcg, recall, reciprocal_rank
from appliance.evaluation.records import Gold, Quote
from tests.appliance.evaluation.runs import LEAVE, answered, small


def test_ndcg_of_a_ranking_worked_out_by_hand() -> None:
    """Gains 0, 2, 1 at ranks 1 to 3 are 2/log2(3) + 1/2 of 2 + 1/log2(3)."""
    expected = (2 / log2(3) + 1 / 2) / (2 + 1 / log2(3))
    assert expected == ndcg(["x", "a", "b"], {"a": 2, "b": 1}, 10)
    assert 0.0 == ndcg(["x", "a", "b"], {"a": 2, "b": 1}, 1)
    assert 0.0 == ndcg(["a"], {"a": 0}, 10)


def test_the_second_place_of_an_id_is_none() -> None:
    """A document found twice counts once, and pushes nothing down."""
    assert ndcg(["a", "b"], {"b": 1}, 2) == ndcg(["a", "a", "b"], {"b": 1}, 2)
    assert 1.0 == recall(["a", "a", "b"], {"a": 1, "b": 1}, 2)
    assert 0.5 == reciprocal_rank(["x", "x", "a"], {"a": 1})


@given(st.permutations("abcde"), st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3)), st.integers(1, 6))
def test_ndcg_is_the_share_of_the_best_that_any_order_gives(
    ranking: list[str], relevant: dict[str, int], k: int
) -> None:
    """Brute force over every order of the relevant ids."""

    def gain(order: tuple[str, ...]) -> float:
        return sum(relevant.get(key, 0) / log2(rank + 2) for rank, key in enumerate(order[:k]))

    best = max(gain(order) for order in permutations(relevant))
    assert abs(ndcg(ranking, relevant, k) - (gain(tuple(ranking)) / best if best else 0.0)) < 1e-9


def test_recall_and_reciprocal_rank() -> None:
    """Relevance 0 is not relevant."""
    assert 0.5 == recall(["a", "x"], {"a": 1, "b": 3, "x": 0}, 5)
    assert 1 / 3 == reciprocal_rank(["x", "y", "a"], {"a": 1, "x": 0})
    assert 0.0 == reciprocal_rank(["x"], {"a": 1})


def test_citations_by_document_page_and_sentence() -> None:
    """One of two quoted sentences is gold; one of two gold sentences is quoted; the document is right."""
    record = small().answers[0]
    assert Cited(1, 2, 1, 2) == cited(record, "sentence")
    assert Cited(1, 1, 1, 1) == cited(record, "document")
    assert cited(record, "page") is None


def test_citations_by_page() -> None:
    """The right document on the wrong page is not the right page."""
    quotes = (Quote("t.pdf", 2, "It costs 150."), Quote("t.pdf", 3, "It costs 150."))
    record = answered("1", "150.", quotes, gold=(Gold("t.pdf", 2, ()), Gold("t.pdf", 5, ())))
    assert Cited(1, 2, 1, 2) == cited(record, "page")
    assert Cited(1, 1, 1, 1) == cited(record, "document")
    assert cited(record, "sentence") is None


def test_a_gold_sentence_of_another_document_is_not_gold() -> None:
    """The same words count only in the document that the set names, where it names one."""
    quotes = (Quote("copy.md", None, LEAVE.sentences[0]),)
    assert Cited(0, 1, 0, 2) == cited(answered("1", "x", quotes), "sentence")
    assert Cited(1, 1, 1, 2) == cited(answered("1", "x", quotes, gold=(Gold(None, None, LEAVE.sentences),)), "sentence")


def test_the_figures_of_a_small_run() -> None:
    """Every figure of the run in runs.small, worked out by hand."""
    found = summary(small())["answers"]["house"]["test"]
    expected = {
        "right": (2, 5),
        "accuracy": (1, 3),
        "accuracy_answered": (1, 2),
        "exact_match": (0, 3),
        "squad_exact_match": (1, 5),
        "refusal_recall": (1, 2),
        "refusal_precision": (1, 2),
        "refusal_f1": (2, 4),
        "refused_answerable": (1, 3),
        "gold_given": (2, 3),
        "citation_document_precision": (1, 2),
        "citation_document_recall": (1, 2),
        "citation_sentence_precision": (1, 3),
        "citation_sentence_recall": (1, 4),
        "citation_sentence_precision_macro": (0.5, 2),
        "citation_sentence_recall_of_all": (1, 6),
        "quotes_verbatim": (3, 4),
        "numbers_missing": (1, 3),
        "unsupported_shown": (0, 3),
        "unsupported": (2, 3),
    }
    assert expected == {name: (found[name]["numerator"], found[name]["denominator"]) for name in expected}
    # "It is 30 days" has half of its words in common with "30 days": F1 2/3; "It is 31 days" 1 of 4 and 2: 1/3.
    assert (1.0, 3.0) == (found["token_f1"]["numerator"], found["token_f1"]["denominator"])
    assert round(1 / 3, 6) == found["accuracy"]["value"]
