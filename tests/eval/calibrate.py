"""Fits the decision to refuse (appliance/refusal.py) on question sets, and prints what it would do.

    python -m tests.eval.calibrate HOME SET.jsonl ... [--count N] [--record FILE] [--signals FILE] [--use NAMES]

HOME is a home whose index holds the sets' documents (`appliance eval` leaves one behind). Each set's "tune" half is
asked through the whole answer path, drafts included; a logistic model is fitted to whether the question has an answer
and the draft gives it, by Newton's method with a penalty, and judged by cross-validation, set by set. Answers with an
answer in the documents that the draft misses are left out: refusing those is neither wanted nor wrong. `--record` keeps
what the generator wrote, so that a second fit needs no generator; `--signals` keeps what was seen.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from appliance import bootstrap, config
from appliance.evaluation.judge import contains
from appliance.refusal import NAMES, Calibration, Signals
from appliance.types import Answer, Turn, principals
from tests.eval.recorded import Recorded

PENALTY = 1.0
FOLDS = 5
USER = "eval"
THRESHOLDS = (0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8)


@dataclass(frozen=True, slots=True)
class Case:
    """A question that was asked: its signals (None: no supported sentence came), and whether the draft is right."""

    set: str
    id: str
    answerable: bool
    right: bool
    signals: Signals | None
    draft: str


class Watching(Calibration):
    """Keeps the signals that it is asked about."""

    seen: list[Signals] = []  # noqa: RUF012 (one run, one list)

    def confidence(self, signals: Signals) -> float:
        """Note the signals, and let the answer pass."""
        self.seen.append(signals)
        return 1.0


def rows(file: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Return `count` questions with and `count` without an answer, of the half for tuning."""
    found = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    chance, chosen = random.Random(seed), []
    for answerable in (True, False):
        group = sorted(
            (row for row in found if row.get("split") == "tune" and bool(row["answers"]) == answerable),
            key=lambda row: str(row["id"]),
        )
        chance.shuffle(group)
        chosen.append(group[:count])
    return [row for pair in _alternating(chosen) for row in pair]


