"""The service: the HTTP contract over a Unix socket and, for the same machine, over 127.0.0.1.

What a caller may do follows from how they reached it. Over the Unix socket, which only the owner of the home can
open, a caller may name the user on whose behalf they ask. Over 127.0.0.1 everybody asks as `LOCAL_USER`. Changing
documents, and seeing the names of those one may not read, takes the ingest credential on either way.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import iterate_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Scope

from appliance import __version__
from appliance.answer import Event
from appliance.bodies import (
    AskBody,
    DocumentBody,
    EmbedderBody,
    FinishBody,
    GateBody,
    ListBody,
    ProgressBody,
    RegrantBody,
    RunBody,
    SearchBody,
    StateBody,
)
from appliance.bootstrap import Appliance
from appliance.catalog import Query as Rows
from appliance.errors import ApplianceError, Denied, UsageError
from appliance.library import Outcome
from appliance.render import answer_record, passage_record, statement_record
from appliance.replies import INTERNAL, Perimeter, as_json, described, on_failure
from appliance.search import Found
from appliance.types import Answer, Statement, Turn, document_id, principals

LOCAL_USER = "local"

# A document with its vectors: 1.5 KB of vector and about as much text for each of up to 100,000 passages.
DOCUMENT_BYTES = 400_000_000


def create_app(appliance: Appliance, ingest_token: str) -> FastAPI:
    """Return the service of one appliance. `ingest_token` is the credential that changing documents takes."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await anyio.to_thread.run_sync(appliance.close)

    app = FastAPI(
        title="appliance",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # FastAPI would otherwise export traces wherever environment variables say.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        max_body_size=appliance.settings.service.body_bytes,
    )
    app.state.appliance = appliance
    app.state.ingest_token = ingest_token
    for kind in (ApplianceError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, on_failure)
    app.include_router(reading)
    app.include_router(changing)
    app.add_middleware(Perimeter)
    return app


def _appliance(request: Request) -> Appliance:
    return request.app.state.appliance  # type: ignore[no-any-return]  # starlette's state is untyped


def _has_ingest_token(request: Request) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return secrets.compare_digest(given.encode(), request.app.state.ingest_token.encode())


def _needs_ingest_token(request: Request) -> None:
    if not _has_ingest_token(request):
        raise Denied("this takes the ingest credential", "Let the ingest process of this home do it.")


Part = Annotated[Appliance, Depends(_appliance)]
reading = APIRouter()
changing = APIRouter(dependencies=[Depends(_needs_ingest_token)], max_body_size=DOCUMENT_BYTES)


def _user(request: Request, named: str) -> str:
    if named and not over_socket(request.scope):
        raise Denied("a user can be named over the Unix socket only", "Leave the user out.")
    return named or LOCAL_USER


def _owner_only(request: Request) -> None:
    if not over_socket(request.scope):
        raise Denied("the log can be read over the Unix socket only", "Use the command line on the server.")


