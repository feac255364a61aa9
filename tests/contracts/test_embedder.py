"""What every Embedder promises: shape, unit length, order, and a vector that is the text's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.embedder import Backend, SentenceEmbedder
from appliance.manifest import load_manifest
from appliance.ports import Embedder
from tests.fakes import HashEmbedder

TEXTS = (
    "Parental leave is sixteen weeks at full pay.",
    "The on-call engineer acknowledges a page within ten minutes.",
    "| Item | Price |\n| Flange bolt | 0.42 EUR |",
    "Either party may terminate this Agreement upon ninety days' written notice.",
)
SAME = 0.9999


def _real(folder: Path, backend: Backend, state: Path) -> SentenceEmbedder:
    return SentenceEmbedder(folder, load_manifest().spec("all-minilm-l6-v2").record, backend, 2, state)


@pytest.fixture(
    scope="module",
    params=[
        "hash",
        pytest.param("float32", marks=pytest.mark.model),
        pytest.param("bfloat16", marks=pytest.mark.model),
    ],
)
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    """Return each embedder in turn."""
    if request.param == "hash":
        return HashEmbedder()
    state = tmp_path_factory.mktemp("embedder") / "state.json"
    return _real(request.getfixturevalue("embedder_path"), request.param, state)


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=-1)


def test_vectors_are_float32_rows_of_unit_length(embedder: Embedder) -> None:
    """One row of `dimensions` float32 numbers a text, each of length one."""
    vectors = embedder.embed(TEXTS)
    assert (len(TEXTS), embedder.dimensions) == vectors.shape
    assert np.float32 == vectors.dtype
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    """An empty list is not an error, and its result can still be stacked."""
    vectors = embedder.embed([])
    assert (0, embedder.dimensions) == vectors.shape
    assert np.float32 == vectors.dtype


def test_rows_stand_in_the_order_of_their_texts(embedder: Embedder) -> None:
    """However the texts are batched inside, row i belongs to text i."""
    texts = [" ".join(TEXTS[: i % 4 + 1]) + f" Number {i}." for i in range(24)]
    together = embedder.embed(texts)
    backwards = embedder.embed(texts[::-1])[::-1]
    assert (_cosines(together, backwards) >= SAME).all()
    nearest = (together @ np.stack([embedder.embed([text])[0] for text in texts]).T).argmax(axis=1)
    assert list(range(24)) == nearest.tolist()


def test_neighbours_in_a_batch_do_not_change_a_vector(embedder: Embedder) -> None:
    """A passage found by a question must not depend on what it was ingested beside."""
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    beside_long_ones = embedder.embed([*TEXTS, *(" ".join(TEXTS * 5) for _ in range(7))])[: len(TEXTS)]
    assert (_cosines(alone, beside_long_ones) >= SAME).all()


def test_the_same_text_gives_the_same_vector(embedder: Embedder) -> None:
    """Twice the same call, the same numbers."""
    np.testing.assert_array_equal(embedder.embed(TEXTS), embedder.embed(TEXTS))


def test_different_texts_give_different_vectors(embedder: Embedder) -> None:
    """No two of the examples are taken for the same."""
    vectors = embedder.embed(TEXTS)
    assert (vectors @ vectors.T)[np.triu_indices(len(TEXTS), 1)].max() < 0.9


def test_only_the_beginning_of_a_long_text_is_seen(embedder: Embedder) -> None:
    """What stands past `max_tokens` changes nothing."""
    beginning = "word " * embedder.max_tokens
    longer, other = embedder.embed([beginning + "leave " * 20_000, beginning + "bolt " * 20_000])
    assert _cosines(longer, other) >= SAME


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=[]), max_size=80))
def test_any_string_has_a_vector(embedder: Embedder, text: str) -> None:
    """Empty, blank, unassigned, control characters and lone surrogates: each is a text."""
    vector = embedder.embed([text])[0]
    assert np.isfinite(vector).all()
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-4


@pytest.mark.model
@pytest.mark.parametrize("backend", ["float32", "bfloat16"])
def test_a_question_is_nearest_to_the_text_that_answers_it(
    embedder_path: Path, backend: Backend, tmp_path: Path
) -> None:
    """Meaning, not words: the questions share no content word with their answers."""
    embedder = _real(embedder_path, backend, tmp_path / "state.json")
    questions = ["How long can a new father stay at home?", "cost of screws", "ending a contract"]
    found = (embedder.embed(questions) @ embedder.embed(TEXTS).T).argmax(axis=1)
    assert [0, 2, 3] == found.tolist()
