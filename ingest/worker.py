"""The child process: parses and cuts one file after the other. Started by `pool`, as `python -m ingest.worker`.

On its standard input it has a Unix socket. A request is a JSON object behind its length (4 bytes, big endian), with
the open file's descriptor beside it; the answer is one JSON object of the same form. The first one, {"ready": true},
comes unasked. The child has no view of the share, only what it is handed.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from appliance.ports import Parser
from appliance.types import Json, Section
from ingest.chunk import Chunker, token_counter
from ingest.files import BadFile
from ingest.media import sniff
from ingest.parsers import parser_for

LENGTH = struct.Struct("!I")
_REASON_CHARACTERS = 300
# Nothing a parser writes belongs on disk; unstructured unpacks some formats into a temporary file.
_FILE_BYTES = 300_000_000


def main(find: Callable[[str], Parser] = parser_for) -> int:
    """Serve requests until the socket closes. `find` returns the parser of a media type."""
    options = json.loads(sys.argv[1])
    _limit(options["memory_bytes"])
    connection = socket.socket(fileno=os.dup(0))
    chunker = Chunker(token_counter(Path(options["tokenizer"])), options["chunk_tokens"])
    task = Task(find, chunker, options["text_characters"])
    _send(connection, {"ready": True})
    while True:
        request, file = _receive(connection)
        if file is None:
            return 0
        with file:
            answer = _answer(file, request["path"], task)
        _send(connection, answer)
        if answer.get("last"):
            return 0


def _limit(memory_bytes: int) -> None:
    # RLIMIT_DATA counts what the process itself asks for; the address space also holds the libraries' files, which
    # differ by hundreds of megabytes from machine to machine.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))


@dataclass(frozen=True, slots=True)
class Task:
    """What is done with every file. `most` is the number of characters that one may yield."""

    find: Callable[[str], Parser]
    chunker: Chunker
    most: int


def _answer(file: BinaryIO, path: str, task: Task) -> dict[str, Json]:
    """Return {"media_type", "pages", "chunks"} or {"media_type", "status", "reason", "hint"}; "last" ends the child."""
    media_type = ""
    try:
        media_type = sniff(file, path)
        sections = list(_at_most(task.find(media_type).parse(file, media_type), task.most))
        drafts = task.chunker.chunk(sections, path)
        pages = max((section.page or 0 for section in sections), default=0)
        chunks = [{"text": draft.text, "page": draft.page, "headings": draft.headings} for draft in drafts]
        return {"media_type": media_type, "pages": pages or None, "chunks": chunks}
    except BadFile as problem:
        return _refusal(media_type, problem)
    except MemoryError:
        gc.collect()
        reason = "parsing it takes more memory than a parsing process may have"
        return _refusal(media_type, BadFile("too_large", reason, _RAISE_MEMORY)) | {"last": True}
    except Exception as error:
        # The boundary to libraries that raise anything for a broken file. What it was goes into the report.
        reason = f"it cannot be parsed ({type(error).__name__}: {' '.join(str(error).split())})"[:_REASON_CHARACTERS]
        return _refusal(media_type, BadFile("damaged", reason, "Open it in its own program and save it again."))


_RAISE_MEMORY = "Split the file, or raise ingest.worker_memory_bytes."


def _refusal(media_type: str, problem: BadFile) -> dict[str, Json]:
    return {"media_type": media_type, "status": problem.status, "reason": problem.reason, "hint": problem.hint}


def _at_most(sections: Iterable[Section], most: int) -> Iterator[Section]:
    characters = 0
    for section in sections:
        characters += len(section.text)
        if characters > most:
            raise BadFile(
                "too_large", f"it holds more than {most} characters", "Split it, or raise ingest.text_characters."
            )
        yield section


def _send(connection: socket.socket, answer: dict[str, Json]) -> None:
    body = json.dumps(answer).encode("ascii")
    connection.sendall(LENGTH.pack(len(body)) + body)


def _receive(connection: socket.socket) -> tuple[dict[str, Any], BinaryIO | None]:
    """Return the next request and its file, or None for the file when the parent has gone."""
    head, descriptors, _, _ = socket.recv_fds(connection, LENGTH.size, 1)
    if not head:
        return {}, None
    (length,) = LENGTH.unpack(head)
    body = bytearray()
    while len(body) < length:
        part = connection.recv(length - len(body))
        if not part:
            return {}, None
        body += part
    return json.loads(body), os.fdopen(descriptors[0], "rb")


if __name__ == "__main__":
    sys.exit(main())
