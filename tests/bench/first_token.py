"""Time to the first token: our engine, llama.cpp alone, and llama-cpp-python's high-level interface, side by side.

    python -m tests.bench.first_token MODEL.gguf TEXT_FILE... [--tokens 1000] [--rounds 5]

Every round reads text that none read before, its beginning included, so nothing is warm; the three take turns in
changing order. All decode the very same tokens with as many threads. The rule: ours takes at most 1.1 times as long
as llama.cpp decoding the prompt in one go.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from appliance.engine import LlamaGenerator  # first: it tells OpenMP how to wait before llama.cpp is loaded
from appliance.llama import SLICE_TOKENS, physical_cores
from appliance.types import ModelRecord, Prompt, Sampling, Segment

# isort: split
import llama_cpp
import llama_cpp.llama_cpp as capi

OUTPUT_TOKENS = 32
CONTEXT_TOKENS = 4096
LIMIT = 1.1


def prompts(generator: LlamaGenerator, texts: list[Path], tokens: int, rounds: int) -> list[Prompt]:
    """Return one prompt per round, about `tokens` long, each of other text."""
    text = "\n".join(path.read_text("utf-8", "replace") for path in texts)
    sample = text[:20_000]
    size = int(len(sample) * tokens / generator.count_tokens([Segment(sample, trusted=False)]))
    if len(text) < size * rounds:
        sys.exit(f"{len(text)} characters of text are too few for {rounds} rounds of {size}: name more files")
    made = []
    for number in range(rounds):
        window = text[number * size : (number + 1) * size]
        prefix = Segment(f"<|im_start|>system\nRound {number}. Answer from the text.<|im_end|>\n", trusted=True)
        rest = (Segment(window, trusted=False), Segment("<|im_end|>\n<|im_start|>assistant\n", trusted=True))
        made.append(Prompt((prefix,), (), rest))
    return made


def engine_ms(generator: LlamaGenerator, prompt: Prompt) -> tuple[float, float]:
    """Return milliseconds to the first piece, and the tokens per second after it."""
    start = time.perf_counter()
    stream = generator.generate(prompt, Sampling(OUTPUT_TOKENS))
    next(stream)
    first = time.perf_counter()
    usage = [*stream][-1].usage
    assert usage is not None
    assert usage.reused_tokens == 0
    return (first - start) * 1000, (usage.output_tokens - 1) / (time.perf_counter() - first)


def plain_ms(llama: llama_cpp.Llama, tokens: list[int]) -> float:
    """Return milliseconds that llama.cpp takes to decode the tokens, cut only where its batch is full."""
    llama.reset()
    capi.llama_memory_clear(capi.llama_get_memory(llama.ctx), False)
    start = time.perf_counter()
    for at in range(0, len(tokens), SLICE_TOKENS):
        part = tokens[at : at + SLICE_TOKENS]
        array = (capi.llama_token * len(part))(*part)  # the batch points into it
        if capi.llama_decode(llama.ctx, capi.llama_batch_get_one(array, len(part))):
            sys.exit("llama.cpp could not decode the prompt")
    capi.llama_get_logits_ith(llama.ctx, -1)
    taken = (time.perf_counter() - start) * 1000
    capi.llama_memory_clear(capi.llama_get_memory(llama.ctx), False)
    return taken


def high_level_ms(llama: llama_cpp.Llama, tokens: list[int]) -> float:
    """Return milliseconds to the first chunk of llama-cpp-python's streamed completion."""
    llama.reset()
    capi.llama_memory_clear(capi.llama_get_memory(llama.ctx), False)
    start = time.perf_counter()
    # Not one token: the first may be half a character, which the high-level interface holds back.
    next(iter(llama.create_completion(tokens, max_tokens=4, temperature=0.0, stream=True)))
    return (time.perf_counter() - start) * 1000


def measure(
    generator: LlamaGenerator, llama: llama_cpp.Llama, made: list[Prompt]
) -> tuple[dict[str, list[float]], list[float], list[int]]:
    times: dict[str, list[float]] = {"engine": [], "llama.cpp": [], "high level": []}
    speeds, lengths = [], []
    for number, prompt in enumerate(made):
        prefix, rest = generator._encode(prompt)  # the very tokens, without computing anything
        tokens = [*prefix, *rest]
        lengths.append(len(tokens))

        def ours(prompt: Prompt = prompt) -> float:
            taken, speed = engine_ms(generator, prompt)
            speeds.append(speed)
            return taken

        turns: list[tuple[str, Callable[[], float]]] = [
            ("engine", ours),
            ("llama.cpp", lambda tokens=tokens: plain_ms(llama, tokens)),  # type: ignore[misc]
            ("high level", lambda tokens=tokens: high_level_ms(llama, tokens)),  # type: ignore[misc]
        ]
        for name, turn in turns[number % 3 :] + turns[: number % 3]:
            times[name].append(turn())
    return times, speeds, lengths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for path in (given.model, *given.texts):
        if not path.is_file():
            sys.exit(f"{path} is missing: nothing was measured")
    record = ModelRecord("generator", given.model.stem, "0" * 64, "", "")
    generator = LlamaGenerator(given.model, record, "chatml", CONTEXT_TOKENS)
    cores = physical_cores()
    llama = llama_cpp.Llama(
        str(given.model),
        n_ctx=CONTEXT_TOKENS,
        n_batch=SLICE_TOKENS,
        n_threads=cores,
        n_threads_batch=cores,
        verbose=False,
    )
    made = prompts(generator, given.texts, given.tokens, given.rounds + 1)
    list(generator.generate(made[0], Sampling(1)))
    plain_ms(llama, list(range(100)))
    times, speeds, lengths = measure(generator, llama, made[1:])
    report(given.model.name, times, speeds, lengths)


def report(model: str, times: dict[str, list[float]], speeds: list[float], lengths: list[int]) -> None:
    length = statistics.median(lengths)
    print(f"{model}: prompts of {length:.0f} tokens, {len(lengths)} rounds")
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"  {name:<11} first token {middle:8.0f} ms  {length / middle * 1000:6.0f} prompt tokens/s")
    ratios = [ours / theirs for ours, theirs in zip(times["engine"], times["llama.cpp"], strict=True)]
    print(f"  engine      {statistics.median(speeds):.1f} output tokens/s")
    print(f"  ratio to llama.cpp: median of rounds {statistics.median(ratios):.3f}, limit {LIMIT}")


if __name__ == "__main__":
    main()
