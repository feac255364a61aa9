"""`appliance eval` as its users run it: real weights, real ingestion, the report, the comparison, the gate."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import records, run

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.slow]

DOCUMENTS = {
    "policies/travel.md": "# Travel\n\nThe hotel limit is 140 euros per night. Flights are booked by the office.\n",
    "policies/leave.md": "# Leave\n\nEmployees have 30 days of annual leave. Five days may be carried over.\n",
    "canteen.txt": "The canteen is open from 11:30 to 14:00. A main dish costs 6.50 euros.\n",
}
QUESTIONS: list[dict[str, Any]] = [
    {
        "id": "hotel",
        "question": "What is the hotel limit per night?",
        "answers": ["140 euros"],
        "document": "policies/travel.md",
        "sentences": ["The hotel limit is 140 euros per night."],
    },
    {
        "id": "leave",
        "question": "How many days of annual leave do employees have?",
        "answers": ["30"],
        "document": "policies/leave.md",
        "sentences": ["Employees have 31 days of annual leave."],
        "split": "tune",
    },
    {
        "id": "dish",
        "question": "What does a main dish cost?",
        # So that no model has all of them right.
        "answers": ["whatever the cook says"],
        "document": "canteen.txt",
        "sentences": ["A main dish costs 6.50 euros."],
        "kind": "follow-up",
        "conversation": [{"question": "When is the canteen open?", "answer": "From 11:30 to 14:00."}],
    },
    {"id": "moon", "question": "Who was the first man on the moon?", "answers": [], "kind": "unanswerable"},
]
CORPUS = {
    "a/1": ("Apples", "Apples are red or green <fruit> that grows on trees."),
    "b.2": ("Pears", "Pears taste sweet."),
    "c 3": ("", "Plums are blue."),
    "d": ("Roses", "Roses are flowers with thorns."),
    "e": ("Steel", "Steel is an alloy of iron and carbon."),
    "f": ("Rain", "Rain falls from clouds."),
}
QUERIES = {"q1": ("which red fruit grows on trees?", "a/1"), "q2": ("alloy of iron", "e")}
# What this generator reaches on these questions does not matter here; that search finds the documents does.
MINIMA = {"APPLIANCE_GATE__NDCG": "0.9"}
REQUIRED = {**MINIMA, "APPLIANCE_GATE__REQUIRED": "true"}


@dataclass
class Bench:
    """A folder to evaluate, a home, and the environment of a user with the smallest generator."""

    folder: Path
    home: Path
    environment: dict[str, str]

    def command(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return run(*arguments, "--home", str(self.home), environment={**self.environment, **extra})

    def eval(self, *arguments: str, **extra: str) -> Any:
        """Evaluate and return what `--json` prints."""
        done = self.command("eval", str(self.folder), "--json", *arguments, **extra)
        assert 0 == done.returncode, done.stderr
        (printed,) = records(done)
        return printed

    def kinds(self) -> list[str]:
        return [entry["kind"] for entry in records(self.command("log", "tail", "-n", "1000"))]


@pytest.fixture(scope="module")
def bench(models_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = models_folder("all-minilm-l6-v2").parent
    models_folder("smollm2-135m-instruct")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    models = {"APPLIANCE_MODELS_DIR": str(folder), "APPLIANCE_GENERATOR__NAME": "smollm2-135m-instruct"}
    root = tmp_path_factory.mktemp("eval")
    return Bench(written(root / "set"), root / "h", {**kept, **models})


def written(folder: Path) -> Path:
    """Return a folder of three documents with four questions, and a benchmark of six documents with two."""
    for path, text in DOCUMENTS.items():
        (folder / "documents" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "documents" / path).write_text(text, encoding="utf-8")
    (folder / "questions").mkdir()
    (folder / "questions" / "tiny.jsonl").write_text("".join(json.dumps(line) + "\n" for line in QUESTIONS))
    fruit = folder / "retrieval" / "fruit"
    (fruit / "qrels").mkdir(parents=True)
    corpus = [json.dumps({"_id": name, "title": title, "text": text}) for name, (title, text) in CORPUS.items()]
    (fruit / "corpus.jsonl").write_text("\n".join(corpus))
    queries = [json.dumps({"_id": name, "text": text}) for name, (text, _) in QUERIES.items()]
    (fruit / "queries.jsonl").write_text("\n".join(queries))
    judged = [f"{name}\t{document}\t1" for name, (_, document) in QUERIES.items()]
    (fruit / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]))
    return folder


@pytest.fixture(scope="module")
def first(bench: Bench) -> Any:
    """What the first evaluation prints."""
    return bench.eval("--out", str(bench.home / "out"))


def test_a_report_holds_every_question_and_every_figure(bench: Bench, first: Any) -> None:
    """Four answers, two searches by three ways, rankings of documents and of passages, one doubtful gold sentence."""
    report = json.loads(Path(first["report"]).read_bytes())
    assert ["dish", "hotel", "leave", "moon"] == sorted(record["id"] for record in report["answers"])
    ranked = {(record["set"], record["id"], record["system"]) for record in report["ranked"]}
    systems = ("fused", "words", "meaning")
    assert {("fruit", name, system) for name in QUERIES for system in systems} == {
        each for each in ranked if each[0] == "fruit"
    }
    assert {"dish", "hotel", "leave"} == {name for kind, name, _ in ranked if kind == "tiny/passages"}
    assert 1.0 == report["figures"]["retrieval"]["fruit"]["test"]["fused"]["ndcg@10"]["value"]
    (warning,) = report["figures"]["warnings"]
    assert 'question "leave": gold sentence “Employees have 31 days' in warning
    page = Path(first["page"]).read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "Employees have 31 days" in page


def test_the_appliance_itself_is_left_alone(bench: Bench, first: Any) -> None:
    """No document, no question and no answer of an evaluation is in its own index and log."""
    assert first
    assert {"documents": []} == records(bench.command("documents", "--json"))[0]
    assert not {"document.put", "question", "answer"} & set(bench.kinds())


def test_a_second_evaluation_computes_nothing_twice(bench: Bench, first: Any) -> None:
    """The same questions under the same configuration: taken from the records, with the same figures."""
    second = bench.eval("--out", str(bench.home / "out"))
    assert (0, 6) == (first["reused"], second["reused"])
    changing = {"seconds": 0.0}
    assert {**first["figures"], **changing} == {**second["figures"], **changing}


def test_the_same_seed_gives_the_same_figures(bench: Bench, first: Any) -> None:
    """Computed anew in another folder, timings aside."""
    again = bench.eval("--out", str(bench.home / "again"))
    assert 0 == again["reused"]
    for part in ("answers", "retrieval", "refusal"):
        assert first["figures"][part] == again["figures"][part]


def test_a_run_is_no_better_than_itself(bench: Bench, first: Any) -> None:
    """Compared with its own report, nothing is shown to differ; all four questions pair."""
    compared = bench.eval("--out", str(bench.home / "out"), "--against", first["report"])["figures"]["comparison"]
    assert (4, 0) == (compared["paired"], compared["unpaired"])
    verdicts = [figure["verdict"] for figure in nested(compared) if "verdict" in figure]
    assert len(verdicts) > 10
    assert {"no difference shown"} == set(verdicts)


def test_two_configurations_are_measured_in_one_go(bench: Bench, first: Any, tmp_path: Path) -> None:
    """The other one is a file: chunks of another size, so with an index of its own."""
    assert first
    other = tmp_path / "small-chunks.toml"
    other.write_text("[ingest]\nchunk_tokens = 64\n")
    printed = bench.eval("--out", str(bench.home / "two"), "--against", str(other), "--only", "fruit")
    assert "small-chunks" == printed["figures"]["comparison"]["against"]
    assert 0 == printed["figures"]["comparison"]["retrieval"]["fruit"]["test"]["fused"]["ndcg@10"]["difference"]


def nested(value: Any) -> list[dict[str, Any]]:
    """Return every object in a JSON value."""
    if isinstance(value, list):
        return [each for part in value for each in nested(part)]
    if isinstance(value, dict):
        return [value, *(each for part in value.values() for each in nested(part))]
    return []


def test_the_gate_opens_for_what_was_measured_and_nothing_else(bench: Bench, first: Any) -> None:
    """Required and not passed: exit code 3. Minima met: a record, an entry in the log, and the service starts. Another
    number of passages: exit code 3 again.
    """
    assert first
    refused = bench.command("documents", **REQUIRED)
    assert 3 == refused.returncode
    assert "has not passed the gate" in refused.stderr
    failed = bench.command(
        "eval", str(bench.folder), "--out", str(bench.home / "out"), "--gate", APPLIANCE_GATE__ACCURACY="1.0"
    )
    assert 1 == failed.returncode, failed.stderr
    assert "asked for is at least 1" in failed.stderr
    assert not (bench.home / "gate").exists()
    assert {"passed": True, "complaints": []} == bench.eval("--out", str(bench.home / "out"), "--gate", **MINIMA)[
        "gate"
    ]
    assert 1 == len(list((bench.home / "gate").iterdir()))
    assert 0 == bench.command("documents", **REQUIRED).returncode
    assert 1 == bench.kinds().count("gate.passed")
    assert 3 == bench.command("documents", **REQUIRED, APPLIANCE_ANSWER__PASSAGES="2").returncode
    assert 0 == bench.command("log", "verify").returncode


def test_the_gate_is_not_judged_on_a_part(bench: Bench) -> None:
    """Who chooses the questions chooses the result."""
    done = bench.command("eval", str(bench.folder), "--gate", "--limit", "1", **MINIMA)
    assert 2 == done.returncode
    assert "the whole test split" in done.stderr
