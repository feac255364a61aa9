"""What an evaluation has computed so far: DIR/records.jsonl, a question a line, each under the key of what decided it.

An interrupted evaluation goes on from it. A line that a crash tore is no line: its question is computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from appliance.durable import explain
from appliance.errors import UsageError
from appliance.evaluation.asking import Outcome
from appliance.evaluation.records import FORMAT, Run, from_json, to_json


class Store:
    """The outcomes in one file. Used by one thread."""

    def __init__(self, file: Path, fresh: bool = False) -> None:
        """Open the file and read what is in it; with `fresh`, begin an empty one."""
        self._file = file
        self._known: dict[str, Mapping[str, Any]] = {}
        self.reused = 0
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            held = b"" if fresh or not file.exists() else file.read_bytes()
            self._output = file.open("wb" if fresh else "ab")
            if held and not held.endswith(b"\n"):
                self._output.write(b"\n")
        except OSError as error:
            raise UsageError(f"{file} cannot be written: {error.strerror}", "Choose another --out.") from error
        for line in held.splitlines():
            self._read(line)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._output.close()

    def get(self, key: str) -> Outcome | None:
        """Return what came of a question before, or None."""
        line = self._known.get(key)
        if line is None:
            return None
        run = from_json(line["outcome"])
        self.reused += 1
        return Outcome(run.ranked, run.answers)

    def put(self, key: str, outcome: Outcome) -> None:
        """Keep what came of a question: it is in the file when this returns."""
        run = to_json(Run("", {}, outcome.ranked, outcome.answers, 0.0, ""))
        try:
            self._output.write(json.dumps({"key": key, "outcome": run}).encode() + b"\n")
            self._output.flush()
        except OSError as error:
            raise explain(error, f"{self._file} cannot be written") from error

    def _read(self, line: bytes) -> None:
        try:
            held = json.loads(line)
            self._known[held["key"]] = {"outcome": held["outcome"]}
        except (ValueError, KeyError, TypeError):
            return


def key(decides: Mapping[str, Any], name: str, question: Any) -> str:
    """Return the key of a question (a Question or Query) of the set `name` under everything else that decides it."""
    whole = [FORMAT, decides, name, asdict(question)]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
