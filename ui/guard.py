"""What stands between the browser and Streamlit: which requests are let in, and what the browser may do with answers.

The page is served on 127.0.0.1 and, through the gateway, under names that IT states. Another web page in the same
browser must not reach it: not by a name that it points here (DNS rebinding), not by a WebSocket from its own origin.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
# The page takes nothing over HTTP: what a reader does travels over the WebSocket.
METHODS: Final = frozenset({"GET", "HEAD"})
# Parts of Streamlit that this page does not use.
CLOSED: Final = ("/_stcore/agent", "/_stcore/metrics", "/_stcore/upload_file", "/auth", "/oauth2callback")
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def content_policy(index_html: str) -> str:
    """Return the Content-Security-Policy for the page: nothing from, nothing to another host.

    Scripts are Streamlit's own files and, by hash, the inline scripts of its `index_html`.
    """
    scripts = " ".join(f"'sha256-{_digest(script)}'" for script in _INLINE_SCRIPT.findall(index_html))
    directives = {
        "default-src": "'none'",
        "script-src": f"'self' {scripts}".strip(),
        # Streamlit writes its styles while it runs.
        "style-src": "'self' 'unsafe-inline'",
        "font-src": "'self' data:",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def security_headers(index_html: str) -> Mapping[str, str]:
    """Return the headers that every answer of the page carries."""
    return {
        "content-security-policy": content_policy(index_html),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }


def streamlit_index() -> str:
    """Return the page that Streamlit serves to every browser."""
    import streamlit

    return (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")


class Guard:
    """ASGI middleware: refuses foreign hosts, origins and methods, and adds the security headers."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], headers: Mapping[str, str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        target = PlainTextResponse(refusal, status_code=403) if refusal else self._app
        await target(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> str:
        """Return why a request is refused, or an empty text."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            return "This name is not one that the page is served under."
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return "Requests from other pages are refused."
        if scope["type"] == "http" and scope["method"] not in METHODS:
            return "The page is read only."
        if scope["path"].startswith(CLOSED):
            return "Not served here."
        return ""

    def _is_ours(self, host: str) -> bool:
        name, colon, port = host.lower().partition(":")
        return name in self._hosts and (not colon or (port.isascii() and port.isdigit()))


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
