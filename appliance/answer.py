"""The second use-case: answer a question.

search → log → passages into the prompt → generate → each finished sentence: ground, log, release → log → answer.
Nothing is yielded before the entry that records it is on disk.
"""

from __future__ import annotations

import collections.abc
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from appliance.course import (
    Course,
    Digest,
    answer_body,
    means_body,
    milliseconds_since,
    question_body,
    quote_bodies,
    sentence_body,
)
from appliance.errors import LogError, QuestionError
from appliance.grounding import Evidence, Grounded
from appliance.ports import Generator, Log
from appliance.prompt import Template
from appliance.retrieval import Retrieval
from appliance.search import Found, cleaned
from appliance.sentences import Part, Splitter, is_finished, without_markup
from appliance.types import Answer, Citation, Json, Passage, Prompt, Sampling

# Sentences that are named again after the passages: with them the default model answered seven of nine questions on
# handbook pages, without them five.
CLOSEST = 2
# Sentences that are looked at for it.
NEAR = 12
# A prompt without room for this many tokens of passages is not worth writing.
LEAST_PASSAGE_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer may take."""

    passages: int
    passage_tokens: int
    output_tokens: int
    question_characters: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """Released text. An answer's sentences, joined, are its text."""

    text: str
    citations: tuple[Citation, ...]


Event = Found | Sentence | Answer
Generated = collections.abc.Generator[Part, None, None]


