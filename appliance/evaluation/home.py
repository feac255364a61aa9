"""The private homes of evaluations, below HOME/evaluations: each has an index of its own, filled by the real ingestion.

A home belongs to one folder of documents and to what decides its index, so it is kept: the next evaluation ingests only
what has changed, and two configurations that differ in nothing but the answering share it. The appliance's own index,
catalogue and log are never touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from appliance import bootstrap
from appliance.config import PREFIX, Settings, load
from appliance.errors import ConfigError, HomeInUse, UsageError
from appliance.evaluation.folder import corpus_rows
from appliance.evaluation.gate import PACE
from appliance.evaluation.sets import RetrievalSet
from appliance.processes import Child, Ended, starting_service

FOLDER = "evaluations"
# Files of a share that are there and yield nothing say so in the report; the rest is the ordinary course.
_FINE = frozenset({"indexed", "unchanged"})
# What the embedder keeps of its measurement of the machine (appliance/bootstrap.py).
_EMBEDDER = "embedder.json"
_NAME_BYTES = 255
_SUFFIX = ".md"
# Signs that Markdown takes for markup anywhere, or at the beginning of a line.
_ANYWHERE = re.compile(r"[\\`*_\[\]<>&|~#]")
_AT_FIRST = re.compile(r"^([-+=]|\d{1,9}(?=[.)]))")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A private home whose index is up to date. `share` is the folder that was ingested; `problems` names the files of
    it that yielded nothing, with the reason.
    """

    settings: Settings
    share: Path
    problems: tuple[str, ...]


@contextlib.contextmanager
def documents_home(settings: Settings, share: Path, fresh: bool = False) -> Iterator[Prepared]:
    """Yield the home of a folder of documents, for this process alone. With `fresh`, whatever was in it is gone.

    Raises HomeInUse where another evaluation has it, ConfigError where its path is too long.
    """
    with held(settings, share, fresh) as private:
        yield Prepared(private, share, _ingested(private, share))


@contextlib.contextmanager
def corpus_home(settings: Settings, benchmark: RetrievalSet, fresh: bool = False) -> Iterator[Prepared]:
    """Yield the home of a benchmark's corpus, which is ingested as a share with a file a document; else the same."""
    with held(settings, benchmark.folder, fresh) as private:
        share = private.home / "share"
        write_corpus(benchmark.corpus, share)
        yield Prepared(private, share, _ingested(private, share))


def write_corpus(corpus: Path, share: Path) -> None:
    """Make the files of `share` those of the corpus, a Markdown file a document; what is right already stays."""
    share.mkdir(exist_ok=True)
    strangers = {file.name for file in share.iterdir()}
    for number, (name, title, text) in corpus_rows(corpus):
        file = share / file_name(name)
        if len(os.fsencode(file.name)) > _NAME_BYTES:
            raise UsageError(f"{corpus}, line {number}: id {name!r} is too long for a file name", "Shorten the ids.")
        strangers.discard(file.name)
        content = markdown(title, text).encode("utf-8", "replace")
        if not file.is_file() or file.read_bytes() != content:
            file.write_bytes(content)
    for stranger in strangers:
        (share / stranger).unlink()


def file_name(document: str) -> str:
    """Return the name of the file that holds a document of a corpus; `document_of` finds the way back."""
    # No name of ours begins with a dot or looks like an office program's lock.
    safe = quote(document, safe="", errors="surrogatepass").replace(".", "%2E").replace("~", "%7E")
    return safe + _SUFFIX


def document_of(path: str) -> str:
    """Return the id of the document that lies in the file `path` of a corpus's share."""
    return unquote(path.removesuffix(_SUFFIX), errors="surrogatepass")


def markdown(title: str, text: str) -> str:
    """Return a document as Markdown that shows these very characters, white space aside."""
    lines = [_escaped(line) for line in text.splitlines()]
    heading = [f"# {_escaped(title)}", ""] if title.strip() else []
    return "\n".join([*heading, *lines]) + "\n"


