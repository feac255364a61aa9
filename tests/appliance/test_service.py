"""The HTTP contract, on the real service over its Unix socket and loopback, with scripted parts behind it."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from appliance import errors
from appliance.bootstrap import Appliance, Loaders, chunker, open_appliance
from appliance.client import Client, events
from appliance.config import load
from appliance.errors import ApplianceError, Denied, IndexMismatch, NotFound, QuestionError, UsageError
from appliance.service import create_app
from appliance.types import document_id
from tests.fakes import HashEmbedder, ScriptedGenerator

TOKEN = "the-ingest-credential"
TEXT = "The hotel limit is 165 EUR a night."
DIMENSIONS = 384


class Running:
    """One service with what a test needs to reach it."""

    def __init__(self, appliance: Appliance, path: Path, port: int) -> None:
        self.appliance = appliance
        self.path = path
        self.client = Client(path)
        self.ingest = Client(path, TOKEN)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)

    def put(self, path: str, text: str, readers: tuple[str, ...] = ("group:everyone",)) -> str:
        """Put a document of one passage in, as ingest does, and return its id."""
        settings = self.appliance.settings
        identity = self.appliance.identity
        body = {
            "share": "/share",
            "chunker": chunker(settings),
            "embedder": {"name": identity.embedder, "sha256": identity.sha256},
        }
        run = self.ingest.call("POST", "/api/runs", body)["id"]
        identifier = document_id("/share", path)
        self.ingest.call("PUT", f"/api/documents/{identifier}", document(run, path, text, readers))
        self.ingest.call(
            "POST", f"/api/runs/{run}/finish", {"counts": {"indexed": 1}, "removed": 0, "passages": 1, "seconds": 0.5}
        )
        return identifier

    def asked(self, question: str, user: str = "") -> list[tuple[str, Any]]:
        return list(self.client.stream("/api/ask", {"question": question, "user": user}))


def document(run: str, path: str, text: str, readers: tuple[str, ...] = ("group:everyone",)) -> dict[str, Any]:
    import base64

    vector = HashEmbedder(DIMENSIONS).embed([text])
    return {
        "run": run,
        "share": "/share",
        "path": path,
        "sha256": "1" * 64,
        "size_bytes": 1,
        "modified_ns": 1,
        "media_type": "text/plain",
        "readers": list(readers),
        "status": "indexed",
        "chunks": [{"text": text, "page": 3, "headings": ["Travel"]}],
        "vectors": base64.b64encode(vector.astype("<f4").tobytes()).decode(),
    }


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    # Turned on by whoever administers the machine, this would have FastAPI export traces; the service says no to it.
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    settings = load(tmp_path / "h")
    loaders = Loaders(
        embedder=lambda settings: HashEmbedder(DIMENSIONS), generator=lambda settings: ScriptedGenerator(TEXT)
    )
    appliance = open_appliance(settings, loaders=loaders)
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(settings.socket))
    tcp = socket.socket(socket.AF_INET)
    tcp.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(appliance, TOKEN), log_level="critical", proxy_headers=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [unix, tcp]})
    thread.start()
    running = Running(appliance, settings.socket, tcp.getsockname()[1])
    while not running.client.is_up():
        pass
    yield running
    server.should_exit = True
    thread.join()


pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def test_an_answer_comes_as_passages_then_tokens_then_the_record(running: Running) -> None:
    """The order of events is the contract, and the record is complete."""
    running.put("travel.txt", TEXT)
    got = running.asked("What is the hotel limit?")
    assert ["passages", "token", "answer"] == [name for name, _ in got]
    record = got[-1][1]
    assert {
        "id",
        "question",
        "answer",
        "refused",
        "reason",
        "confidence",
        "statements",
        "missing",
        "searched",
        "citations",
        "passages",
        "model",
        "log_index",
        "timings",
    } == record.keys()
    assert (TEXT, False, "answered") == (record["answer"], record["refused"], record["reason"])
    assert [(TEXT, "supported")] == [(s["text"], s["support"]) for s in record["statements"]]
    assert [[]] == [citation["boxes"] for citation in record["statements"][0]["citations"]]
    assert got[1][1] == record["statements"][0]
    assert [{"sentence": TEXT, "document": "travel.txt", "page": 3, "quote": TEXT}] == record["citations"]


def test_the_entry_of_an_answer_is_in_the_log_under_its_index(running: Running) -> None:
    """Whoever holds a record finds its entry."""
    running.put("travel.txt", TEXT)
    record = running.asked("What is the hotel limit?")[-1][1]
    entries = running.client.call("GET", "/api/log", last="100")["entries"]
    entry = next(entry for entry in entries if entry["index"] == record["log_index"])
    assert ("answer", record["id"]) == (entry["kind"], entry["body"]["answer"])


def test_no_word_of_a_question_or_an_answer_is_in_the_log(running: Running) -> None:
    """The log holds ids and salted digests."""
    running.put("travel.txt", TEXT)
    running.asked("What is the hotel limit?")
    written = json.dumps(running.client.call("GET", "/api/log", last="1000")["entries"])
    assert [] == [word for word in ("hotel", "night", "travel.txt") if word in written]


def test_without_documents_the_answer_is_a_refusal(running: Running) -> None:
    """An empty index is no reason to invent."""
    record = running.asked("What is the hotel limit?")[-1][1]
    said = "The documents do not say. 0 documents were searched."
    assert (said, True, []) == (record["answer"], record["refused"], record["citations"])


@pytest.mark.parametrize("question", ["", "  \n\t ", "x" * 100_000])
def test_an_impossible_question_is_a_plain_error(running: Running, question: str) -> None:
    """Empty and oversized questions are refused with a message and a hint, before any stream begins."""
    with pytest.raises(QuestionError) as caught:
        running.asked(question)
    assert "" != caught.value.hint


def test_a_reader_finds_only_what_they_may_read(running: Running) -> None:
    """Two users, one document: the one without the right sees no sign of it."""
    running.put("salaries.txt", "The salary of the director is 90 EUR.", readers=("user:ada",))
    search = {"question": "salary of the director"}
    assert 1 == len(running.client.call("POST", "/api/search", {**search, "user": "ada"})["passages"])
    assert [] == running.client.call("POST", "/api/search", {**search, "user": "bob"})["passages"]
    assert [] == running.http.get("/api/documents").json()["documents"]
    assert [] == running.client.call("GET", "/api/documents")["documents"]
    assert ["salaries.txt"] == [row["path"] for row in running.ingest.call("GET", "/api/documents")["documents"]]


def test_over_loopback_nobody_asks_in_another_ones_name(running: Running) -> None:
    """A user can be named over the Unix socket only, which the owner alone can open."""
    reply = running.http.post("/api/search", json={"question": "x", "user": "ada"})
    assert (403, "Denied") == (reply.status_code, reply.json()["kind"])


@pytest.mark.parametrize("path", ["/api/log", "/api/log/checkpoint"])
def test_over_loopback_nobody_reads_the_log(running: Running, path: str) -> None:
    """Until auditors have accounts, the log is read by the owner of the home."""
    assert 403 == running.http.get(path).status_code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/documents/x"),
        ("DELETE", "/api/documents/x?run=r"),
        ("POST", "/api/runs"),
        ("POST", "/api/documents/list"),
        ("POST", "/api/documents/x/move"),
        ("POST", "/api/runs/x/readers"),
        ("POST", "/api/runs/x/progress"),
        ("POST", "/api/runs/x/finish"),
    ],
)
def test_changing_documents_takes_the_ingest_credential(running: Running, method: str, path: str) -> None:
    """Over the socket and over loopback alike; a wrong credential is as good as none."""
    body = document("r", "a.txt", "x") if method == "PUT" else {"share": "s", "chunker": "c", "embedder": {}}
    wrong = Client(running.path, "wrong")
    for client in (running.client, wrong):
        with pytest.raises((Denied, UsageError)) as caught:
            client.call(method, path.partition("?")[0], body if method != "DELETE" else None, run="r")
        if method != "POST":
            assert isinstance(caught.value, Denied)


def test_a_document_travels_with_a_name_that_is_no_text(running: Running) -> None:
    """File names are bytes; what is no UTF-8 in them arrives and is found."""
    name = b"caf\xe9\n.txt".decode("utf-8", "surrogateescape")
    running.put(name, TEXT)
    found = running.client.call("POST", "/api/search", {"question": "hotel limit"})
    assert [name] == [passage["document"] for passage in found["passages"]]


def test_a_removed_document_is_found_no_more(running: Running) -> None:
    """After DELETE, neither search nor list knows it."""
    identifier = running.put("travel.txt", TEXT)
    run = running.client.call("GET", "/api/runs")["runs"][0]["id"]
    running.ingest.call("DELETE", f"/api/documents/{identifier}", run=run)
    assert [] == running.client.call("POST", "/api/search", {"question": "hotel"})["passages"]
    with pytest.raises(NotFound):
        running.ingest.call("DELETE", f"/api/documents/{identifier}", run=run)


def test_documents_are_listed_page_by_page_and_filtered(running: Running) -> None:
    """Pages follow each other by a cursor; filters and totals count what the caller may see and no other."""
    for name in ("a.txt", "b.txt", "c.txt"):
        running.put(name, TEXT)
    running.put("salaries.txt", TEXT, ("user:ada",))
    first = running.http.get("/api/documents", params={"limit": 2}).json()
    second = running.http.get("/api/documents", params={"limit": 2, "cursor": first["next"]}).json()
    assert (["a.txt", "b.txt"], ["c.txt"], "") == (
        [row["path"] for row in first["documents"]],
        [row["path"] for row in second["documents"]],
        second["next"],
    )
    found = running.http.get("/api/documents", params={"text": "B.TX", "status": ["indexed", "empty"]}).json()
    assert ["b.txt"] == [row["path"] for row in found["documents"]]
    totals = running.http.get("/api/documents/totals").json()
    assert {"statuses": {"indexed": 3}, "passages": 3, "size_bytes": 3} == totals
    assert 4 == running.ingest.call("GET", "/api/documents/totals")["statuses"]["indexed"]


def test_ingest_lists_what_is_known_under_any_name(running: Running) -> None:
    """Names that no URL can hold travel in the body, and `under` confines the list to a folder."""
    odd = b"caf\xe9/a.txt".decode("utf-8", "surrogateescape")
    for name in (odd, "b.txt"):
        running.put(name, TEXT)

    def listed(under: str) -> list[str]:
        body = {"share": "/share", "under": under}
        return [row["path"] for row in running.ingest.call("POST", "/api/documents/list", body)["documents"]]

    assert [["b.txt", odd], [odd]] == [listed(""), listed(odd.partition("/")[0])]


def test_a_moved_document_is_found_under_its_new_path(running: Running) -> None:
    """A rename takes no vectors along the way, and the old path is gone at once."""
    former = running.put("old.txt", TEXT)
    run = running.client.call("GET", "/api/runs")["runs"][0]["id"]
    body = {name: value for name, value in document(run, "new.txt", TEXT).items() if name not in ("chunks", "vectors")}
    running.ingest.call("POST", f"/api/documents/{former}/move", body)
    found = running.client.call("POST", "/api/search", {"question": "hotel limit"})
    assert ["new.txt"] == [passage["document"] for passage in found["passages"]]
    with pytest.raises(NotFound):
        running.ingest.call("POST", f"/api/documents/{former}/move", body)


def test_readers_change_at_once_and_a_run_shows_how_far_it_is(running: Running) -> None:
    """Who loses the right to read a document finds it no more; the run's progress is there for the page."""
    running.put("travel.txt", TEXT)
    run = running.client.call("GET", "/api/runs")["runs"][0]["id"]
    body = {"share": "/share", "changes": [{"path": "travel.txt", "readers": ["user:ada"]}]}
    assert {"changed": 1} == running.ingest.call("POST", f"/api/runs/{run}/readers", body)
    assert [] == running.client.call("POST", "/api/search", {"question": "hotel limit"})["passages"]
    running.ingest.call("POST", f"/api/runs/{run}/progress", {"done": 3, "total": 7})
    seen = running.client.call("GET", "/api/runs")["runs"][0]
    assert (3, 7) == (seen["done"], seen["total"])


