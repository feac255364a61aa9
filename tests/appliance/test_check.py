"""What is said of a machine before the appliance starts: each finding with what to do."""

import json
import socket
from pathlib import Path

import pytest

from appliance import check
from appliance.config import load


def test_a_finding_that_is_not_ok_has_a_hint(tmp_path: Path) -> None:
    """Whatever is said of this machine: a warning or an error comes with an imperative."""
    found = [*check.machine(load(tmp_path / "h")), *check.share(tmp_path / "nowhere")]
    assert [] == [finding.what for finding in found if (finding.level == "ok") == bool(finding.hint)]
    assert {"ok", "error"} <= {finding.level for finding in found}


def test_processor_memory_home_and_disk_are_looked_at(tmp_path: Path) -> None:
    """The four things that decide whether it will run."""
    said = " ".join(finding.what for finding in check.machine(load(tmp_path / "h")))
    assert [] == [word for word in ("cores", "memory", "home", "disk") if word not in said]


def test_a_share_is_a_folder(tmp_path: Path) -> None:
    """A file is no share, and what is not there is none either."""
    file = tmp_path / "file"
    file.write_text("x")
    assert ["ok", "error", "error"] == [
        finding.level for path in (tmp_path, file, tmp_path / "nowhere") for finding in check.share(path)
    ]


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_port_in_use_is_an_error_that_names_the_setting() -> None:
    """Said before anything is started, not by a stack when the socket is bound."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        (busy,) = check.port(number, "--port")
    (free,) = check.port(number, "--port")
    assert ("error", "Choose another --port.", "ok") == (busy.level, busy.hint, free.level)


def test_the_sandbox_is_tried_out() -> None:
    """Every attempt of a parser to get out is reported, with the programs that its parsers have."""
    found = list(check.sandbox(["eng"]))
    said = " ".join(finding.what for finding in found)
    assert [] == [word for word in ("files", "network", "processes", "Tesseract", "LibreOffice") if word not in said]
    assert [] == [finding.what for finding in found if (finding.level == "ok") == bool(finding.hint)]


def test_what_can_be_got_out_of_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that got out, languages and programs that are missing: each is a warning with what to do."""
    refused = dict.fromkeys((name for names in check.ATTEMPTS.values() for name in names), "Permission denied")
    protections = {"landlock_abi": 0, "process_limit": False, "limits": True}
    protections |= dict.fromkeys(("network_namespace", "read_only", "seccomp", "capabilities_dropped"), False)
    probed = {
        "refused": refused | {"connect by TCP": None},
        "protections": protections,
        "tesseract": ["eng"],
        "libreoffice": None,
    }
    (tmp_path / "leaky.py").write_text(f"print({json.dumps(json.dumps(probed))})")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    warned = [finding.what for finding in check.sandbox(["eng", "deu"], "leaky") if finding.level == "warning"]
    assert [
        "sandbox, network: a parser can connect by TCP",
        "sandbox, number of processes: not limited",
        "Tesseract: eng, but not deu",
        "LibreOffice: not found, so DOC and PPT files are not read",
    ] == warned


def test_a_probe_that_fails_is_a_warning() -> None:
    """Nothing is called protected that could not be tried."""
    (finding,) = check.sandbox([], "no_such_module")
    assert ("warning", True) == (finding.level, bool(finding.hint))
