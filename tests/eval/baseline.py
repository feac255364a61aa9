"""The pipeline everyone builds (tests/eval/naive.py) on a question set, beside what `appliance eval` reported on it.

    appliance eval OUT/company --only squad --split test --out REPORT
    python -m tests.eval.baseline OUT/company squad --split test --models MODELS --report REPORT/report.json

The same generator and embedder, the same documents, the same questions, greedy; answers are kept in `--answers`, so
that an interrupted run goes on. Prints, of both: answerable questions right (a gold answer is contained), answerable
and unanswerable ones refused, and whether the difference in right answers is real (exact McNemar test).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from appliance import bootstrap, config
from appliance.evaluation.bootstrap_ci import mcnemar
from appliance.evaluation.judge import contains
from appliance.evaluation.records import AnswerRecord, from_json
from tests.eval.naive import Naive


def answered(naive: Naive, rows: list[dict[str, Any]], kept: Path) -> dict[str, dict[str, Any]]:
    """Return the naive pipeline's answers by question id, those of a former run from `kept`."""
    found = {}
    for line in kept.read_text("utf-8").splitlines() if kept.is_file() else ():
        entry = json.loads(line)
        found[entry["id"]] = entry
    for row in tqdm([row for row in rows if row["id"] not in found], "naive"):
        answer = naive.ask(row["question"])
        entry = {"id": row["id"], "text": answer.text, "refused": answer.refused, "seconds": round(answer.seconds, 2)}
        found[row["id"]] = entry
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
    return found


def show(records: list[AnswerRecord], naive: dict[str, dict[str, Any]]) -> None:
    """Print both, question by question the same."""
    yes, no = [r for r in records if r.answerable], [r for r in records if not r.answerable]
    ours = [not r.refused and contains(r.text, r.answers) for r in yes]
    theirs = [contains(naive[r.id]["text"], r.answers) for r in yes]
    print(f"{len(yes)} with an answer, {len(no)} without\n{'':10} right  refused, with  refused, without")
    for name, right, refused in (
        ("appliance", ours, {r.id: r.refused for r in records}),
        ("naive", theirs, {r.id: naive[r.id]["refused"] for r in records}),
    ):
        lost, kept = (sum(refused[r.id] for r in group) / max(1, len(group)) for group in (yes, no))
        print(f"{name:10} {sum(right) / max(1, len(yes)):.3f}  {lost:13.3f}  {kept:16.3f}")
    print(f"difference in right answers, McNemar p = {mcnemar(theirs, ours).p:.4f}")


def main() -> None:
    """Read the arguments, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("set")
    parser.add_argument("--split", default="test")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--answers", type=Path, default=Path("naive.jsonl"))
    given = parser.parse_args()
    if not given.report.is_file():
        sys.exit(f"SKIPPED: {given.report} does not exist. Run appliance eval first.")
    run = from_json(json.loads(given.report.read_text("utf-8")))
    records = [r for r in run.answers if r.set == given.set and r.split == given.split]
    os.environ["APPLIANCE_MODELS_DIR"] = str(given.models)
    settings = config.load(given.answers.absolute().parent)
    texts = {
        str(file.relative_to(given.folder)): file.read_text("utf-8", "replace")
        for file in sorted((given.folder / "documents").rglob("*"))
        if file.is_file()
    }
    generator = bootstrap.generator(settings)
    naive = Naive(bootstrap.embedder(settings), generator, texts, given.answers.with_suffix(".npy"))
    found = answered(naive, [{"id": r.id, "question": r.question} for r in records], given.answers)
    generator.close()
    show(records, found)


if __name__ == "__main__":
    main()
