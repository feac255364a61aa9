"""One real run over a share with a file of every kind and every hostile file we know: each has its status, nobody is
hurt, nothing is asked of the network, nothing is left behind.

Every process of the run is traced (strace), in namespaces without a way out. Both detectors are shown to see.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.bootstrap import identity, open_index
from appliance.config import load
from ingest import media
from tests.contracts.files import EXAMPLES, SENTENCE
from tests.e2e import hostile
from tests.house.test_silence import CANARIES, environment
from tests.sealed import Sealed, sealed

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.slow]

CLI = [sys.executable, "-m", "appliance.cli"]
SECONDS = 600
OFFICE = shutil.which("soffice") is not None
LEGACY = ("legacy.doc", "legacy.ppt") if OFFICE else ()
SECRET = "kettlewright"  # stands in a file outside the share, and nowhere else
# How deep below the root the work folder of a parsing child may lie.
DEPTH = 40
_CALL = re.compile(r"\d+ +(\w+)\((.*)")
# Of a call that another process's line cut in two.
_CUT, _RESUMED = re.compile(r"(\d+) +\w+\((.*) <unfinished \.\.\.>"), re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
_FAMILY = re.compile(r"sa_family=(AF_\w+)")

NAMES = {
    media.MARKDOWN: "a.md", media.CSV: "a.csv", media.TSV: "a.tsv", media.RST: "a.rst", media.ORG: "a.org",
    media.NDJSON: "a.ndjson", media.YAML: "a.yaml", media.HTML: "a.html", media.TEXT: "a.txt", media.GZIP: "a.txt.gz",
    media.BZIP2: "a.txt.bz2", media.XZ: "a.txt.xz",
}  # fmt: skip

# What becomes of the hostile ones: what is harmless in them is read.
HOSTILE = {
    "entity.xml": "indexed",
    "parameter.xml": "indexed",
    "laughs.xml": "indexed",
    "include.rst": "indexed",
    "include.org": "indexed",
    "page.html": "indexed",
    "picture.md": "indexed",
    "object.yaml": "indexed",
    "formula.csv": "indexed",
    "picture.rtf": "indexed",
    "body.eml": "indexed",
    "relations.docx": "indexed",
    "names.zip": "indexed",
    "members.tar": "indexed",
    "nested.zip": "indexed",
    "bomb.zip": "too_large",
    "out.txt": "unsupported",
    "above": "unsupported",
    "pipe.txt": "unsupported",
}
# What each of these says, and the size in characters that none of them has.
READ = [path for path in HOSTILE if path.endswith((".xml", ".rst", ".org", ".html", ".md", ".yaml", ".csv", ".rtf"))]
SMALL = 300


@dataclass(frozen=True, slots=True)
class Trace:
    """What strace saw: the calls that reach for something, by name, and the ids of processes and threads."""

    calls: list[tuple[str, str]]
    ids: set[str]

    def strange(self) -> list[tuple[str, str]]:
        """Return every call that names an address other than of a Unix socket, or of the kernel itself."""
        return [
            (name, rest)
            for name, rest in self.calls
            if (family := _FAMILY.search(rest)) and family[1] not in ("AF_UNIX", "AF_NETLINK")
        ]

    def programs(self) -> set[str]:
        """Return the names of the programs that were started."""
        found = [re.match(r'"([^"]+)"', rest) for name, rest in self.calls if name == "execve" and "ENOENT" not in rest]
        return {Path(path[1]).name for path in found if path}


@dataclass(frozen=True, slots=True)
class Run:
    """The run, and what was to be seen of it afterwards: `files` are its rows by path, `texts` what is in the index by
    path, `places` each watched folder's listing before and after, `alive` the processes of it that go on.
    """

    files: dict[str, dict[str, Any]]
    texts: dict[str, str]
    places: dict[str, tuple[list[str], list[str]]]
    home: Path
    trace: Trace
    alive: set[str]
    attempts: int


def traced(inside: Sealed, command: list[str], variables: dict[str, str], folder: Path) -> tuple[int, str, Trace]:
    """Run a command under strace, which ends when the last process does. Returns code, output and trace."""
    file, said = folder / "trace", folder / "said"
    calls = "trace=connect,sendto,sendmsg,sendmmsg,execve"
    strace = ["strace", "-f", "-q", "-s", "200", "-e", calls, "-e", "signal=none", "-o", str(file)]
    with said.open("wb") as output:
        process = inside.start([*strace, *command], variables, output)
        try:
            code = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            raise
    return code, said.read_text("utf-8", "replace"), parsed(file)


def parsed(file: Path) -> Trace:
    lines = file.read_text("utf-8", "replace").splitlines()
    calls = [(call[1], call[2]) for line in joined(lines) if (call := _CALL.match(line))]
    return Trace(calls, {line.split()[0] for line in lines})


def joined(lines: Sequence[str]) -> list[str]:
    """Return the lines with each call whole, what it returned included."""
    whole, open_calls = list(lines), dict[str, int]()
    for at, line in enumerate(lines):
        if cut := _CUT.match(line):
            open_calls[cut[1]] = at
        elif (rest := _RESUMED.match(line)) and rest[1] in open_calls:
            begun = open_calls.pop(rest[1])
            whole[begun] = whole[begun].removesuffix(" <unfinished ...>") + rest[2]
    return whole


def listing(folder: Path) -> list[str]:
    """Return everything below a folder, with kind, mode, size and time of change."""
    rows = []
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        rows.append(f"{path.relative_to(folder)} {info.st_mode:o} {info.st_size} {info.st_mtime_ns}")
    return rows


@pytest.fixture(scope="module")
def run(models_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Ingest the share, sealed and traced."""
    folder = tmp_path_factory.mktemp("formats")
    share, canary, home = folder / "share", folder / "canary", folder / "home"
    places = {"share": share, "canary": canary, "temporary": folder / "tmp", "user": folder / "user"}
    for place in places.values():
        place.mkdir()
    (canary / "secret.txt").write_text(f"The {SECRET} earns nine thousand a month.\n")
    for media_type, make in EXAMPLES.items():
        (share / NAMES.get(media_type, "a." + media_type.rpartition("/")[2])).write_bytes(make())
    hostile.write(share, canary, DEPTH)
    write_legacy(share, folder)
    variables = environment(
        folder / "hook",
        APPLIANCE_MODELS_DIR=str(models_folder("all-minilm-l6-v2").parent),
        TMPDIR=str(places["temporary"]),
        HOME=str(places["user"]),
        XDG_CACHE_HOME=str(places["user"] / "cache"),
    )
    before = {name: listing(place) for name, place in places.items()}
    with sealed() as inside:
        start = inside.attempts()
        command = [*CLI, "ingest", str(share), "--json", "--home", str(home)]
        code, said, trace = traced(inside, command, variables, folder)
        alive = {number for number in trace.ids if Path("/proc", number).exists()}
        attempts = inside.attempts() - start
    assert (0, False) == (code, "Traceback" in said), said
    report = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    return Run(
        {row["path"]: row for row in report["files"]},
        indexed(home),
        {name: (before[name], listing(place)) for name, place in places.items()},
        home,
        trace,
        alive,
        attempts,
    )


