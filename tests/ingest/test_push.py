from __future__ import annotations

import base64
import json
import socketserver
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from appliance.errors import IndexMismatch, Unavailable
from appliance.types import Finding, ModelRecord, document_id
from ingest.chunk import Draft
from ingest.files import Stamp
from ingest.push import PAGE_ROWS, Api, Put

SHARE = "/srv/files"
PATH = "odd\n\udce9.md"
ROW = {
    "id": "0",
    "share": SHARE,
    "path": PATH,
    "owner": PATH,
    "sha256": "ab",
    "answers": "ab",
    "size_bytes": 3,
    "modified_ns": 4,
    "media_type": "text/markdown",
    "readers": ["group:everyone"],
    "status": "indexed",
    "reason": "",
    "hint": "",
    "pages": None,
    "passages": 1,
    "title": "odd",
    "findings": [{"kind": "tiny", "where": "page 1", "characters": 7}],
    "indexed_at": "2026-01-01T00:00:00+00:00",
}


class Service(socketserver.ThreadingUnixStreamServer):
    """Answers as the service does, from a list, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Handler)
        self.requests: list[tuple[str, str, str, Any]] = []
        self.answers: list[tuple[int, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.requests.append((self.command, self.path, self.headers.get("authorization", ""), body))
        status, answer = self.server.answers.pop(0)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  # names that the base class calls

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "s") as made:
        thread = Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def api(service: Service, tmp_path: Path) -> Iterator[Api]:
    (tmp_path / "token").write_text("key\n")
    made = Api(tmp_path / "s", tmp_path / "token")
    yield made
    made.close()


def test_what_is_known_comes_page_by_page(api: Api, service: Service) -> None:
    """Documents below a path are asked for with the credential until there are no more; odd names survive the way."""
    service.answers += [(200, {"documents": [ROW], "next": "c1"}), (200, {"documents": [ROW], "next": ""})]
    known = list(api.known(SHARE, PATH))
    query = {"share": SHARE, "under": PATH, "limit": PAGE_ROWS}
    assert service.requests == [
        ("POST", "/api/documents/list", "Bearer key", {**query, "cursor": ""}),
        ("POST", "/api/documents/list", "Bearer key", {**query, "cursor": "c1"}),
    ]
    assert [(PATH, "ab", Stamp(3, 4), ("group:everyone",), (Finding("tiny", "page 1", 7),))] * 2 == [
        (row.path, row.answers, row.stamp, row.readers, row.findings) for row in known
    ]


def test_moves_and_readers_name_what_they_are_about(api: Api, service: Service) -> None:
    """A move goes to the old document with the new state; readers go in one request for many paths."""
    service.answers += [(200, {}), (200, {})]
    put = Put(PATH, "a.zip", "ab", Stamp(3, 4), "text/plain", ("user:ada",), "indexed", title="odd")
    api.move("run", SHARE, "old.md", put)
    api.regrant("run", SHARE, [("a.md", ()), (PATH, ("user:ada",))])
    (_, path, _, moved), (_, other, _, changes) = service.requests
    assert f"/api/documents/{document_id(SHARE, 'old.md')}/move" == path
    assert (PATH, "a.zip", "odd", ["user:ada"]) == (moved["path"], moved["owner"], moved["title"], moved["readers"])
    assert ("chunks" in moved, "/api/runs/run/readers") == (False, other)
    assert {
        "share": SHARE,
        "changes": [{"path": "a.md", "readers": []}, {"path": PATH, "readers": ["user:ada"]}],
    } == changes


@pytest.mark.parametrize("count", [2, 0])
def test_a_document_arrives_whole(api: Api, service: Service, count: int) -> None:
    """Chunks and the little-endian float32 rows of their vectors go in one request, under the document's id."""
    service.answers.append((200, {}))
    drafts = tuple(Draft(f"text {i}", None, ("Title",)) for i in range(count))
    vectors = np.arange(count * 3, dtype=np.float32).reshape(count, 3)
    put = Put(PATH, PATH, "ab", Stamp(3, 4), "text/markdown", ("group:everyone",), "indexed", drafts=drafts)
    api.put("run", SHARE, put, vectors if count else None)
    ((method, path, _, body),) = service.requests
    assert (method, path) == ("PUT", f"/api/documents/{document_id(SHARE, PATH)}")
    sent = np.frombuffer(base64.b64decode(body.pop("vectors")), dtype="<f4").reshape(-1, 3)
    assert sent.tolist() == vectors.tolist()
    assert body == {
        "run": "run",
        "share": SHARE,
        "path": PATH,
        "owner": PATH,
        "sha256": "ab",
        "size_bytes": 3,
        "modified_ns": 4,
        "media_type": "text/markdown",
        "readers": ["group:everyone"],
        "status": "indexed",
        "reason": "",
        "hint": "",
        "pages": None,
        "title": "",
        "findings": [],
        "chunks": [{"text": f"text {i}", "page": None, "headings": ["Title"], "places": []} for i in range(count)],
    }


def test_passages_that_stay_are_not_mentioned(api: Api, service: Service) -> None:
    """Without drafts, neither chunks nor vectors are sent."""
    service.answers.append((200, {}))
    api.put("run", SHARE, Put("a.md", "a.md", "ab", Stamp(3, 4), "", (), "unreadable", "gone"), None)
    body = service.requests[0][3]
    assert (body["chunks"], body["vectors"], body["reason"]) == (None, None, "gone")


def test_a_run_starts_with_its_identity_and_ends_with_its_counts(api: Api, service: Service) -> None:
    """The service learns by what ingest embeds and cuts, what was removed, and what was done."""
    service.answers += [(200, {"id": "r1"}), (200, {}), (200, {}), (200, {}), (200, {})]
    record = ModelRecord("embedder", "mini", "cd", "float32", "Apache-2.0")
    run = api.start(SHARE, "sections.v1/200", record)
    api.loaded(run, record)
    api.remove(run, SHARE, "a.md")
    api.progress(run, 1, 2)
    api.finish(run, {"indexed": 2}, removed=1, passages=5, seconds=0.5, findings=3)
    assert [(method, path, body) for method, path, _, body in service.requests] == [
        (
            "POST",
            "/api/runs",
            {
                "share": SHARE,
                "chunker": "sections.v1/200",
                "embedder": {"name": "mini", "sha256": "cd"},
            },
        ),
        ("POST", "/api/runs/r1/models", {"name": "mini", "sha256": "cd"}),
        ("DELETE", f"/api/documents/{document_id(SHARE, 'a.md')}?run=r1", None),
        ("POST", "/api/runs/r1/progress", {"done": 1, "total": 2}),
        (
            "POST",
            "/api/runs/r1/finish",
            {"counts": {"indexed": 2}, "removed": 1, "passages": 5, "seconds": 0.5, "findings": 3},
        ),
    ]


def test_the_services_errors_come_back_as_they_were(api: Api, service: Service) -> None:
    """An error of the service keeps its class, its message and its hint."""
    service.answers.append((409, {"error": "other embedder", "hint": "Rebuild.", "kind": "IndexMismatch"}))
    with pytest.raises(IndexMismatch) as caught:
        next(api.known(SHARE))
    assert (caught.value.message, caught.value.hint) == ("other embedder", "Rebuild.")


def test_without_a_service_the_hint_says_how_to_start_it(tmp_path: Path) -> None:
    """A missing credential is the sign of a service that does not run."""
    with pytest.raises(Unavailable) as caught:
        Api(tmp_path / "s", tmp_path / "token")
    assert caught.value.hint
