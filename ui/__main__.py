"""Serve the page: `python -m ui --socket API_SOCKET [--host 127.0.0.1 --port 8501 | --uds PATH]`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from ui.guard import LOCAL_HOSTS
from ui.server import create_app

# Browsers hold their WebSocket open for ever: after this they are cut off.
GRACE_SECONDS = 2
MESSAGE_BYTES = 4_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; both end the process within a few seconds, with exit code 0."""
    options = _parser().parse_args(arguments)
    app = create_app(options.socket, LOCAL_HOSTS | set(options.allow_host))
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        uds=None if options.uds is None else str(options.uds),
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        lifespan="on",
        access_log=False,
        log_level=logging.WARNING,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # Uvicorn raises the signal once more after it has stopped; by then there is nothing left to interrupt.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ui", description="Serve the page.")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket of the service")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8501, help="port to listen on")
    parser.add_argument("--uds", type=Path, help="Unix socket to listen on instead")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a further name that browsers may use"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
