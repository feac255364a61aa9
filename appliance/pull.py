"""The commands about models: list, pull with a progress bar, import, verify."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from appliance.bootstrap import model_folder
from appliance.config import Settings
from appliance.errors import HashMismatch, ModelMissing

Row = dict[str, Any]


def ensure(settings: Settings, names: Sequence[str]) -> None:
    """Fetch the models of which a file is missing."""
    folder = model_folder(settings)
    for name in names:
        try:
            folder.path(name)
        except ModelMissing:
            fetch(settings, [name])


def fetch(settings: Settings, names: Sequence[str]) -> None:
    """Fetch what is missing or damaged of these models: every file that is here is compared first."""
    folder = model_folder(settings)
    for name in names:
        with _Bar(name) as bar:
            folder.pull(name, bar.show)


def take(settings: Settings, name: str, source: Path) -> None:
    """Take over a model's file or folder that was brought by hand."""
    sys.stdout.write(f"{model_folder(settings).import_file(name, source)}\n")


def rows(settings: Settings) -> list[Row]:
    """Return every model of the manifest and whether it is here."""
    return [
        {
            "role": status.spec.record.role,
            "name": status.spec.name,
            "state": status.state,
            "size_bytes": status.spec.size_bytes,
            "quantization": status.spec.record.quantization,
            "license": status.spec.record.license,
            "sha256": status.spec.record.sha256,
        }
        for status in model_folder(settings).statuses()
    ]


def verify(settings: Settings, names: Sequence[str]) -> list[Row]:
    """Compare the files of these models, by default of all that are here, with the manifest, byte by byte."""
    folder = model_folder(settings)
    chosen = names or [status.spec.name for status in folder.statuses() if status.state != "missing"]
    results: list[Row] = []
    for name in chosen:
        spec = folder.manifest.spec(name)
        row: Row = {"role": spec.record.role, "name": name, "size_bytes": spec.size_bytes, "sha256": spec.record.sha256}
        try:
            folder.verified(name)
            results.append({**row, "state": "verified"})
        except HashMismatch as error:
            results.append({**row, "state": "damaged", "reason": error.message, "hint": error.hint})
        except ModelMissing as error:
            results.append({**row, "state": "missing", "reason": error.message, "hint": error.hint})
    return results


def show(table: Sequence[Row]) -> None:
    """Print rows for a person."""
    for row in table:
        size = f"{row['size_bytes'] / 1e6:,.0f} MB"
        sys.stdout.write(
            f"{row['state']:9} {row['role']:10} {row['name']:32} {size:>9}  sha256 {row['sha256'][:16]}…\n"
        )
        if row.get("reason"):
            sys.stdout.write(f"          {row['reason']}\n          {row['hint']}\n")


class _Bar:
    """A progress bar on standard error that takes (bytes done, bytes in all, what is being fetched)."""

    def __init__(self, name: str) -> None:
        self._bar = tqdm(desc=name, unit="B", unit_scale=True, file=sys.stderr, dynamic_ncols=True, mininterval=0.5)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, done: int, total: int, what: str) -> None:
        """Take a report of a pull."""
        self._bar.total = total
        self._bar.set_postfix_str(what, refresh=False)
        self._bar.update(done - self._bar.n)
