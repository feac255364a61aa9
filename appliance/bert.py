"""The forward pass of a BERT sentence encoder, computed without padding.

sentence-transformers pads every batch to its longest text, runs one operator at a time, and splits each of them over
all cores. Here the tokens of a batch lie end to end in one matrix, only attention looks at single texts, the weights
are laid out once as the processor's matrix kernels want them, and every thread works on a batch of its own, so that a
core taken by another process slows one batch down and not all of them. tests/bench/embed.py has the comparison.

The architecture is that of Devlin et al. 2019 (arXiv:1810.04805) with mean pooling as in Reimers and Gurevych 2019
(arXiv:1908.10084).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

# Two passages. Larger batches are no faster, and leave threads idle at the end of a call.
BATCH_TOKENS = 512

# What `matches` looks for; anything else about a model is left to sentence-transformers.
MODULES = (
    "sentence_transformers.models.Transformer",
    "sentence_transformers.models.Pooling",
    "sentence_transformers.models.Normalize",
)
EXPECTED = {"model_type": "bert", "hidden_act": "gelu"}


def matches(folder: Path) -> bool:
    """Return whether the model in `folder` is one that this pass computes: BERT, exact GELU, mean pooling, unit length.

    Raises OSError or ValueError when its configuration cannot be read.
    """
    config = _json(folder / "config.json")
    modules = tuple(module["type"] for module in _json(folder / "modules.json"))
    if (
        any(config.get(key) != value for key, value in EXPECTED.items())
        or config.get("position_embedding_type", "absolute") != "absolute"
        or modules != MODULES
    ):
        return False
    pooling = _json(folder / "1_Pooling" / "config.json")
    return [key for key, value in pooling.items() if key.startswith("pooling_mode") and value] == [
        "pooling_mode_mean_tokens"
    ]


@dataclass(frozen=True)
class _Linear:
    """A linear map whose weight may lie in oneDNN's blocked layout."""

    weight: Tensor
    bias: Tensor
    packed: bool

    def __call__(self, x: Tensor) -> Tensor:
        if self.packed:
            return _tensor(torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], ""))
        return functional.linear(x, self.weight, self.bias)

    def gelu(self, x: Tensor) -> Tensor:
        """Return GELU of the map, the exact form (algorithm "none"), not the tanh approximation."""
        if self.packed:
            return _tensor(torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "gelu", [], "none"))
        return functional.gelu(functional.linear(x, self.weight, self.bias))

    def plus(self, x: Tensor, residual: Tensor) -> Tensor:
        """Return the map of `x` plus `residual`."""
        if self.packed:
            return _tensor(torch.ops.mkldnn._linear_pointwise.binary(x, residual, self.weight, self.bias, "add"))
        return functional.linear(x, self.weight, self.bias) + residual


@dataclass(frozen=True)
class _Norm:
    weight: Tensor
    bias: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


@dataclass(frozen=True)
class _Layer:
    query_key_value: _Linear
    attended: _Linear
    attended_norm: _Norm
    up: _Linear
    down: _Linear
    norm: _Norm


