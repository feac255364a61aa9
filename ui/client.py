"""The service's HTTP contract as the page uses it; no other file of the page knows a URL.

Everything that comes back is displayable (ui/text.py): a name that is no UTF-8 must not end a page.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from ui.text import clean

# A small machine computes for minutes before the first sentence; everything else answers at once or not at all.
QUICK = httpx.Timeout(10.0, connect=2.0)
ANSWER = httpx.Timeout(10.0, connect=2.0, read=900.0)
# The service takes no more of a conversation than this; what it needs of one stands in its newest exchanges.
EXCHANGES = 20
EXCHANGES_CHARACTERS = 100_000


class ClientError(Exception):
    """The service said no, or said nothing: what happened (`message`) and what to do about it (`hint`)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its name and its data, decoded."""

    name: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question of the same conversation and what was answered; "" where nothing was."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether questions can be answered now; `waiting` maps the parts that are not ready to their reasons."""

    ready: bool
    waiting: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which files: of these statuses (none: of all), with this text in path, reason or type, with findings."""

    statuses: tuple[str, ...] = ()
    text: str = ""
    findings: bool = False

    def query(self) -> dict[str, Any]:
        """Return it as the service reads it."""
        return {"status": list(self.statuses), "text": self.text, "findings": self.findings}


@dataclass(frozen=True, slots=True)
class Totals:
    """How many files there are, by status, and the passages and bytes of them all."""

    statuses: Mapping[str, int]
    passages: int
    size_bytes: int

    @property
    def files(self) -> int:
        return sum(self.statuses.values())


class Asking:
    """One running question. Iterate it once for its events; `stop` may be called from any thread."""

    def __init__(self, http: httpx.Client, question: str, earlier: Sequence[Exchange]) -> None:
        self._http = http
        self._question = question
        self._earlier = _newest(earlier)
        self._connection: socket.socket | None = None
        self._stopped = False

    def __iter__(self) -> Iterator[Event]:
        """Yield events up to the answer. Raises ClientError, also for an event that reports an error."""
        body = {"question": self._question, "conversation": [asdict(exchange) for exchange in self._earlier]}
        if self._stopped:
            return
        try:
            with self._http.stream("POST", "/api/ask", json=body, timeout=ANSWER) as response:
                self._connection = response.extensions["network_stream"].get_extra_info("socket")
                if response.is_error:
                    response.read()
                    raise _refusal(response)
                yield from self._events(response)
        except httpx.HTTPError as error:
            if not self._stopped:
                raise _silence(error) from error

    def _events(self, response: httpx.Response) -> Iterator[Event]:
        for event in events(response.iter_bytes()):
            if self._stopped:
                return
            if event.name == "error":
                raise ClientError(str(event.data.get("error", "the answer failed")), str(event.data.get("hint", "")))
            yield event
            if event.name == "answer":
                return
        if not self._stopped:
            raise ClientError("the service ended the answer before it was complete", "Ask again.")

    def stop(self) -> None:
        """End the stream now; the service sees that nobody listens any more and stops computing."""
        self._stopped = True
        connection = self._connection
        if connection is not None:
            # Closing alone would not wake a thread that waits for the next sentence.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Client:
    """Talks to the service over its Unix socket. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        # Every question that is being answered holds a connection; how many may run is the service's to say.
        transport = httpx.HTTPTransport(uds=str(path), limits=httpx.Limits(max_keepalive_connections=20))
        # No proxy of the environment applies to a Unix socket; the host name is not looked up.
        self._http = httpx.Client(transport=transport, base_url="http://appliance", timeout=QUICK, trust_env=False)

    def ask(self, question: str, earlier: Sequence[Exchange] = ()) -> Asking:
        """Return a question that is sent as soon as its events are asked for.

        `earlier` is what was said before in the same conversation, the newest last.
        """
        return Asking(self._http, question, earlier)

    def documents(self, wanted: Wanted, limit: int, cursor: str = "") -> tuple[list[dict[str, Any]], str]:
        """Return at most `limit` rows, one per file, in the order of paths, and the cursor of the next ones or ""."""
        body = self._get("/api/documents", wanted.query() | {"limit": limit, "cursor": cursor})
        return _rows(body, "documents"), str(body.get("next") or "")

    def totals(self, wanted: Wanted) -> Totals:
        """Return how many files there are, and how much is in them."""
        body = self._get("/api/documents/totals", wanted.query())
        statuses = body.get("statuses")
        counts = {str(k): int(v) for k, v in statuses.items()} if isinstance(statuses, dict) else {}
        return Totals(counts, int(body.get("passages") or 0), int(body.get("size_bytes") or 0))

    def runs(self) -> list[dict[str, Any]]:
        """Return the ingest runs, newest first."""
        return _rows(self._get("/api/runs"), "runs")

    def model(self) -> str:
        """Return the name of the model that answers, or an empty text."""
        models = _rows(self._get("/v1/models"), "data")
        return str(models[0].get("id", "")) if models else ""

    def readiness(self) -> Readiness:
        """Return whether questions can be answered. Raises ClientError when the service does not answer at all."""
        response = self._send("/readyz")
        body = _decoded(response)
        if "ready" not in body:
            raise _refusal(response)
        parts = body.get("parts")
        waiting = {
            str(name): str(part.get("reason") or "not ready")
            for name, part in (parts.items() if isinstance(parts, dict) else ())
            if isinstance(part, dict) and not part.get("ready")
        }
        return Readiness(bool(body["ready"]), waiting)

    def close(self) -> None:
        """Release the connections. Calling it twice is harmless."""
        self._http.close()

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        response = self._send(path, query)
        if response.is_error:
            raise _refusal(response)
        return _decoded(response)

    def _send(self, path: str, query: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            return self._http.get(path, params=query)
        except httpx.HTTPError as error:
            raise _silence(error) from error


def _newest(earlier: Sequence[Exchange]) -> list[Exchange]:
    """Return the newest exchanges that one request takes, in their order."""
    left, taken = EXCHANGES_CHARACTERS, list[Exchange]()
    for exchange in reversed(earlier[-EXCHANGES:]):
        left -= len(exchange.question) + len(exchange.answer)
        if left < 0:
            break
        taken.append(exchange)
    return taken[::-1]


def events(chunks: Iterator[bytes]) -> Iterator[Event]:
    """Parse server-sent events whose data is a JSON object.

    Format: WHATWG HTML, 9.2.6 "Interpreting an event stream"; fields other than event and data are of no use here.
    Raises ClientError when data is not a JSON object.
    """
    name, data = "", []
    for line in _lines(chunks):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"data":
            data.append(value)
        elif not line:
            if data:
                yield Event(name, _object(b"\n".join(data)))
            name, data = "", []


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    # Not str.splitlines, which also splits where a text holds U+2028 or a form feed.
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = clean(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ClientError("the service's answer cannot be read", "Look at the service's output.") from error
    if not isinstance(value, dict):
        raise ClientError("the service's answer is not what the page expects", "Check that both have one version.")
    return value


def _decoded(response: httpx.Response) -> dict[str, Any]:
    return _object(response.content)


def _rows(body: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    rows = body.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _refusal(response: httpx.Response) -> ClientError:
    try:
        body = _decoded(response)
    except ClientError:
        body = {}
    message = str(body.get("error") or f"the service answered with status {response.status_code}")
    return ClientError(message, str(body.get("hint") or ""))


def _silence(error: httpx.HTTPError) -> ClientError:
    if isinstance(error, httpx.TimeoutException):
        return ClientError("the service does not answer in time", "Try again; if it stays so, look at its output.")
    return ClientError("the service cannot be reached", 'Check that it runs; "appliance up" starts it.')
