"""Check a log without trusting the program that wrote it.

One file, the standard library and `cryptography`: take it elsewhere, read it, run it.

    python -m appliance.verify LOG_FOLDER --key log.pub [--checkpoint FILE ...]

`log.pub` is the log's verifier key (a file or the text itself); each `--checkpoint` is one that you kept somewhere the
log's owner cannot reach. Two verdicts:

* integrity: every line is the canonical JSON of an entry, and every checkpoint is signed and fits the entries;
* completeness: nothing is missing, up to the newest checkpoint that is known. It is unknown when none is. Entries cut
  off together with their checkpoints are seen by one that was kept elsewhere, and by nothing else.

Whatever is wrong is a finding with its place, never an exception. Memory does not grow with the log. It may be run
while the log is written: an unfinished last line that no checkpoint and no hash covers is no finding, and counted.
Exit code: 0 no findings, 1 findings, 2 wrong usage. The layout of the folder is described in appliance/log.py.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import heapq
import io
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LINE_BYTES = 1 << 20
NOTE_BYTES = 1 << 16
FINDINGS = 100
SAFE_INTEGER = 2**53 - 1
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
ESCAPES = {chr(i): f"\\u{i:04x}" for i in range(32)} | {
    '"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
}  # fmt: skip

Aspect = Literal["integrity", "completeness"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where: a file, and a line or byte of it. `aspect` is the verdict that fails by it."""

    place: str
    what: str
    aspect: Aspect


@dataclass(slots=True)
class Report:
    """The result. `size` and `root` (hex) are those of the entries found; the first `signed_size` of them are covered
    by a checkpoint that fits; `unfinished_bytes` follow the last whole line. At most 100 findings are listed.
    """

    findings: list[Finding] = field(default_factory=list)
    integrity: Literal["ok", "failed"] = "ok"
    completeness: Literal["ok", "failed", "unknown"] = "unknown"
    size: int = 0
    root: str = ""
    signed_size: int = 0
    unfinished_bytes: int = 0

    def add(self, aspect: Aspect, place: str, what: str) -> None:
        if aspect == "integrity":
            self.integrity = "failed"
        else:
            self.completeness = "failed"
        if len(self.findings) < FINDINGS:
            self.findings.append(Finding(place, what, aspect))
        elif len(self.findings) == FINDINGS:
            self.findings.append(Finding("log", f"more than {FINDINGS} findings; the rest is left out", aspect))


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """A signed tree head, and where it was read."""

    size: int
    root: bytes
    place: str
    kept: bool = False


class Damaged(Exception):
    """A piece of the log is not what it should be; the message says how."""


