"""A child process whose parser does what the file's first word says. Started by tests in place of `ingest.worker`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO

from appliance.types import Section
from ingest.worker import main


class Misbehaving:
    """Parses text files; some words make it fail as parsers of hostile files do."""

    media_types = frozenset({"text/plain"})

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section]:
        words = file.read().decode().split()
        match words[0]:
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "exit":
                os._exit(3)
            case "hang":
                time.sleep(3600)
            case "eat":
                words.append(str(len(bytearray(4_000_000_000))))
            case "flood":
                while True:
                    yield Section("word " * 10_000, None, "paragraph")
            case "raise":
                raise LookupError("no such part")
            case "touch":
                os.utime(file.fileno(), ns=(1, 1))
        yield Section(" ".join(words), None, "paragraph")


if __name__ == "__main__":
    sys.exit(main(lambda media_type: Misbehaving()))
