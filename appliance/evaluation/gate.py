"""The gate: a model, a prompt or a parameter serves only after an evaluation has shown that it is good enough.

`appliance eval FOLDER --gate` leaves a record below HOME/gate, named by the digest of everything that decides answers,
and the log says so with the record's own sha256. Where `gate.required` is set, the service starts only if the present
configuration has such a record, its figures meet today's minima, and the log confirms it, byte by byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785

from appliance import __version__
from appliance.bootstrap import chunker
from appliance.config import GateSettings, Settings
from appliance.durable import explain, replace_file
from appliance.errors import ConfigError
from appliance.manifest import load_manifest
from appliance.ports import Log
from appliance.prompt import load_template
from appliance.types import Json

FORMAT = "appliance-gate/1"
ENTRY = "gate.passed"
_AGAIN = 'Run "appliance eval FOLDER --gate" with this configuration, or put the former one back.'
# Settings that decide where things lie, how fast they go or who may see them, but not what is answered.
_ELSEWHERE = {"home", "models_dir", "index", "access", "service", "log", "gate"}
PACE = {"threads", "workers", "worker_memory_bytes", "worker_files", "scan_seconds"}


@dataclass(frozen=True, slots=True)
class Demand:
    """One figure that is asked for: at least `bound`, or with `most` at most."""

    figure: str
    bound: float
    most: bool = False

    def is_met(self, value: float | None) -> bool:
        """Return whether a figure is good enough. One that could not be measured is not."""
        return value is not None and (value <= self.bound if self.most else value >= self.bound)

    def complaint(self, value: float | None) -> str:
        found = "could not be measured" if value is None else f"is {value:.4f}"
        return f"{self.figure} {found}, asked for is {'at most' if self.most else 'at least'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Passed:
    """What an evaluation that passes leaves behind. `report` is the sha256 of its report.json, `questions` how many the
    figures rest on, `figures` those that were asked for, by name.
    """

    configuration: Mapping[str, Json]
    figures: Mapping[str, float]
    questions: int
    report: str

    @property
    def digest(self) -> str:
        return digest(self.configuration)


def configuration(settings: Settings) -> dict[str, Json]:
    """Return everything that decides answers: the settings that do, the sha256 of each model, of the prompt and of the
    program's other tables (calibration, languages), the rules of the chunker, the program's version.

    Raises ConfigError, ModelError for names that nobody knows.
    """
    tables = package_digest(lambda file: file.suffix == ".toml")
    decides: dict[str, Json] = {"version": __version__, "tables": tables, "chunker": chunker(settings)}
    manifest = load_manifest()
    for name, section in settings.model_dump(mode="json", exclude=_ELSEWHERE).items():
        # A section that is added later is taken for one that decides.
        model = section.get("name")
        weights = {"sha256": manifest.spec(model).record.sha256} if model else {}
        decides[name] = {**{key: value for key, value in section.items() if key not in PACE}, **weights}
    chat = manifest.spec(settings.generator.name).chat
    decides["prompt"] = dict(load_template(settings.answer.prompt).for_chat(chat).identity)
    return decides


def package_digest(counts: Callable[[Path], bool]) -> str:
    """Return the digest of the program's files that count, by their paths inside the package."""
    root, lines = Path(__file__).parents[1], []
    for file in sorted(root.rglob("*")):
        path = file.relative_to(root)
        if file.is_file() and "__pycache__" not in path.parts and counts(path):
            lines.append(f"{path} {hashlib.sha256(file.read_bytes()).hexdigest()}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def digest(decides: Mapping[str, Json]) -> str:
    """Return the SHA-256 of a configuration as canonical JSON (RFC 8785)."""
    return hashlib.sha256(_canonical(decides)).hexdigest()


def demands(wanted: GateSettings) -> list[Demand]:
    """Return what the configuration asks for. Raises ConfigError if that is nothing."""
    least = {
        "accuracy": wanted.accuracy,
        "refusal_recall": wanted.refusal_recall,
        "citation_sentence_precision": wanted.citation_precision,
        "ndcg@10": wanted.ndcg,
    }
    asked = [Demand(figure, bound) for figure, bound in least.items() if bound > 0]
    if wanted.refused_answerable < 1:
        asked.append(Demand("refused_answerable", wanted.refused_answerable, most=True))
    if not asked:
        raise ConfigError("the gate asks for nothing", "Set minima in the section [gate] of the configuration.")
    return asked


def complaints(asked: Sequence[Demand], figures: Mapping[str, float | None]) -> list[str]:
    """Return a line for each figure that is not good enough."""
    found = [(demand, figures.get(demand.figure)) for demand in asked]
    return [demand.complaint(value) for demand, value in found if not demand.is_met(value)]


def prepare(passed: Passed) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return the record of an evaluation that has passed, and the body of the entry that the log gets for it."""
    record: dict[str, Json] = {
        "format": FORMAT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digest": passed.digest,
        **asdict(passed),
    }
    body: dict[str, Json] = {
        "digest": passed.digest,
        "record": digest(record),
        "report": passed.report,
        "figures": dict(passed.figures),
    }
    return record, body


def keep(home: Path, record: Mapping[str, Json], log_index: int) -> Path:
    """Write the record, once its entry is in the log at `log_index`, and return its file."""
    file = _file(home, str(record["digest"]))
    content = json.dumps({"record": record, "log_index": log_index}, indent=2, sort_keys=True) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(file, content.encode())
    except OSError as error:
        raise explain(error, f"the gate's record {file} cannot be written") from error
    return file


def require(settings: Settings, log: Log) -> None:
    """Return where the gate lets the present configuration pass, or is not required. Raises ConfigError otherwise."""
    if not settings.gate.required:
        return
    asked, decides = demands(settings.gate), digest(configuration(settings))
    file = _file(settings.home, decides)
    record, log_index = _read(file)
    if record.get("format") != FORMAT or record.get("digest") != decides:
        raise ConfigError(f"the gate's record {file} is of another configuration", _AGAIN)
    if not _is_logged(log, log_index, decides, digest(record)):
        raise ConfigError(f"the log does not confirm the gate's record {file}", _AGAIN)
    if missed := complaints(asked, record.get("figures", {})):
        raise ConfigError(f"the present configuration does not pass the gate: {'; '.join(missed)}", _AGAIN)


def _read(file: Path) -> tuple[dict[str, Any], int]:
    try:
        content = json.loads(file.read_bytes())
        return dict(content["record"]), int(content["log_index"])
    except FileNotFoundError as error:
        raise ConfigError("the present configuration has not passed the gate", _AGAIN) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"the gate's record {file} cannot be read: {error}", _AGAIN) from error


def _is_logged(log: Log, log_index: int, decides: str, record: str) -> bool:
    entries = log.entries(log_index, log_index + 1) if log_index >= 0 else ()
    return any(
        entry.kind == ENTRY and entry.body.get("digest") == decides and entry.body.get("record") == record
        for entry in entries
    )


def _file(home: Path, decides: str) -> Path:
    return home / "gate" / f"{decides}.json"


def _canonical(value: Mapping[str, Json]) -> bytes:
    # Tuples are lists there, and mappings of any kind objects.
    return rfc8785.dumps(json.loads(json.dumps(value)))
