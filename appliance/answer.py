"""The second use-case: answer a question.

search → log → passages into the prompt → generate → each sentence: ground, decide, log, release → log → answer.
Nothing is yielded before the entry that records it is on disk.
"""

from __future__ import annotations

import collections.abc
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Literal

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
from appliance.followup import standalone
from appliance.grounding import Evidence, Grounded
from appliance.language import Language, detect, load_languages
from appliance.ports import Generator, Log
from appliance.prompt import Asked, Template
from appliance.refusal import Calibration
from appliance.retrieval import Retrieval
from appliance.safe_text import gap, plain
from appliance.search import Found, cleaned
from appliance.sentences import Part, Splitter, is_finished
from appliance.shortfall import closest_passages, missing_parts, refusal_text, sounds_like_refusal
from appliance.signals import signals
from appliance.types import Answer, Json, Passage, Prompt, Sampling, Searched, Statement, Support, Turn

# Sentences that are named again after the passages: with them the default model answered seven of nine questions on
# handbook pages, without them five.
CLOSEST = 2
# Sentences that are looked at for it.
NEAR = 12
# A prompt without room for this many tokens of passages is not worth writing.
LEAST_PASSAGE_TOKENS = 64
# The language that the prompt itself is in: a question in it needs no order to answer in it.
PROMPT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer may take."""

    passages: int
    passage_tokens: int
    output_tokens: int
    question_characters: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What an answer may take, when it is refused (below `least_confidence`), and whether sentences without support are
    shown, marked.
    """

    calibration: Calibration
    least_confidence: float
    limits: Limits
    unsupported: Literal["withhold", "mark"] = "withhold"


Event = Found | Statement | Answer
Generated = collections.abc.Generator[Part, None, None]


