"""The stage that reads question and passage together, and puts the passages into its own order.

It is a function from question and passages to the same passages: `retrieval.unchanged`, or a cross-encoder's
(Nogueira and Cho, 2019). The model is read from one verified local folder, weights from safetensors only, and no code
from it is run.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.errors import EngineError, ModelError, ModelMissing
from appliance.types import ModelRecord, Passage

BATCH = 16
# Far more than any model of this kind reads; a text of megabytes is not tokenized only to be cut afterwards.
CHARACTERS = 20_000
NEEDED = ("config.json", "tokenizer.json", "model.safetensors")


def text_of(passage: Passage) -> str:
    """Return what the model reads of a passage: its headings on the first line, then its text."""
    chunk = passage.chunk
    whole = f"{' > '.join(chunk.headings)}\n{chunk.text}" if chunk.headings else chunk.text
    return _plain(whole)


class CrossEncoderReranker:
    """Orders passages by a cross-encoder with one output. Safe to call from several threads, one at a time computes."""

    def __init__(self, folder: Path, record: ModelRecord, depth: int, threads: int = 0) -> None:
        """Load the model. At most `depth` passages of a search are read by it; `threads` 0 means one per core that
        this process may use. Raises ModelMissing or ModelError.
        """
        self.record = record
        self._depth = depth
        self._lock = threading.Lock()
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        if missing:
            raise ModelMissing(
                f"reranker {record.name} is not in {folder} ({', '.join(missing)} missing)",
                f'Run "appliance models pull {record.name}".',
            )
        try:
            self._model = _load(folder, threads or len(os.sched_getaffinity(0)))
            labels = int(self._model.config.num_labels)
        # tokenizers raises a bare Exception for a file that it cannot parse.
        except Exception as error:
            raise ModelError(
                f"reranker {record.name} in {folder} cannot be loaded: {type(error).__name__}: {error}",
                f'Run "appliance models verify", then "appliance models pull {record.name}".',
            ) from error
        if labels != 1:
            raise ModelError(
                f"reranker {record.name} has {labels} outputs; one that orders passages has a single one",
                "Name another model in reranker.name.",
            )

    def rerank(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
        """Return the passages, the first `depth` in the model's order, equal ones as they came, the rest behind them.

        Scores stay what the search gave. Raises EngineError when the model fails; there is no order then.
        """
        head, rest = passages[: self._depth], passages[self._depth :]
        scores = self.scores(question, [text_of(passage) for passage in head])
        order = sorted(range(len(head)), key=lambda i: -scores[i])
        return [*(head[i] for i in order), *rest]

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how well each text answers the question, in the model's own measure. Raises EngineError."""
        if not texts:
            return []
        # Each text once: in another place of a batch the same one gets a score that is another in the last digits.
        distinct = list(dict.fromkeys(texts))
        pairs = [(_plain(question), text) for text in distinct]
        try:
            with self._lock:
                found = self._model.predict(pairs, batch_size=BATCH, show_progress_bar=False)
            scores = {text: float(score) for text, score in zip(distinct, found, strict=True)}
        except Exception as error:
            raise EngineError(
                f"reranker {self.record.name} failed: {type(error).__name__}: {error}",
                "Empty reranker.name to answer without it.",
            ) from error
        if not all(map(math.isfinite, scores.values())):
            raise EngineError(
                f"reranker {self.record.name} gave a score that is no number",
                "Empty reranker.name to answer without it.",
            )
        return [scores[text] for text in texts]


def _load(folder: Path, threads: int) -> Any:
    # Before the import: the libraries read these once. Set rather than defaulted, as nothing may reach the network.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
    # Takes seconds, which nobody pays who has no reranker.
    import torch
    from sentence_transformers import CrossEncoder

    torch.set_num_threads(threads)
    return CrossEncoder(
        str(folder),
        device="cpu",
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"dtype": torch.float32, "use_safetensors": True},
    )


def _plain(text: str) -> str:
    """Return as much of a text as is read, without halves of characters, which no tokenizer takes."""
    return text[:CHARACTERS].encode("utf-8", "replace").decode()