def write_legacy(share: Path, folder: Path) -> None:
    """Have LibreOffice write a DOC and a PPT, where it is installed: it is what will read them."""
    if not OFFICE:
        return
    home = f"-env:UserInstallation={(folder / 'office').as_uri()}"
    for media_type, source, kind in (
        (media.DOCX, "legacy.docx", "doc:MS Word 97"),
        (media.PPTX, "legacy.pptx", "ppt:MS PowerPoint 97"),
    ):
        (folder / source).write_bytes(EXAMPLES[media_type]())
        command = ["soffice", home, "--headless", "--convert-to", kind, "--outdir", str(share), str(folder / source)]
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)


def indexed(home: Path) -> dict[str, str]:
    """Return all texts in the index of a home, by path."""
    settings = load(home)
    index = open_index(settings, identity(settings))
    try:
        held = [index.chunks(document)[0] for document in index.versions()]
    finally:
        index.close()
    return {chunks[0].document.path: "\n".join(chunk.text for chunk in chunks) for chunks in held}


def test_every_kind_of_file_is_indexed(run: Run) -> None:
    """One example of each; in archives, what is inside."""
    paths = {NAMES.get(media_type, "a." + media_type.rpartition("/")[2]) for media_type in EXAMPLES} | {*LEGACY}
    assert {} == {path: run.files.get(path) for path in paths if run.files.get(path, {}).get("status") != "indexed"}


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_file_has_its_status(run: Run, path: str) -> None:
    """What is harmless in it is read, what is not has its reason."""
    assert HOSTILE[path] == run.files[path]["status"], run.files[path]


def test_every_file_and_every_member_has_a_status_and_why(run: Run) -> None:
    """No file of the share is left out, and no row without a reason where nothing was indexed."""
    there = {line.split(" ")[0] for line in run.places["share"][0]}
    assert there == {path for path in run.files if "/" not in path}
    assert [] == [row for row in run.files.values() if row["status"] != "indexed" and not row["reason"]]


