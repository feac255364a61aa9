"""What each command does. Standard output carries the result alone; whatever is said beside it, standard error."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from appliance import check as machine_check
from appliance.client import Client, credential
from appliance.config import Settings
from appliance.errors import ApplianceError, UsageError
from appliance.processes import Child, Stopped, arguments, service, starting_service, stoppable

Record = dict[str, Any]

SHOWN_WARNINGS = 20


def up(settings: Settings, options: argparse.Namespace) -> int:
    from appliance import up as whole  # takes the model sources along, which no other command needs

    whole.up(settings, options.config, options.share)
    return 0


def check(settings: Settings, options: argparse.Namespace) -> int:
    from appliance.up import report

    findings = [*machine_check.machine(settings), *machine_check.sandbox(settings.ingest.ocr_languages)]
    report(findings)
    return 1 if any(finding.level == "error" for finding in findings) else 0


def serve(settings: Settings, options: argparse.Namespace) -> int:
    from appliance.serve import serve as run  # the service's libraries take seconds to load

    run(settings, tcp=not options.no_tcp, warm=options.warm, rebuild=options.rebuild)
    return 0


def ingest(settings: Settings, options: argparse.Namespace) -> int:
    flags = [f"--{name}" for name in ("json", "retry", "rebuild", "watch") if getattr(options, name)]
    with stoppable(), starting_service(settings, options.config, options.rebuild) as started:
        given = [str(options.share.absolute()), *arguments(settings, options.config), *flags, "--wait"]
        # Loading the libraries of both takes most of a run over an unchanged share, so they do it at the same time.
        child = Child("ingest", "ingest", given, stdout=sys.stdout)
        try:
            started()
            return child.wait()
        finally:
            child.stop()


def ask(settings: Settings, options: argparse.Namespace) -> int:
    with stoppable(), service(settings, options.config) as client:
        if options.batch:
            return _batch(options, lambda question: _asked(client, question, options.user))
        if options.json:
            _print_json(_asked(client, _question(options), options.user))
            return 0
        _show_answer(client, _question(options), options.user)
        return 0


def search(settings: Settings, options: argparse.Namespace) -> int:
    def find(question: str) -> Record:
        body = {"question": question, "user": options.user, "limit": options.limit}
        found: Record = client.call("POST", "/api/search", body)
        return found

    with stoppable(), service(settings, options.config) as client:
        if options.batch:
            return _batch(options, find)
        found = find(_question(options))
        if options.json:
            _print_json(found)
            return 0
        for passage in found["passages"]:
            _print(f"{passage['score']:.4f}  {_place(passage)}\n{_indented(passage['text'])}\n")
        return 0


def documents(settings: Settings, options: argparse.Namespace) -> int:
    def owner() -> Client:
        """Return a client that sees every file's status: whoever can read the credential owns the home."""
        return Client(settings.socket, credential(settings.ingest_token))

    with stoppable(), service(settings, options.config), closing(owner()) as client:
        rows = list(_documents(client))
    if options.json:
        _print_json({"documents": rows})
        return 0
    for row in rows:
        _print(f"{row['status']:12} {row['passages']:5}  {row['path']}{'  ' + row['reason'] if row['reason'] else ''}")
    return 0


def _documents(client: Client) -> Iterator[Record]:
    cursor = ""
    while True:
        page = client.call("GET", "/api/documents", cursor=cursor)
        yield from page["documents"]
        cursor = page["next"]
        if not cursor:
            return


def evaluate(settings: Settings, options: argparse.Namespace) -> int:
    from appliance.evaluation.command import PAGE, Request  # takes the parts of the service along
    from appliance.evaluation.command import evaluate as run
    from appliance.evaluation.sets import Choice

    if options.limit < 0:
        raise UsageError(f"--limit {options.limit} is less than nothing", "Give a number of questions.")
    only = frozenset(name.strip() for name in options.only.split(",") if name.strip())
    choice = Choice(only, options.split, options.limit, options.seed)
    request = Request(options.folder, choice, options.out, options.config, options.against, options.fresh, options.gate)
    with stoppable():
        result = run(settings, request)
    for warning in result.warnings[:SHOWN_WARNINGS]:
        _say(f"warning {warning}")
    if len(result.warnings) > SHOWN_WARNINGS:
        _say(f"warning … and {len(result.warnings) - SHOWN_WARNINGS} more; the report lists them all")
    _print_json(result.printed()) if options.json else _print(result.shown())
    if options.gate:
        _say("\n".join(f"gate    {line}" for line in result.complaints or (f"passed: {result.opened}",)))
    _say(f"report  {result.folder / PAGE}")
    return 1 if result.complaints else 0