class PackedBert:
    """A BERT sentence encoder in one number format. Safe to call from several threads."""

    def __init__(self, folder: Path, dtype: torch.dtype, threads: int) -> None:
        """Read weights and tokenizer from `folder`, for which `matches` holds; nothing in it is executed.

        Raises OSError, ValueError, KeyError, RuntimeError or SafetensorError when they are not what they should be.
        """
        config = _json(folder / "config.json")
        self.dimensions = int(config["hidden_size"])
        self.max_tokens = min(
            int(_json(folder / "sentence_bert_config.json")["max_seq_length"]), int(config["max_position_embeddings"])
        )
        self._heads = int(config["num_attention_heads"])
        self._dtype = dtype
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.max_tokens)
        stored = {name.removeprefix("bert."): value for name, value in load_file(folder / "model.safetensors").items()}
        weights = _Weights(stored, dtype, float(config["layer_norm_eps"]))
        self._words = stored["embeddings.word_embeddings.weight"].float()
        # Passages have no second segment, so the type is a constant that is added once.
        kind = stored["embeddings.token_type_embeddings.weight"][0]
        self._positions = (stored["embeddings.position_embeddings.weight"] + kind).float()
        self._norm = weights.norm("embeddings.LayerNorm")
        self._layers = [weights.layer(f"encoder.layer.{i}.") for i in range(int(config["num_hidden_layers"]))]
        # OpenMP keeps the number of threads per calling thread, so the rest of the process is not affected.
        self._pool = ThreadPoolExecutor(threads, "embedder", torch.set_num_threads, (1,))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text. The texts hold no lone surrogates."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        batches = list(_batches([len(ids) for ids in tokens]))
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for batch, found in zip(
            batches, self._pool.map(lambda batch: self._vectors([tokens[i] for i in batch]), batches), strict=True
        ):
            vectors[batch] = found
        return vectors

    @torch.inference_mode()
    def _vectors(self, batch: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return the vectors of texts given as token ids, ordered by length."""
        lengths = [len(ids) for ids in batch]
        words = self._words[torch.tensor([token for ids in batch for token in ids])]
        x = self._norm(words + torch.cat([self._positions[:length] for length in lengths])).to(self._dtype)
        for layer in self._layers:
            x = layer.attended_norm(layer.attended.plus(self._attend(layer.query_key_value(x), lengths), x))
            x = layer.norm(layer.down.plus(layer.up.gelu(x), x))
        means = torch.stack([part.mean(0) for part in torch.split(x.float(), lengths)])
        return functional.normalize(means).numpy()

    def _attend(self, joined: Tensor, lengths: Sequence[int]) -> Tensor:
        """Return what each token takes from its own text. Texts of one length are computed in one call."""
        out = torch.empty((len(joined), self.dimensions), dtype=joined.dtype)
        start = 0
        for length, same in itertools.groupby(lengths):
            count = len(list(same))
            stop = start + count * length
            q, k, v = joined[start:stop].view(count, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            taken = functional.scaled_dot_product_attention(q, k, v)
            out[start:stop].view(count, length, self._heads, -1).copy_(taken.transpose(1, 2))
            start = stop
        return out


@dataclass(frozen=True)
class _Weights:
    """The stored tensors, given out in the layout and format in which they are used."""

    stored: Mapping[str, Tensor]
    dtype: torch.dtype
    epsilon: float

    def layer(self, prefix: str) -> _Layer:
        return _Layer(
            self.linear(*(f"{prefix}attention.self.{name}" for name in ("query", "key", "value"))),
            self.linear(f"{prefix}attention.output.dense"),
            self.norm(f"{prefix}attention.output.LayerNorm"),
            self.linear(f"{prefix}intermediate.dense"),
            self.linear(f"{prefix}output.dense"),
            self.norm(f"{prefix}output.LayerNorm"),
        )

    def linear(self, *names: str) -> _Linear:
        """Return the linear maps of these names as one, their outputs side by side."""
        weight = torch.cat([self.stored[f"{name}.weight"] for name in names]).to(self.dtype)
        bias = torch.cat([self.stored[f"{name}.bias"] for name in names]).to(self.dtype)
        packed = kernels(self.dtype)
        if packed:
            weight = _tensor(torch.ops.mkldnn._reorder_linear_weight(weight, BATCH_TOKENS))
        return _Linear(weight, bias, packed)

    def norm(self, name: str) -> _Norm:
        return _Norm(self.stored[f"{name}.weight"].float(), self.stored[f"{name}.bias"].float(), self.epsilon)


def kernels(dtype: torch.dtype) -> bool:
    """Return whether oneDNN has matrix kernels of this format for this processor."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch leaves it so
        return False
    return dtype == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the positions of all texts, longest first, in groups of about BATCH_TOKENS tokens."""
    batch: list[int] = []
    size = 0
    for position in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batch and size + lengths[position] > BATCH_TOKENS:
            yield batch
            batch, size = [], 0
        batch.append(position)
        size += lengths[position]
    if batch:
        yield batch


def _json(file: Path) -> Any:
    return json.loads(file.read_bytes())


def _tensor(value: Any) -> Tensor:
    """Return what one of torch's untyped operators gave."""
    assert isinstance(value, Tensor)  # noqa: S101 - narrows a type
    return value