def test_members_have_names_that_lead_nowhere(run: Run) -> None:
    """Below their archive, without "..", roots, drives or backslashes; links and devices are no files."""
    paths = [path for path in run.files if path.startswith(("names.zip/", "members.tar/"))]
    assert [] == [path for path in paths if {"", "..", ".", "C:"} & set(path.split("/")) or "\\" in path]
    assert {
        "names.zip": {"zip-up.txt", "zip-absolute.txt", "zip.txt", "zip (2).txt", "unnamed", "b"},
        "members.tar": {"tar-up.txt", "tar-absolute.txt", "tar-through.txt"},
    } == {
        archive: {path.rpartition("/")[2] for path in paths if path.startswith(archive)}
        for archive in ("names.zip", "members.tar")
    }
    assert {SENTENCE} == {run.texts[path] for path in paths}


def test_archives_inside_archives_end_somewhere(run: Run) -> None:
    """Those beyond the depth say so, and nothing in them is read."""
    deep = [row for path, row in run.files.items() if path.startswith("nested.zip/")]
    assert 1 == [row["status"] for row in deep].count("too_large"), deep
    assert not any(path.startswith("nested.zip") for path in run.texts)


def test_what_lies_outside_of_the_share_is_not_read(run: Run) -> None:
    """Entities, includes, links, templates and objects name a file: not a word of it is in the index."""
    assert len(run.texts) > len(EXAMPLES)
    assert [] == [path for path, text in run.texts.items() if SECRET in text]


@pytest.mark.parametrize("path", READ)
def test_what_is_harmless_in_a_hostile_file_is_found(run: Run, path: str) -> None:
    """Once: nothing that it names is put in its place, and nothing grows."""
    text = run.texts[path]
    assert (1, True) == (text.count(SENTENCE), len(text) < 10 * SMALL), text


@pytest.mark.parametrize("place", ["share", "canary", "temporary", "user"])
def test_nothing_is_written_elsewhere(run: Run, place: str) -> None:
    """The share, a folder that hostile names point to, the place for temporary files and the user's own folder."""
    before, after = run.places[place]
    assert before == after


def test_nothing_is_left_in_the_work_folder(run: Run) -> None:
    """Neither files taken out of archives nor folders of children that parsed."""
    assert [] == [str(path) for path in (run.home / "run" / "parse").rglob("*")]
    assert {"parse"} >= {path.name for path in (run.home / "run").iterdir() if path.is_dir()}


def test_nobody_tried_to_leave(run: Run) -> None:
    """No process named an address of another machine, no packet was without a way: parsers included."""
    assert ([], 0) == (run.trace.strange(), run.attempts)
    sockets = [rest for name, rest in run.trace.calls if name == "connect" and "AF_UNIX" in rest]
    assert sockets
    # LibreOffice looks for others of its kind, and for the names of accounts; the filter of system calls refuses.
    assert [] == [rest for rest in sockets if str(run.home) not in rest and "= -1 EPERM" not in rest]


def test_every_process_has_ended(run: Run) -> None:
    """None is left behind, and none was started but those that are needed."""
    assert len(run.trace.ids) > len(("command", "service", "ingest", "worker"))
    assert set() == run.alive
    # LibreOffice asks a program of the system for the size of its paper.
    office = {"soffice.bin", "sh", "paperconf"} if OFFICE else set()
    assert {Path(sys.executable).name} == run.trace.programs() - office


def test_a_call_cut_in_two_is_read_as_one() -> None:
    """Each process resumes its own; one that never does stays as it was."""
    lines = [
        "5 connect(3, {sa_family=AF_INET}, 16 <unfinished ...>",
        "6 connect(4, {sa_family=AF_UNIX}, 110 <unfinished ...>",
        "5 <... connect resumed>) = -1 EPERM (Operation not permitted)",
    ]
    assert [
        "5 connect(3, {sa_family=AF_INET}, 16) = -1 EPERM (Operation not permitted)",
        "6 connect(4, {sa_family=AF_UNIX}, 110 <unfinished ...>",
        lines[2],
    ] == joined(lines)


@pytest.mark.parametrize("kind", CANARIES)
def test_the_trace_sees_every_kind_of_attempt(kind: str, tmp_path: Path) -> None:
    """Planted ones are seen, or that nothing was seen proves nothing."""
    program = f"import socket\ntry:\n    {CANARIES[kind]}\nexcept OSError as error:\n    print(error)"
    with sealed() as inside:
        variables = environment(tmp_path / "hook")
        code, said, trace = traced(inside, [sys.executable, "-c", program], variables, tmp_path)
    assert 0 == code, said
    assert trace.strange()
