"""The command line. Every command that needs the home's data talks to its service, and starts one if none runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from appliance import __version__, commands, errors
from appliance.config import Settings, load
from appliance.errors import ApplianceError
from appliance.processes import Ended, Stopped

EXIT_CODES: dict[type[ApplianceError], int] = {
    errors.UsageError: 2,
    errors.ConfigError: 3,
    errors.ModelError: 4,
    errors.StoreError: 5,
    errors.LogError: 6,
    errors.ShareError: 7,
    errors.HomeInUse: 8,
    errors.StorageFull: 9,
    errors.Unavailable: 10,
    errors.EngineError: 11,
    errors.Denied: 12,
    errors.NotFound: 13,
}
EXIT_OTHER = 1
EXIT_STOPPED = 130


def main(argv: list[str] | None = None) -> None:
    """Run one command and exit with its code. Errors are printed as message and hint, never as a stack."""
    options = _parser().parse_args(argv)
    try:
        code = _run(options)
    except Ended as ended:
        code = ended.code if ended.code > 0 else EXIT_OTHER
    except ApplianceError as error:
        sys.stderr.write(f"appliance: {error.message}\n" + (f"  {error.hint}\n" if error.hint else ""))
        code = exit_code(error)
    except (KeyboardInterrupt, Stopped):
        code = EXIT_STOPPED
    except BrokenPipeError:
        # Whoever read our output has seen enough; say nothing more, not even at interpreter shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def exit_code(error: ApplianceError) -> int:
    """Return the exit code of an error: that of the nearest class in the table."""
    return next((EXIT_CODES[cls] for cls in type(error).__mro__ if cls in EXIT_CODES), EXIT_OTHER)


def _run(options: argparse.Namespace) -> int:
    command: Callable[[Settings, argparse.Namespace], int] = options.command
    arguments = {"service": {"port": options.port}} if getattr(options, "port", None) else {}
    settings = load(options.home, options.config, arguments)
    return command(settings, options)


def _common() -> argparse.ArgumentParser:
    """Return the options that may stand behind any command, verb or the program's name."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--home", type=Path, help="folder that holds everything (default: APPLIANCE_HOME)")
    common.add_argument("--config", type=Path, help="configuration file (default: HOME/appliance.toml)")
    return common


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("appliance", description=__doc__, parents=[_common()])
    parser.set_defaults(home=None, config=None)
    parser.add_argument("--version", action="version", version=__version__)
    parts = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[Settings, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        part = parts.add_parser(name, help=text, description=text, parents=[_common()])
        part.set_defaults(command=command)
        return part

    _add_running(add)
    _add_asking(add)
    _add_evaluating(add)
    _add_models(add("models", commands.models, "the models: list, pull, import, verify"))
    _add_log(add("log", commands.log, "the log: tail, verify, checkpoint"))
    return parser


Add = Callable[[str, Callable[[Settings, argparse.Namespace], int], str], argparse.ArgumentParser]


def _add_running(add: Add) -> None:
    up = add("up", commands.up, "check, fetch what is missing, serve API and page, ingest and follow the share")
    up.add_argument("--share", type=Path, help="folder of documents (default: a small sample)")
    up.add_argument("--port", type=int, help="port of the page on 127.0.0.1 (default: 8501)")
    add("check", commands.check, "say what the machine is fit for")
    serve = add("serve", commands.serve, "serve the API until stopped (what up starts)")
    serve.add_argument("--port", type=int, help="port of the page; the API's is the next one unless it is set")
    serve.add_argument("--no-tcp", action="store_true", help="on the Unix socket only")
    serve.add_argument("--warm", action="store_true", help="load the models at once")
    serve.add_argument("--rebuild", action="store_true", help="empty an index built by another embedder or chunker")
    ingest = add("ingest", commands.ingest, "bring the index up to date with a folder of documents")
    ingest.add_argument("share", type=Path, metavar="DIR")
    ingest.add_argument(
        "--watch", action="store_true", help="go on and follow what changes in the folder, until stopped"
    )
    ingest.add_argument("--json", action="store_true", help="print the report as JSON")
    ingest.add_argument("--retry", action="store_true", help="try files again that failed before and did not change")
    ingest.add_argument("--rebuild", action="store_true", help="take every file for new, with today's embedder")


def _add_asking(add: Add) -> None:
    for name, command, text in (
        ("ask", commands.ask, "answer a question from the documents"),
        ("search", commands.search, "find the passages for a question"),
    ):
        part = add(name, command, text)
        part.add_argument("question", nargs="?", metavar="QUESTION")
        part.add_argument("--user", default="", help="ask as this user")
        part.add_argument("--batch", type=Path, metavar="FILE", help='lines {"id", "question"}; one record a line out')
        part.add_argument("--json", action="store_true", help="print records as JSON")
        if name == "search":
            part.add_argument("--limit", type=int, default=10, help="passages at most (default: 10)")
    documents = add("documents", commands.documents, "list the documents and their status")
    documents.add_argument("--json", action="store_true", help="print them as JSON")


def _add_evaluating(add: Add) -> None:
    part = add("eval", commands.evaluate, "measure search and answers on questions of your own, and compare")
    part.add_argument("folder", type=Path, metavar="FOLDER", help="documents/, questions/ and retrieval/")
    part.add_argument("--out", type=Path, metavar="DIR", help="folder of the report (default: below the home)")
    part.add_argument("--against", type=Path, metavar="FILE", help="a former report.json, or a configuration (.toml)")
    part.add_argument("--limit", type=int, default=0, metavar="N", help="questions at most of each set, split and kind")
    part.add_argument("--seed", type=int, default=0, help="draws the questions and the resamples (default: 0)")
    part.add_argument("--only", default="", metavar="SET,…", help="these sets alone")
    part.add_argument("--split", choices=["tune", "test"], default="", help="this half alone (default: both)")
    part.add_argument("--fresh", action="store_true", help="compute everything anew, with an index built anew")
    part.add_argument("--gate", action="store_true", help="open the gate if the minima of the configuration are met")
    part.add_argument("--json", action="store_true", help="print the figures as JSON")


def _verbs(part: argparse.ArgumentParser) -> Callable[[str, str], argparse.ArgumentParser]:
    verbs = part.add_subparsers(required=True, dest="verb", metavar="VERB")
    return lambda name, text: verbs.add_parser(name, help=text, description=text, parents=[_common()])


def _add_models(part: argparse.ArgumentParser) -> None:
    add = _verbs(part)
    listing = add("list", "which models the manifest knows and which are here")
    listing.add_argument("--json", action="store_true", help="print them as JSON")
    pull = add("pull", "fetch models (the only command that uses the network)")
    pull.add_argument("names", nargs="*", metavar="NAME", help="default: the configured embedder and generator")
    bring = add("import", "take over a model's file or folder brought by hand")
    bring.add_argument("name", metavar="NAME")
    bring.add_argument("source", type=Path, metavar="PATH")
    verify = add("verify", "compare the files' sha256 with the manifest")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: every model that is here")
    verify.add_argument("--json", action="store_true", help="print the result as JSON")


def _add_log(part: argparse.ArgumentParser) -> None:
    add = _verbs(part)
    tail = add("tail", "the newest entries, one JSON object a line")
    tail.add_argument("-n", "--lines", type=int, default=20, help="how many (default: 20)")
    verify = add("verify", "check every entry, the tree and its checkpoints, independently")
    verify.add_argument("--checkpoint", type=Path, action="append", default=[], help="an earlier one, kept elsewhere")
    verify.add_argument("--json", action="store_true", help="print the findings as JSON")
    add("checkpoint", "print a signed checkpoint of the log as it is")


if __name__ == "__main__":
    main()
