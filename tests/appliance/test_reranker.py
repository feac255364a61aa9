from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from appliance.errors import EngineError, ModelError, ModelMissing
from appliance.reranker import CrossEncoderReranker, text_of
from appliance.retrieval import Rerank, unchanged
from appliance.types import Chunk, Document, ModelRecord, Passage

RECORD = ModelRecord("reranker", "tiny", "00" * 32, "float32", "Apache-2.0")
QUESTION = "how much may a hotel cost"
WORDS = (*QUESTION.split(), "travel", "leave", "days", "limit", "in", "london", "paris", "price", "night")
TEXTS = [" ".join(WORDS[(i * 7 + j * 3) % len(WORDS)] for j in range(3 + i * 5 % 11)) for i in range(12)]


def build(folder: Path, labels: int = 1, words: int | None = None, bias: float = 0.0) -> Path:
    """Save a tiny BERT with random weights, as transformers saves any cross-encoder. `words` are those it has vectors
    for, by default all.
    """
    torch.manual_seed(4)
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(WORDS))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=words or len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.6,
        num_labels=labels,
    )
    model = BertForSequenceClassification(config)
    model.classifier.bias.data.fill_(bias)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def reranker(folder: Path) -> CrossEncoderReranker:
    return CrossEncoderReranker(folder, RECORD, depth=8, threads=1)


@pytest.fixture(params=["unchanged", "cross-encoder"])
def stage(request: pytest.FixtureRequest, reranker: CrossEncoderReranker) -> Rerank:
    return unchanged if request.param == "unchanged" else reranker.rerank


def passages(texts: Sequence[str] = TEXTS, headings: tuple[str, ...] = ()) -> list[Passage]:
    document = Document("d", "a.md", "00", "text/markdown", frozenset())
    return [Passage(Chunk(f"c{i}", document, i, text, None, headings), 1 - i / 100) for i, text in enumerate(texts)]


def test_the_order_is_that_of_the_model(folder: Path, reranker: CrossEncoderReranker) -> None:
    """The passages stand as the model, called directly with question and text, scores them."""
    model = BertForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    some = passages(TEXTS[:8], ("travel", "price"))
    scores = []
    for passage in some:
        inputs = tokenizer(QUESTION, f"travel > price\n{passage.chunk.text}", return_tensors="pt", truncation=True)
        with torch.inference_mode():
            scores.append(float(model(**inputs).logits[0, 0]))
    expected = [some[i].chunk.id for i in sorted(range(8), key=lambda i: -scores[i])]
    assert len({round(score, 4) for score in scores}) > 4
    assert expected == [passage.chunk.id for passage in reranker.rerank(QUESTION, some)]


@given(st.lists(st.sampled_from(TEXTS), max_size=12))
def test_every_passage_is_kept_once(reranker: CrossEncoderReranker, texts: list[str]) -> None:
    """The result is a permutation of what came in, the same each time, by a model or without."""
    given = passages(texts)
    for stage in (unchanged, reranker.rerank):
        found = stage(QUESTION, given)
        assert sorted(passage.chunk.id for passage in given) == sorted(passage.chunk.id for passage in found)
        assert all(passage in given for passage in found)
        assert found == stage(QUESTION, given)


def test_what_is_beyond_the_depth_keeps_its_order_behind(reranker: CrossEncoderReranker) -> None:
    """Only as many as the depth says are read; the others follow as they came."""
    found = reranker.rerank(QUESTION, passages())
    assert [f"c{i}" for i in range(8, 12)] == [passage.chunk.id for passage in found[8:]]
    assert {f"c{i}" for i in range(8)} == {passage.chunk.id for passage in found[:8]}


def test_no_passages_are_no_work(stage: Rerank) -> None:
    """Nothing comes back where nothing was found."""
    assert [] == stage(QUESTION, [])


def test_equal_passages_stay_as_they_came(stage: Rerank) -> None:
    """Between passages with the same text the search decides."""
    assert ["c0", "c1", "c2"] == [passage.chunk.id for passage in stage(QUESTION, passages([TEXTS[0]] * 3))]


def test_text_that_no_tokenizer_takes_is_read(stage: Rerank) -> None:
    """Halves of characters, and a text of megabytes, are no failure."""
    assert 2 == len(stage("hotel \ud800", passages(["\udcff limit", "hotel " * 1_000_000])))


def test_headings_stand_before_the_text() -> None:
    """The model sees what the embedder sees: headings on the first line."""
    (passage,) = passages(["At most 165."], ("Travel", "Hotels"))
    assert ["Travel > Hotels\nAt most 165.", "At most 165."] == [
        text_of(passage),
        text_of(replace(passage, chunk=replace(passage.chunk, headings=()))),
    ]


@pytest.mark.parametrize(("words", "bias"), [(5, 0.0), (None, float("nan"))], ids=["raises", "no number"])
def test_a_model_that_fails_is_an_engine_error(tmp_path: Path, words: int | None, bias: float) -> None:
    """Whatever a model raises, and scores that are no numbers, end as one error that says how to go on without it."""
    reranker = CrossEncoderReranker(build(tmp_path, words=words, bias=bias), RECORD, depth=8, threads=1)
    with pytest.raises(EngineError) as raised:
        reranker.rerank(QUESTION, passages())
    assert "Empty reranker.name to answer without it." == raised.value.hint


def test_a_folder_without_the_model_is_named(tmp_path: Path) -> None:
    """What is missing is said, with the command that fetches it."""
    with pytest.raises(ModelMissing, match=r"tokenizer\.json") as raised:
        CrossEncoderReranker(tmp_path, RECORD, depth=8)
    assert 'Run "appliance models pull tiny".' == raised.value.hint


def test_damaged_weights_are_a_model_error(tmp_path: Path) -> None:
    """A file that cannot be read as weights is refused when it is loaded, not at the first question."""
    (build(tmp_path) / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=r"reranker tiny in .* cannot be loaded"):
        CrossEncoderReranker(tmp_path, RECORD, depth=8)


def test_a_classifier_is_no_reranker(tmp_path: Path) -> None:
    """A model with several outputs has no single order."""
    with pytest.raises(ModelError, match="3 outputs"):
        CrossEncoderReranker(build(tmp_path, labels=3), RECORD, depth=8)
