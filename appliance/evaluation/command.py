"""`appliance eval`: measure, compare, report, and open the gate."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance import bootstrap
from appliance.client import Client
from appliance.config import Settings, load
from appliance.errors import UsageError
from appliance.evaluation import gate, gated, report
from appliance.evaluation.home import FOLDER
from appliance.evaluation.records import Run
from appliance.evaluation.run import Measured, Plan, measure
from appliance.evaluation.sets import Choice, choose, read
from appliance.evaluation.store import Store
from appliance.processes import Stopped, stoppable


@dataclass(frozen=True, slots=True)
class Request:
    """What is evaluated. `config` is the file that the settings came from, `against` a report or another configuration
    to compare with, `out` the folder of the report.
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
    """Where the report lies, what is in its JSON, and what the gate has to say: nothing where it lets pass."""

    folder: Path
    report: Mapping[str, Any]
    complaints: tuple[str, ...] = ()


def evaluate(settings: Settings, request: Request) -> Result:
    """Measure the settings over a folder and write the report. Raises UsageError before anything is computed."""
    asked = gate.demands(settings.gate) if request.gate else []
    if request.gate and not request.choice.whole:
        raise UsageError(
            "the gate is judged on the whole test split", "Leave --only, --limit and --split tune out with --gate."
        )
    plan = Plan(choose(read(request.folder), request.choice), request.choice, request.fresh)
    former = _former(settings, request.against)
    out = request.out or settings.home / FOLDER / "reports" / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    with _going_on(out), Store(out / "records.jsonl", request.fresh) as store:
        measured = measure(_name(settings, request.config), settings, plan, store)
        before = former
        if isinstance(former, Settings):
            before = measure(_name(former, request.against), former, plan, store).run
    return None