# Canonical JSON, RFC 8785


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of a parsed value; Damaged when it has none."""
    try:
        return "".join(_pieces(value)).encode()
    except UnicodeEncodeError as error:
        raise Damaged("holds half a surrogate pair") from error


def _pieces(value: Any) -> Iterator[str]:
    if value is None or isinstance(value, bool):
        yield {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, str):
        yield _string(value)
    elif isinstance(value, (int, float)):
        yield _number(value)
    elif isinstance(value, list):
        yield "["
        for place, item in enumerate(value):
            yield "," if place else ""
            yield from _pieces(item)
        yield "]"
    else:
        yield "{"
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        for place, name in enumerate(names):
            yield f"{',' if place else ''}{_string(name)}:"
            yield from _pieces(value[name])
        yield "}"


def _string(text: str) -> str:
    return '"' + "".join(ESCAPES.get(character, character) for character in text) + '"'


def _number(value: int | float) -> str:
    """Format a number as ECMAScript does: the shortest digits that name this double, in its notation."""
    if isinstance(value, int) and abs(value) <= SAFE_INTEGER:
        return str(value)
    try:
        double = float(value)
    except OverflowError as error:
        raise Damaged("holds a number that no double can be") from error
    if not math.isfinite(double):
        raise Damaged("holds a number that no double can be")
    if double == 0:
        return "0"
    mantissa, _, exponent = f"{abs(double)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of `point`.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return ("-" if double < 0 else "") + _notation(digits.rstrip("0"), point)


def _notation(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{rest}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def _checked_float(token: str) -> float:
    value = float(token)
    # Where Python writes the same digits without an exponent, ECMAScript does too: that spares most numbers the rest.
    if (repr(value) != token or "e" in token or token.endswith(".0")) and _number(value) != token:
        raise Damaged(f"is not canonical JSON: the number {token[:40]}")
    return value


def _checked_int(token: str) -> int:
    value = int(token)
    if len(token) > 15 and _number(value) != token:
        raise Damaged(f"is not canonical JSON: the number {token[:40]}")
    return value


def _refused_constant(token: str) -> float:
    raise Damaged(f"is not JSON: {token}")


_decoder = json.JSONDecoder(parse_float=_checked_float, parse_int=_checked_int, parse_constant=_refused_constant)
_encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


def parse(leaf: bytes) -> Any:
    """Return the value of canonical JSON; Damaged for anything else."""
    try:
        text = leaf.decode()
        value = _decoder.decode(text)
        # Numbers were checked one by one, and in ASCII the standard encoder does nothing else that RFC 8785 forbids;
        # it is many times faster.
        same = (leaf.isascii() and _encoder.encode(value) == text) or canonical(value) == leaf
    except UnicodeDecodeError as error:
        raise Damaged("is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Damaged(f"is not JSON: {error}"[:200]) from error
    if not same:
        raise Damaged("is not canonical JSON")
    return value


# Signed notes and checkpoints, C2SP


def _base64(text: str, size: int) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Damaged("holds invalid base64") from error
    if len(data) != size or base64.b64encode(data).decode() != text:
        raise Damaged(f"holds base64 that is not exactly {size} bytes")
    return data


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Who may sign: the key's name, its four-byte id, and its public half."""

    name: str
    key_id: bytes
    public: Ed25519PublicKey

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read `name+hex of key id+base64(0x01 || public key)`; Damaged when it is not that."""
        name, _, rest = text.strip().partition("+")
        key_hex, _, encoded = rest.partition("+")
        data = _base64(encoded, 33)
        key_id = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
        if not name or data[0] != 1 or key_id.hex() != key_hex:
            raise Damaged("is not an Ed25519 verifier key")
        return cls(name, key_id, Ed25519PublicKey.from_public_bytes(data[1:]))

    def head(self, note: bytes, place: str, *, kept: bool = False) -> Head:
        """Return the tree head of a checkpoint that this key has signed; Damaged otherwise."""
        try:
            text, separator, signatures = note.decode().rpartition("\n\n")
        except UnicodeDecodeError as error:
            raise Damaged("is not UTF-8") from error
        text += "\n"
        if not separator or not signatures.endswith("\n"):
            raise Damaged("is not a signed note")
        # Each line is looked at: one wrong signature of this key spoils the note, whatever else it bears.
        signed = [self._signs(line, text) for line in signatures[:-1].split("\n")]
        if not any(signed):
            raise Damaged(f"is not signed by {self.name}")
        lines = text.split("\n")
        if len(lines) != 4 or lines[0] != self.name or not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]):
            raise Damaged(f"is not a checkpoint of {self.name}")
        return Head(int(lines[1]), _base64(lines[2], 32), place, kept)

    def _signs(self, line: str, text: str) -> bool:
        """Return whether a signature line is this key's; Damaged when it claims to be and is wrong."""
        prefix = f"— {self.name} "
        if not line.startswith(prefix):
            return False
        signature = _base64(line[len(prefix) :], 68)
        if signature[:4] != self.key_id:
            return False
        try:
            self.public.verify(signature[4:], text.encode())
        except InvalidSignature as error:
            raise Damaged(f"bears a signature of {self.name} that does not fit it") from error
        return True


# The Merkle tree, RFC 6962


