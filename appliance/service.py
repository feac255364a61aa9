"""The service: the HTTP contract over a Unix socket and, for the same machine, over 127.0.0.1.

What a caller may do follows from how they reached it. Over the Unix socket, which only the owner of the home can
open, a caller may name the user on whose behalf they ask. Over 127.0.0.1 everybody asks as `LOCAL_USER`. Changing
documents takes the ingest credential on either way.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Annotated, Any

import anyio
import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, InstanceOf
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse

from appliance import __version__, errors
from appliance.answer import Event, Found, Sentence
from appliance.bootstrap import Appliance
from appliance.errors import ApplianceError
from appliance.library import ChunkText, Upload
from appliance.render import answer_record, passage_record
from appliance.types import Answer, Status, document_id, principals

LOCAL_USER = "local"

HTTP_STATUS: dict[type[ApplianceError], int] = {
    errors.UsageError: 400,
    errors.QuestionError: 400,
    errors.Denied: 403,
    errors.NotFound: 404,
    errors.IndexMismatch: 409,
    errors.HomeInUse: 409,
    errors.PromptTooLong: 413,
    errors.ModelError: 503,
    errors.Unavailable: 503,
    errors.StorageFull: 507,
}


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AskBody(Body):
    question: str
    user: str = ""


class SearchBody(Body):
    question: str
    user: str = ""
    limit: int = Field(10, ge=1, le=100)


class EmbedderBody(Body):
    name: str
    sha256: str


# A file name is bytes: what is no UTF-8 in it travels as lone surrogates, which pydantic's own check of text refuses.
FileName = Annotated[str, InstanceOf[str]]


class RunBody(Body):
    share: FileName
    chunker: str
    embedder: EmbedderBody
    rebuild: bool = False


class FinishBody(Body):
    counts: dict[str, int]
    removed: int
    passages: int
    seconds: float


class ChunkBody(Body):
    text: str
    page: int | None
    headings: tuple[str, ...] = ()


class DocumentBody(Body):
    run: str
    share: FileName
    path: FileName
    sha256: str
    size_bytes: int
    modified_ns: int
    media_type: str
    readers: tuple[str, ...]
    status: Status
    reason: str = ""
    hint: str = ""
    pages: int | None = None
    chunks: tuple[ChunkBody, ...] | None = None
    vectors: str | None = None


def create_app(appliance: Appliance, ingest_token: str) -> FastAPI:
    """Return the service of one appliance. `ingest_token` is the credential that changing documents takes."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await anyio.to_thread.run_sync(appliance.close)

    app = FastAPI(title="appliance", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.appliance = appliance
    app.state.ingest_token = ingest_token
    app.add_exception_handler(ApplianceError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.include_router(reading)
    app.include_router(changing)
    app.add_middleware(_Perimeter, body_bytes=appliance.settings.service.body_bytes)
    return app


def _appliance(request: Request) -> Appliance:
    return request.app.state.appliance  # type: ignore[no-any-return]  # starlette's state is untyped


def _needs_ingest_token(request: Request) -> None:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not secrets.compare_digest(given.encode(), request.app.state.ingest_token.encode()):
        raise errors.Denied("this takes the ingest credential", "Let the ingest process of this home do it.")


Part = Annotated[Appliance, Depends(_appliance)]
reading = APIRouter()
changing = APIRouter(dependencies=[Depends(_needs_ingest_token)])


def _user(request: Request, named: str) -> str:
    if named and not over_socket(request.scope):
        raise errors.Denied("a user can be named over the Unix socket only", "Leave the user out.")
    return named or LOCAL_USER


def _owner_only(request: Request) -> None:
    if not over_socket(request.scope):
        raise errors.Denied("the log can be read over the Unix socket only", "Use the command line on the server.")


def over_socket(scope: Any) -> bool:
    """Return whether a request came over the Unix socket: there, uvicorn knows no port of the server."""
    server = scope.get("server")
    return bool(server) and server[1] is None


@reading.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


@reading.get("/readyz")
def readyz(appliance: Part, response: Response) -> dict[str, Any]:
    parts = appliance.readiness()
    ready = all(part["ready"] for part in parts.values())
    response.status_code = 200 if ready else 503
    return {"ready": ready, "parts": parts}


@reading.get("/v1/models")
def models(appliance: Part) -> dict[str, Any]:
    record = appliance.generator_record
    return {"object": "list", "data": [{"id": record.name, "object": "model", "created": 0, "owned_by": "appliance"}]}


@reading.post("/api/ask")
def ask(body: AskBody, request: Request, appliance: Part) -> StreamingResponse:
    user = _user(request, body.user)
    stream = appliance.answerer.ask(body.question, principals(user), user)
    # The first event is computed before the answer starts, so that what is wrong with the question is a plain error.
    first = next(stream)
    return StreamingResponse(
        _events(first, stream), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


@reading.post("/api/search")
def search(body: SearchBody, request: Request, appliance: Part) -> dict[str, Any]:
    user = _user(request, body.user)
    found = appliance.answerer.search(body.question, principals(user), user, body.limit)
    return {
        "id": found.id,
        "question": body.question,
        "passages": [passage_record(passage) for passage in found.passages],
        "search_ms": round(found.search_ms, 2),
        "log_index": found.log_index,
    }


@reading.get("/api/documents")
def documents(request: Request, appliance: Part, share: str | None = None) -> Response:
    reader = principals(LOCAL_USER)
    everything = over_socket(request.scope)
    rows = [
        asdict(entry)
        for entry in appliance.catalog.entries(share)
        if everything or not reader.isdisjoint(entry.readers)
    ]
    return _json({"documents": rows})


@reading.get("/api/runs")
def runs(appliance: Part) -> Response:
    return _json({"runs": [asdict(run) for run in appliance.catalog.runs()]})


@reading.get("/api/log")
def log_tail(request: Request, appliance: Part, last: Annotated[int, Query(ge=0, le=100_000)] = 20) -> Response:
    _owner_only(request)
    size = appliance.log.size()
    return _json({"entries": [asdict(entry) for entry in appliance.log.entries(max(size - last, 0), size)]})


@reading.get("/api/log/checkpoint")
def log_checkpoint(request: Request, appliance: Part) -> Response:
    _owner_only(request)
    return _json(asdict(appliance.log.checkpoint()))


@changing.post("/api/runs")
def start_run(body: RunBody, appliance: Part) -> Response:
    found = replace(appliance.identity, embedder=body.embedder.name, sha256=body.embedder.sha256, chunker=body.chunker)
    run = appliance.library.start_run(body.share, found)
    return _json({"id": run.id})


@changing.post("/api/runs/{run}/finish")
def finish_run(run: str, body: FinishBody, appliance: Part) -> Response:
    done = appliance.library.finish_run(run, body.counts, body.removed, body.passages, body.seconds)
    return _json(asdict(done))


@changing.put("/api/documents/{document}")
def put_document(document: str, body: DocumentBody, appliance: Part) -> Response:
    if document != document_id(body.share, body.path):
        raise errors.UsageError(
            f"document {document} is not the id of this share and path", "Compute the id from both."
        )
    chunks = None if body.chunks is None else tuple(ChunkText(c.text, c.page, c.headings) for c in body.chunks)
    fields = {name: getattr(body, name) for name in Upload.__dataclass_fields__ if name != "chunks"}
    entry = appliance.library.put(body.run, Upload(**fields, chunks=chunks), _vectors(body, appliance.dimensions))
    return _json({"id": entry.id, "status": entry.status})


@changing.delete("/api/documents/{document}")
def delete_document(document: str, run: str, appliance: Part) -> Response:
    appliance.library.remove(run, document)
    return _json({"id": document})


def _vectors(body: DocumentBody, dimensions: int) -> Any:
    if body.vectors is None:
        return None
    try:
        flat = np.frombuffer(base64.b64decode(body.vectors, validate=True), dtype="<f4")
        return flat.reshape(-1, dimensions)
    except (binascii.Error, ValueError) as error:
        raise errors.UsageError(f"vectors are not rows of {dimensions} float32: {error}") from error


async def _events(first: Event, rest: Iterator[Event]) -> AsyncIterator[bytes]:
    try:
        yield _event(first)
        async for event in iterate_in_threadpool(rest):
            yield _event(event)
    except ApplianceError as error:
        yield _frame("error", _described(error))
    finally:
        # The reader may have gone: closing stops the computation and has the log say so.
        close = getattr(rest, "close", None)
        if close is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(close)


def _event(event: Event) -> bytes:
    match event:
        case Found():
            passages = [passage_record(passage) for passage in event.passages]
            return _frame("passages", {"id": event.id, "passages": passages, "search_ms": round(event.search_ms, 2)})
        case Sentence():
            return _frame("token", {"text": event.text})
        case Answer():
            return _frame("answer", answer_record(event))


def _frame(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _json(data: Any, status: int = 200) -> Response:
    """File names may hold lone surrogates, which JSON can escape and UTF-8 cannot carry."""
    return Response(json.dumps(data), status, media_type="application/json")


def _described(error: ApplianceError) -> dict[str, str]:
    return {"error": error.message, "hint": error.hint, "kind": type(error).__name__}


def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApplianceError)  # noqa: S101  # registered for this class alone
    status = next((HTTP_STATUS[cls] for cls in type(error).__mro__ if cls in HTTP_STATUS), 500)
    return _json(_described(error), status)


def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this class alone
    problems = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
    return _json({"error": f"the request is not understood: {problems}", "hint": "", "kind": "UsageError"}, 400)


class _Perimeter:
    """Refuses, before any route, what cannot be meant for this service: foreign host names (DNS rebinding), cross-site
    requests of a browser, and bodies over the limit.
    """

    HOSTS = frozenset({"127.0.0.1", "localhost", "appliance"})

    def __init__(self, app: Any, body_bytes: int) -> None:
        self._app = app
        self._body_bytes = body_bytes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Any, headers: dict[str, str]) -> Response | None:
        if headers.get("host", "").rsplit(":", 1)[0] not in self.HOSTS:
            return _json({"error": "unknown host name", "hint": "Use 127.0.0.1.", "kind": "Denied"}, 403)
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"} or "origin" in headers:
            return _json({"error": "no page of another origin may call this", "hint": "", "kind": "Denied"}, 403)
        length = headers.get("content-length", "")
        chunked = "transfer-encoding" in headers
        trusted = "authorization" in headers and over_socket(scope)
        if not trusted and (chunked or (length.isdigit() and int(length) > self._body_bytes)):
            hint = "Ask a shorter question."
            return _json({"error": f"body over {self._body_bytes} bytes", "hint": hint, "kind": "UsageError"}, 413)
        return None
