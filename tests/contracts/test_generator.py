"""What every `Generator` promises, on llama.cpp with real weights and on the scripted one that other tests use."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.engine import LlamaGenerator
from appliance.errors import EngineError, PromptTooLong, UsageError
from appliance.ports import Generator
from appliance.types import ModelRecord, Piece, Prompt, Sampling, Segment
from tests.fakes import ScriptedGenerator

RECORD = ModelRecord("generator", "smollm2-135m-instruct", "0" * 64, "Q4_1", "Apache-2.0")
SCRIPT = "The moon is 384,400 km away, says 北京天文馆 🎉🌕. It takes light 1.3 seconds, and a walker about nine years."
CONTEXT_TOKENS = 512


def make(kind: str, request: pytest.FixtureRequest) -> Generator:
    if kind == "scripted":
        return ScriptedGenerator(SCRIPT, CONTEXT_TOKENS)
    path: Path = request.getfixturevalue("small_generator_path")
    return LlamaGenerator(path, RECORD, "chatml", CONTEXT_TOKENS)


KINDS = ["scripted", pytest.param("llama", marks=pytest.mark.model)]


@pytest.fixture(scope="module", params=KINDS)
def generator(request: pytest.FixtureRequest) -> Iterator[Generator]:
    made = make(request.param, request)
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def fresh_generator(request: pytest.FixtureRequest) -> Iterator[Generator]:
    made = make(request.param, request)
    yield made
    made.close()


def chat(question: str, passages: tuple[str, ...] = ()) -> Prompt:
    return Prompt(
        (Segment("<|im_start|>system\nAnswer in full sentences.<|im_end|>\n<|im_start|>user\n", trusted=True),),
        tuple((Segment(passage, trusted=False), Segment("\n", trusted=True)) for passage in passages),
        (Segment(question, trusted=False), Segment("<|im_end|>\n<|im_start|>assistant\n", trusted=True)),
    )


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def test_only_the_last_piece_has_usage_and_it_counts_what_was_streamed(generator: Generator) -> None:
    """Tokens of all pieces are the output tokens, each with a log probability of at most 0."""
    pieces = list(generator.generate(chat("How far is the moon?"), Sampling(40)))
    usage = pieces[-1].usage
    assert usage is not None
    assert [None] * (len(pieces) - 1) == [piece.usage for piece in pieces[:-1]]
    assert usage.output_tokens == sum(len(piece.tokens) for piece in pieces)
    assert all(len(piece.tokens) == len(piece.logprobs) for piece in pieces)
    assert all(logprob <= 0 for piece in pieces for logprob in piece.logprobs)
    assert usage.first_token_ms > 0
    assert text_of(pieces)


def test_prompt_tokens_are_those_of_its_segments(generator: Generator) -> None:
    """Usage counts the prompt as `count_tokens` does, but for a beginning-of-sequence token."""
    prompt = chat("How far is the moon?", ("The moon is far.", "Light is fast."))
    usage = list(generator.generate(prompt, Sampling(1)))[-1].usage
    assert usage is not None
    assert usage.prompt_tokens - generator.count_tokens(prompt.segments()) in (0, 1)
    assert 0 <= usage.reused_tokens < usage.prompt_tokens


def test_segments_count_one_after_the_other(generator: Generator) -> None:
    """The count of several segments is the sum of their counts, and none take none."""
    segments = chat("How far is the moon?", ("Es ist weit.", "非常远 🎉")).segments()
    assert sum(generator.count_tokens([segment]) for segment in segments) == generator.count_tokens(segments)
    assert generator.count_tokens([]) == 0


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_max_tokens_ends_the_output(generator: Generator, limit: int) -> None:
    """No more than `max_tokens` are computed, and the end says so."""
    usage = list(generator.generate(chat("Tell me a long story."), Sampling(limit)))[-1].usage
    assert usage is not None
    assert (limit, "length") == (usage.output_tokens, usage.finish)


def test_greedy_output_repeats(generator: Generator) -> None:
    """The same prompt gives the same tokens, whatever was asked in between."""
    prompt, sampling = chat("How far is the moon?", ("The moon is 384,400 km away.",)), Sampling(24)
    first = [piece.tokens for piece in generator.generate(prompt, sampling)]
    list(generator.generate(chat("What is a bank?", ("A bank keeps money.",) * 3), Sampling(5)))
    assert first == [piece.tokens for piece in generator.generate(prompt, sampling)]


def test_stop_strings_end_the_output_wherever_tokens_end(generator: Generator) -> None:
    """Whatever stretch of the answer is a stop string, nothing from its first occurrence on is shown."""
    prompt = chat("How far is the moon?")
    pieces = list(generator.generate(prompt, Sampling(16)))
    whole = text_of(pieces)
    for start, end in pairwise(range(1, len(whole), max(2, len(whole) // 5))):
        stop = whole[start:end]
        stopped = list(generator.generate(prompt, Sampling(16, stop=("never said", stop))))
        assert whole[: whole.find(stop)] == text_of(stopped)
        assert stopped[-1].usage is not None
        assert stopped[-1].usage.finish == "stop"


def test_pieces_are_whole_characters(generator: Generator) -> None:
    """Characters that span several tokens arrive in one piece, and none is replaced."""
    prompt = Prompt((), (), (Segment("你好,世界 😀🎉🌕! " * 8, trusted=False),))
    pieces = list(generator.generate(prompt, Sampling(24)))
    assert any(ord(character) > 0x2000 for character in text_of(pieces))
    assert "\ufffd" not in text_of(pieces)


def test_too_long_a_prompt_is_refused_before_the_first_piece(generator: Generator) -> None:
    """Prompt and answer together must fit the context, to the token."""
    prompt = chat("How far is the moon?")
    usage = list(generator.generate(prompt, Sampling(1)))[-1].usage
    assert usage is not None
    room = CONTEXT_TOKENS - usage.prompt_tokens
    with pytest.raises(PromptTooLong) as raised:
        next(generator.generate(prompt, Sampling(room + 1)))
    assert raised.value.hint
    stream = generator.generate(prompt, Sampling(room))
    assert isinstance(next(stream), Piece)
    stream.close()  # type: ignore[attr-defined]  # the port says Iterator; ours are generators


@pytest.mark.parametrize("sampling", [Sampling(0), Sampling(-1), Sampling(5, temperature=-1.0)])
def test_senseless_sampling_is_refused(generator: Generator, sampling: Sampling) -> None:
    """A request for no tokens, or at a negative temperature, is the caller's error."""
    with pytest.raises(UsageError):
        next(generator.generate(chat("How far?"), sampling))


