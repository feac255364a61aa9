"""What the service says when it does not do what was asked, and what it does not even listen to."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from appliance import errors
from appliance.errors import ApplianceError, Denied, UsageError

INTERNAL = ApplianceError("the service failed", "Look at the service's output for the reason.")

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


def as_json(data: Any, status: int = 200) -> Response:
    """File names may hold lone surrogates, which JSON can escape and UTF-8 cannot carry."""
    return Response(json.dumps(data), status, media_type="application/json")


def described(error: ApplianceError) -> dict[str, str]:
    return {"error": error.message, "hint": error.hint, "kind": type(error).__name__}


def _failed(error: ApplianceError) -> Response:
    status = next((HTTP_STATUS[cls] for cls in type(error).__mro__ if cls in HTTP_STATUS), 500)
    return as_json(described(error), status)


def on_failure(request: Request, error: Exception) -> Response:
    """Return any failure in one form. What nobody foresaw is in the service's own output, not in the answer."""
    match error:
        case ApplianceError():
            return _failed(error)
        case RequestValidationError():
            problems = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
            return _failed(UsageError(f"the request is not understood: {problems}", "See the HTTP contract."))
        case HTTPException():
            return as_json({"error": str(error.detail), "hint": "", "kind": "UsageError"}, error.status_code)
        case _:
            return _failed(INTERNAL)


class Perimeter:
    """Refuses, before any route, what cannot be meant for this service: foreign host names (DNS rebinding) and
    requests that a browser makes for a page of another origin.
    """

    HOSTS = frozenset({"127.0.0.1", "localhost", "appliance"})

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else ""
        if refusal:
            await _failed(Denied(refusal, "Use 127.0.0.1, and no browser page but the appliance's."))(
                scope, receive, send
            )
        else:
            await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> str:
        if headers.get("host", "").rsplit(":", 1)[0] not in self.HOSTS:
            return "this service is not known by that host name"
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return "a page of another origin may not call this service"
        return ""
