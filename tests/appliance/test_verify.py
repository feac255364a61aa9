"""The verifier finds every kind of damage, names its place, never fails itself, and raises no false alarm."""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import verify
from appliance.log import FileLog
from appliance.merkle import Frontier, leaf_hash
from appliance.signing import Signer, load_signer
from appliance.verify import Report, main, verify_log
from tests.appliance.log_place import LIMITS, Folder, build, records


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The log that `folder` copies; nobody changes it for good."""
    return build(tmp_path_factory.mktemp("verify"))


@pytest.fixture
def folder(model: Folder, tmp_path: Path) -> Folder:
    shutil.copytree(model.path, tmp_path / "copy")
    return Folder(tmp_path / "copy", tmp_path / "copy" / "keys")


def verdicts(report: Report) -> tuple[str, str]:
    return report.integrity, report.completeness


# No false alarms


def test_a_clean_log_has_no_findings(folder: Folder) -> None:
    """Restarts, segments, a recovery and every checkpoint ever signed: nothing to report."""
    report = folder.check(*records(folder))
    assert [] == report.findings
    assert ("ok", "ok", 30, 30, 0) == (*verdicts(report), report.size, report.signed_size, report.unfinished_bytes)
    frontier = Frontier()
    for line in folder.lines():
        frontier.add(leaf_hash(line[:-1]))
    assert frontier.root().hex() == report.root
    assert len(folder.segments()) > 2


def test_an_unfinished_line_is_counted_not_blamed(folder: Folder) -> None:
    """What a crash left behind the last whole line, before the next start cuts it, is no finding."""
    with folder.segments()[-1].open("ab") as file:
        file.write(b'{"body":{"n"')
    report = folder.check()
    assert ([], 12, "ok") == (report.findings, report.unfinished_bytes, report.completeness)


def test_entries_after_the_newest_checkpoint_are_told_apart(folder: Folder) -> None:
    """The report says how many entries a checkpoint covers."""
    log = FileLog(folder.path / "log", folder.keys, "test", LIMITS)
    log.append("a", {})
    report = folder.check()
    assert (31, 30, []) == (report.size, report.signed_size, report.findings)
    log.close()


def test_a_log_may_be_verified_while_it_is_written(tmp_path: Path) -> None:
    """A writer at work causes no finding."""
    log = FileLog(tmp_path / "log", tmp_path / "keys", "test", LIMITS)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            log.append("a", {"x": "y" * 50})

    writer = threading.Thread(target=write)
    writer.start()
    reports = [Folder(tmp_path, tmp_path / "keys").check() for _ in range(40)]
    stop.set()
    writer.join()
    log.close()
    assert [] == [finding for report in reports for finding in report.findings]
    assert reports[-1].size > reports[0].size


# Every damage is found


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_found(model: Folder, data: st.DataObject) -> None:
    """One bit changed in any file of the folder is a finding."""
    file = data.draw(st.sampled_from(model.files()))
    content = file.read_bytes()
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    file.write_bytes(changed)
    try:
        report = model.check()
    finally:
        file.write_bytes(content)
    assert report.findings
    assert "failed" in verdicts(report)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_truncation_is_found(model: Folder, data: st.DataObject) -> None:
    """Any file cut at any place is a finding, and so is one that grew."""
    file = data.draw(st.sampled_from(model.files()))
    content = file.read_bytes()
    left = data.draw(st.integers(0, len(content) - 1))
    file.write_bytes(content[:left])
    try:
        report = model.check()
    finally:
        file.write_bytes(content)
    assert report.findings
    assert "failed" in verdicts(report)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_deleted_swapped_repeated_and_invented_lines_are_found(model: Folder, data: st.DataObject) -> None:
    """With hashes made to fit, the log's own checkpoints still tell."""
    lines = model.lines()
    i, j = data.draw(st.lists(st.integers(0, 29), min_size=2, max_size=2, unique=True))
    change = data.draw(st.sampled_from(["delete", "swap", "repeat", "invent"]))
    before = {file: file.read_bytes() for file in model.files()}
    if change == "delete":
        del lines[i]
    elif change == "swap":
        lines[i], lines[j] = lines[j], lines[i]
    elif change == "repeat":
        lines.insert(i, lines[j])
    else:
        lines.insert(i, rfc8785.dumps({**json.loads(lines[i]), "kind": "invented"}) + b"\n")
    model.write(lines)
    try:
        report = model.check()
    finally:
        for file in model.segments():
            file.unlink()
        for file, content in before.items():
            file.write_bytes(content)
    assert (report.completeness if change == "delete" else report.integrity) == "failed"