class Answerer:
    """Answers questions from what their reader may read. Safe to call from several threads if its parts are.

    `digest(record, text)` is the salted digest that stands for a text in the log; each text has a record of its own,
    named after the answer's id ("ID/question", "ID/meant", "ID/prompt", "ID/passage/0", "ID/sentence/0", "ID/quote/0",
    "ID/answer"), so that one can be disclosed without the others.
    """

    def __init__(
        self,
        retrieval: Retrieval,
        generator: Generator,
        log: Log,
        template: Template,
        policy: Policy,
        digest: Digest,
    ) -> None:
        self._retrieval = retrieval
        self._generator = generator
        self._log = log
        self._prompter = template.for_chat(generator.chat)
        self._limits = limits = policy.limits
        self._policy = policy
        self._digest = digest
        self._languages = load_languages()
        self._sampling = Sampling(limits.output_tokens, stop=self._prompter.stop, avoid=template.refusal)
        self._refusal = template.refusal
        decision: dict[str, Json] = {
            "calibration": policy.calibration.name,
            "least_confidence": policy.least_confidence,
            "unsupported": policy.unsupported,
        }
        self._means = {
            **means_body(generator.record, self._prompter.identity, self._sampling, generator.settings()),
            "decision": decision,
        }

    def ask(
        self,
        question: str,
        readers: frozenset[str],
        user: str,
        turns: Sequence[Turn] = (),
        complete: bool = False,
    ) -> Iterator[Event]:
        """Yield Found, then statements as they are released, then the Answer.

        `turns` are what was said before in the same conversation. With `complete` an answer that is refused is
        nevertheless written to its end, into `Answer.draft`. Raises QuestionError at once. Closing the iterator stops
        the computation and has the log say so. After a LogError nothing more is yielded.
        """
        most = self._limits.question_characters
        question = cleaned(question, most)
        meant = standalone(question, turns).text[:most]
        return self._events(_Asking(question, meant, readers, user, complete), self._room(meant))

    def _events(self, asking: _Asking, room: int) -> Iterator[Event]:
        started = time.perf_counter()
        hits = self._retrieval.find(asking.meant, asking.readers, self._limits.passages)
        search_ms = milliseconds_since(started)
        passages = self._pack(hits.passages, room)
        language = detect(asking.meant, self._languages)
        evidence = Evidence(passages, asking.meant)
        course = Course(secrets.token_hex(16), asking.question, asking.meant, passages, search_ms, started)
        prompt = self._prompt(course, evidence, language)
        written = "".join(segment.text for segment in prompt.segments())
        body = {**question_body(course, asking.user, hits, self._digest), **self._means}
        entry = self._log.append("question", {**body, "text": self._digest(f"{course.id}/prompt", written)}, version=2)
        with self._watching(course):
            yield Found(course.id, passages, search_ms, entry.index)
            if passages:
                course.prompt_tokens = self._generator.count_tokens(prompt.segments())
                yield from self._statements(course, prompt, evidence, asking.complete)
            course.reason = _reason(course)
        answer = self._conclude(course, asking.readers, language)
        if answer.refused:
            yield Statement(answer.text, "supported")
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
            self._conclude(course, frozenset(), None)
            raise

    def _statements(self, course: Course, prompt: Prompt, evidence: Evidence, complete: bool) -> Iterator[Statement]:
        with closing(self._parts(course, prompt)) as parts:
            for lead, written in parts:
                started = time.perf_counter()
                text = plain(written, [passage.chunk.text for passage in course.passages])
                if not text:
                    continue
                grounded = evidence.ground(text)
                if self._is_over(course, text, grounded):
                    return
                against = evidence.against(grounded)
                support: Support = (
                    "unsupported" if not grounded.supported else "contradicted" if against else "supported"
                )
                statement = Statement(gap(lead) + text if course.draft else text, support, grounded.citations, against)
                shown = self._is_shown(course, statement, grounded, evidence)
                course.spent_ms += milliseconds_since(started)
                self._log.append("sentence", sentence_body(course, grounded, statement, self._digest), version=2)
                if shown:
                    course.cited += quote_bodies(course, statement, self._digest)
                    course.quotes += len(statement.citations)
                    course.released.append(statement)
                course.judged += 1
                if shown:
                    yield statement
                elif course.reason == "uncertain" and not complete:
                    return

    def _is_shown(self, course: Course, statement: Statement, grounded: Grounded, evidence: Evidence) -> bool:
        """Judge a sentence; with the first supported one, whether there is an answer at all."""
        if statement.support == "unsupported":
            course.withheld += 1
            # Where it is shown at all, it is beside what is supported, never alone.
            if self._policy.unsupported == "withhold" or not course.draft:
                return False
            course.draft.append(statement)
            return bool(course.released)
        course.draft.append(statement)
        if course.confidence is None:
            course.signals = signals(course, grounded, evidence)
            course.confidence = self._policy.calibration.confidence(course.signals)
            if course.confidence < self._policy.least_confidence:
                course.reason = "uncertain"
        return course.reason != "uncertain"

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
        if not grounded.supported and sounds_like_refusal(sentence, self._refusal, self._languages):
            course.reason = course.reason or "model_refused"
            return True
        repeated = sentence in course.said
        course.said.add(sentence)
        return repeated

    def _conclude(self, course: Course, readers: frozenset[str], language: Language | None) -> Answer:
        refused = not course.released
        searched = Searched(course.meant, 0)
        text = "".join(statement.text for statement in course.released)
        if refused and readers:
            searched = Searched(course.meant, self._retrieval.documents(readers), closest_passages(course.passages))
            text = refusal_text(language or self._languages[0], searched)
        timings = course.timings()
        entry = self._log.append("answer", answer_body(course, text, timings, self._digest), version=2)
        return Answer(
            id=course.id,
            question=course.question,
            text=text,
            citations=tuple(citation for statement in course.released for citation in statement.citations),
            refused=refused,
            passages=course.passages,
            model=self._generator.record,
            log_index=entry.index,
            timings=timings,
            statements=tuple(course.released),
            reason=course.reason,
            missing=() if refused else missing_parts(course.meant, course.released, language),
            searched=searched,
            confidence=course.confidence,
            draft=tuple(course.draft),
        )

    def _room(self, question: str) -> int:
        """Return the tokens that passages may take beside this question. Raises QuestionError when it leaves none."""
        context = self._generator.context_tokens
        taken = self._generator.count_tokens((*self._prompter.prefix(), *self._prompter.question(Asked(question))))
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

    def _prompt(self, course: Course, evidence: Evidence, language: Language | None) -> Prompt:
        """Return the prompt, the nearest sentences named again if there is room for them."""
        course.near = self._retrieval.nearest(course.meant, evidence.closest(course.meant, NEAR))
        # In the language of the documents: a translation has no quotes, and would be withheld.
        told = detect(course.passages[0].chunk.text, self._languages) if course.passages else None
        language = told or language
        answer_in = language.answer_in if language and language.code != PROMPT_LANGUAGE else ""
        prompt = self._prompter.build(course.passages, Asked(course.meant, tuple(course.near)[:CLOSEST], answer_in))
        room = self._generator.context_tokens - self._limits.output_tokens
        if self._generator.count_tokens(prompt.segments()) <= room:
            return prompt
        return self._prompter.build(course.passages, Asked(course.meant))


@dataclass(frozen=True, slots=True)
class _Asking:
    """A question as it was asked, what it is taken to mean, who asks, and whether the draft is wanted."""

    question: str
    meant: str
    readers: frozenset[str]
    user: str
    complete: bool


def _reason(course: Course) -> str:
    if course.released:
        return "answered"
    return course.reason or ("unsupported" if course.passages else "nothing_found")