class Tree:
    """Grows by leaves, and keeps the roots of its largest complete subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> bytes:
        """Add a leaf's content; return the hashes of all subtrees that are now complete, smallest first."""
        sha256, peaks = hashlib.sha256, self._peaks
        complete = node = sha256(b"\x00" + leaf).digest()
        merges = self.size
        while merges & 1:
            node = sha256(b"\x01" + peaks.pop() + node).digest()
            complete += node
            merges >>= 1
        peaks.append(node)
        self.size += 1
        return complete

    def root(self) -> bytes:
        """Return the root over all leaves."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            root = hashlib.sha256(b"\x01" + peak + root).digest()
        return root


# The folder


class Derived:
    """A file that follows from the entries, compared while they pass with what should be in it."""

    def __init__(self, path: Path, report: Report) -> None:
        self._name = path.name
        self._report = report
        self._file = _open(path, report)
        self.size_bytes = os.fstat(self._file.fileno()).st_size if self._file else 0
        self._compared = 0
        self._expected = bytearray()

    def expect(self, data: bytes) -> None:
        self._expected += data
        if len(self._expected) > NOTE_BYTES:
            self._compare()

    def finish(self, signed_bytes: int) -> None:
        """Compare the rest. The file may lag behind the entries, but not behind the newest checkpoint."""
        self._compare()
        if self._file:
            self._file.close()
            if self.size_bytes > self._compared:
                self._report.add("completeness", self._name, "knows of more entries than there are")
            elif self.size_bytes < signed_bytes:
                self._report.add("completeness", self._name, f"has {self.size_bytes} bytes instead of {signed_bytes}")

    def _compare(self) -> None:
        wanted = bytes(self._expected[: max(0, self.size_bytes - self._compared)])
        self._expected.clear()
        if self._file:
            found = self._file.read(len(wanted))
            if found != wanted:
                pairs = enumerate(zip(found, wanted, strict=False))
                same = next((i for i, (a, b) in pairs if a != b), len(found))
                place = f"{self._name}, byte {self._compared + same}"
                self._report.add("integrity", place, "differs from what the entries give")
                self._file.close()
                self._file = None
        self._compared += len(wanted)


class Audit:
    """One run over a log folder."""

    def __init__(self, folder: Path, key: VerifierKey, report: Report) -> None:
        self._folder = folder
        self._key = key
        self._report = report
        self._tree = Tree()
        self._index = 0  # of the entry that should come next; a gap moves it ahead of the tree
        self._newest_known = -1
        self._mismatch = False

    def run(self, kept: Iterable[Head]) -> None:
        # In this order, so that what a writer adds meanwhile is in what is read later, never the other way round.
        newest = self._newest()
        history = self._history(newest, _open(self._folder / "checkpoints", self._report))
        self._heads = heapq.merge(history, sorted(kept))
        self._head = next(self._heads, None)
        tree = Derived(self._folder / "tree", self._report)
        offsets = Derived(self._folder / "offsets", self._report)
        self._compare_heads()
        for path, last in self._segments():
            for number, offset, line in _lines(path):
                if not line.endswith(b"\n") and last:
                    self._report.unfinished_bytes = path.stat().st_size - offset
                    break
                self._entry(line, f"{path.name}, line {number}, byte {offset}")
                tree.expect(self._tree.add(line[:-1]))
                offsets.expect(offset.to_bytes(8, "little"))
                self._compare_heads()
        self._report.size = self._tree.size
        self._report.root = self._tree.root().hex()
        self._finish_heads()
        signed = self._report.signed_size
        tree.finish(32 * (2 * signed - signed.bit_count()))
        offsets.finish(8 * signed)
        if self._report.completeness == "unknown" and self._newest_known >= 0:
            self._report.completeness = "ok"

    # Entries

    def _segments(self) -> Iterator[tuple[Path, bool]]:
        """Yield the segments in order, and whether each is the last; compare their names with the entries so far."""
        folder = self._folder / "segments"
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        if not paths:
            self._report.add("completeness", "segments", "there are none")
        for path in paths:
            name = re.fullmatch(r"(\d{20})\.jsonl", path.name, re.ASCII)
            if name is None or not path.is_file():
                self._report.add("integrity", f"segments/{path.name}", "is not a segment of the log")
                continue
            if int(name[1]) != self._index:
                self._misplaced(int(name[1]), path.name, "begins with")
            yield path, path == paths[-1]

    def _entry(self, line: bytes, place: str) -> None:
        try:
            value = _parse_line(line)
            if value["index"] != self._index:
                self._misplaced(value["index"], place, "is")
        except Damaged as error:
            self._report.add("integrity", place, f"entry {self._index} {error}")
        self._index += 1

    def _misplaced(self, index: int, place: str, verb: str) -> None:
        what = f"{verb} entry {index} where {self._index} should be"
        if index > self._index:
            self._report.add("completeness", place, f"{what}: {index - self._index} missing")
        else:
            self._report.add("integrity", place, what)
        self._index = index

    # Checkpoints

    def _newest(self) -> bytes | None:
        file = _open(self._folder / "checkpoint", self._report)
        if file is None:
            return None
        with file:
            return file.read(NOTE_BYTES)

    def _history(self, newest: bytes | None, file: BinaryIO | None) -> Iterator[Head]:
        """Yield the log's own checkpoints; the newest has to be one of them."""
        last, seen = -1, newest is None
        for offset, note in _notes(file) if file else ():
            seen = seen or note == newest
            place = f"checkpoints, byte {offset}"
            head = self.signed_head(note, place)
            if head is None:
                continue
            if head.size < last:
                self._report.add("integrity", place, f"goes back from {last} entries to {head.size}")
            else:
                last = head.size
                yield head
        if not seen and newest is not None:
            self.signed_head(newest, "checkpoint")
            self._report.add("completeness", "checkpoints", "does not hold the newest checkpoint")

    def signed_head(self, note: bytes, place: str, *, kept: bool = False) -> Head | None:
        """Return the tree head of a checkpoint, or None and a finding."""
        try:
            head = self._key.head(note, place, kept=kept)
        except Damaged as error:
            self._report.add("integrity", place, str(error))
            return None
        self._newest_known = max(self._newest_known, head.size)
        return head

    def _compare_heads(self) -> None:
        """Compare the tree as it is with every checkpoint of this size."""
        while self._head is not None and self._head.size == self._tree.size:
            head, report = self._head, self._report
            if head.root == self._tree.root():
                report.signed_size = head.size
            elif head.kept or not self._mismatch:
                # One change spoils every checkpoint after it: the first says where it is.
                self._mismatch = self._mismatch or not head.kept
                first = report.signed_size
                report.add("integrity", head.place, f"did not sign entries {first} to {head.size - 1} as they are here")
            self._head = next(self._heads, None)

    def _finish_heads(self) -> None:
        """Report what was signed and is not there."""
        head, place = self._head, ""
        while head is not None:
            place = head.place
            head = next(self._heads, None)
        if self._newest_known > self._tree.size:
            what = f"the log ends after {self._tree.size} entries, a checkpoint covers {self._newest_known}"
            self._report.add("completeness", place or "checkpoint", what)


