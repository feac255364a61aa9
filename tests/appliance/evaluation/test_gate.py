"""The gate: it opens for what has been measured, and the log has to confirm it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Settings, load
from appliance.errors import ConfigError
from appliance.evaluation import gate, gated
from appliance.evaluation.gate import Demand, Passed
from appliance.evaluation.records import AnswerRecord, RankedRecord, Run
from appliance.types import Json
from tests.fakes import MemoryLog

MINIMA: dict[str, Any] = {"required": True, "accuracy": 0.6, "refused_answerable": 0.3}
GOOD = {"accuracy": 0.7, "refused_answerable": 0.1}


def settings(home: Path, **arguments: Any) -> Settings:
    return load(home, arguments={"gate": MINIMA} | arguments)


def opened(own: Settings, log: MemoryLog, figures: Mapping[str, float] = GOOD) -> Path:
    """Return the record of an evaluation of these settings that has passed."""
    record, body = gate.prepare(Passed(gate.configuration(own), figures, 10, "ab" * 32))
    return gate.keep(own.home, record, log.append(gate.ENTRY, body).index)


def test_a_gate_that_is_not_required_lets_everything_pass(tmp_path: Path) -> None:
    """The default: nobody has to evaluate anything."""
    gate.require(load(tmp_path), MemoryLog())


def test_what_has_passed_may_start(tmp_path: Path) -> None:
    """The record is there, its figures are good enough, the log confirms it."""
    own, log = settings(tmp_path), MemoryLog()
    log.append("appliance.started", {})
    opened(own, log)
    gate.require(own, log)


def test_what_has_not_passed_may_not_start(tmp_path: Path) -> None:
    """The hint names the command."""
    with pytest.raises(ConfigError, match="has not passed the gate") as raised:
        gate.require(settings(tmp_path), MemoryLog())
    assert "appliance eval FOLDER --gate" in raised.value.hint


@pytest.mark.parametrize(
    "change",
    [
        {"answer": {"passages": 3}},
        {"generator": {"name": "qwen2.5-coder-0.5b-instruct"}},
        {"generator": {"context_tokens": 2048}},
        {"ingest": {"chunk_tokens": 100}},
        {"embedder": {"backend": "float32"}},
    ],
)
def test_a_change_of_what_decides_answers_has_to_pass_again(tmp_path: Path, change: dict[str, Any]) -> None:
    """Model, context, number of passages, chunks: each makes another configuration."""
    log = MemoryLog()
    opened(settings(tmp_path), log)
    with pytest.raises(ConfigError, match="has not passed the gate"):
        gate.require(settings(tmp_path, **change), log)


@pytest.mark.parametrize(
    "change",
    [
        {"service": {"port": 9000}},
        {"generator": {"threads": 1}},
        {"ingest": {"workers": 3}},
        {"access": {"posix": True}},
        {"log": {"origin": "other"}},
    ],
)
def test_what_decides_no_answer_does_not_close_the_gate(tmp_path: Path, change: dict[str, Any]) -> None:
    """Ports, threads and readers may change without an evaluation."""
    log = MemoryLog()
    opened(settings(tmp_path), log)
    gate.require(settings(tmp_path, **change), log)


def test_minima_that_rise_close_the_gate(tmp_path: Path) -> None:
    """The figures of the record are compared with today's minima."""
    log = MemoryLog()
    opened(settings(tmp_path), log)
    with pytest.raises(ConfigError, match=r"accuracy is 0\.7000, asked for is at least 0\.8"):
        gate.require(settings(tmp_path, gate=MINIMA | {"accuracy": 0.8}), log)


def test_a_figure_that_was_not_measured_is_not_good_enough(tmp_path: Path) -> None:
    """A minimum that is new needs an evaluation that has it."""
    log = MemoryLog()
    opened(settings(tmp_path), log)
    with pytest.raises(ConfigError, match="refusal_recall could not be measured"):
        gate.require(settings(tmp_path, gate=MINIMA | {"refusal_recall": 0.1}), log)


def test_a_record_that_somebody_improved_is_refused(tmp_path: Path) -> None:
    """Its sha256 stands in the log."""
    own, log = settings(tmp_path), MemoryLog()
    file = opened(own, log, {"accuracy": 0.1, "refused_answerable": 0.1})
    file.write_text(file.read_text().replace("0.1", "0.9", 1))
    with pytest.raises(ConfigError, match="the log does not confirm"):
        gate.require(own, log)


@pytest.mark.parametrize("place", [-1, 0, 2, 99])
def test_a_record_without_its_entry_is_refused(tmp_path: Path, place: int) -> None:
    """Where the log has something else, or nothing, at that place, the answer is no."""
    own, log = settings(tmp_path), MemoryLog()
    log.append("appliance.started", {})
    file = opened(own, log)
    log.append("appliance.stopped", {})
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"log_index": place}))
    with pytest.raises(ConfigError, match="the log does not confirm"):
        gate.require(own, log)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"record": 1, "log_index": 0}', '{"record": {}}'])
