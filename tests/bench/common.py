"""What the benchmarks of whole processes share: the environment of a user, and how busy the machine is."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXIT_SKIPPED = 2


def options(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options of every such benchmark: a share, and a folder that holds the default models."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path, help="the share")
    parser.add_argument("--models", type=Path, required=True, help="folder of model files (as APPLIANCE_MODELS_DIR)")
    return parser


def skip_unless(*folders: Path) -> None:
    """Exit with code 2 and a message when one of these is missing."""
    for folder in folders:
        if not folder.is_dir():
            print(f"SKIPPED: {folder} is no folder", file=sys.stderr)
            sys.exit(EXIT_SKIPPED)


def environment(models: Path) -> dict[str, str]:
    """Return the environment of a user without settings whose models are fetched already."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    return {**kept, "APPLIANCE_MODELS_DIR": str(models.absolute())}


def command(*arguments: str) -> list[str]:
    """Return the command line of one appliance command, as `appliance` would run it."""
    return [sys.executable, "-m", "appliance.cli", *arguments]


def load() -> str:
    """Return the machine's load, which belongs to every figure."""
    one, five, _ = os.getloadavg()
    return f"load {one:.1f} (1 min), {five:.1f} (5 min), {len(os.sched_getaffinity(0))} cores"
