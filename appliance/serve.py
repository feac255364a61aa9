"""The service as a process: its sockets, its credentials, its end."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
from contextlib import suppress
from pathlib import Path

import uvicorn

from appliance.bootstrap import open_appliance
from appliance.config import Settings
from appliance.errors import Unavailable
from appliance.evaluation import gate
from appliance.processes import Stopped, stoppable
from appliance.service import create_app

GRACE_SECONDS = 5


def serve(settings: Settings, tcp: bool, warm: bool, rebuild: bool) -> None:
    """Serve until SIGTERM or SIGINT.

    `tcp` adds 127.0.0.1 to the Unix socket, `warm` loads the models at once instead of at the first question, `rebuild`
    empties an index that was built by another embedder or chunker.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Uvicorn raises the signal that stopped it once more; unless that is an exception, nothing below it is tidied up.
    with suppress(Stopped), stoppable():
        _serve(settings, tcp, warm, rebuild)


def _serve(settings: Settings, tcp: bool, warm: bool, rebuild: bool) -> None:
    appliance = open_appliance(settings, rebuild)
    try:
        gate.require(settings, appliance.log)
        token = _credential(settings.ingest_token)
        sockets = [_unix(settings.socket), *([_tcp(settings.api_port)] if tcp else [])]
        config = uvicorn.Config(
            create_app(appliance, token),
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        if warm:
            threading.Thread(target=appliance.warm, name="warm", daemon=True).start()
        uvicorn.Server(config).run(sockets=sockets)
    finally:
        appliance.close()
        settings.socket.unlink(missing_ok=True)


def _credential(file: Path) -> str:
    """Write a fresh credential, readable by the owner alone, and return it."""
    token = secrets.token_urlsafe(32)
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600, exist_ok=False)
    fresh.write_text(token, encoding="ascii")
    fresh.replace(file)
    return token


def _unix(path: Path) -> socket.socket:
    """Return a listening socket. A file left behind by a killed service goes: the home's lock says it is nobody's."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(128)
    return listener


def _tcp(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "Choose another APPLIANCE_SERVICE__API_PORT."
        raise Unavailable(f"port {port} on 127.0.0.1 cannot be used: {reason}", hint) from error
    listener.listen(128)
    return listener