def test_an_id_that_does_not_belong_to_the_path_is_refused(running: Running) -> None:
    """Ids follow from share and path; a client cannot overwrite one document with another."""
    with pytest.raises(UsageError, match="not the id"):
        running.ingest.call("PUT", f"/api/documents/{'0' * 32}", document("r", "a.txt", "x"))


def test_ingest_with_another_embedder_is_a_conflict(running: Running) -> None:
    """409 with the hint that names the command that rebuilds."""
    body = {"share": "/s", "chunker": "other", "embedder": {"name": "other", "sha256": "0" * 64}}
    with pytest.raises(IndexMismatch) as caught:
        running.ingest.call("POST", "/api/runs", body)
    assert "--rebuild" in caught.value.hint


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_origin_gets_nothing(running: Running, headers: dict[str, str]) -> None:
    """Neither DNS rebinding nor a cross-site request of a browser reaches a route."""
    reply = running.http.get("/api/documents", headers=headers)
    assert (403, "Denied") == (reply.status_code, reply.json()["kind"])


def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length(running: Running) -> None:
    """Neither a declared nor a chunked body fills the memory."""
    big = b'{"question": "' + b"x" * 1_500_000 + b'"}'
    declared = running.http.post("/api/search", content=big)
    chunked = running.http.post("/api/search", content=(big[i : i + 65536] for i in range(0, len(big), 65536)))
    assert [413, 413] == [declared.status_code, chunked.status_code]


