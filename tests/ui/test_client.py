"""Rules of the page's client, against a real server on a Unix socket."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.fake_service import ANSWER, Service, document, leave
from ui.client import EXCHANGES, EXCHANGES_CHARACTERS, Client, ClientError, Exchange, Wanted, events


def test_an_answer_arrives_as_its_events_in_order(client: Client) -> None:
    """Passages first, then every sentence, then the record, and nothing after it."""
    seen = list(client.ask("How much leave?"))
    assert [event.name for event in seen] == ["passages", "token", "token", "answer"]
    assert "".join(event.data["text"] for event in seen[1:3]) == "".join(ANSWER) == seen[3].data["answer"]


def test_a_question_goes_with_what_was_said_before_it(client: Client, service: Service) -> None:
    """Questions and answers of the conversation are sent in their order, the newest last."""
    list(client.ask("And for contractors?", [Exchange("How much leave?", "30 days."), Exchange("Who won?", "")]))
    sent = [{"question": "How much leave?", "answer": "30 days."}, {"question": "Who won?", "answer": ""}]
    assert service.conversations == [sent]


@pytest.mark.parametrize(
    ("count", "length", "kept"), [(EXCHANGES + 5, 1, EXCHANGES), (9, EXCHANGES_CHARACTERS // 3, 2)]
)
def test_of_a_long_conversation_the_newest_exchanges_are_sent(
    client: Client, service: Service, count: int, length: int, kept: int
) -> None:
    """However long a conversation gets, the service takes the next question of it."""
    earlier = [Exchange(f"q{number}", "x" * length) for number in range(count)]
    list(client.ask("And then?", earlier))
    assert [turn["question"] for turn in service.conversations[0]] == [f"q{n}" for n in range(count - kept, count)]


def test_events_arrive_while_the_answer_is_being_written(client: Client, service: Service) -> None:
    """The first sentence is there before the second is written."""
    service.gate = threading.Semaphore(2)
    running = iter(client.ask("How much leave?"))
    assert [next(running).name, next(running).data["text"]] == ["passages", ANSWER[0]]
    service.gate.release(2)
    assert [event.name for event in running] == ["token", "answer"]


def test_stopping_wakes_the_reader_and_the_service_notices(client: Client, service: Service) -> None:
    """A stopped question ends at once without an error, and its connection is closed."""
    service.gate = threading.Semaphore(1)
    asking = client.ask("How much leave?")
    running = iter(asking)
    next(running)
    ended = threading.Event()
    rest: list[str] = []

    def drain() -> None:
        rest.extend(event.name for event in running)
        ended.set()

    threading.Thread(target=drain, daemon=True).start()
    asking.stop()
    assert ended.wait(5)
    assert rest == []
    service.gate.release(4)
    assert service.gone.wait(5)


def test_a_question_stopped_before_it_is_sent_yields_nothing(client: Client) -> None:
    """Stopping early is stopping, too."""
    asking = client.ask("How much leave?")
    asking.stop()
    assert list(asking) == []


def test_an_error_event_is_raised_with_its_hint(client: Client, service: Service) -> None:
    """What goes wrong in the middle of an answer is an error with message and hint, after what was written."""
    broken = {"error": "the log cannot be written", "hint": "Free some space.", "kind": "LogError"}
    service.scripts["q"] = [*leave()[:2], ("error", broken)]
    seen = []
    with pytest.raises(ClientError) as caught:
        seen.extend(event.name for event in client.ask("q"))
    assert (caught.value.message, caught.value.hint) == ("the log cannot be written", "Free some space.")


def test_an_answer_that_breaks_off_is_an_error(client: Client, service: Service) -> None:
    """A stream that ends without a record is not taken for an answer."""
    service.scripts["q"] = leave()[:2]
    with pytest.raises(ClientError) as caught:
        list(client.ask("q"))
    assert caught.value.hint == "Ask again."


@pytest.mark.parametrize("path", ["ask", "documents"])
def test_a_refusal_is_raised_with_its_hint(client: Client, service: Service, path: str) -> None:
    """A status of 4xx or 5xx is an error with the service's own words."""
    service.refuses = (422, {"error": "the question is empty", "hint": "Write one.", "kind": "QuestionError"})
    with pytest.raises(ClientError) as caught:
        list(client.ask("q")) if path == "ask" else client.documents(Wanted(), 10)
    assert (caught.value.message, caught.value.hint) == ("the question is empty", "Write one.")


def test_a_service_that_is_down_is_an_error_with_a_hint(tmp_path: Path) -> None:
    """No socket, no answer, but a sentence that says what to do."""
    client = Client(tmp_path / "none.sock")
    for call in (client.runs, client.readiness, lambda: list(client.ask("q"))):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.hint


def test_readiness_names_what_is_missing_and_why(client: Client, service: Service) -> None:
    """Parts that are ready are not mentioned; 503 is an answer, not an error."""
    service.readiness = {
        "ready": False,
        "parts": {"index": {"ready": True, "reason": ""}, "generator": {"ready": False, "reason": "loading"}},
    }
    readiness = client.readiness()
    assert (readiness.ready, dict(readiness.waiting)) == (False, {"generator": "loading"})


def test_names_that_are_no_utf8_come_back_displayable(client: Client, service: Service) -> None:
    """A lone surrogate in a path never reaches the page."""
    service.documents = [document("caf\udce9.md")]
    assert client.documents(Wanted(), 10)[0][0]["path"] == "caf�.md"


def test_runs_and_model(client: Client, service: Service) -> None:
    """Runs come newest first as the service has them; the model is the first one listed."""
    assert [row["id"] for row in client.runs()] == [row["id"] for row in service.runs]
    assert client.model() == "small-model"


@given(
    st.lists(st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.integers())),
    st.integers(1, 9),
)
def test_event_parsing_does_not_depend_on_how_bytes_arrive(payloads: list[dict[str, int]], step: int) -> None:
    """However the bytes are cut, the same events come out, line separators inside texts included."""
    stream = "".join(f"event: e\ndata: {json.dumps(p, ensure_ascii=False)}\n\n" for p in payloads).encode()
    pieces = (stream[at : at + step] for at in range(0, len(stream), step))
    assert [len(event.data) for event in events(pieces)] == [len(payload) for payload in payloads]


def test_comments_carriage_returns_and_unknown_fields_are_taken_as_the_format_says() -> None:
    """Lines may end in CR LF, comments keep a connection alive, data may have several lines."""
    stream = b': alive\r\nid: 1\r\nevent: a\r\ndata: {"x":\r\ndata: 1}\r\n\r\ndata:{}\n\nevent: unfinished\ndata: {}\n'
    assert [(event.name, event.data) for event in events(iter([stream]))] == [("a", {"x": 1}), ("", {})]


@pytest.mark.parametrize("data", [b"not json", b"[1]", b"\xff", b"[" * 100_000])
def test_data_that_is_no_object_is_an_error(data: bytes) -> None:
    """Nonsense from the service is reported, not raised as whatever the parser says."""
    with pytest.raises(ClientError):
        list(events(iter([b"data: " + data + b"\n\n"])))