def over_socket(scope: Scope) -> bool:
    """Return whether a request came over the Unix socket: there, uvicorn knows no port of the server."""
    server: tuple[str, int | None] | None = scope.get("server")
    return server is not None and server[1] is None


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
    turns = [Turn(turn.question, turn.answer) for turn in body.conversation]
    stream = appliance.answerer.ask(body.question, principals(user), user, turns)
    # The first event is computed before the answer starts, so that what is wrong with the question is a plain error.
    first = next(stream)
    return StreamingResponse(
        _events(first, stream), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


@reading.post("/api/search")
def search(body: SearchBody, request: Request, appliance: Part) -> Response:
    user = _user(request, body.user)
    found = appliance.searcher.search(body.question, principals(user), user, body.limit)
    record = {
        "id": found.id,
        "question": body.question,
        "passages": [passage_record(passage) for passage in found.passages],
        "search_ms": round(found.search_ms, 2),
        "log_index": found.log_index,
    }
    return as_json(record)


class Listing:
    """Which documents a caller asks for, confined to those they may see."""

    def __init__(
        self,
        request: Request,
        share: str | None = None,
        text: str = "",
        status: Annotated[list[str] | None, Query()] = None,
        findings: bool = False,
    ) -> None:
        readers = None if _has_ingest_token(request) else principals(LOCAL_USER)
        self.query = Rows(share, "", frozenset(status or ()), text, findings, readers)


@reading.get("/api/documents")
def documents(
    appliance: Part,
    listing: Annotated[Listing, Depends()],
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    return _listed(*appliance.catalog.page(listing.query, limit, cursor))


@reading.get("/api/documents/totals")
def totals(appliance: Part, listing: Annotated[Listing, Depends()]) -> dict[str, Any]:
    found = appliance.catalog.totals(listing.query)
    return {
        "statuses": {status: files for status, (files, _, _) in sorted(found.items())},
        "passages": sum(passages for _, passages, _ in found.values()),
        "size_bytes": sum(size_bytes for _, _, size_bytes in found.values()),
    }


def _listed(records: list[str], cursor: str) -> Response:
    # The rows are JSON already; a share has hundreds of thousands of them.
    body = f'{{"documents":[{",".join(records)}],"next":{json.dumps(cursor)}}}'
    return Response(body, media_type="application/json")


@reading.get("/api/runs")
def runs(appliance: Part) -> Response:
    return as_json({"runs": [asdict(run) for run in appliance.catalog.runs()]})


@reading.get("/api/log")
def log_tail(request: Request, appliance: Part, last: Annotated[int, Query(ge=0, le=100_000)] = 20) -> Response:
    _owner_only(request)
    size = appliance.log.size()
    return as_json({"entries": [asdict(entry) for entry in appliance.log.entries(max(size - last, 0), size)]})


@reading.get("/api/log/checkpoint")
def log_checkpoint(request: Request, appliance: Part) -> Response:
    _owner_only(request)
    return as_json(asdict(appliance.log.checkpoint()))


@reading.post("/api/gate")
def gate(body: GateBody, request: Request, appliance: Part) -> Response:
    _owner_only(request)
    return as_json({"log_index": appliance.log.append("gate.passed", body.model_dump()).index})


@changing.post("/api/runs")
def start_run(body: RunBody, appliance: Part) -> Response:
    found = replace(appliance.identity, embedder=body.embedder.name, sha256=body.embedder.sha256, chunker=body.chunker)
    run = appliance.library.start_run(body.share, found)
    return as_json({"id": run.id})


@changing.post("/api/runs/{run}/models")
def note_model(run: str, body: EmbedderBody, appliance: Part) -> Response:
    appliance.library.note_model(run, body.name, body.sha256)
    return as_json({"id": run})


@changing.post("/api/runs/{run}/progress")
def note_progress(run: str, body: ProgressBody, appliance: Part) -> Response:
    appliance.library.note_progress(run, body.done, body.total)
    return as_json({"id": run})


@changing.post("/api/runs/{run}/readers")
def regrant(run: str, body: RegrantBody, appliance: Part) -> Response:
    changes = [(change.path, change.readers) for change in body.changes]
    return as_json({"changed": appliance.library.regrant(run, body.share, changes)})


@changing.post("/api/runs/{run}/finish")
def finish_run(run: str, body: FinishBody, appliance: Part) -> Response:
    done = Outcome(body.counts, body.removed, body.passages, body.findings, round(body.seconds, 3))
    return as_json(asdict(appliance.library.finish_run(run, done)))


@changing.post("/api/documents/list")
def list_documents(body: ListBody, appliance: Part) -> Response:
    # A body, not a query: names of files may hold bytes that no URL does.
    return _listed(*appliance.catalog.page(Rows(body.share, body.under), body.limit, body.cursor))


@changing.put("/api/documents/{document}")
def put_document(document: str, body: DocumentBody, appliance: Part) -> Response:
    if document != document_id(body.share, body.path):
        raise UsageError(f"document {document} is not the id of this share and path", "Compute the id from both.")
    entry = appliance.library.put(body.run, body.upload(), body.rows(appliance.identity.dimensions))
    return as_json({"id": entry.id, "status": entry.status})


@changing.post("/api/documents/{document}/move")
def move_document(document: str, body: StateBody, appliance: Part) -> Response:
    entry = appliance.library.move(body.run, document, body.upload())
    return as_json({"id": entry.id, "status": entry.status})


@changing.delete("/api/documents/{document}")
def delete_document(document: str, run: str, appliance: Part) -> Response:
    appliance.library.remove(run, document)
    return as_json({"id": document})


async def _events(first: Event, rest: Iterator[Event]) -> AsyncIterator[bytes]:
    try:
        yield _event(first)
        async for event in iterate_in_threadpool(rest):
            yield _event(event)
    except ApplianceError as error:
        yield _frame("error", described(error))
    except Exception:
        logging.getLogger(__name__).exception("an answer failed")
        yield _frame("error", described(INTERNAL))
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
        case Statement():
            return _frame("token", statement_record(event))
        case Answer():
            return _frame("answer", answer_record(event))


def _frame(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