def models(settings: Settings, options: argparse.Namespace) -> int:
    from appliance import pull  # takes the model sources along, which no other command needs

    if options.verb == "list":
        rows = pull.rows(settings)
        _print_json({"models": rows}) if options.json else pull.show(rows)
        return 0
    if options.verb == "pull":
        with stoppable():
            pull.fetch(settings, options.names or (settings.embedder.name, settings.generator.name))
        return 0
    if options.verb == "import":
        pull.take(settings, options.name, options.source)
        return 0
    results = pull.verify(settings, options.names)
    _print_json({"models": results}) if options.json else pull.show(results)
    return 0 if all(row["state"] == "verified" for row in results) else 1


def log(settings: Settings, options: argparse.Namespace) -> int:
    if options.verb == "verify":
        return _verify(settings, options)
    with stoppable(), service(settings, options.config) as client:
        if options.verb == "checkpoint":
            _print(client.call("GET", "/api/log/checkpoint")["note"], end="")
            return 0
        for entry in client.call("GET", "/api/log", last=str(max(options.lines, 0)))["entries"]:
            _print(json.dumps(entry, sort_keys=True))
        return 0


def _verify(settings: Settings, options: argparse.Namespace) -> int:
    from appliance.verify import main as verify

    given = [str(settings.home / "log"), "--key", str(settings.home / "keys" / "log.pub")]
    for checkpoint in options.checkpoint:
        given += ["--checkpoint", str(checkpoint)]
    return verify([*given, *(["--json"] if options.json else [])])


def _asked(client: Client, question: str, user: str) -> Record:
    record: Record = {}
    for event, data in client.stream("/api/ask", {"question": question, "user": user}):
        if event == "answer":
            record = data
    return record


def _show_answer(client: Client, question: str, user: str) -> None:
    """Print sentences as they are released, then what they rest on, what denies them, and what is left open."""
    for event, data in client.stream("/api/ask", {"question": question, "user": user}):
        if event == "token":
            _print(data["text"], end=" (no document supports this)" if data["support"] == "unsupported" else "")
        elif event == "answer":
            _print("")
            if data["missing"]:
                _print(f"(not answered: {', '.join(data['missing'])})")
            # A refusal has no statements: its text says all there is.
            for statement in data["statements"]:
                for citation in statement["citations"]:
                    _print(f"\n  {_quoted(citation)}")
                for citation in statement["against"]:
                    _print(f"\n  but: {_quoted(citation)}")
            seconds = data["timings"]["total_ms"] / 1000
            _say(f"\n{data['model']['name']}, {seconds:.1f} s, log entry {data['log_index']}")


def _quoted(citation: Record) -> str:
    return f"{_place(citation)}\n{_indented('“' + citation['quote'] + '”')}"


def _batch(options: argparse.Namespace, answer: Callable[[str], Record]) -> int:
    """Print one record a line, under the id of its line of the file; a line that fails is a record with an error."""
    failed = False
    for identifier, question in _lines(options.batch):
        try:
            if isinstance(question, ApplianceError):
                raise question
            record = answer(question)
            record = {**record, "id": identifier, "answer_id": record.get("id")}
        except Stopped:
            raise
        except ApplianceError as error:
            failed = True
            record = {"id": identifier, "error": error.message, "hint": error.hint}
        _print_json(record)
    return 1 if failed else 0


def _lines(file: Path) -> Iterator[tuple[Any, str | ApplianceError]]:
    try:
        lines = file.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"batch file {file} cannot be read: {error.strerror}", "Name a readable file.") from error
    with lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                given = json.loads(line)
                yield given["id"], str(given["question"])
            except (ValueError, KeyError, TypeError):
                hint = 'Write {"id": …, "question": …} on one line.'
                yield None, UsageError(f"line {number} of {file} is not a question", hint)


def _question(options: argparse.Namespace) -> str:
    if options.question is None:
        raise UsageError("no question was given", "Give a QUESTION, or --batch FILE.")
    return str(options.question)


def _place(record: Record) -> str:
    return f"{record['document']}{', page ' + str(record['page']) if record['page'] else ''}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _print_json(record: Record) -> None:
    _print(json.dumps(record, ensure_ascii=True))


def _print(text: str, end: str = "\n") -> None:
    """File names may hold lone surrogates; a terminal shows them escaped."""
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + end)
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