def _escaped(line: str) -> str:
    plain = " ".join(line.split())
    return _AT_FIRST.sub(_guarded, _ANYWHERE.sub(r"\\\g<0>", plain))


def _guarded(match: re.Match[str]) -> str:
    # A number becomes a list's item by the sign behind it.
    return f"{match[0]}\\" if match[0].isdigit() else f"\\{match[0]}"


@contextlib.contextmanager
def held(settings: Settings, share: Path, fresh: bool) -> Iterator[Settings]:
    """Yield the settings of the private home, held until the block ends."""
    folder = settings.home / FOLDER / home_name(settings, share)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder.parent / f"{folder.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise HomeInUse(f"{share} is being evaluated by another process", "Wait for it, or stop it.") from error
        if fresh:
            shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
        with _without_environment():
            yield _private(settings, folder)


def home_name(settings: Settings, share: Path) -> str:
    """Return the name of the private home of a share: it changes with whatever decides the index."""
    identity = bootstrap.identity(settings)
    ingest = settings.ingest.model_dump(mode="json", exclude=PACE)
    decides = [str(share.resolve()), identity.stored(), settings.embedder.backend, ingest]
    # Short, because the path of the socket inside must be.
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:12]


@contextlib.contextmanager
def _without_environment() -> Iterator[None]:
    """Hide the settings in the environment while the block runs: a private home's file holds all of them already, and
    the processes started for it must not be led back to the appliance's own index.
    """
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.upper().startswith(PREFIX)}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _private(settings: Settings, folder: Path) -> Settings:
    """Write the configuration of a private home and return it as its own processes will read it."""
    wanted = settings.model_dump(mode="json", exclude={"home", "models_dir", "index", "access", "service", "log"})
    # It has to be asked before anything has passed it.
    wanted.pop("gate", None)
    file = folder / "appliance.toml"
    file.write_text(_toml({"models_dir": str(settings.models.absolute()), **wanted}), encoding="utf-8")
    file.chmod(0o600)
    own = folder / _EMBEDDER
    measured = [
        each for each in (settings.home / _EMBEDDER, *sorted(folder.parent.glob(f"*/{_EMBEDDER}"))) if each.is_file()
    ]
    if measured and not own.exists():
        # How the appliance computes vectors, or an evaluation before, rather than what a busy machine finds fastest.
        shutil.copyfile(measured[0], own)
    try:
        return load(folder, file)
    except ConfigError as error:
        raise ConfigError(f"the evaluation's own home cannot be used: {error.message}", error.hint) from error


def _toml(settings: dict[str, Any]) -> str:
    """Return settings as TOML: of plain values and lists, which JSON writes the same way, in one level of sections."""
    lines = [_setting(key, value) for key, value in settings.items() if not isinstance(value, dict | None)]
    for name, section in settings.items():
        if isinstance(section, dict):
            lines += [f"[{name}]", *(_setting(key, value) for key, value in section.items() if value is not None)]
    return "\n".join(lines) + "\n"


def _setting(key: str, value: Any) -> str:
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"


def _ingested(private: Settings, share: Path) -> tuple[str, ...]:
    """Bring the index up to date as `appliance ingest` does, and return the files that yielded nothing."""
    result = private.home / "ingest.json"
    # An index in a format of a former version is emptied: it is only a copy.
    with starting_service(private, None, rebuild=True) as started, result.open("w", encoding="utf-8") as output:
        child = Child("ingest", "ingest", [str(share), "--home", str(private.home), "--json", "--wait"], stdout=output)
        try:
            started()
            code = child.wait()
        finally:
            child.stop()
    if code:
        raise Ended(code)
    rows = json.loads(result.read_text(encoding="utf-8"))["files"]
    return tuple(f"{row['path']}: {row['status']}, {row['reason']}" for row in rows if row["status"] not in _FINE)