def _parse_line(line: bytes) -> dict[str, Any]:
    """Return the entry of a line; Damaged when it is none."""
    if len(line) > LINE_BYTES:
        raise Damaged(f"is longer than {LINE_BYTES} bytes")
    if not line.endswith(b"\n"):
        raise Damaged("ends early")
    value = parse(line[:-1])
    if type(value) is not dict or value.keys() != {"body", "index", "kind", "time", "version"}:
        raise Damaged("has not the fields of an entry")
    if type(value["index"]) is not int or type(value["version"]) is not int or type(value["body"]) is not dict:
        raise Damaged("has a field of the wrong type")
    if type(value["kind"]) is not str or type(value["time"]) is not str or not TIME.fullmatch(value["time"]):
        raise Damaged("has no kind, or no time in UTC")
    return value


def _open(path: Path, report: Report) -> BinaryIO | None:
    """Return the file, or None and a finding. Nothing but regular files: a pipe would never end."""
    try:
        if path.is_file():
            return path.open("rb")
        report.add("completeness", path.name, "is missing, or not a file")
    except OSError as error:
        report.add("completeness", path.name, f"cannot be read: {error}")
    return None


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (number from 1, offset, line). Of a line that is too long, only a beginning that is too long as well."""
    with path.open("rb") as file:
        offset = 0
        for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES + 1), b""), 1):
            yield number, offset, line
            while len(line) > LINE_BYTES and not line.endswith(b"\n"):
                offset += len(line)
                line = file.readline(LINE_BYTES + 1)
            offset += len(line)


def _notes(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, note): texts with one empty line inside, and one after each. An unfinished last one is left out:
    the file `checkpoint` tells whether it matters. What is added while this runs belongs to later entries.
    """
    with file:
        offset, note = 0, b""
        size = os.fstat(file.fileno()).st_size
        while offset < size and (line := file.readline(NOTE_BYTES)):
            note += line
            if (line == b"\n" and b"\n\n" in note[:-1]) or len(note) > NOTE_BYTES:
                yield offset, note[:-1]
                offset += len(note)
                note = b""


def verify_log(folder: Path | str, key: str, earlier_checkpoints: Sequence[bytes] = ()) -> Report:
    """Check the log in `folder` against its verifier key and checkpoints that were kept elsewhere. Never raises for
    what it finds.
    """
    report = Report()
    try:
        audit = Audit(Path(folder), VerifierKey.parse(key), report)
        kept = [
            audit.signed_head(note, f"kept checkpoint {i}", kept=True) for i, note in enumerate(earlier_checkpoints, 1)
        ]
        audit.run(head for head in kept if head)
    except Damaged as error:
        report.add("integrity", "key", str(error))
    except OSError as error:
        report.add("integrity", str(error.filename or folder), f"cannot be read: {error.strerror}")
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="verify", description="Check a log without trusting its writer.")
    parser.add_argument("folder", type=Path, help="the log's folder")
    parser.add_argument("--key", required=True, help="the log's verifier key: a file (log.pub) or its text")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="a checkpoint kept elsewhere")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    try:
        key = Path(options.key).read_text(encoding="utf-8") if Path(options.key).is_file() else options.key
        VerifierKey.parse(key)
        kept = [file.read_bytes() for file in options.checkpoint]
    except (Damaged, OSError, ValueError) as error:
        parser.error(f"key or checkpoint: {error}")
    report = verify_log(options.folder, key, kept)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no text
    print(json.dumps(asdict(report)) if options.json else _readable(report))
    return 1 if report.findings else 0


def _readable(report: Report) -> str:
    lines = [f"{finding.place}: {finding.what}" for finding in report.findings]
    covered = f"{report.signed_size} of {report.size} entries are under a checkpoint"
    lines += [f"integrity     {report.integrity}", f"completeness  {report.completeness}, {covered}"]
    return "\n".join([*lines, f"root          {report.root}"])


if __name__ == "__main__":
    sys.exit(main())