def test_a_record_that_cannot_be_read_is_refused(tmp_path: Path, content: str) -> None:
    """With a message, not with a stack."""
    own, log = settings(tmp_path), MemoryLog()
    opened(own, log).write_text(content)
    with pytest.raises(ConfigError, match="cannot be read"):
        gate.require(own, log)


def test_the_record_of_another_configuration_is_refused(tmp_path: Path) -> None:
    """Renaming a file does not make it one's own, though the log confirms it."""
    own, log = settings(tmp_path), MemoryLog()
    other = opened(settings(tmp_path, answer={"passages": 3}), log)
    other.rename(opened(own, log))
    with pytest.raises(ConfigError, match="is of another configuration"):
        gate.require(own, log)


def test_a_gate_that_asks_for_nothing_is_an_error(tmp_path: Path) -> None:
    """It would look like a guarantee."""
    with pytest.raises(ConfigError, match="asks for nothing"):
        gate.require(settings(tmp_path, gate={"required": True}), MemoryLog())


def test_models_count_by_their_weights(tmp_path: Path) -> None:
    """Names can be given to other files; sha256 cannot."""
    decides: Any = gate.configuration(settings(tmp_path))
    assert 64 == len(decides["generator"]["sha256"]) == len(decides["embedder"]["sha256"])
    assert {"name", "sha256", "chat", "chat_sha256"} <= set(decides["prompt"])
    assert "gate" not in decides


@pytest.mark.parametrize(
    ("demand", "value", "met"),
    [
        (Demand("a", 0.5), 0.5, True),
        (Demand("a", 0.5), 0.4999, False),
        (Demand("a", 0.5, most=True), 0.5, True),
        (Demand("a", 0.5, most=True), 0.5001, False),
        (Demand("a", 0.5, most=True), None, False),
        (Demand("a", 0.5), None, False),
    ],
)
def test_a_demand_is_met_at_its_bound(demand: Demand, value: float | None, met: bool) -> None:
    """At least, or at most; what could not be measured meets none."""
    assert met == demand.is_met(value)


def answer(number: int, text: str, split: str = "test") -> AnswerRecord:
    return AnswerRecord("s", split, str(number), "Which?", "", ("yes",), (), text, refused=False)


def ranking(name: str, number: int, place: int, split: str = "test") -> RankedRecord:
    keys = tuple("gold" if i == place else f"other{i}" for i in range(10))
    return RankedRecord(name, split, str(number), "Which?", "", "fused", keys, {"gold": 1})


def run(answers: list[AnswerRecord], ranked: list[RankedRecord]) -> Run:
    configuration: dict[str, Json] = {"seed": 1}
    return Run("r", configuration, tuple(ranked), tuple(answers), 1.0, "here")


def test_the_gate_looks_at_the_test_split_alone() -> None:
    """What was tuned on proves nothing."""
    answers = [*(answer(i, "yes", "tune") for i in range(9)), answer(10, "yes"), answer(11, "no")]
    found = gated.figures(run(answers, [ranking("a", 1, 0), ranking("b", 1, 1), ranking("c", 1, 5, "tune")]))
    assert 0.5 == found["accuracy"]
    assert found["refusal_recall"] is None


def test_the_worst_set_counts() -> None:
    """nDCG@10 of the set where search is least good: second place is 1 / log2(3)."""
    assert 0.63093 == gated.figures(run([], [ranking("a", 1, 0), ranking("b", 1, 1)]))["ndcg@10"]
    assert gated.figures(run([], []))["ndcg@10"] is None


def test_what_is_shown_to_be_worse_is_named() -> None:
    """Forty right answers less are no chance; one more is, and the same run is not worse than itself."""
    good = run([answer(i, "yes") for i in range(50)], [ranking("a", i, 0) for i in range(50)])
    bad = run([answer(i, "yes" if i < 10 else "no") for i in range(50)], [ranking("a", i, 8) for i in range(50)])
    names = {"accuracy", "ndcg@10"}
    assert [] == gated.worse(good, good, names)
    assert [] == gated.worse(bad, good, names)
    worse = [line.partition(" is shown")[0] for line in gated.worse(good, bad, names)]
    assert ["answers: accuracy", "a: ndcg@10"] == worse
    assert 1 == len(gated.worse(good, bad, {"accuracy"}))


def test_runs_without_a_common_question_cannot_be_compared() -> None:
    """Where a check cannot be made, the answer is no."""
    one = run([answer(1, "yes")], [ranking("a", 1, 0)])
    other = run([answer(2, "yes")], [ranking("b", 1, 0)])
    assert ["answers: no question of the test split is in both runs"] == gated.worse(one, other, {"accuracy"})
    assert ["b: no question of the test split is in both runs"] == gated.worse(one, other, {"ndcg@10"})
