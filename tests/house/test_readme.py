"""The README says what is so: its commands exist, its exit codes are the program's, its paths lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli import EXIT_CODES, EXIT_OTHER, EXIT_STOPPED

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"^(?:\$ )?appliance ((?:models|log) [a-z]+|[a-z]+)", README, re.MULTILINE)))


def test_the_exit_codes_are_those_of_the_program() -> None:
    """One table: code, class of error."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)`", README, re.MULTILINE)
    expected = {(str(code), kind.__name__) for kind, code in EXIT_CODES.items()}
    assert expected == set(rows)
    assert all(re.search(rf"^\| {code} \|", README, re.MULTILINE) for code in (0, EXIT_OTHER, EXIT_STOPPED))


def test_the_readme_shows_commands() -> None:
    """The next test would pass over an empty list."""
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_exists(command: str) -> None:
    """`appliance COMMAND --help` knows it."""
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", *command.split(), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_every_path_of_the_readme_leads_somewhere() -> None:
    """A file or folder named in backticks is there."""
    named = set(re.findall(r"`((?:appliance|ingest|ui|compose|tests|\.ci|\.readme)/[\w./-]*)`", README))
    assert len(named) >= 10
    assert [] == sorted(path for path in named if not (ROOT / path).exists())


def test_every_picture_of_the_readme_is_there() -> None:
    """A broken image is the first thing a newcomer sees."""
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    assert [] == [path for path in pictures if not (ROOT / path).is_file()]


def test_every_benchmark_of_the_readme_exists() -> None:
    """A figure names the command that printed it."""
    modules = set(re.findall(r"python -m (tests\.[\w.]+)", README))
    assert modules
    assert [] == [name for name in modules if not (ROOT / (name.replace(".", "/") + ".py")).is_file()]


def test_every_route_of_the_service_is_in_the_readme() -> None:
    """Who integrates reads the table, not the code."""
    source = (ROOT / "appliance" / "service.py").read_text(encoding="utf-8")
    routes = re.findall(r'@(?:reading|changing)\.(\w+)\("([^"]+)"\)', source)
    missing = [f"{method.upper()} {path}" for method, path in routes if f"`{method.upper()} {path}`" not in README]
    assert [] == missing
