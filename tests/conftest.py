"""Rules and fixtures for every test: no network by default, and real weights for those that ask for them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.manifest import load_manifest
from appliance.models import ModelFolder

LOOPBACK = ["127.0.0.1"]
# Tests with these marks drive real processes, which talk over loopback.
WITH_LOOPBACK = ("model", "browser", "e2e")
PULL_SECONDS = 3600

PULL = """
import sys
from pathlib import Path
from appliance.errors import ApplianceError
from appliance.manifest import load_manifest
from appliance.models import ModelFolder
try:
    ModelFolder(Path(sys.argv[1]), load_manifest()).pull(sys.argv[2])
except ApplianceError as error:
    sys.exit(str(error))
"""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Close the network before pytest-socket reads its options: only Unix sockets are left open."""
    config.option.disable_socket = True
    config.option.allow_unix_socket = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that drive real processes connect to loopback, unless they name their own hosts."""
    for item in items:
        if any(item.get_closest_marker(name) for name in WITH_LOOPBACK) and not item.get_closest_marker("allow_hosts"):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))


@pytest.fixture(scope="session")
def models_folder() -> Callable[[str], Path]:
    """Return a function that yields the path of a model, fetched once into a cache kept between runs.

    The cache is TEST_MODELS or ~/.cache/appliance-models. A model that cannot be fetched skips the test.
    """
    cache = Path(os.environ.get("TEST_MODELS") or Path.home() / ".cache" / "appliance-models")
    folder = ModelFolder(cache, load_manifest())
    ready: dict[str, Path | str] = {}

    def provide(name: str) -> Path:
        if name not in ready:
            # In a process of its own: sockets are closed in this one. A pull compares what is there already.
            pull = subprocess.run(
                [sys.executable, "-c", PULL, str(cache), name],
                capture_output=True,
                text=True,
                timeout=PULL_SECONDS,
                check=False,
                cwd=Path(__file__).parents[1],
            )
            ready[name] = folder.path(name) if pull.returncode == 0 else pull.stderr
        found = ready[name]
        if isinstance(found, str):
            pytest.skip(f"model {name} is not here and cannot be fetched: {found}")
        return found

    return provide


@pytest.fixture(scope="session")
def small_generator_path(models_folder: Callable[[str], Path]) -> Path:
    """Return the file of SmolLM2-135M: fast, and wrong about nearly everything."""
    return models_folder("smollm2-135m-instruct")


@pytest.fixture(scope="session")
def default_generator_path(models_folder: Callable[[str], Path]) -> Path:
    """Return the file of the default generator."""
    return models_folder("qwen2.5-coder-1.5b-instruct")


@pytest.fixture(scope="session")
def embedder_path(models_folder: Callable[[str], Path]) -> Path:
    """Return the folder of the default embedder."""
    return models_folder("all-minilm-l6-v2")
