"""llama.cpp, thinly: one set of weights, one context, one sequence of tokens. Prompts and text are the engine's.

Only this module imports `llama_cpp`, and of it only the functions of llama.cpp's own C interface (its `llama.h`).
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import logging
import os
import re
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Threads wait for one another some thousand times per token. By default they do so spinning, and where anything else
# wants the processor too (ingestion, the page), they spin away the time of the very thread they wait for: 0.7 tokens/s
# in place of 15 on two busy cores. Read by the OpenMP library when it is loaded, hence before the import.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import llama_cpp.llama_cpp as capi

from appliance.errors import ConfigError, EngineError, ModelError, ModelMissing

SLICE_TOKENS = 512  # tokens decoded by one call: llama.cpp's own default for its physical batch
# Of ggml_log_level in ggml.h; the rest is detail. What llama.cpp warns of (a context shorter than the model was trained
# for, say) is a choice of ours and no news to who reads the service's output.
ERROR_LEVEL = 4
LOG_LEVELS = {3: logging.INFO, ERROR_LEVEL: logging.ERROR}

logger = logging.getLogger(__name__)
# Without a handler of its own, Python would print warnings of this logger to stderr in programs that set up no logging.
logger.addHandler(logging.NullHandler())
_complaints: deque[str] = deque(maxlen=4)


@capi.llama_log_callback  # type: ignore[untyped-decorator]  # llama_cpp publishes no types
def _log(level: int, text: bytes, _: object) -> None:
    """Receive llama.cpp's log, which is one per process. At module level so that it is never collected."""
    line = text.decode("utf-8", "replace").strip()
    if level == ERROR_LEVEL:
        _complaints.append(line)
    if line:
        logger.log(LOG_LEVELS.get(level, logging.DEBUG), "%s", line)


