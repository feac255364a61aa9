"""What a parsing child is asked for and what comes back: plain data, between it and whoever reads a share."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.types import Finding
from ingest.chunk import Draft
from ingest.files import BadFile


@dataclass(frozen=True, slots=True)
class Limits:
    """What parsing one file may take: seconds, memory, characters of text, and what the parsers are told of (pages,
    languages of OCR). `files` is how many one child parses before it is replaced.
    """

    seconds: float
    memory_bytes: int
    text_characters: int
    files: int = 500
    pages: int = 5000
    ocr_languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What one file of the share may still unpack to: so many files and bytes, at this depth of archives in archives,
    and at most `ratio` times its own size (small files have a few megabytes in any case).
    """

    files: int
    size_bytes: int
    depth: int
    ratio: int


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of one file: all of an open file, or `size_bytes` of a spool from `offset` on. `path` names it to the
    chunker and, for text, to `sniff`.
    """

    descriptor: int
    path: str
    offset: int = 0
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """A file that another one held: where its bytes are in the spool, or why they could not be got out.

    `name` is relative, "/"-separated, without ".", ".." or empty parts, and unlike every other name in the same file.
    """

    name: str
    offset: int
    size_bytes: int
    problem: BadFile | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file yielded. `pages` is None where the format has none; `title` as in `chunk.Cut`.

    `spool` is an open, unnamed file with the bytes of `members`, None without any; whoever called closes it.
    """

    media_type: str
    pages: int | None
    title: str
    drafts: tuple[Draft, ...]
    findings: tuple[Finding, ...] = ()
    members: tuple[Extracted, ...] = ()
    spool: int | None = None
