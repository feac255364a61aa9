"""Search on its own: the passages for a question, without an answer."""

from __future__ import annotations

import secrets
import time
import unicodedata
from dataclasses import dataclass

from appliance.course import Course, Digest, milliseconds_since, question_body
from appliance.errors import QuestionError
from appliance.ports import Log
from appliance.retrieval import Retrieval
from appliance.types import Passage


@dataclass(frozen=True, slots=True)
class Found:
    """The passages the answer will be made from; `log_index` is the place of the question's entry in the log."""

    id: str
    passages: tuple[Passage, ...]
    search_ms: float
    log_index: int


class Searcher:
    """Searches for a reader and has the log say so. Safe to call from several threads if its parts are."""

    def __init__(self, retrieval: Retrieval, log: Log, digest: Digest, question_characters: int) -> None:
        self.retrieval = retrieval
        self._log = log
        self._digest = digest
        self._question_characters = question_characters

    def search(self, question: str, readers: frozenset[str], user: str, limit: int) -> Found:
        """Return at most `limit` passages, once the log has the search. Raises QuestionError, LogError."""
        question = cleaned(question, self._question_characters)
        started = time.perf_counter()
        hits = self.retrieval.find(question, readers, limit)
        course = Course(secrets.token_hex(16), question, question, hits.passages, milliseconds_since(started), started)
        entry = self._log.append("search", question_body(course, user, hits, self._digest))
        return Found(course.id, course.passages, course.search_ms, entry.index)


def cleaned(question: str, most: int) -> str:
    """Return the question as text that can be embedded, logged and shown.

    Raises QuestionError when it is empty or has more than `most` characters.
    """
    if len(question) > most:
        raise QuestionError(
            f"the question has {len(question)} characters, {most} are allowed", "Ask a shorter question."
        )
    # Half of a surrogate pair is no character; the pair is one.
    whole = question.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    visible = "".join(c if c == "\n" or unicodedata.category(c) != "Cc" else " " for c in whole)
    if not visible.strip():
        raise QuestionError("the question is empty", "Ask a question in words.")
    return visible.strip()
