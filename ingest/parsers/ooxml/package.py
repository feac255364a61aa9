"""Open XML packages (ECMA-376, part 2), as DOCX, PPTX and XLSX files are: parts, relations, files embedded in them.

Files in the "strict" variant of ISO/IEC 29500 are read as if they were ordinary ones: they differ by the names of
their namespaces. Targets outside of the package are never followed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, BinaryIO
from urllib.parse import unquote

from lxml import etree

from appliance.types import Member
from ingest.files import BadFile
from ingest.parsers import trees, zipped
from ingest.parsers.ooxml.embedded import unwrapped

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

# An element of lxml, which publishes no types.
Element = Any

_PART_BYTES = 200_000_000
_TOTAL_BYTES = 600_000_000
_READ_BYTES = 1 << 20
_SPLIT = "Split the file, or save it again without what it does not need."
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
_ORDINARY = rb"http://schemas.openxmlformats.org/\1/2006/\2"
# Without the scheme: these are names, not addresses.
_UNDERSTOOD = ("//schemas.microsoft.com/office/", "//schemas.openxmlformats.org/")
_MEMBERS = frozenset(
    {"docx", "docm", "doc", "xlsx", "xlsm", "xls", "pptx", "pptm", "ppt", "pdf", "rtf", "htm", "html", "mht", "txt"}
)
_MEMBER_KINDS = ("package", "oleObject", "aFChunk")
_NUMBER = re.compile(r"\s*[-+]?\d{1,15}(\.\d{1,9})?")
_OFF = frozenset({"0", "false", "off", "none"})


@dataclass(frozen=True, slots=True)
class Relation:
    """Where a part points: `kind` is the last word of the relation's type ("image"), `target` a part's name."""

    kind: str
    target: str


class Package:
    """One open file. Parts are named without the leading "/"."""

    def __init__(self, file: BinaryIO, part_bytes: int = _PART_BYTES, total_bytes: int = _TOTAL_BYTES) -> None:
        """Read the list of parts, of which one may unpack to `part_bytes` and all to `total_bytes`. Raises BadFile."""
        self._parts = zipped.Package(file)
        self._most = part_bytes
        self._left = total_bytes
        self._related: dict[str, dict[str, Relation]] = {}

    def main(self) -> str:
        """Return the name of the part that everything hangs on. Raises BadFile where there is none."""
        for relation in self.related("").values():
            if relation.kind == "officeDocument" and relation.target in self._parts:
                return relation.target
        raise zipped.damaged("its main part is missing")

    def read(self, part: str) -> bytes:
        """Return the bytes of a part, none where there is no such part. Raises BadFile."""
        return b"".join(self.pieces(part))

    def pieces(self, part: str) -> Iterator[bytes]:
        """Yield the bytes of a part. What counts is what comes out: the sizes a file declares may be lies."""
        size = 0
        with self._parts.stream(part) as stream:
            while piece := stream.read(_READ_BYTES):
                size += len(piece)
                self._left -= len(piece)
                if size > self._most or self._left < 0:
                    raise BadFile("too_large", f"what is packed in it is too large (in part {part})", _SPLIT)
                yield piece

    def tree(self, part: str) -> Element | None:
        """Return the root element of a part, None where there is no such part. Raises BadFile."""
        data = self.read(part) if part else b""
        if not data.strip():
            return None
        if b"purl.oclc.org/ooxml" in data:
            data = _STRICT.sub(_ORDINARY, data)
        try:
            root = trees.parsed(data)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise zipped.damaged(f"its part {part} is broken: {error}") from error
        _choose(root)
        return root

    def stream(self, part: str) -> IO[bytes]:
        """Return a part to be read once, empty where there is none. Reading raises BadFile."""
        return self._parts.stream(part)

    def each(self, part: str, tags: Iterable[str]) -> Iterator[Element]:
        """Yield the elements of these names, in memory that does not grow (see `zipped`). Raises BadFile."""
        return self._parts.each(part, tags)

    def related(self, part: str) -> dict[str, Relation]:
        """Return the relations of a part inside the package by their id; of the package itself for ""."""
        if part in self._related:
            return self._related[part]
        folder, _, name = part.rpartition("/")
        root = self.tree(posixpath.join(folder, "_rels", f"{name}.rels"))
        found: dict[str, Relation] = {}
        for relation in root.iterchildren("*") if root is not None else ():
            target = relation.get("Target", "")
            if relation.get("TargetMode", "").lower() == "external" or not target:
                continue
            path = posixpath.normpath(posixpath.join("/", folder, unquote(target.partition("#")[0])))
            kind = relation.get("Type", "").rpartition("/")[2]
            found[relation.get("Id", "")] = Relation(kind, path.lstrip("/"))
        self._related[part] = found
        return found

    def one(self, part: str, kind: str) -> str:
        """Return the part that another one is related to in this way; "" where there is none."""
        return next((relation.target for relation in self.related(part).values() if relation.kind == kind), "")

    def members(self, part: str) -> Iterator[Member]:
        """Yield what was embedded in a part, as far as it is a document in a file of its own."""
        targets = [relation.target for relation in self.related(part).values() if relation.kind in _MEMBER_KINDS]
        for target in dict.fromkeys(targets):
            name = target.rpartition("/")[2]
            suffix = name.rpartition(".")[2].lower()
            if suffix in _MEMBERS and target in self._parts:
                yield Member(name, self.pieces(target))
            elif suffix == "bin":
                found = unwrapped(self.read(target), name)
                if found and found[0].rpartition(".")[2].lower() in _MEMBERS:
                    yield Member(found[0], [found[1]])


def _choose(root: Element) -> None:
    """Put in place of each choice between renderings the one that Office takes (ECMA-376, part 3)."""
    for choice in list(root.iter(f"{MC}AlternateContent")):
        taken = next((c for c in choice.iterchildren(f"{MC}Choice") if _understood(c)), None)
        if taken is None:
            taken = choice.find(f"{MC}Fallback")
        parent = choice.getparent()
        if parent is None:
            continue
        for element in list(taken) if taken is not None else ():
            choice.addprevious(element)
        parent.remove(choice)


def _understood(choice: Element) -> bool:
    spaces = [choice.nsmap.get(prefix, "") for prefix in choice.get("Requires", "").split()]
    return bool(spaces) and all(space.partition(":")[2].startswith(_UNDERSTOOD) for space in spaces)


def on(element: Element | None, attribute: str = f"{W}val") -> bool:
    """Tell whether a switch like <w:vanish/> is there and on."""
    return element is not None and element.get(attribute, "1").lower() not in _OFF


def number(text: str | None, default: float = 0.0) -> float:
    """Return the number that a text begins with, whatever its unit; `default` where there is none."""
    match = _NUMBER.match(text or "")
    return float(match.group()) if match else default
