from __future__ import annotations

import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import docx
import pytest

from appliance.types import Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.legacy import LegacyParser
from ingest.parsers.options import Options

SENTENCE = "The housing costs forty euros."
SECTOR = 512
# Streams of this size and more have sectors of their own, not parts of the one for small streams.
LARGE = 4096
END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def compound(streams: Mapping[str, bytes]) -> io.BytesIO:
    """Return a compound file (MS-CFB, version 3) with these streams, each padded to its least size."""
    table, body, entries = [FAT, END], b"", []
    padded = {name: data.ljust(LARGE, b"\0") for name, data in streams.items()}
    for name, data in padded.items():
        first, count = len(table), -(-len(data) // SECTOR)
        table += [*range(first + 1, first + count), END]
        body += data.ljust(count * SECTOR, b"\0")
        entries.append(_entry(name, 2, FREE, first, len(data)))
    # Each stream is the right sibling of the one before: a tree that is a list.
    directory = _entry("Root Entry", 5, 1 if entries else FREE, END, 0)
    for number, entry in enumerate(entries, 1):
        right = number + 1 if number < len(entries) else FREE
        directory += entry[:72] + struct.pack("<I", right) + entry[76:]
    assert len(directory) <= SECTOR
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, LARGE, END, 0, END, 0, 0)
    header = header.ljust(SECTOR, b"\xff")
    sectors = struct.pack(f"<{len(table)}I", *table).ljust(SECTOR, b"\xff")
    return io.BytesIO(header + sectors + directory.ljust(SECTOR, b"\0") + body)


def _entry(name: str, kind: int, child: int, first: int, size: int) -> bytes:
    coded = name.encode("utf-16-le")
    entry = coded.ljust(64, b"\0") + struct.pack("<HBB", len(coded) + 2, kind, 1)
    return entry + struct.pack("<III", FREE, FREE, child) + bytes(36) + struct.pack("<IQ", first, size)


def word(version: int = 193, flags: int = 0) -> io.BytesIO:
    return compound({"WordDocument": struct.pack("<HHHHHH", 0xA5EC, version, 0, 0, 0, flags)})


def slides(token: int = 0xE391C05F) -> io.BytesIO:
    atom = struct.pack("<HHIII", 0, 0x0FF6, 32, 20, token)
    return compound({"Current User": atom, "PowerPoint Document": b""})


