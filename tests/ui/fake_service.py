"""A small real service for tests of the page: the HTTP contract on a Unix socket, with answers that a test scripts.

`python -m tests.ui.fake_service SOCKET` serves it by itself, to look at the page without an appliance.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs

from pydantic import ValidationError

from appliance.bodies import AskBody

QUOTE = "Every employee has 30 days of paid leave a year"
PASSAGE = f"Leave is agreed with the team.\n{QUOTE}, and five of them may be carried over.\nAsk early in summer."
ANSWER = ("Every employee has 30 days of paid leave a year.", " Five days may be carried over into the next year.")


REFUSAL = "The documents do not say. 889 documents were searched. Closest: people/leave.md, contracts/annex.pdf."


def passage(document: str = "people/leave.md", page: int | None = None, text: str = PASSAGE) -> dict[str, Any]:
    """Return one passage as the first event of an answer has it."""
    return {"document": document, "page": page, "score": 0.5, "text": text, "headings": ["People", "Leave"]}


def citation(sentence: str, quote: str, document: str = "people/leave.md", page: int | None = None) -> dict[str, Any]:
    """Return one citation as the last event of an answer has it."""
    return {"sentence": sentence, "document": document, "page": page, "quote": quote, "boxes": []}


def statement(
    text: str, citations: Sequence[Any] = (), against: Sequence[Any] = (), support: str = ""
) -> dict[str, Any]:
    """Return one sentence of an answer as it is released; without `support` it has that which its quotes give it."""
    found = "contradicted" if against else "supported" if citations else "unsupported"
    return {"text": text, "support": support or found, "citations": list(citations), "against": list(against)}


def record(statements: Sequence[Mapping[str, Any]], passages: Sequence[Any], **changes: Any) -> dict[str, Any]:
    """Return the last event of an answer."""
    timings = {"search_ms": 4.0, "first_token_ms": 400.0, "total_ms": 900.0, "grounding_ms": 20.0}
    tokens = {"prompt_tokens": 900, "reused_tokens": 0, "output_tokens": 40}
    return {
        "id": "a1",
        "question": "",
        "answer": "".join(statement["text"] for statement in statements),
        "refused": False,
        "reason": "answered",
        "confidence": 0.9,
        "statements": list(statements),
        "missing": [],
        "searched": {"question": "", "documents": 889, "closest": []},
        "citations": [citation for statement in statements for citation in statement["citations"]],
        "passages": [{key: row[key] for key in ("document", "page", "score", "text")} for row in passages],
        "model": {"name": "small-model", "sha256": "ab" * 32},
        "log_index": 7,
        "timings": timings | tokens,
        **changes,
    }


Script = Sequence[tuple[str, Mapping[str, Any]]]


def answering(statements: Sequence[Mapping[str, Any]], passages: Sequence[Any], **changes: Any) -> Script:
    """Return the events of a whole answer."""
    return [
        ("passages", {"id": "a1", "passages": list(passages), "search_ms": 4.0}),
        *(("token", statement) for statement in statements),
        ("answer", record(statements, passages, **changes)),
    ]


def leave() -> Script:
    """Return an answer of two sentences, both with a citation, of which one stands on a page."""
    carried = "Five of them may be carried over."
    passages = [passage(), passage("contracts/annex.pdf", 3, carried)]
    second = citation(ANSWER[1].strip(), carried, "contracts/annex.pdf", 3)
    return answering(
        [statement(ANSWER[0], [citation(ANSWER[0], QUOTE)]), statement(ANSWER[1], [second])],
        passages,
    )


def refusal(**changes: Any) -> Script:
    """Return a refusal: the document that came closest has two passages, the next one has a page."""
    passages = [
        passage(),
        passage("contracts/annex.pdf", 3, "Five of them may be carried over."),
        passage(text="Leave of absence is without pay."),
    ]
    closest = [{"document": row["document"], "page": row["page"]} for row in passages[:2]]
    searched = {"question": "Who won?", "documents": 889, "closest": closest}
    refused = {"refused": True, "reason": "uncertain", "answer": REFUSAL, "searched": searched}
    [begin, *_, end] = answering([], passages, **(refused | changes))
    # The refusal itself is released as a sentence is.
    return [begin, ("token", statement(REFUSAL, support="supported")), end]


def document(path: str, status: str = "indexed", **changes: Any) -> dict[str, Any]:
    """Return one row of the library."""
    return {
        "id": path,
        "path": path,
        "share": "/srv/handbook",
        "status": status,
        "reason": "",
        "hint": "",
        "media_type": "text/markdown",
        "sha256": "cd" * 32,
        "size_bytes": 4321,
        "modified_ns": 1_700_000_000_000_000_000,
        "pages": None,
        "findings": [],
        "readers": ["group:everyone"],
        "passages": 4 if status == "indexed" else 0,
        "indexed_at": "2026-11-23T13:00:00+00:00",
        **changes,
    }


def run(**changes: Any) -> dict[str, Any]:
    """Return one ingest run."""
    return {
        "id": "r1",
        "share": "/srv/handbook",
        "started": "2026-11-23T13:00:00+00:00",
        "finished": "2026-11-23T13:00:12+00:00",
        "counts": {"indexed": 2, "damaged": 1},
        "passages": 8,
        "seconds": 12.0,
        **changes,
    }


@dataclass
class Service:
    """What the service answers. Tests change it while it serves.

    `gate`: if set, one permit is taken before each event of an answer, so that a test decides when it goes on.
    """

    scripts: dict[str, Script] = field(default_factory=dict)
    documents: list[dict[str, Any]] = field(default_factory=lambda: [document("people/leave.md")])
    runs: list[dict[str, Any]] = field(default_factory=lambda: [run()])
    readiness: dict[str, Any] = field(default_factory=lambda: {"ready": True, "parts": {}})
    refuses: tuple[int, dict[str, Any]] | None = None
    gate: threading.Semaphore | None = None
    asked: list[str] = field(default_factory=list)
    conversations: list[list[dict[str, str]]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def found(self, query: Mapping[str, list[str]]) -> list[dict[str, Any]]:
        """Return the documents that a query lets through, as the service does."""
        statuses, text = query.get("status", []), query.get("text", [""])[0].casefold()
        return [
            row
            for row in self.documents
            if (not statuses or row["status"] in statuses)
            and any(text in row[name].casefold() for name in ("path", "reason", "media_type"))
            and (query.get("findings") != ["true"] or row["findings"])
        ]

    def page(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        rows, start = self.found(query), int(query.get("cursor", ["0"])[0] or 0)
        end = start + int(query.get("limit", ["1000"])[0])
        return {"documents": rows[start:end], "next": str(end) if end < len(rows) else ""}

    def totals(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        rows = self.found(query)
        sums = {name: sum(row[name] for row in rows) for name in ("passages", "size_bytes")}
        return {"statuses": Counter(row["status"] for row in rows), **sums}

    def events(self, body: AskBody) -> Iterator[tuple[str, Mapping[str, Any]]]:
        self.asked.append(body.question)
        self.conversations.append([turn.model_dump() for turn in body.conversation])
        for event in self.scripts.get(body.question, leave()):
            if self.gate is not None:
                self.gate.acquire(timeout=30)
            yield event


class Server(ThreadingMixIn, UnixStreamServer):
    """Serves a Service on a Unix socket, in a thread, until closed."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, service: Service) -> None:
        super().__init__(str(path), Handler)
        self.path = path
        self.service = service
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self.path.unlink(missing_ok=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "socket"

    def do_GET(self) -> None:
        service = self.server.service
        path, _, given = self.path.partition("?")
        query = parse_qs(given)
        if path == "/readyz":
            self._json(200 if service.readiness["ready"] else 503, service.readiness)
        elif service.refuses is not None:
            self._json(*service.refuses)
        else:
            bodies: dict[str, Any] = {
                "/api/documents": service.page(query),
                "/api/documents/totals": service.totals(query),
                "/api/runs": {"runs": service.runs},
                "/v1/models": {"data": [{"id": "small-model"}]},
                "/healthz": {},
            }
            body = bodies.get(path)
            self._json(200 if body is not None else 404, body or {"error": "no such path", "hint": "", "kind": ""})

    def do_POST(self) -> None:
        service = self.server.service
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            body = AskBody.model_validate_json(sent)
        except ValidationError as error:
            # As the service does: what is not of the contract is not guessed at.
            self._json(422, {"error": str(error), "hint": "", "kind": "UsageError"})
            return
        if service.refuses is not None:
            self._json(*service.refuses)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for name, data in service.events(body):
                if self._hung_up():
                    break
                self._chunk(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
            else:
                self._chunk(b"")
                return
        except OSError:
            pass
        service.gone.set()
        self.close_connection = True

    def _hung_up(self) -> bool:
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()

    def _json(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    server = Server(Path(sys.argv[1]), Service(documents=[document(f"people/{n}.md") for n in range(900)]))
    try:
        threading.Event().wait()
    finally:
        server.close()
        os.sync()


if __name__ == "__main__":
    main()