@pytest.mark.parametrize("body", ["", "[]", "{", '{"question": 5}', '{"question": "x", "stranger": 1}', "\x00"])
def test_a_malformed_body_is_an_error_of_the_caller(running: Running, body: str) -> None:
    """400 with an explanation; never a stack, never a 500."""
    reply = running.http.post("/api/search", content=body.encode(), headers={"Content-Type": "application/json"})
    assert (400, "UsageError") == (reply.status_code, reply.json()["kind"])


def test_readiness_names_the_part_that_is_not_ready(running: Running) -> None:
    """Before the models are loaded the service is up and says that it is not ready."""
    assert 503 == running.http.get("/readyz").status_code
    running.appliance.warm()
    reply = running.http.get("/readyz")
    assert (200, True) == (reply.status_code, reply.json()["ready"])


def test_the_models_route_names_the_generator(running: Running) -> None:
    """OpenAI clients list models before they ask."""
    assert ["qwen2.5-coder-1.5b-instruct"] == [m["id"] for m in running.http.get("/v1/models").json()["data"]]


def test_every_error_of_the_tree_survives_the_wire() -> None:
    """What the service raises is what its client raises."""
    from appliance.client import restored

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ApplianceError)]
    assert kinds == [type(restored({"error": "e", "hint": "h", "kind": kind.__name__})) for kind in kinds]