def office(folder: Path, body: str) -> Path:
    """Return a program that takes LibreOffice's place. `body` may use `arguments`, `out` and `runs` (how many before).

    What it was told to do is found in `folder`/calls, a line a run.
    """
    program = folder / "soffice.bin"
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, shutil, sys\n"
        "from pathlib import Path\n"
        "arguments = sys.argv[1:]\n"
        f"calls = Path({str(folder / 'calls')!r})\n"
        "runs = len(calls.read_text().splitlines()) if calls.exists() else 0\n"
        "out = Path(arguments[arguments.index('--outdir') + 1])\n"
        "with calls.open('a') as file:\n"
        "    print(*arguments, sep='\\t', file=file)\n"
        f"{body}\n"
    )
    program.chmod(0o755)
    return program


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a DOCX for the program to give out as its work."""
    document = docx.Document()
    document.add_paragraph(SENTENCE)
    document.save(str(tmp_path / "made.docx"))
    return tmp_path / "made.docx"


@pytest.fixture
def options(tmp_path: Path) -> Options:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Options(pages=100, ocr_languages=(), scratch=scratch)


def texts(parser: LegacyParser, file: io.BytesIO, media_type: str = media.DOC) -> list[str]:
    return [found.text for found in parser.parse(file, media_type) if isinstance(found, Section)]


def refusal(parser: LegacyParser, file: io.BytesIO, media_type: str = media.DOC) -> BadFile:
    with pytest.raises(BadFile) as caught:
        list(parser.parse(file, media_type))
    return caught.value


def test_the_converted_file_is_read_and_nothing_stays(tmp_path: Path, options: Options, made: Path) -> None:
    """What LibreOffice made is read by the parser of its type, and the scratch folder is empty afterwards."""
    program = office(tmp_path, f"out.mkdir()\nshutil.copy({str(made)!r}, out / 'original.docx')")
    assert [SENTENCE] == texts(LegacyParser(options, program), word())
    assert [] == list(options.scratch.iterdir())


def test_a_first_start_that_asks_for_another_gets_it(tmp_path: Path, options: Options, made: Path) -> None:
    """LibreOffice ends with status 81 when it has to be started once more; it is, once."""
    body = f"if runs == 0:\n    sys.exit(81)\nout.mkdir()\nshutil.copy({str(made)!r}, out / 'original.docx')"
    assert [SENTENCE] == texts(LegacyParser(options, office(tmp_path, body)), word())
    assert 2 == len((tmp_path / "calls").read_text().splitlines())


@pytest.mark.parametrize(
    ("file", "media_type", "expected"),
    [
        (word(193), media.DOC, "MS Word 97"),
        (word(104), media.DOC, "MS Word 95"),
        (word(101), media.DOC, "MS WinWord 6"),
        (slides(), media.PPT, "MS PowerPoint 97"),
    ],
)
def test_only_the_filter_of_the_format_sees_the_file(
    tmp_path: Path, options: Options, file: io.BytesIO, media_type: str, expected: str
) -> None:
    """LibreOffice is told which filter to use, so that content cannot pick one, and keeps all it writes in scratch."""
    refusal(LegacyParser(options, office(tmp_path, "")), file, media_type)
    arguments = (tmp_path / "calls").read_text().strip().split("\t")
    assert f"--infilter={expected}" in arguments
    assert "--headless" in arguments
    home = next(argument for argument in arguments if argument.startswith("-env:UserInstallation="))
    assert options.scratch.as_uri() in home


def test_macros_and_links_are_switched_off(tmp_path: Path, options: Options) -> None:
    """The settings that LibreOffice starts with let no macro run and no link be followed."""
    body = f"shutil.copy(arguments[0].split('file://')[1] + '/user/registrymodifications.xcu', {str(tmp_path)!r})"
    refusal(LegacyParser(options, office(tmp_path, body)), word())
    settings = (tmp_path / "registrymodifications.xcu").read_text()
    for setting, value in [("DisableMacrosExecution", "true"), ("DisableActiveContent", "true"), ("Link", "2")]:
        assert f'<prop oor:name="{setting}" oor:op="fuse"><value>{value}</value>' in settings


def test_libreoffice_knows_nothing_of_this_processs_environment(
    tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment names its home and its folder for temporary files, both in scratch, and no more."""
    monkeypatch.setenv("APPLIANCE_SECRET", "x")
    body = f"Path({str(tmp_path / 'names')!r}).write_text(' '.join(sorted(os.environ)) + ' ' + os.environ['TMPDIR'])"
    refusal(LegacyParser(options, office(tmp_path, body)), word())
    *names, folder = (tmp_path / "names").read_text().split()
    assert {"HOME", "LC_ALL", "PATH", "TMPDIR"} == set(names) - {"LC_CTYPE"}
    assert Path(folder).is_relative_to(options.scratch)