class Llama:
    """A loaded model with an empty sequence. Not safe to call from several threads at once.

    Raises ModelMissing or ModelError when the file cannot be used, ConfigError when the numbers do not fit the model,
    EngineError when memory is short.
    """

    def __init__(self, path: Path, context_tokens: int, threads: int, gpu_layers: int) -> None:
        self._model: Any = None
        self._context: Any = None
        self._batch: Any = None
        self.threads = threads or physical_cores()
        self.context_tokens, self.gpu_layers = context_tokens, gpu_layers
        capi.llama_log_set(_log, None)
        _complaints.clear()
        if gpu_layers and not capi.llama_supports_gpu_offload():
            raise ConfigError(
                f"{gpu_layers} layers are to run on a GPU, but this llama.cpp was built without one",
                "Set generator.gpu_layers to 0, or install llama-cpp-python built for the GPU.",
            )
        _refuse_if_short(path)
        capi.llama_backend_init()
        self._model = _load(path, gpu_layers)
        try:
            self._read_vocabulary()
            self._open_context(path)
        except BaseException:
            self.close()
            raise

    def _read_vocabulary(self) -> None:
        self._vocab: Any = capi.llama_model_get_vocab(self._model)
        self._size: int = capi.llama_vocab_n_tokens(self._vocab)
        self._markers = self._find_markers()
        self.bos: int | None = capi.llama_vocab_bos(self._vocab) if capi.llama_vocab_get_add_bos(self._vocab) else None

    def _open_context(self, path: Path) -> None:
        trained = capi.llama_model_n_ctx_train(self._model)
        if self.context_tokens > trained:
            raise ConfigError(
                f"a context of {self.context_tokens} tokens is set, {path.name} was trained for {trained}",
                f"Set generator.context_tokens to {trained} or less.",
            )
        self._context = capi.llama_init_from_model(self._model, _context_params(self.context_tokens, self.threads))
        if not self._context:
            raise EngineError(
                f"no context of {self.context_tokens} tokens could be made for {path.name}{_complaint()}",
                "Free memory, or lower generator.context_tokens.",
            )
        self._memory: Any = capi.llama_get_memory(self._context)
        # A sliding window or a recurrent state cannot be cut back to an earlier position and be what it was there.
        self.can_rewind = not (
            capi.llama_model_n_swa(self._model)
            or capi.llama_model_is_recurrent(self._model)
            or capi.llama_model_is_hybrid(self._model)
        )
        self._make_batch()

    def _make_batch(self) -> None:
        self._batch = batch = capi.llama_batch_init(SLICE_TOKENS, 0, 1)
        self._tokens = np.ctypeslib.as_array(batch.token, (SLICE_TOKENS,))
        self._positions = np.ctypeslib.as_array(batch.pos, (SLICE_TOKENS,))
        self._wanted = np.ctypeslib.as_array(batch.logits, (SLICE_TOKENS,))
        np.ctypeslib.as_array(batch.n_seq_id, (SLICE_TOKENS,))[:] = 1
        for row in range(SLICE_TOKENS):
            batch.seq_id[row][0] = 0

    def tokenize(self, text: str, special: bool) -> list[int]:
        """Return the tokens of `text`, nothing added. `special` turns control tokens' names into control tokens.

        Without it no text becomes a control or user-defined token. Lone surrogates are read as "?".
        """
        if special or self._markers is None:
            return self._tokenize(text, special)
        # llama.cpp recognises user-defined tokens (tool calls and the like) in any text; broken in two they are text.
        breaks = [match.start() + 1 for match in self._markers.finditer(text)]
        parts = (text[i:j] for i, j in zip([0, *breaks], [*breaks, len(text)], strict=True))
        return [token for part in parts for token in self._tokenize(part, special=False)]

    def _tokenize(self, text: str, special: bool) -> list[int]:
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        count = capi.llama_tokenize(self._vocab, data, len(data), tokens, room, False, special)
        if count < 0:
            raise EngineError(f"{len(data)} bytes of text could not be tokenised", "Shorten the text.")
        return list(tokens[:count])

    def _find_markers(self) -> re.Pattern[str] | None:
        attr = capi.llama_vocab_get_attr
        ids = (i for i in range(self._size) if attr(self._vocab, i) & capi.LLAMA_TOKEN_ATTR_USER_DEFINED)
        names = (capi.llama_vocab_get_text(self._vocab, i).decode("utf-8", "replace") for i in ids)
        # Runs of white space are user-defined tokens in some vocabularies, and harmless.
        markers = [re.escape(name) for name in names if len(name) > 1 and not name.isspace()]
        return re.compile(f"(?={'|'.join(markers)})") if markers else None

    def piece(self, token: int) -> bytes:
        """Return the bytes a token stands for; none for a control token. A character may span several tokens."""
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = capi.llama_token_to_piece(self._vocab, token, buffer, room, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def ends(self, token: int) -> bool:
        """Return whether the model says with this token that it has finished."""
        return bool(capi.llama_vocab_is_eog(self._vocab, token))

    def decode(self, tokens: Sequence[int], position: int, logits: bool) -> None:
        """Append at most SLICE_TOKENS tokens at `position` (the sequence's length); compute the last one's `logits`."""
        count = len(tokens)
        self._tokens[:count] = tokens
        self._positions[:count] = np.arange(position, position + count)
        self._wanted[:count] = 0
        self._wanted[count - 1] = logits
        self._batch.n_tokens = count
        _complaints.clear()
        status = capi.llama_decode(self._context, self._batch)
        if status:
            raise EngineError(
                f"llama.cpp could not decode {count} tokens at position {position} (status {status}){_complaint()}",
                "Ask again; if it persists, lower generator.context_tokens and restart.",
            )

    def logits(self) -> NDArray[np.float32]:
        """Return the logits that the last `decode` computed, one per token of the vocabulary; valid until the next."""
        return np.ctypeslib.as_array(capi.llama_get_logits_ith(self._context, -1), (self._size,))

    def rewind(self, length: int) -> None:
        """Forget everything from position `length` on."""
        if length == 0 or not capi.llama_memory_seq_rm(self._memory, 0, length, -1):
            capi.llama_memory_clear(self._memory, False)

    def settings(self) -> dict[str, str | int]:
        """Return what decides, beside weights and prompt, which tokens come out."""
        return {
            "context_tokens": self.context_tokens,
            "slice_tokens": SLICE_TOKENS,
            "threads": self.threads,
            "gpu_layers": self.gpu_layers,
            "kv_type": "f16",
            "flash_attention": "on",
            "llama_cpp_python": importlib.metadata.version("llama-cpp-python"),
            "llama_cpp": capi.llama_version().decode(),
            "system": " ".join(capi.llama_print_system_info().decode().split()),
        }

    def close(self) -> None:
        """Free weights, context and batch. Calling it twice is harmless."""
        if self._batch is not None:
            capi.llama_batch_free(self._batch)
        if self._context:
            capi.llama_free(self._context)
        if self._model:
            capi.llama_model_free(self._model)
        self._model = self._context = self._batch = None


def _load(path: Path, gpu_layers: int) -> Any:
    params = capi.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    # Reading in place of mapping: llama.cpp repacks most weights into memory of its own, and a mapped file would stay
    # resident beside them (1.9 GB in place of 1.3 GB for the 1.5B model).
    params.load_mode = capi.LLAMA_LOAD_MODE_NONE
    # SentencePiece vocabularies put a space before every text they are given, and a prompt is given in segments.
    overrides = (capi.llama_model_kv_override * 2)()
    overrides[0].key, overrides[0].tag = b"tokenizer.ggml.add_space_prefix", capi.LLAMA_KV_OVERRIDE_TYPE_BOOL
    params.kv_overrides = overrides
    model = capi.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise ModelError(
            f"llama.cpp cannot use {path}{_complaint()}",
            'Run "appliance models verify"; if the file is as published, free memory.',
        )
    return model


def _context_params(context_tokens: int, threads: int) -> Any:
    params = capi.llama_context_default_params()
    params.n_ctx = context_tokens
    params.n_batch = params.n_ubatch = SLICE_TOKENS
    params.n_seq_max = params.n_outputs_max = 1
    params.n_threads = params.n_threads_batch = threads
    # Stated, not left to be detected, so that two machines of one kind compute alike.
    params.flash_attn_type = capi.LLAMA_FLASH_ATTN_TYPE_ENABLED
    params.no_perf = True
    return params


def _refuse_if_short(path: Path) -> None:
    """Refuse a file that is missing or larger than the memory that is free: the kernel would end the process."""
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise ModelMissing(f"model file {path} does not exist", 'Run "appliance models pull".') from error
    except OSError as error:
        raise ModelError(f"model file {path} cannot be read: {error}", "Correct its permissions.") from error
    found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    if found and size > int(found[1]) * 1024:
        raise EngineError(
            f"{path.name} takes {size / 1e9:.1f} GB of memory, {int(found[1]) / 1e6:.1f} GB are available",
            "Free memory, or choose a smaller generator.",
        )


def _complaint() -> str:
    return f": {'; '.join(_complaints)}" if _complaints else ""


def physical_cores(cpus: Iterable[int] | None = None, sys: Path = Path("/sys")) -> int:
    """Return how many cores this process may use: hardware threads of one core count once, a container's quota caps."""
    cpus = os.sched_getaffinity(0) if cpus is None else cpus
    cores = set()
    for cpu in cpus:
        siblings = sys / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        cores.add(siblings.read_text().strip() if siblings.is_file() else str(cpu))
    limit = sys / "fs/cgroup/cpu.max"
    quota, _, period = limit.read_text().partition(" ") if limit.is_file() else ("max", "", "")
    count = len(cores) if quota == "max" else min(len(cores), round(int(quota) / int(period)))
    return max(1, count)
