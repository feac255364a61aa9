"""What the command line and ingest know of the HTTP contract: a client of the service over its Unix socket."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from appliance import errors
from appliance.errors import ApplianceError, Unavailable

# An answer on a slow machine takes minutes to its first sentence; only connecting must be quick.
TIMEOUT = httpx.Timeout(5.0, read=900.0, write=120.0)


class Client:
    """Calls the service of one home. Errors come back as the class that the service raised."""

    def __init__(self, socket: Path, token: str = "") -> None:
        self._socket = socket
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.HTTPTransport(uds=str(socket))
        self._http = httpx.Client(
            transport=transport, base_url="http://appliance", headers=headers, timeout=TIMEOUT, trust_env=False
        )

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str) -> Any:
        """Send one request and return the JSON of its answer. Raises Unavailable when nothing answers."""
        content = None if body is None else json.dumps(body).encode()
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            response = self._http.request(method, path, content=content, params=query, headers=headers)
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        return _checked(response)

    def stream(self, path: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Send one request and yield the (event, data) pairs of its server-sent events."""
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        content = json.dumps(body).encode()
        try:
            with self._http.stream("POST", path, content=content, headers=headers) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    _checked(response)
                for event, data in events(response.iter_lines()):
                    if event == "error":
                        raise restored(data)
                    yield event, data
        except httpx.HTTPError as error:
            raise _unreachable(error) from error

    def is_up(self) -> bool:
        """Return whether a service answers on the socket."""
        try:
            # Asked fifty times a second while one starts; this look costs next to nothing.
            return self._socket.exists() and self._http.get("/healthz", timeout=5.0).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        """Release the connections."""
        self._http.close()


def credential(file: Path) -> str:
    """Return the ingest credential of a running service. Raises Unavailable."""
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise Unavailable(
            f"the ingest credential {file} cannot be read: {error.strerror}", 'Start the service ("appliance up").'
        ) from error


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Yield (event, data) from the lines of a stream of server-sent events whose data is JSON, one line each."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def restored(body: Mapping[str, Any]) -> ApplianceError:
    """Return the error that the service described."""
    kind = getattr(errors, str(body.get("kind", "")), None)
    cls = kind if isinstance(kind, type) and issubclass(kind, ApplianceError) else ApplianceError
    return cls(str(body.get("error", "the service failed")), str(body.get("hint", "")))


def _checked(response: httpx.Response) -> Any:
    try:
        body = json.loads(response.content) if response.content else {}
    except ValueError as error:
        raise Unavailable(f"the service answered {response.status_code} without JSON", "Look at its output.") from error
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise restored(body if isinstance(body, dict) else {})
    return body


def _unreachable(error: httpx.HTTPError) -> Unavailable:
    return Unavailable(f"the service does not answer: {error}", 'Start it with "appliance up".')