@pytest.mark.parametrize(
    ("file", "media_type"),
    [
        (word(flags=0x0100), media.DOC),
        (slides(token=0xF3D1C4DF), media.PPT),
        (compound({"EncryptedPackage": b""}), media.PPT),
    ],
)
def test_encrypted_files_are_encrypted(tmp_path: Path, options: Options, file: io.BytesIO, media_type: str) -> None:
    """A file behind a password is recognised before LibreOffice is started."""
    problem = refusal(LegacyParser(options, office(tmp_path, "")), file, media_type)
    assert ("encrypted", "Save it without a password.") == (problem.status, problem.hint)
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("data", [b"", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", word().getvalue()[:700], b"plain text"])
def test_broken_containers_are_damaged(tmp_path: Path, options: Options, data: bytes) -> None:
    """A file whose container cannot be opened is damaged; LibreOffice does not see it."""
    assert "damaged" == refusal(LegacyParser(options, office(tmp_path, "")), io.BytesIO(data)).status
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("body", ["", "sys.exit(1)", "os.abort()"])
def test_what_libreoffice_cannot_open_is_damaged(tmp_path: Path, options: Options, body: str) -> None:
    """Where LibreOffice makes no file, or crashes, the file is damaged and the hint names what to do."""
    problem = refusal(LegacyParser(options, office(tmp_path, body)), word())
    expected = ("damaged", "LibreOffice cannot open it", "Open it in its own program and save it as DOCX.")
    assert expected == (problem.status, problem.reason, problem.hint)


def test_a_program_that_cannot_be_started_is_said(tmp_path: Path, options: Options) -> None:
    """A broken installation is reported as such."""
    problem = refusal(LegacyParser(options, tmp_path / "missing"), word())
    assert ("unsupported", True) == (problem.status, "cannot be started" in problem.reason)


@pytest.mark.parametrize(
    ("file", "media_type", "hint"),
    [
        (word(), media.DOC, "Install libreoffice-writer-nogui, or save it as DOCX."),
        (slides(), media.PPT, "Install libreoffice-impress-nogui, or save it as PPTX."),
    ],
)
def test_without_libreoffice_files_are_unsupported(
    options: Options, monkeypatch: pytest.MonkeyPatch, file: io.BytesIO, media_type: str, hint: str
) -> None:
    """Where LibreOffice is not installed, the status says so, and what to install."""
    monkeypatch.setenv("PATH", str(options.scratch))
    problem = refusal(LegacyParser(options), file, media_type)
    assert ("unsupported", hint) == (problem.status, problem.hint)
    assert "LibreOffice, which is not installed" in problem.reason


def test_an_encrypted_file_is_encrypted_also_without_libreoffice(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password comes first: installing LibreOffice would not help."""
    monkeypatch.setenv("PATH", str(options.scratch))
    assert "encrypted" == refusal(LegacyParser(options), word(flags=0x0100)).status


def test_libreoffice_ends_with_the_group_of_the_parsing_process(tmp_path: Path, options: Options) -> None:
    """LibreOffice stays in the process group of whoever parses, so killing that group leaves nothing behind."""
    body = f"import time\nPath({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()) + '\\n')\ntime.sleep(600)"
    program = office(tmp_path, body)
    (tmp_path / "file.doc").write_bytes(word().getvalue())
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from ingest.parsers.legacy import LegacyParser\nfrom ingest.parsers.options import Options\n"
        "program, file, scratch = map(Path, sys.argv[1:])\n"
        "list(LegacyParser(Options(1, (), scratch), program).parse(file.open('rb'), 'application/msword'))\n"
    )
    arguments = [str(program), str(tmp_path / "file.doc"), str(options.scratch)]
    root = str(Path(__file__).parents[3])
    parser = subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=root, start_new_session=True)
    try:
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
        started = int((tmp_path / "pid").read_text())
        assert parser.pid == os.getpgid(started)
    finally:
        os.killpg(parser.pid, signal.SIGKILL)
        parser.wait()
    wait_for(lambda: not running(started))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(pid: int) -> bool:
    """Tell whether a process exists and has not ended yet (a zombie waits for its new parent only)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_reads_what_libreoffice_wrote(tmp_path: Path, options: Options, made: Path) -> None:
    """A DOC of LibreOffice's own making is converted and read."""
    home = f"-env:UserInstallation={(tmp_path / 'home').as_uri()}"
    command = ["soffice", home, "--headless", "--convert-to", "doc:MS Word 97", "--outdir", str(tmp_path), str(made)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert [SENTENCE] == texts(LegacyParser(options), io.BytesIO((tmp_path / "made.doc").read_bytes()))