def test_an_empty_prompt_is_refused(generator: Generator) -> None:
    """A model that has read nothing says nothing."""
    with pytest.raises(UsageError):
        next(generator.generate(Prompt((), (), (Segment("", trusted=False),)), Sampling(5)))


def test_closing_a_stream_leaves_the_next_one_as_it_was(generator: Generator) -> None:
    """A stream closed early costs nothing later, and changes nothing."""
    prompt = chat("How far is the moon?")
    expected = list(generator.generate(prompt, Sampling(12)))
    stream = generator.generate(prompt, Sampling(12))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert next(stream, None) is None
    actual = list(generator.generate(prompt, Sampling(12)))
    assert [piece.tokens for piece in expected] == [piece.tokens for piece in actual]


def test_a_closed_generator_says_so(fresh_generator: Generator) -> None:
    """Closing twice is harmless; generating afterwards is an EngineError with a hint."""
    fresh_generator.close()
    fresh_generator.close()
    with pytest.raises(EngineError) as raised:
        list(fresh_generator.generate(chat("Are you there?"), Sampling(3)))
    assert raised.value.hint


def test_an_output_does_not_begin_as_it_must_not(generator: Generator) -> None:
    """The first token is another one, and the first piece alone says how much the model would have liked that one."""
    prompt = chat("How far is the moon?")
    free = list(generator.generate(prompt, Sampling(12)))
    first = text_of(free).split()[0]
    held = list(generator.generate(prompt, Sampling(12, avoid=first)))
    assert not text_of(held).startswith(first)
    assert held[0].avoided is not None
    assert held[0].avoided <= 0
    assert [None] * (len(held) - 1) == [piece.avoided for piece in held[1:]]
    assert {None} == {piece.avoided for piece in free}