@pytest.mark.parametrize("field", ["body", "index", "kind", "time", "version"])
def test_every_field_is_under_the_hash(folder: Folder, field: str) -> None:
    """Any field changed, with canonical JSON and hashes that fit, does not pass."""
    lines = folder.lines()
    entry = json.loads(lines[11])
    other: dict[str, Any] = {"body": {}, "index": 12, "kind": "b", "time": "2020-01-01T00:00:00.000000Z", "version": 2}
    lines[11] = rfc8785.dumps({**entry, field: other[field]}) + b"\n"
    folder.write(lines)
    report = folder.check()
    assert report.integrity == "failed"
    assert any("entries 10 to 17" in finding.what for finding in report.findings)


def test_a_rewritten_history_is_found_by_a_kept_checkpoint(folder: Folder) -> None:
    """Entries changed, hashes recomputed, later checkpoints dropped: a checkpoint kept elsewhere shows it."""
    kept = records(folder)
    lines = folder.lines()
    lines[11] = lines[11].replace(b'"n":1', b'"n":8')
    old = kept[1]
    folder.write(lines, checkpoint=old, checkpoints=kept[0] + b"\n" + old + b"\n")
    assert 8 == folder.check().signed_size
    report = folder.check(kept[-1])
    assert ("failed", "kept checkpoint 1") == (report.integrity, report.findings[0].place)


def test_a_history_rewritten_with_the_key_is_found_by_a_kept_checkpoint(folder: Folder) -> None:
    """Even who holds the key cannot deny what was signed before."""
    kept = records(folder)[-1]
    lines = folder.lines()
    lines[11] = lines[11].replace(b'"n":1', b'"n":8')
    frontier = Frontier()
    for line in lines:
        frontier.add(leaf_hash(line[:-1]))
    forged = load_signer(folder.keys, "test").checkpoint(30, frontier.root()).note.encode()
    folder.write(lines, checkpoint=forged, checkpoints=forged + b"\n")
    assert ("ok", "ok") == verdicts(folder.check())
    assert ("failed", "ok") == verdicts(folder.check(kept))


def test_a_fork_is_found(folder: Folder, tmp_path: Path) -> None:
    """Two logs that go on from the same past under the same key do not pass for each other."""
    shutil.copytree(folder.path, tmp_path / "fork")
    heads = []
    for path, n in ((folder.path, 1), (tmp_path / "fork", 2)):
        log = FileLog(path / "log", path / "keys", "test", LIMITS)
        log.append("a", {"n": n})
        heads.append(log.checkpoint().note.encode())
        log.close()
    assert ("ok", "ok") == verdicts(folder.check(heads[0]))
    assert ("failed", "ok") == verdicts(folder.check(heads[1]))


def test_a_cut_tail_is_a_matter_of_completeness(folder: Folder) -> None:
    """A tail cut off with its checkpoints leaves the rest whole; a kept checkpoint says what is missing."""
    kept = records(folder)
    folder.write(folder.lines()[:8], checkpoint=kept[1], checkpoints=kept[0] + b"\n" + kept[1] + b"\n")
    assert ("ok", "ok") == verdicts(folder.check())
    report = folder.check(kept[-1])
    assert ("ok", "failed") == verdicts(report)
    assert ["the log ends after 8 entries, a checkpoint covers 30"] == [finding.what for finding in report.findings]


def test_missing_entries_are_a_matter_of_completeness_too(folder: Folder) -> None:
    """A gap in the indexes fails both verdicts, with the place of the first line after it."""
    lines = folder.lines()
    folder.write(lines[:5] + lines[7:])
    report = folder.check()
    assert ("failed", "failed") == verdicts(report)
    place = f"00000000000000000000.jsonl, line 6, byte {sum(map(len, lines[:5]))}"
    assert (place, "is entry 7 where 5 should be: 2 missing") in [(f.place, f.what) for f in report.findings]


def test_checkpoints_of_others_do_not_count(folder: Folder) -> None:
    """A checkpoint signed by another key, kept or not, is a finding."""
    foreign = Signer.generate("test").checkpoint(30, bytes(32)).note.encode()
    assert ("failed", "ok") == verdicts(folder.check(foreign))
    (folder.path / "log" / "checkpoint").write_bytes(foreign)
    assert ("failed", "failed") == verdicts(folder.check())


def test_without_any_checkpoint_completeness_is_unknown_or_failed(folder: Folder) -> None:
    """With the checkpoints gone nobody can say that nothing else is: never ok."""
    (folder.path / "log" / "checkpoint").unlink()
    (folder.path / "log" / "checkpoints").write_bytes(b"")
    assert folder.check().completeness == "failed"


# Whatever it is given, it reports