def _alternating(groups: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    longest = max(len(group) for group in groups)
    return [[group[i] for group in groups if i < len(group)] for i in range(longest)]


def ask(part: bootstrap.Appliance, row: dict[str, Any], name: str) -> Case:
    """Ask one question to the end of its draft."""
    Watching.seen.clear()
    turns = [Turn(turn["question"], turn["answer"]) for turn in row.get("conversation", ())]
    *_, answer = part.answerer.ask(row["question"], principals(USER), USER, turns, complete=True)
    assert isinstance(answer, Answer)
    draft = "".join(statement.text for statement in answer.draft)
    quotes = " ".join(" ".join(c.quote.split()) for s in answer.draft for c in s.citations)
    gold = [" ".join(sentence.split()) for sentence in row.get("sentences", ())]
    right = any(contains(draft, text) for text in row["answers"]) or any(
        sentence in quotes or quotes in sentence for sentence in gold if quotes
    )
    signals = Watching.seen[0] if Watching.seen else None
    return Case(name, str(row["id"]), bool(row["answers"]), right, signals, draft)


def fit(values: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights and bias of a logistic model on raw values, penalised on standardised ones."""
    mean, spread = values.mean(0), values.std(0) + 1e-9
    design = np.c_[(values - mean) / spread, np.ones(len(values))]
    weights = np.zeros(design.shape[1])
    penalty = np.diag([PENALTY] * values.shape[1] + [0.0])
    for _ in range(100):
        likely = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (likely - wanted) + penalty @ weights
        curve = (design * (likely * (1 - likely))[:, None]).T @ design + penalty + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-10:
            break
    raw = weights[:-1] / spread
    return np.r_[raw, weights[-1] - raw @ mean]


def table(cases: Sequence[Case], names: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the signals of the cases that can be learned from, and whether each should be answered."""
    used = [c for c in cases if c.signals and (c.right or not c.answerable)]
    values = np.array([[getattr(c.signals, name) for name in names] for c in used])
    return values, np.array([float(c.answerable) for c in used])


def crossed(cases: Sequence[Case], names: Sequence[str], seed: int) -> dict[tuple[str, str], float]:
    """Return each case's confidence from weights that were fitted without it; 0 without signals."""
    folds = np.random.default_rng(seed).integers(0, FOLDS, len(cases))
    found = {}
    for fold in range(FOLDS):
        weights = fit(*table([c for c, f in zip(cases, folds, strict=True) if f != fold], names))
        for case, own in zip(cases, folds, strict=True):
            if own == fold:
                found[case.set, case.id] = _confidence(case, names, weights)
    return found


def _confidence(case: Case, names: Sequence[str], weights: NDArray[np.float64]) -> float:
    if case.signals is None:
        return 0.0
    value = np.array([getattr(case.signals, name) for name in names]) @ weights[:-1] + weights[-1]
    return float(1 / (1 + np.exp(-value)))


def show(cases: Sequence[Case], confidence: dict[tuple[str, str], float]) -> None:
    """Print, set by set, what each threshold would do."""
    for name in sorted({case.set for case in cases}):
        own = [case for case in cases if case.set == name]
        yes, no = [c for c in own if c.answerable], [c for c in own if not c.answerable]
        pairs = [(confidence[a.set, a.id], confidence[b.set, b.id]) for a in yes for b in no]
        area = sum((a > b) + 0.5 * (a == b) for a, b in pairs) / max(1, len(pairs))
        print(f"\n{name}: {len(yes)} with an answer, right in {sum(c.right for c in yes)} drafts; {len(no)} without")
        print(f"area under the curve {area:.3f}\nthreshold  right  refused, with answer  refused, without")
        for threshold in THRESHOLDS:
            shown = {c.id for c in own if confidence[c.set, c.id] >= threshold}
            right = sum(c.right and c.id in shown for c in yes) / max(1, len(yes))
            lost, kept = (sum(c.id not in shown for c in group) / max(1, len(group)) for group in (yes, no))
            print(f"{threshold:9.2f}  {right:5.3f}  {lost:20.3f}  {kept:16.3f}")


def load(given: argparse.Namespace) -> list[Case]:
    """Ask all questions, or take what was seen when they were."""
    if given.signals and given.signals.is_file() and not given.home:
        entries = [json.loads(line) for line in given.signals.read_text("utf-8").splitlines()]
        return [Case(**{**e, "signals": Signals(**e["signals"]) if e["signals"] else None}) for e in entries]
    cases: list[Case] = []
    for home, file in zip(given.home, given.sets, strict=True):
        settings = config.load(home)

        def generator(settings: config.Settings) -> Recorded:
            return Recorded(bootstrap.generator(settings), given.record)

        part = bootstrap.open_appliance(settings, loaders=bootstrap.Loaders(generator=generator))
        part.answerer._policy = replace(
            part.answerer._policy, calibration=Watching("watching", 0.0, {}), least_confidence=0.0
        )
        name = f"{file.parent.parent.name}/{file.stem}"
        try:
            chosen = rows(file, given.count, given.seed)
            cases += [ask(part, row, name) for row in tqdm(chosen, name)]
        finally:
            part.close()
    return cases


def main() -> None:
    """Read the arguments, ask, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="*", help="question sets; one --home for each, in order")
    parser.add_argument("--home", type=Path, action="append", default=[])
    parser.add_argument("--count", type=int, default=100, help="questions of each kind and set")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", type=Path, default=Path("generated.jsonl"))
    parser.add_argument("--signals", type=Path)
    parser.add_argument("--use", default=" ".join(NAMES), help="the signals to weigh, by name")
    given = parser.parse_args()
    if missing := [file for file in given.sets if not file.is_file()]:
        sys.exit(f"SKIPPED: {missing[0]} does not exist. Make it with tests.eval.public.")
    cases = load(given)
    if given.signals and given.home:
        lines = [
            json.dumps(
                {
                    **{name: getattr(c, name) for name in ("set", "id", "answerable", "right", "draft")},
                    "signals": {name: getattr(c.signals, name) for name in NAMES} if c.signals else None,
                }
            )
            for c in cases
        ]
        given.signals.write_text("\n".join(lines) + "\n", "utf-8")
    names = given.use.split()
    show(cases, crossed(cases, names, given.seed))
    weights = fit(*table(cases, names))
    print("\nbias =", round(float(weights[-1]), 4))
    print("weights = {", ", ".join(f"{n} = {w:.4f}" for n, w in zip(names, weights[:-1], strict=True)), "}")


if __name__ == "__main__":
    main()