class Answerer:
    """Answers questions from what their reader may read. Safe to call from several threads if its parts are.

    `digest(record, text)` is the salted digest that stands for a text in the log; each text has a record of its own,
    named after the answer's id ("ID/question", "ID/prompt", "ID/passage/0", "ID/sentence/0", "ID/quote/0",
    "ID/answer"), so that one can be disclosed without the others. `engine` is what the log says of the generator's
    settings.
    """

    def __init__(
        self,
        retrieval: Retrieval,
        generator: Generator,
        log: Log,
        template: Template,
        limits: Limits,
        digest: Digest,
        engine: Mapping[str, Json] | None = None,
    ) -> None:
        self._retrieval = retrieval
        self._generator = generator
        self._log = log
        self._template = template
        self._prompter = template.for_chat(generator.chat)
        self._limits = limits
        self._digest = digest
        self._sampling = Sampling(limits.output_tokens, stop=self._prompter.stop)
        self._means = means_body(generator.record, self._prompter.identity, self._sampling, engine or {})

    def ask(self, question: str, readers: frozenset[str], user: str) -> Iterator[Event]:
        """Yield Found, then sentences as they are released, then the Answer.

        Raises QuestionError at once. Closing the iterator stops the computation and has the log say so. After a
        LogError nothing more is yielded.
        """
        question = cleaned(question, self._limits.question_characters)
        return self._events(question, self._room(question), readers, user)

    def _events(self, question: str, room: int, readers: frozenset[str], user: str) -> Iterator[Event]:
        started = time.perf_counter()
        hits = self._retrieval.find(question, readers, self._limits.passages)
        search_ms = milliseconds_since(started)
        passages = self._pack(hits.passages, room)
        evidence = Evidence(passages, question)
        prompt = self._prompt(passages, question, evidence)
        course = Course(secrets.token_hex(16), question, passages, search_ms, started)
        written = "".join(segment.text for segment in prompt.segments())
        body = {**question_body(course, user, hits, self._digest), **self._means}
        entry = self._log.append("question", {**body, "text": self._digest(f"{course.id}/prompt", written)})
        with self._watching(course):
            yield Found(course.id, passages, search_ms, entry.index)
            if passages:
                course.prompt_tokens = self._generator.count_tokens(prompt.segments())
                yield from self._sentences(course, prompt, evidence)
            course.reason = _reason(course)
        answer = self._conclude(course)
        if answer.refused:
            yield Sentence(answer.text, ())
        yield answer

    @contextmanager
    def _watching(self, course: Course) -> Iterator[None]:
        """Have the log say of an answer that breaks off that it did, unless it is the log that broke."""
        try:
            yield
        except LogError:
            raise
        except BaseException as error:
            course.reason = "failed" if isinstance(error, Exception) else "cancelled"
            self._conclude(course)
            raise

    def _sentences(self, course: Course, prompt: Prompt, evidence: Evidence) -> Iterator[Sentence]:
        with closing(self._parts(course, prompt)) as parts:
            for lead, written in parts:
                text = without_markup(written)
                grounded = evidence.ground(text)
                if self._is_over(course, text, grounded):
                    return
                self._log.append("sentence", sentence_body(course, grounded, self._digest))
                if grounded.supported:
                    course.cited += quote_bodies(course, grounded, self._digest)
                    course.citations += grounded.citations
                    course.released.append(lead + text if course.released else text)
                course.judged += 1
                if grounded.supported:
                    yield Sentence(course.released[-1], grounded.citations)

    def _parts(self, course: Course, prompt: Prompt) -> Generated:
        """Yield what the model writes, sentence by sentence. One that the token limit cut in half is left out."""
        splitter, called = Splitter(), time.perf_counter()
        pieces = self._generator.generate(prompt, self._sampling)
        try:
            for piece in pieces:
                course.note(piece, called)
                yield from splitter.feed(piece.text)
            rest = splitter.rest()
            if course.usage and course.usage.finish == "length" and rest and not is_finished(rest[-1].text):
                rest.pop()
            yield from rest
        finally:
            # An iterator need not have it; one that computes does.
            getattr(pieces, "close", lambda: None)()

    def _is_over(self, course: Course, text: str, grounded: Grounded) -> bool:
        """Return whether the model has nothing more to say: it refuses, or begins to repeat itself."""
        sentence = " ".join(text.split())
        if self._template.refuses(sentence) or (
            not grounded.supported and self._template.sounds_like_refusal(sentence)
        ):
            course.reason = "model_refused"
            return True
        repeated = sentence in course.said
        course.said.add(sentence)
        return repeated

    def _conclude(self, course: Course) -> Answer:
        refused = not course.released
        text = self._template.refusal if refused else "".join(course.released)
        timings = course.timings()
        entry = self._log.append("answer", answer_body(course, text, timings, self._digest))
        return Answer(
            id=course.id,
            question=course.question,
            text=text,
            citations=tuple(course.citations),
            refused=refused,
            passages=course.passages,
            model=self._generator.record,
            log_index=entry.index,
            timings=timings,
        )

    def _room(self, question: str) -> int:
        """Return the tokens that passages may take beside this question. Raises QuestionError when it leaves none."""
        context = self._generator.context_tokens
        taken = self._generator.count_tokens((*self._prompter.prefix(), *self._prompter.question(question)))
        room = context - self._limits.output_tokens - taken
        if room < LEAST_PASSAGE_TOKENS:
            raise QuestionError(
                f"question and instructions take {taken} tokens and the answer up to {self._limits.output_tokens}, "
                f"of the model's {context}: no room for passages",
                "Ask a shorter question, or raise generator.context_tokens.",
            )
        return room

    def _pack(self, passages: Sequence[Passage], room: int) -> tuple[Passage, ...]:
        """Return the passages that fit, best first. One that does not is passed over for the next."""
        left = min(room, self._limits.passage_tokens)
        packed = []
        for passage in passages:
            tokens = self._generator.count_tokens(self._prompter.passage(passage))
            if tokens <= left:
                packed.append(passage)
                left -= tokens
        return tuple(packed)

    def _prompt(self, passages: Sequence[Passage], question: str, evidence: Evidence) -> Prompt:
        """Return the prompt, the nearest sentences named again if there is room for them."""
        nearest = self._retrieval.nearest(question, evidence.closest(question, NEAR), CLOSEST)
        prompt = self._prompter.build(passages, question, nearest)
        room = self._generator.context_tokens - self._limits.output_tokens
        if self._generator.count_tokens(prompt.segments()) <= room:
            return prompt
        return self._prompter.build(passages, question)


def _reason(course: Course) -> str:
    if course.released:
        return "answered"
    return course.reason or ("unsupported" if course.passages else "nothing_found")
