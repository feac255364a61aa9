"""Rules of a conversation: nothing is lost, nothing is asked twice."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence

from tests.ui.fake_service import ANSWER, Script, leave, refusal
from ui.client import ClientError, Event, Exchange
from ui.conversation import TURNS, Conversation, State, Turn

SECONDS = 10.0


class Scripted:
    """A question whose events the test puts in one by one; a record or None ends it, an exception is raised."""

    def __init__(self) -> None:
        self.events: queue.Queue[Event | Exception | None] = queue.Queue()
        self.stopped = False

    def __iter__(self) -> Iterator[Event]:
        while (event := self.events.get(timeout=SECONDS)) is not None:
            if isinstance(event, Exception):
                raise event
            yield event
            if event.name == "answer":
                return

    def stop(self) -> None:
        self.stopped = True
        self.events.put(None)

    def play(self, *indexes: int, script: Script = ()) -> None:
        for index in indexes:
            name, data = (script or leave())[index]
            self.events.put(Event(name, dict(data)))


def settled(turn: Turn) -> State:
    """Wait until the turn is over."""
    state = turn.state
    while state.running:
        newer = turn.wait(state.version, SECONDS)
        assert newer.version > state.version, "the turn does not go on"
        state = newer
    return state


def test_a_turn_shows_each_step_as_it_comes() -> None:
    """Searching, reading, writing, done; the text grows by whole sentences and the record is kept."""
    asked = Scripted()
    turn = Turn(1, "How much leave?", asked)
    assert turn.state.phase == "searching"
    asked.play(0)
    state = turn.wait(0, SECONDS)
    assert (state.phase, len(state.passages)) == ("reading", 2)
    asked.play(1)
    state = turn.wait(state.version, SECONDS)
    assert (state.phase, state.text) == ("writing", ANSWER[0])
    asked.play(2, 3)
    state = settled(turn)
    assert (state.phase, state.text, state.answer["log_index"]) == ("done", "".join(ANSWER), 7)


def test_waiting_ends_when_the_time_is_over() -> None:
    """A page that looks at a turn gets its turn even if nothing happens."""
    turn = Turn(1, "q", Scripted())
    assert turn.wait(0, 0.01).version == 0
    turn.stop()


def test_a_stopped_turn_keeps_what_was_written_and_stays_stopped() -> None:
    """Nothing that arrives after the stop changes the turn."""
    asked = Scripted()
    turn = Turn(1, "q", asked)
    asked.play(0, 1)
    while turn.state.text != ANSWER[0]:
        turn.wait(turn.state.version, 0.05)
    turn.stop()
    asked.play(2, 3)
    state = settled(turn)
    assert (state.phase, state.text, asked.stopped) == ("stopped", ANSWER[0], True)


def test_an_error_ends_a_turn_and_keeps_what_was_written() -> None:
    """Message and hint are shown beside the sentences that were logged before."""
    asked = Scripted()
    turn = Turn(1, "q", asked)
    asked.play(0, 1)
    asked.events.put(ClientError("disk full", "Free some space."))
    state = settled(turn)
    assert (state.phase, state.text, state.error and state.error.hint) == ("failed", ANSWER[0], "Free some space.")


def test_a_stream_without_a_record_is_a_failure() -> None:
    """Sentences without the closing record are never shown as an answer."""
    asked = Scripted()
    turn = Turn(1, "q", asked)
    asked.play(0, 1)
    asked.events.put(None)
    assert settled(turn).phase == "failed"


def test_only_one_question_runs_at_a_time() -> None:
    """A second submission while an answer is being written is not asked."""
    conversation = Conversation(lambda *_: Scripted())
    assert [conversation.start("one"), conversation.start("two")] == [True, False]
    conversation.turns[0].stop()
    assert [turn.question for turn in conversation.turns] == ["one"]
    assert conversation.start("three")
    conversation.clear()


def test_blank_questions_are_not_asked() -> None:
    """Blanks alone are not a question; around one they are taken off."""
    conversation = Conversation(lambda *_: Scripted())
    assert not conversation.start(" \n\t")
    assert conversation.start("  q \n")
    assert conversation.turns[0].question == "q"
    conversation.clear()


def test_clearing_stops_what_runs() -> None:
    """A new conversation has no turns, and nobody computes for the old one."""
    asked = Scripted()
    conversation = Conversation(lambda *_: asked)
    conversation.start("q")
    conversation.clear()
    assert (conversation.turns, asked.stopped) == ((), True)


def test_the_oldest_turns_are_forgotten() -> None:
    """A conversation keeps a bounded number of turns, numbered through."""

    def at_once(_: str, __: Sequence[Exchange]) -> Scripted:
        asked = Scripted()
        asked.play(0, 1, 2, 3)
        return asked

    conversation = Conversation(at_once)
    for number in range(TURNS + 2):
        conversation.start(f"q{number}")
        settled(conversation.turns[-1])
    assert [turn.number for turn in conversation.turns] == list(range(3, TURNS + 3))


def test_a_question_is_asked_with_the_complete_answers_before_it() -> None:
    """An answer goes with its question; a refusal answers nothing, and what has not come to its end is left out."""
    told: list[Sequence[Exchange]] = []
    running: list[Scripted] = []

    def note(_: str, earlier: Sequence[Exchange]) -> Scripted:
        told.append(earlier)
        running.append(Scripted())
        return running[-1]

    conversation = Conversation(note)
    conversation.start("answered")
    running[-1].play(0, 1, 2, 3)
    settled(conversation.turns[-1])
    conversation.start("refused")
    running[-1].play(0, 1, 2, script=refusal())
    settled(conversation.turns[-1])
    conversation.start("stopped")
    conversation.turns[-1].stop()
    conversation.start("failed")
    running[-1].events.put(ClientError("disk full"))
    settled(conversation.turns[-1])
    conversation.start("last")
    conversation.clear()
    known = [Exchange("answered", "".join(ANSWER)), Exchange("refused", "")]
    assert told == [[], known[:1], known, known, known]
