"""The child process: parses and cuts one file after the other. Started by `pool`, as `python -m ingest.worker OPTIONS`.

On its standard input it has a Unix socket. A request is a JSON object behind its length (4 bytes, big endian):
{"path", "offset", "size", "budget"}, with two descriptors beside it, the file's and that of the spool, which takes the
files found inside. The answer is one JSON object of the same form. The first one, {"ready": true, "protections"},
comes unasked; {"alive": true} may come any time before the answer. The child has no view of the share, only what it is
handed.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from appliance.types import Finding, Json, Member, Place, Section
from ingest import sandbox
from ingest.chunk import Chunker, Draft, token_counter
from ingest.files import BadFile
from ingest.media import sniff
from ingest.parsers import parser_for
from ingest.parsers.options import Options
from ingest.screened import Screened
from ingest.spool import Full, Spool, window

if TYPE_CHECKING:
    from appliance.ports import Parser

LENGTH = struct.Struct("!I")
_REASON_CHARACTERS = 300
_PULSE_SECONDS = 1.0
_RAISE_MEMORY = "Split the file, or raise ingest.worker_memory_bytes."
_SAVE_AGAIN = "Open it in its own program and save it again."


def main(find: Callable[[str, Options], Parser] = parser_for) -> int:
    """Enter the sandbox and serve requests until the socket closes. `find` returns the parser of a media type."""
    options = json.loads(sys.argv[1])
    tokenizer, scratch = Path(options["tokenizer"]), Path(options["scratch"])
    connection = _connection()
    sandbox.limit(options["memory_bytes"])
    protections = sandbox.enter([tokenizer], scratch)
    told = Options(options["pages"], tuple(options["ocr_languages"]), scratch, _pulse(connection))
    chunker = Chunker(token_counter(tokenizer), options["chunk_tokens"])
    task = Task(lambda media_type: find(media_type, told), chunker, options["text_characters"])
    _send(connection, {"ready": True, "protections": asdict(protections)})
    while request := _receive(connection):
        answer = _answer(request, task)
        for descriptor in (request.source, request.spool):
            os.close(descriptor)
        _send(connection, answer)
        if answer.get("last"):
            break
    return 0


def _pulse(connection: socket.socket) -> Callable[[], None]:
    """Return what tells the parent, now and then, that the child gets on with a file."""
    told = time.monotonic()

    def alive() -> None:
        nonlocal told
        if time.monotonic() - told > _PULSE_SECONDS:
            told = time.monotonic()
            _send(connection, {"alive": True})

    return alive


def _connection() -> socket.socket:
    """Return the socket to the parent, out of reach of the programs that parsers start."""
    connection = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return connection


@dataclass(frozen=True, slots=True)
class Task:
    """What is done with every file. `most` is the number of characters that one may yield."""

    find: Callable[[str], Parser]
    chunker: Chunker
    most: int


@dataclass(frozen=True, slots=True)
class Request:
    """What to parse, as it was asked for, and its two descriptors."""

    source: int
    spool: int
    path: str
    offset: int
    size: int | None
    budget: Mapping[str, int]


def _answer(request: Request, task: Task) -> dict[str, Json]:
    """Return what the file yielded, or {"media_type", "status", "reason", "hint"}; "last" ends the child."""
    file = window(request.source, request.offset, request.size)
    media_type = ""
    try:
        media_type = sniff(file, request.path)
        return {"media_type": media_type} | _parsed(file, media_type, request, task)
    except BadFile as problem:
        return _refusal(media_type, problem)
    except MemoryError:
        gc.collect()
        reason = "parsing it takes more memory than a parsing process may have"
        return _refusal(media_type, BadFile("too_large", reason, _RAISE_MEMORY)) | {"last": True}
    except Full:
        return {"full": True}
    except Exception as error:
        # The boundary to libraries that raise anything for a broken file. What it was goes into the report.
        reason = f"it cannot be parsed ({type(error).__name__}: {' '.join(str(error).split())})"[:_REASON_CHARACTERS]
        return _refusal(media_type, BadFile("damaged", reason, _SAVE_AGAIN))


def _parsed(file: BinaryIO, media_type: str, request: Request, task: Task) -> dict[str, Json]:
    """Parse and cut an open file. Raises whatever its parser does, and Full."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    spool = Spool(request.spool, request.budget, size)
    screened = Screened(task.most)
    for found in task.find(media_type).parse(file, media_type):
        match found:
            case Section():
                screened.add(found)
            case Finding():
                screened.note(found)
            case Member():
                spool.take(found if found.name else replace(found, name=_unpacked(request.path)))
    sections = screened.finish()
    cut = task.chunker.chunk(sections, request.path)
    return {
        "pages": max((section.page or 0 for section in sections), default=0) or None,
        "title": cut.title,
        "chunks": [_chunk(draft) for draft in cut.drafts],
        "findings": [asdict(finding) for finding in screened.findings()],
        "members": spool.members,
    }


def _unpacked(path: str) -> str:
    """Return the name of what a compressed file holds, where it does not say: its own without the last suffix."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _chunk(draft: Draft) -> dict[str, Json]:
    return {"text": draft.text, "page": draft.page, "headings": draft.headings, "places": _rows(draft.places)}


def _rows(places: Sequence[Place]) -> list[Json]:
    """Return each place as [start, end, left, top, right, bottom]."""
    edges = [(place.box.left, place.box.top, place.box.right, place.box.bottom) for place in places]
    return [
        [place.start, place.end, *(round(edge, 2) for edge in box)] for place, box in zip(places, edges, strict=True)
    ]


def _refusal(media_type: str, problem: BadFile) -> dict[str, Json]:
    return {"media_type": media_type, "status": problem.status, "reason": problem.reason, "hint": problem.hint}


def _send(connection: socket.socket, answer: Mapping[str, Json]) -> None:
    body = json.dumps(answer).encode("ascii")
    connection.sendall(LENGTH.pack(len(body)) + body)


def _receive(connection: socket.socket) -> Request | None:
    """Return the next request, or None when the parent has gone."""
    head, descriptors, _, _ = socket.recv_fds(connection, LENGTH.size, 2)
    if not head:
        return None
    (length,) = LENGTH.unpack(head)
    body = bytearray()
    while len(body) < length:
        part = connection.recv(length - len(body))
        if not part:
            return None
        body += part
    asked: Mapping[str, Any] = json.loads(body)
    source, spool = descriptors
    return Request(source, spool, asked["path"], asked["offset"], asked["size"], asked["budget"])


if __name__ == "__main__":
    sys.exit(main())
