"""Word and PowerPoint files from before 2007: LibreOffice, where it is installed, turns them into today's formats."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import olefile

from appliance.types import Finding, Member, Section
from ingest import media, parsers
from ingest.files import BadFile
from ingest.parsers.options import Options

# Beside the `soffice` that is found is the program itself, which starts no further process: one to wait for and kill.
_PROGRAM = "soffice.bin"
# A first start in a new home lays it out and asks to be started again.
_START_AGAIN = 81
# Under ingest.file_seconds, which ends everything.
_SECONDS = 90.0
_DAMAGED = "Open it in its own program and save it as {}."

# FIB (MS-DOC 2.5.1): the version of the file, and flags. Files of Word 6 and 95 have lower versions than Word 97.
_FIB_BYTES, _FIB_VERSION, _FIB_FLAGS = 32, slice(2, 4), slice(10, 12)
_FIB_ENCRYPTED = 0x0100
_WORD_95, _WORD_97 = 103, 105
# CurrentUserAtom (MS-PPT 2.3.2): the token at offset 12 says whether the slides are encrypted.
_ATOM_BYTES, _ATOM_TOKEN = 16, slice(12, 16)
_PPT_ENCRYPTED = 0xF3D1C4DF

# What LibreOffice may not do, whatever a file asks for: run macros, follow links, load what is elsewhere.
_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">\
<prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">\
<prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">\
<prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">\
<prop oor:name="DisableActiveContent" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Writer/Content/Update">\
<prop oor:name="Link" oor:op="fuse"><value>2</value></prop></item>
</oor:items>
"""


@dataclass(frozen=True, slots=True)
class _Way:
    """How one format is read: LibreOffice's filters for it, what it becomes, and the package that does it."""

    name: str
    package: str
    media_type: str
    suffix: str
    output: str


_WAYS = {
    media.DOC: _Way("DOC", "libreoffice-writer-nogui", media.DOCX, "docx", "MS Word 2007 XML"),
    media.PPT: _Way("PPT", "libreoffice-impress-nogui", media.PPTX, "pptx", "Impress MS PowerPoint 2007 XML"),
}


class LegacyParser:
    """Reads DOC and PPT files through LibreOffice and the parser of what it makes of them."""

    media_types = frozenset(_WAYS)

    def __init__(self, options: Options, program: Path | None = None) -> None:
        """`program` is LibreOffice's `soffice.bin`, looked for where it is not named."""
        self._options = options
        self._program = program or _installed()

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding | Member]:
        """Yield what the parser of the converted file yields.

        Raises BadFile where the file is encrypted or broken, or LibreOffice is not installed.
        """
        way = _WAYS[media_type]
        source = _filter(file, media_type)
        if self._program is None:
            raise BadFile(
                "unsupported",
                f"{way.name} files are read through LibreOffice, which is not installed",
                f"Install {way.package}, or save it as {way.suffix.upper()}.",
            )
        with tempfile.TemporaryDirectory(dir=self._options.scratch, prefix="office-") as folder:
            made = _convert(self._program, file, source, way, Path(folder))
            with made.open("rb") as converted:
                yield from parsers.parser_for(way.media_type, self._options).parse(converted, way.media_type)


def _installed() -> Path | None:
    """Return LibreOffice's program, None where it is not installed."""
    for name in ("soffice", "libreoffice"):
        if found := shutil.which(name):
            program = Path(found).resolve().with_name(_PROGRAM)
            if os.access(program, os.X_OK):
                return program
    return None


def _filter(file: BinaryIO, media_type: str) -> str:
    """Return the filter that LibreOffice is to read a file with, and no other. Raises BadFile for encrypted ones."""
    way = _WAYS[media_type]
    try:
        file.seek(0)
        with olefile.OleFileIO(file) as container:
            if media_type == media.DOC:
                encrypted, source = _word(_start(container, "WordDocument", _FIB_BYTES))
            else:
                atom = _start(container, "Current User", _ATOM_BYTES)
                encrypted = _number(atom[_ATOM_TOKEN]) == _PPT_ENCRYPTED
                source = "MS PowerPoint 97"
            encrypted = encrypted or container.exists("EncryptedPackage")
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError) as error:
        hint = _DAMAGED.format(way.suffix.upper())
        raise BadFile("damaged", f"its container is broken: {error}", hint) from error
    if encrypted:
        raise BadFile("encrypted", f"the {way.name} file is protected by a password", "Save it without a password.")
    return source


def _start(container: Any, stream: str, size_bytes: int) -> bytes:
    """Return the first bytes of a stream, empty where it is missing."""
    if not container.exists(stream):
        return b""
    with container.openstream(stream) as opened:
        data: bytes = opened.read(size_bytes)
    return data


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _word(fib: bytes) -> tuple[bool, str]:
    """Tell whether a Word file is encrypted, and the filter for its version."""
    encrypted = bool(_number(fib[_FIB_FLAGS]) & _FIB_ENCRYPTED)
    version = _number(fib[_FIB_VERSION])
    if version >= _WORD_97:
        return encrypted, "MS Word 97"
    return encrypted, "MS Word 95" if version >= _WORD_95 else "MS WinWord 6"


def _convert(program: Path, file: BinaryIO, source: str, way: _Way, folder: Path) -> Path:
    """Return the file that LibreOffice made in `folder`. Raises BadFile where it made none."""
    original, home = folder / f"original.{way.name.lower()}", folder / "home"
    settings = home / "user" / "registrymodifications.xcu"
    settings.parent.mkdir(parents=True)
    settings.write_text(_SETTINGS, encoding="utf-8")
    file.seek(0)
    with original.open("wb") as copy:
        shutil.copyfileobj(file, copy)
    command = [
        str(program), f"-env:UserInstallation={home.as_uri()}", "--headless", "--norestore", "--nolockcheck",
        "--nodefault", "--nologo", f"--infilter={source}", "--convert-to", f"{way.suffix}:{way.output}",
        "--outdir", str(folder / "made"), str(original),
    ]  # fmt: skip
    environment = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}
    if _run(command, environment, folder) == _START_AGAIN:
        _run(command, environment, folder)
    made = folder / "made" / f"original.{way.suffix}"
    if not made.is_file():
        raise BadFile("damaged", "LibreOffice cannot open it", _DAMAGED.format(way.suffix.upper()))
    return made


def _run(command: list[str], environment: Mapping[str, str], folder: Path) -> int:
    """Run LibreOffice and return its exit status.

    It stays in this process's group, which is killed as a whole when this process has to end. Raises BadFile where it
    cannot be started or takes too long.
    """
    try:
        return subprocess.run(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired as error:
        reason = f"LibreOffice did not finish converting it within {_SECONDS:g} seconds"
        raise BadFile("too_large", reason, "Split it, or save it in a format of today.") from error
    except OSError as error:
        reason = f"LibreOffice, which reads such files, cannot be started: {error.strerror}"
        raise BadFile("unsupported", reason, "Install it again, or save the file in a format of today.") from error
