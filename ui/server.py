"""The page as an ASGI application: Streamlit with its settings, behind the guard."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from starlette.middleware import Middleware
from streamlit.starlette import App
from streamlit.web import bootstrap

from ui.guard import LOCAL_HOSTS, Guard, security_headers, streamlit_index
from ui.theme import THEME

SETTINGS: Final[dict[str, Any]] = {
    "browser.gatherUsageStats": False,
    # Set, so that Streamlit never asks the internet for the machine's address.
    "browser.serverAddress": "localhost",
    "server.headless": True,
    "server.showEmailPrompt": False,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.xsrfCookieSameSite": "strict",
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.maxUploadSize": 1,
    "client.allowedOrigins": [],
    "client.disableDataExport": True,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "client.showSidebarNavigation": False,
    "runner.magicEnabled": False,
    "logger.hideWelcomeMessage": True,
}


def create_app(api_socket: Path, hosts: Iterable[str] = LOCAL_HOSTS) -> App:
    """Return the page as an ASGI application that asks the service at `api_socket` and answers under `hosts`.

    Streamlit's settings belong to the process: one application a process.
    """
    # As flags, which win over a configuration file or a variable that happens to lie around.
    bootstrap.load_config_options({**SETTINGS, **THEME})
    headers = security_headers(streamlit_index())
    return App(
        Path(__file__).with_name("app.py"),
        # The one way in which Streamlit hands values to a script.
        secrets={"api": {"socket": str(api_socket)}},
        middleware=[Middleware(Guard, hosts=tuple(hosts), headers=headers)],
    )