def test_a_stream_of_events_is_read_line_by_line() -> None:
    """The client's reader of server-sent events."""
    lines = iter(["event: token", 'data: {"text": "a"}', "", "event: answer", 'data: {"id": 1}', ""])
    assert [("token", {"text": "a"}), ("answer", {"id": 1})] == list(events(lines))


def test_the_gate_is_opened_over_the_unix_socket_alone(running: Running) -> None:
    """The log says which configuration has passed; who comes by TCP, or brings no digests, opens nothing."""
    body = {"digest": "a" * 64, "record": "b" * 64, "report": "c" * 64, "figures": {"accuracy": 0.75}}
    place = running.client.call("POST", "/api/gate", body)["log_index"]
    (entry,) = running.appliance.log.entries(place, place + 1)
    assert ("gate.passed", body) == (entry.kind, entry.body)
    assert 403 == running.http.post("/api/gate", json=body).status_code
    with pytest.raises(UsageError):
        running.client.call("POST", "/api/gate", {**body, "digest": "mine"})


def test_a_refusal_says_what_was_searched(running: Running) -> None:
    """The record names how many documents the reader may read, and those that come closest."""
    running.put("travel.txt", TEXT)
    running.put("other.txt", "Nothing of the kind stands here.")
    running.appliance.answerer._generator._script = "Not in the documents."  # type: ignore[attr-defined]  # a fake
    record = running.asked("What is the hotel limit?")[-1][1]
    assert (True, []) == (record["refused"], record["statements"])
    assert 2 == record["searched"]["documents"]
    assert {"document": "travel.txt", "page": 3} == record["searched"]["closest"][0]
    assert "travel.txt" in record["answer"]


def test_a_conversation_gives_a_question_its_meaning(running: Running) -> None:
    """What leans on an earlier question is searched for with its topic; the service keeps no conversation."""
    running.put("travel.txt", TEXT)
    turns = [{"question": "What is the hotel limit in Berlin?", "answer": TEXT}]
    body = {"question": "And in Madrid?", "conversation": turns}
    record = list(running.client.stream("/api/ask", body))[-1][1]
    assert "hotel" in record["searched"]["question"]
    assert "And in Madrid?" == record["question"]


def test_a_long_conversation_is_refused(running: Running) -> None:
    """Twenty turns are read, more are a mistake of the caller."""
    turns = [{"question": "a", "answer": "b"}] * 21
    with pytest.raises(UsageError):
        list(running.client.stream("/api/ask", {"question": "And?", "conversation": turns}))