def _deep(file: Path) -> None:
    file.write_bytes(b'{"body":' + b"[" * 200_000 + b"\n")


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


SPOILERS: dict[str, Callable[[Path], Any]] = {
    "missing": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "random": lambda file: file.write_bytes(random.Random(1).randbytes(50_000)),
    "newlines": lambda file: file.write_bytes(b"\n" * 50_000),
    "zeros": lambda file: file.write_bytes(bytes(3_000_000)),
    "one huge line": lambda file: file.write_bytes(b"9" * 3_000_000 + b"\n"),
    "deep": _deep,
    "no UTF-8": lambda file: file.write_bytes(b"\xff\xfe\n\n\xff\n\n" * 100),
    "huge numbers": lambda file: file.write_bytes(b"9" * 9000 + b"\n1e999\n-1e-999\n" + b"1" * 400 + b"\n"),
    "other JSON": lambda file: file.write_bytes(b'[]\n{}\n"x"\nnull\nNaN\n{"index":[]}\n{"a":1,"a":1}\n"\\ud800"\n'),
    "odd fields": lambda file: file.write_bytes(
        b'{"body":{},"index":true,"kind":"a","time":"x","version":1}\n{"body":[],"index":0,"kind":1,"time":2,"version":3}\n'
    ),
    "pipe": _pipe,
    "folder": _folder,
}


@pytest.mark.parametrize("spoiler", SPOILERS)
@pytest.mark.parametrize("name", ["checkpoint", "checkpoints", "tree", "offsets", "segments/0", "segments/1"])
def test_it_never_crashes(folder: Folder, name: str, spoiler: str) -> None:
    """Whatever stands in a file is a finding."""
    file = folder.segments()[int(name[-1])] if name.startswith("segments") else folder.path / "log" / name
    SPOILERS[spoiler](file)
    report = folder.check()
    assert report.findings
    assert "failed" in verdicts(report)
    assert len(report.findings) <= verify.FINDINGS + 1


def test_missing_folders_are_findings(folder: Folder) -> None:
    """No segments, no folder at all: findings."""
    shutil.rmtree(folder.path / "log" / "segments")
    assert folder.check().completeness == "failed"
    shutil.rmtree(folder.path / "log")
    assert folder.check().completeness == "failed"


@pytest.mark.parametrize("key", ["", "x", "a+b+c", "test+00000000+AAAA", "test+00000000+" + "A" * 44, "\0+\ud800+\xff"])
def test_a_key_that_is_none_is_a_finding(folder: Folder, key: str) -> None:
    """A spoilt verifier key fails integrity and leaves completeness unknown."""
    report = verify_log(folder.path / "log", key)
    assert ("failed", "unknown", ["key"]) == (*verdicts(report), [finding.place for finding in report.findings])


@settings(max_examples=150, deadline=None)
@given(note=st.binary(max_size=300))
def test_any_bytes_as_a_kept_checkpoint_are_a_finding(model: Folder, note: bytes) -> None:
    """What is not a checkpoint of this log is reported as that."""
    assert "kept checkpoint 1" == model.check(note).findings[0].place


# The program


def test_the_command_line(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 without findings, 1 with, 2 for wrong usage; the key as a file or as text."""
    log, key = str(folder.path / "log"), folder.keys / "log.pub"
    assert 0 == main([log, "--key", str(key), "--checkpoint", str(folder.path / "log" / "checkpoint")])
    assert 0 == main([log, "--key", key.read_text()])
    assert "completeness  ok, 30 of 30 entries" in capsys.readouterr().out
    folder.segments()[0].write_bytes(b"\xff\n")
    assert 1 == main([log, "--key", str(key)])
    assert "00000000000000000000.jsonl, line 1, byte 0: entry 0 is not UTF-8" in capsys.readouterr().out
    for wrong in ([log], [log, "--key", "nonsense"], [log, "--key", str(key), "--checkpoint", "/does/not/exist"]):
        with pytest.raises(SystemExit) as caught:
            main(wrong)
        assert 2 == caught.value.code


def test_it_runs_alone(folder: Folder, tmp_path: Path) -> None:
    """The file works where nothing of ours is, and imports the standard library and `cryptography` only."""
    tree = ast.parse(Path(verify.__file__).read_text())
    imports = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imports |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    roots = {str(name).split(".")[0] for name in imports}
    assert {"cryptography"} == roots - sys.stdlib_module_names
    shutil.copy(verify.__file__, tmp_path / "check.py")
    command = [sys.executable, "-I", str(tmp_path / "check.py"), str(folder.path / "log"), "--key"]
    run = subprocess.run(
        [*command, str(folder.keys / "log.pub")], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (0, "") == (run.returncode, run.stderr)
