"""`appliance eval`: measure, compare, write the report, and open the gate."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance import bootstrap
from appliance.client import Client
from appliance.config import Settings, load
from appliance.durable import explain
from appliance.errors import UsageError
from appliance.evaluation import gate, gated, report
from appliance.evaluation.folder import read
from appliance.evaluation.home import FOLDER
from appliance.evaluation.records import Run, from_json, to_json
from appliance.evaluation.run import Plan, measure
from appliance.evaluation.sets import Choice, choose
from appliance.evaluation.store import Store
from appliance.types import Json

REPORT = "report.json"
PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class Request:
    """What is evaluated. `config` is the file that the settings came from, `against` a former report or another
    configuration to compare with, `out` the folder of the report.
    """

    folder: Path
    choice: Choice
    out: Path | None = None
    config: Path | None = None
    against: Path | None = None
    fresh: bool = False
    gate: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it: the run, the run it was compared with, the figures of both, and where the report lies. `opened`
    is the gate's record, None where it was not asked or does not let pass; `complaints` say why it does not. `reused`
    counts the questions that had been computed before.
    """

    folder: Path
    run: Run
    against: Run | None
    figures: dict[str, Any]
    reused: int
    opened: Path | None = None
    complaints: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        return list(self.figures["warnings"])

    def printed(self) -> dict[str, Any]:
        """Return what `--json` prints: the figures, where the report lies, and what the gate says."""
        gate = {"passed": not self.complaints, "complaints": list(self.complaints)}
        return {
            "report": str(self.folder / REPORT),
            "page": str(self.folder / PAGE),
            "reused": self.reused,
            "figures": self.figures,
            "gate": gate if self.opened or self.complaints else None,
        }

    def shown(self) -> str:
        """Return the main figures as a few lines."""
        return report.text_summary(self.run, self.against, self.figures)


def evaluate(settings: Settings, request: Request) -> Result:
    """Measure the settings over a folder, write the report, and open the gate where that is asked for and deserved.

    Raises UsageError and ConfigError for what is wrong with the request before anything is computed.
    """
    asked = gate.demands(settings.gate) if request.gate else []
    if request.gate and not request.choice.whole:
        raise UsageError(
            "the gate is judged on the whole test split", "Leave --only, --limit and --split tune out with --gate."
        )
    plan = Plan(choose(read(request.folder), request.choice), request.choice, request.fresh)
    former = _former(settings, request.against)
    out = request.out or settings.home / FOLDER / "reports" / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    with Store(out / "records.jsonl", request.fresh) as store, _kept(out):
        measured = measure(_name(settings, request.config), settings, plan, store)
        if isinstance(former, Settings):
            former = measure(_name(former, request.against), former, plan, store).run
    if former is not None and former.name == measured.run.name:
        former = replace(former, name=f"{former.name} (before)")
    threshold = settings.answer.least_confidence
    figures = {**report.summary(measured.run, former, threshold), "warnings": measured.warnings}
    result = Result(out, measured.run, former, figures, store.reused)
    sha256 = _written(result, threshold)
    return _judged(settings, result, asked, sha256) if request.gate else result


def _former(settings: Settings, against: Path | None) -> Run | Settings | None:
    """Return the run to compare with, or the settings that it is still to be measured with."""
    if against is None:
        return None
    if against.suffix == ".toml":
        return load(settings.home, against)
    try:
        content = json.loads(against.read_bytes())
    except (OSError, ValueError) as error:
        hint = f"Name the {REPORT} of a former evaluation, or a configuration (.toml)."
        raise UsageError(f"{against} cannot be read as a report: {error}", hint) from error
    return from_json(content)


def _name(settings: Settings, config: Path | None) -> str:
    return config.stem if config else settings.generator.name


@contextlib.contextmanager
def _kept(out: Path) -> Iterator[None]:
    """Say where an evaluation that breaks off can be taken up."""
    try:
        yield
    except BaseException:
        sys.stderr.write(f"appliance: what was computed is kept; go on with --out {out}\n")
        raise


def _written(result: Result, threshold: float) -> str:
    """Write the report and return the sha256 of its JSON: the run with all its records, and the figures."""
    content = (json.dumps({**to_json(result.run), "figures": result.figures}) + "\n").encode()
    page = report.render(result.run, result.against, threshold, result.figures)
    try:
        (result.folder / PAGE).write_text(page, encoding="utf-8", errors="replace")
        (result.folder / REPORT).write_bytes(content)
    except OSError as error:
        raise explain(error, f"the report in {result.folder} cannot be written") from error
    return hashlib.sha256(content).hexdigest()


def _judged(settings: Settings, result: Result, asked: Sequence[gate.Demand], sha256: str) -> Result:
    """Open the gate, or say why not."""
    found = gated.figures(result.run)
    names = [demand.figure for demand in asked]
    complaints = gate.complaints(asked, found)
    if result.against:
        complaints += gated.worse(result.against, result.run, names)
    if complaints:
        return replace(result, complaints=tuple(complaints))
    figures = {name: value for name in names if (value := found[name]) is not None}
    passed = gate.Passed(gate.configuration(settings), figures, len(gated.tested(result.run)), sha256)
    record, body = gate.prepare(passed)
    return replace(result, opened=gate.keep(settings.home, record, _logged(settings, body)))


def _logged(settings: Settings, body: Mapping[str, Json]) -> int:
    """Have the appliance's log say that the gate was passed, and return the entry's place in it."""
    with closing(Client(settings.socket)) as client:
        if client.is_up():
            # The log belongs to the service while it runs.
            return int(client.call("POST", "/api/gate", body)["log_index"])
    with closing(bootstrap.open_log(settings)) as log:
        return log.append(gate.ENTRY, body).index
