"""A conversation: questions and what became of them.

Each question runs in a thread of its own, so that an answer is complete whatever the reader does on the page
meanwhile. The page looks at snapshots; nothing here knows Streamlit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from ui.client import ClientError, Event, Exchange

Phase = Literal["searching", "reading", "writing", "done", "stopped", "failed"]
RUNNING: frozenset[Phase] = frozenset({"searching", "reading", "writing"})
TURNS = 50


class Asked(Protocol):
    """A question on its way: `ui.client.Asking`, or a scripted one in tests."""

    def __iter__(self) -> Iterator[Event]: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a question at one moment. `statements` are the sentences so far, as the service sent them;
    `answer` is its record once `phase` is "done".
    """

    phase: Phase = "searching"
    passages: tuple[Mapping[str, Any], ...] = ()
    statements: tuple[Mapping[str, Any], ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)
    error: ClientError | None = None
    seconds: float = 0.0
    version: int = 0

    @property
    def running(self) -> bool:
        return self.phase in RUNNING

    @property
    def text(self) -> str:
        return "".join(str(statement.get("text") or "") for statement in self.statements)


class Turn:
    """One question and its answer, as far as it has come. Safe to use from several threads."""

    def __init__(self, number: int, question: str, asked: Asked) -> None:
        self.number = number
        self.question = question
        self._asked = asked
        self._started = time.monotonic()
        self._changed = threading.Condition()
        self._state = State()
        # A thread that waits for the model must not keep the process from ending.
        threading.Thread(target=self._run, name="question", daemon=True).start()

    @property
    def state(self) -> State:
        """Return the newest state; `seconds` counts on while it runs."""
        with self._changed:
            state = self._state
        return replace(state, seconds=time.monotonic() - self._started) if state.running else state

    @property
    def exchange(self) -> Exchange | None:
        """Return what later questions may build on, or None without a complete answer. A refusal answers nothing."""
        with self._changed:
            state = self._state
        if state.phase != "done":
            return None
        refused = bool(state.answer.get("refused"))
        return Exchange(self.question, "" if refused else str(state.answer.get("answer") or state.text))

    def wait(self, version: int, seconds: float) -> State:
        """Return the newest state as soon as it is not `version` any more, at the latest after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._state.version != version, seconds)
        return self.state

    def stop(self) -> None:
        """Give up the answer; what was written so far stays. Without effect on one that is complete."""
        self._become(phase="stopped")
        self._asked.stop()

    def _run(self) -> None:
        try:
            self._follow(self._asked)
        except ClientError as error:
            self._become(phase="failed", error=error)
        except Exception as error:  # whatever it is, the reader must not wait for ever
            self._become(phase="failed", error=ClientError("the page failed to read the answer", "Ask again."))
            raise error from None

    def _follow(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.name == "passages":
                rows = event.data.get("passages") or ()
                self._become(phase="reading", passages=tuple(row for row in rows if isinstance(row, dict)))
            elif event.name == "token":
                self._become(phase="writing", more=(event.data,))
            elif event.name == "answer":
                self._become(phase="done", answer=event.data)
        self._become(phase="failed", error=ClientError("the service ended without an answer", "Ask again."))

    def _become(self, more: tuple[Mapping[str, Any], ...] = (), **changes: Any) -> None:
        with self._changed:
            if not self._state.running:
                return  # what is over stays as it ended
            state = self._state
            self._state = replace(
                state,
                statements=state.statements + more,
                seconds=time.monotonic() - self._started,
                version=state.version + 1,
                **changes,
            )
            self._changed.notify_all()


class Conversation:
    """The questions of one browser session, oldest first; the newest TURNS are kept. One runs at a time.

    `ask` is given a question and what was said before it, oldest first.
    """

    def __init__(self, ask: Callable[[str, Sequence[Exchange]], Asked]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._turns: tuple[Turn, ...] = ()
        self._count = 0

    @property
    def turns(self) -> tuple[Turn, ...]:
        return self._turns

    @property
    def running(self) -> Turn | None:
        """Return the question that is being answered, if one is."""
        last = self._turns[-1] if self._turns else None
        return last if last is not None and last.state.running else None

    def start(self, question: str) -> bool:
        """Ask, unless the question is blank or another is being answered; return whether it was asked."""
        question = question.strip()
        with self._lock:
            if not question or self.running:
                return False
            self._count += 1
            earlier = [exchange for turn in self._turns if (exchange := turn.exchange) is not None]
            self._turns = (*self._turns, Turn(self._count, question, self._ask(question, earlier)))[-TURNS:]
            return True

    def clear(self) -> None:
        """Forget everything; stop what is being answered."""
        with self._lock:
            if self.running:
                self.running.stop()
            self._turns = ()
