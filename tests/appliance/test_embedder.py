"""The embedder: which backend is chosen, that the choice is remembered, and that it computes what it should."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.bert import matches
from appliance.embedder import LEAST_COSINE, SentenceEmbedder, measure
from appliance.errors import ModelError, ModelMissing
from appliance.manifest import load_manifest
from appliance.sample_texts import PASSAGES, SAMPLES
from appliance.types import ModelRecord
from tests.fakes import HashEmbedder

RECORD = ModelRecord("embedder", "all-minilm-l6-v2", "00" * 32, "float32", "Apache-2.0")
CONFIG = {"model_type": "bert", "hidden_act": "gelu"}
POOLING = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
MODULES = [{"type": f"sentence_transformers.models.{name}"} for name in ("Transformer", "Pooling", "Normalize")]


class Slowed:
    """The hash embedder, slower by some time a call, and off by some angle."""

    def __init__(self, delay_s: float, angle: float) -> None:
        self._inner, self._delay_s, self._angle = HashEmbedder(), delay_s, angle

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        time.sleep(self._delay_s)
        vectors = self._inner.embed(texts)
        # Turned by a quarter in each plane of two coordinates, a vector is orthogonal to itself.
        turned = np.stack([-vectors[:, 1::2], vectors[:, ::2]], axis=2).reshape(vectors.shape)
        return np.asarray(np.cos(self._angle) * vectors + np.sin(self._angle) * turned, dtype=np.float32)


def _folder(root: Path, config: object = CONFIG, modules: object = MODULES, pooling: object = POOLING) -> Path:
    (root / "1_Pooling").mkdir(parents=True)
    for name, body in (("config", config), ("modules", modules), ("1_Pooling/config", pooling), ("tokenizer", {})):
        (root / f"{name}.json").write_text(json.dumps(body))
    (root / "model.safetensors").write_bytes(b"not tensors")
    return root


def _embedder(folder: Path, state: Path, record: ModelRecord | None = None, threads: int = 2) -> SentenceEmbedder:
    return SentenceEmbedder(folder, record or load_manifest().spec("all-minilm-l6-v2").record, "auto", threads, state)


def test_the_faster_backend_is_chosen_when_it_is_exact_enough() -> None:
    """Speed decides between backends whose cosine to float32 is at least 0.999."""
    report = measure({"float32": Slowed(0.05, 0).embed, "bfloat16": Slowed(0, 0.02).embed})
    assert "bfloat16" == report.backend
    assert ["float32", "bfloat16"] == [trial.backend for trial in report.trials]


def test_an_inexact_backend_is_not_chosen_however_fast() -> None:
    """A cosine under 0.999 on any sample rules a backend out, and the report says by how much."""
    report = measure({"float32": Slowed(0.05, 0).embed, "bfloat16": Slowed(0, 0.05).embed})
    assert "float32" == report.backend
    assert report.trials[1].cosine == pytest.approx(np.cos(0.05), abs=1e-5)
    assert report.trials[1].cosine < LEAST_COSINE


def test_a_slower_backend_is_not_chosen_however_exact() -> None:
    """Where the processor has no use for bfloat16, float32 stays."""
    report = measure({"float32": Slowed(0, 0).embed, "bfloat16": Slowed(0.05, 0).embed})
    assert "float32" == report.backend


def test_a_missing_file_is_named_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    """An incomplete folder is a missing model, before anything is parsed."""
    folder = _folder(tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelMissing) as caught:
        _embedder(folder, tmp_path / "state.json", RECORD)
    assert "tokenizer.json missing" in caught.value.message
    assert 'Run "appliance models pull all-minilm-l6-v2".' == caught.value.hint


def test_a_missing_folder_is_a_missing_model(tmp_path: Path) -> None:
    """No folder, no stack trace."""
    with pytest.raises(ModelMissing):
        _embedder(tmp_path / "nowhere", tmp_path / "state.json", RECORD)


@pytest.mark.model
@pytest.mark.parametrize("broken", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_damaged_file_is_a_model_error_with_a_hint(embedder_path: Path, tmp_path: Path, broken: str) -> None:
    """Whatever a library raises for a broken file reaches the user as one error that says what to run."""
    folder = tmp_path / "model"
    shutil.copytree(embedder_path, folder, symlinks=True)
    (folder / broken).unlink()
    (folder / broken).write_bytes((embedder_path / broken).read_bytes()[:-100])
    with pytest.raises(ModelError) as caught:
        SentenceEmbedder(folder, RECORD, "float32", 1, tmp_path / "state.json")
    assert str(folder) in caught.value.message
    assert "appliance models verify" in caught.value.hint
    assert caught.value.__cause__ is not None


def test_only_a_plain_bert_is_computed_by_our_own_pass(tmp_path: Path) -> None:
    """Another activation, pooling or module means that sentence-transformers computes the model."""
    assert matches(_folder(tmp_path / "plain"))
    assert not matches(_folder(tmp_path / "roberta", config={**CONFIG, "model_type": "roberta"}))
    assert not matches(_folder(tmp_path / "tanh", config={**CONFIG, "hidden_act": "gelu_new"}))
    assert not matches(_folder(tmp_path / "relative", config={**CONFIG, "position_embedding_type": "relative_key"}))
    assert not matches(_folder(tmp_path / "cls", pooling={**POOLING, "pooling_mode_cls_token": True}))
    assert not matches(_folder(tmp_path / "unnormalized", modules=MODULES[:2]))


@pytest.mark.model
@pytest.mark.slow
def test_the_choice_is_remembered_for_the_same_weights_and_threads(embedder_path: Path, tmp_path: Path) -> None:
    """A second start measures nothing; other weights or threads, or a damaged note, are measured again."""
    state = tmp_path / "state.json"
    first = _embedder(embedder_path, state).report
    second = _embedder(embedder_path, state).report
    assert (False, True) == (first.remembered, second.remembered)
    assert (first.backend, first.trials) == (second.backend, second.trials)
    assert not _embedder(embedder_path, state, threads=1).report.remembered
    assert not _embedder(embedder_path, state, RECORD).report.remembered
    state.write_text('{"key": 1, "trials": [')
    assert not _embedder(embedder_path, state).report.remembered


@pytest.mark.model
@pytest.mark.slow
def test_a_choice_that_cannot_be_kept_is_still_made(embedder_path: Path, tmp_path: Path) -> None:
    """A home that refuses the note costs the next start a second, not this start its embedder."""
    assert _embedder(embedder_path, tmp_path / "missing" / "state.json").embed(["text"]).shape == (1, 384)


@pytest.mark.model
def test_loading_the_default_model_leaves_the_large_library_alone(embedder_path: Path, tmp_path: Path) -> None:
    """Importing sentence-transformers takes seconds and hundreds of megabytes that `ask` need not pay."""
    program = (
        "import sys; from pathlib import Path; from appliance.embedder import SentenceEmbedder;"
        "from appliance.manifest import load_manifest;"
        "e = SentenceEmbedder(Path(sys.argv[1]), load_manifest().spec('all-minilm-l6-v2').record, 'float32', 1,"
        " Path(sys.argv[2])); e.embed(['text']);"
        "print(sorted({'sentence_transformers', 'transformers', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(embedder_path), str(tmp_path / "state.json")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "[]" == done.stdout.strip()


@pytest.mark.model
@pytest.mark.slow
def test_every_backend_computes_what_sentence_transformers_does(
    embedder_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Float32 agrees with sentence-transformers' own to rounding, the others within cosine 0.999."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    from sentence_transformers import SentenceTransformer

    library = SentenceTransformer(str(embedder_path), device="cpu", local_files_only=True)
    texts = [*SAMPLES, " ".join(PASSAGES)]
    exact = library.encode(texts)
    record = load_manifest().spec("all-minilm-l6-v2").record
    assert library.max_seq_length == 256
    for backend, least in (("float32", 0.99999), ("bfloat16", LEAST_COSINE)):
        embedder = SentenceEmbedder(embedder_path, record, backend, 2, tmp_path / "state.json")
        assert (256, 384) == (embedder.max_tokens, embedder.dimensions)
        assert (embedder.embed(texts) * exact).sum(axis=1).min() >= least


@pytest.mark.model
@pytest.mark.slow
def test_a_model_that_is_no_plain_bert_goes_through_sentence_transformers(embedder_path: Path, tmp_path: Path) -> None:
    """The same weights with CLS pooling: other vectors, of unit length in every number format."""
    folder = tmp_path / "model"
    shutil.copytree(embedder_path, folder)
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
    pooling |= {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    (folder / "1_Pooling" / "config.json").unlink()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    embedder = SentenceEmbedder(folder, RECORD, "bfloat16", 2, tmp_path / "state.json")
    ours = SentenceEmbedder(embedder_path, RECORD, "bfloat16", 2, tmp_path / "state.json")
    vectors = embedder.embed(list(PASSAGES[:3]))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert (vectors * ours.embed(list(PASSAGES[:3]))).sum(axis=1).max() < 0.99
    assert "1" == os.environ["HF_HUB_OFFLINE"]
