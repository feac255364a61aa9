"""The main path, end to end: real weights, real engine, real files, real browser."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import browser as b
from tests.e2e.conftest import Stack, await_ready, records, run, start, stop

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.slow]

# Facts of the sample share, each with the file that states it and words that only the right answer holds.
FACTS = [
    ("How many days of annual leave may be carried over into the next year?", "policies/leave-policy.md", "5"),
    ("What is the recovery point objective of the ERP database?", "runbooks/database-restore.md", "15 minutes"),
    ("What does the control valve V40 weigh?", "products/v40-data-sheet.md", "6.8 kg"),
    ("When do the 400 housings for the V40 arrive?", "mail/delivery-delay-v40.eml", "6 July 2026"),
]


def test_the_sample_share_is_indexed_whole(stack: Stack) -> None:
    """Every file of the sample, in eight formats, ends as `indexed`."""
    (listed,) = records(stack.command("documents", "--json"))
    assert {"indexed"} == {row["status"] for row in listed["documents"]}
    kinds = {Path(row["path"]).suffix for row in listed["documents"]}
    assert {".md", ".txt", ".csv", ".docx", ".pptx", ".xlsx", ".pdf", ".eml", ".html"} == kinds


def test_questions_about_the_sample_are_answered_from_the_right_file(stack: Stack, tmp_path: Path) -> None:
    """`ask --batch`: one record a line, in order, under the line's id, quoting the document that states the fact."""
    batch = tmp_path / "questions.jsonl"
    lines = [json.dumps({"id": number, "question": fact[0]}) for number, fact in enumerate(FACTS)]
    batch.write_text("\n".join([*lines, "not json", ""]), encoding="utf-8")
    done = stack.command("ask", "--batch", str(batch), "--json")
    got = records(done)
    assert [0, 1, 2, 3, None] == [record["id"] for record in got]
    assert 1 == done.returncode
    assert "error" in got[-1]
    for record, (_, document, words) in zip(got, FACTS, strict=False):
        assert not record["refused"], record
        assert words in record["answer"]
        assert document in {citation["document"] for citation in record["citations"]}
        for citation in record["citations"]:
            texts = [passage["text"] for passage in record["passages"]]
            assert any(citation["quote"] in text for text in texts)


def test_what_no_document_says_is_refused(stack: Stack) -> None:
    """An honest "The documents do not say." instead of a guess, and what was searched."""
    (record,) = records(stack.command("ask", "Who won the football world cup of 1998?", "--json"))
    assert (True, []) == (record["refused"], record["citations"])
    assert record["answer"].startswith(f"The documents do not say. {record['searched']['documents']} documents were")
    assert record["searched"]["closest"]


def test_the_log_holds_the_whole_story_and_verifies(stack: Stack) -> None:
    """Start, model loads, ingest run, documents, questions and answers; an independent program finds no fault."""
    stack.command("ask", "What does the canteen charge employees for a main dish?", "--json")
    kinds = {entry["kind"] for entry in records(stack.command("log", "tail", "-n", "1000"))}
    assert {
        "appliance.started",
        "model.loaded",
        "ingest.started",
        "document.put",
        "ingest.finished",
        "question",
        "answer",
    } <= kinds
    verified = stack.command("log", "verify")
    assert 0 == verified.returncode, verified.stdout
    assert stack.command("log", "checkpoint").stdout.startswith("appliance\n")


def test_an_unchanged_share_costs_nothing(stack: Stack) -> None:
    """The second run parses and embeds nothing."""
    done = stack.command("ingest", str(b.ROOT / "compose" / "sample"), "--json")
    (report,) = records(done)
    assert (0, {"unchanged"}, 0) == (
        done.returncode,
        {row["status"] for row in report["files"]},
        report["passages_embedded"],
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with b.chromium() as running:
        yield running


@pytest.mark.browser
def test_the_page_streams_an_answer_with_its_citation(stack: Stack, browser: object) -> None:
    """A question in the browser: the answer, its quote with document, no request to anywhere but the appliance."""
    with b.visit(browser, stack.page) as visit:
        b.ask(visit.page, "What is the penalty for each week of delay in the supply agreement with Northfield?")
        answer = b.wait_for_answer(visit.page, seconds=180)
        assert "1.5 percent" in answer
        passage = b.unfold(visit.page, 1)
        assert "supply-agreement-northfield.pdf" in passage + answer
        assert "1.5 percent of the value" in passage
        assert {"127.0.0.1"} == visit.hosts
        picture = os.environ.get("PAGE_SCREENSHOTS")
        if picture:
            visit.page.screenshot(path=Path(picture) / "stack.png", full_page=True)


def test_a_second_process_on_the_same_home_is_refused(stack: Stack) -> None:
    """The home has one owner; the message names the process that has it."""
    done = run("serve", "--home", str(stack.home), "--no-tcp", environment=stack.environment)
    assert 8 == done.returncode
    assert "is in use by process" in done.stderr


def test_ctrl_c_stops_every_process(environment: dict[str, str], tmp_path: Path) -> None:
    """After Ctrl-C nothing of the appliance runs any more, and the exit is clean."""
    running = start(environment, tmp_path)
    await_ready(running)
    family = descendants(running.process.pid)
    assert len(family) >= 2
    assert 0 == stop(running)
    assert [] == [pid for pid in family if alive(pid)]
    assert not (running.home / "run" / "api.sock").exists()


def test_a_killed_appliance_takes_its_children_with_it_and_starts_again(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """kill -9 of the parent leaves no orphan, and the home opens again with everything in it."""
    running = start(environment, tmp_path)
    await_ready(running)
    family = descendants(running.process.pid)
    running.process.kill()
    running.process.wait()
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in family) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [] == [pid for pid in family if alive(pid)]
    (listed,) = records(running.command("documents", "--json"))
    assert {"indexed"} == {row["status"] for row in listed["documents"]}
    assert 0 == running.command("log", "verify").returncode


def test_a_killed_service_leaves_a_log_that_goes_on(environment: dict[str, str], tmp_path: Path) -> None:
    """kill -9 of the service itself: `up` ends with a message, and the next start carries the log on."""
    running = start(environment, tmp_path)
    await_ready(running)
    service = next(pid for pid in descendants(running.process.pid) if "serve" in command_line(pid))
    os.kill(service, signal.SIGKILL)
    assert 0 != running.process.wait(60)
    assert 0 == running.command("documents", "--json").returncode
    assert 0 == running.command("log", "verify").returncode


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
