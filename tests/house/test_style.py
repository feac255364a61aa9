"""The tree keeps the house rules: format, lint, types, and the direction of imports."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("appliance", "ingest", "ui", "tests", ".ci")


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "ruff", "format", "--check", *FOLDERS],
        ["-m", "ruff", "check", *FOLDERS],
        ["-m", "mypy"],
        ["-c", "from importlinter.cli import lint_imports_command as run; run()"],
    ],
    ids=["format", "lint", "types", "layers"],
)
def test_the_tree_is_clean(command: list[str]) -> None:
    """Each checker of the house has nothing to say."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert (0, "") == (done.returncode, "" if done.returncode == 0 else done.stdout + done.stderr)


def test_the_top_level_holds_what_it_should() -> None:
    """pyproject.toml, README.md, five folders and dot-files; whatever git ignores aside."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {line.split("/")[0] for line in listed.splitlines() if not line.startswith(".")}
    assert {"pyproject.toml", "README.md", "appliance", "ingest", "ui", "compose", "tests"} == top


def test_no_module_is_longer_than_the_house_allows() -> None:
    """A file over 400 lines has to be cut; the verifier is one file because whoever doubts us has to read it."""
    long = {
        str(path.relative_to(ROOT)): count
        for folder in ("appliance", "ingest", "ui")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "verify.py" and (count := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert {} == long
