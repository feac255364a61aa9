"""Rules of what the page lets in and what it allows the browser."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from ui.guard import LOCAL_HOSTS, Guard, content_policy, security_headers, streamlit_index


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("open")
    await websocket.close()


def _client(host: str = "127.0.0.1:8501") -> TestClient:
    async def text(_: object) -> PlainTextResponse:
        return PlainTextResponse("page")

    routes = [Route("/{rest:path}", text, methods=["GET", "POST", "PUT"]), WebSocketRoute("/ws", _echo)]
    app = Guard(Starlette(routes=routes), LOCAL_HOSTS | {"knowledge.corp"}, security_headers(streamlit_index()))
    return TestClient(app, base_url=f"http://{host}")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8501", "localhost:1", "LOCALHOST", "knowledge.corp"])
def test_our_own_names_are_served(host: str) -> None:
    """The page answers under loopback and the names that were allowed, on any port."""
    assert _client(host).get("/").text == "page"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1:80@evil.example", "", "[::1]:80"],
)
def test_foreign_names_are_refused(host: str) -> None:
    """A name that somebody points at this machine does not reach the page (DNS rebinding)."""
    assert _client().get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8501"])
def test_foreign_origins_are_refused(origin: str) -> None:
    """Neither requests nor WebSockets of another page are let in, not even from another port of this machine."""
    client = _client()
    assert client.get("/", headers={"origin": origin}).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws", headers={"origin": origin}):
        pass


def test_the_page_itself_may_open_its_websocket() -> None:
    """Same origin, same page."""
    with _client().websocket_connect(
        "/ws", headers={"origin": "http://127.0.0.1:8501", "host": "127.0.0.1:8501"}
    ) as opened:
        assert opened.receive_text() == "open"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_is_taken_over_http(method: str) -> None:
    """Uploads and everything else that is not reading end at the guard."""
    assert _client().request(method, "/").status_code == 403


@pytest.mark.parametrize(
    "path", ["/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/upload_file/x/y", "/auth/login"]
)
def test_parts_of_streamlit_that_the_page_does_not_use_are_closed(path: str) -> None:
    """What is not used is not served."""
    assert _client().get(path).status_code == 403


@pytest.mark.parametrize("path", ["/", "/_stcore/metrics"])
def test_every_answer_carries_the_headers(path: str) -> None:
    """Pages and refusals alike tell the browser to keep to itself."""
    headers = _client().get(path).headers
    assert headers["content-security-policy"] == content_policy(streamlit_index())
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_the_policy_names_no_host_and_no_unsafe_script() -> None:
    """No source of any kind lies outside, and no script runs that Streamlit did not ship."""
    policy = dict(part.split(" ", 1) for part in content_policy(streamlit_index()).split("; "))
    allowed = {"'none'", "'self'", "'unsafe-inline'", "data:"}
    sources = {source for value in policy.values() for source in value.split() if not source.startswith("'sha256-")}
    assert sources <= allowed
    assert "'unsafe-inline'" not in policy["script-src"]
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
