"""How fast the log takes entries, and how fast it is verified.

    python -m tests.bench.log_append [--folder DIR] [--entries N] [--verify N]

Prints appends/s and latencies (milliseconds) with 1 and 16 writers, the disk's own sync beside them, the time to open
a log of `--verify` entries after a clean stop, to make a proof in it, and entries/s of the verification.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import threading
import time
from pathlib import Path

from appliance.log import FileLog, Limits
from appliance.merkle import inclusion_proof
from appliance.segments import Hashes
from appliance.types import Json
from appliance.verify import verify_log


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to write; default: the system's temporary folder")
    parser.add_argument("--entries", type=int, default=8000, help="entries to append durably")
    parser.add_argument("--verify", type=int, default=200_000, help="entries to verify")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        report("the disk's sync alone", sync_times(folder / "sync", 1000))
        for writers in (1, 16):
            log = FileLog(folder / f"log{writers}", folder / f"keys{writers}", "bench")
            started = time.perf_counter()
            times = append_times(log, writers, options.entries)
            rate = len(times) / (time.perf_counter() - started)
            report(f"append, {writers} writers: {rate:.0f}/s", times)
            log.close()
        verification(folder, options.verify)


def body(number: int) -> dict[str, Json]:
    """Return what an answer's entry holds, roughly."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    passages: list[Json] = [{"chunk": digest[i : i + 32], "page": i, "score": 0.5 + i / 64} for i in range(5)]
    return {
        "answer": digest,
        "passages": passages,
        "question": digest[::-1],
        "refused": False,
        "total_ms": number % 977,
    }


def append_times(log: FileLog, writers: int, entries: int) -> list[float]:
    times: list[float] = []

    def write() -> None:
        for number in range(entries // writers):
            started = time.perf_counter()
            log.append("answer.given", body(number))
            times.append(time.perf_counter() - started)

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def sync_times(file: Path, count: int) -> list[float]:
    times = []
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    for _ in range(count):
        started = time.perf_counter()
        os.write(descriptor, bytes(600))
        os.fsync(descriptor)
        times.append(time.perf_counter() - started)
    os.close(descriptor)
    return times


def report(what: str, times: list[float]) -> None:
    ordered = sorted(times)
    p50, p99 = (ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.99))
    print(f"{what:32} p50 {p50:.2f} ms   p99 {p99:.2f} ms   n {len(times)}")


def verification(folder: Path, entries: int) -> None:
    # Unsynced, because the making of the log is not what is measured here.
    limits = Limits(checkpoint_seconds=1e9)
    log = FileLog(folder / "large", folder / "keys", "bench", limits, sync=lambda descriptor: None)
    for number in range(entries):
        log.append("answer.given", body(number))
    log.close()
    started = time.perf_counter()
    FileLog(folder / "large", folder / "keys", "bench").close()
    print(f"open and close, {entries} entries: {(time.perf_counter() - started) * 1000:.1f} ms")
    with Hashes(folder / "large", writable=False) as hashes:
        started = time.perf_counter()
        for number in range(1000):
            inclusion_proof(hashes.node, number * (entries // 1000), entries)
        print(f"inclusion proof: {(time.perf_counter() - started):.3f} ms")
    size = sum(file.stat().st_size for file in (folder / "large" / "segments").iterdir())
    started = time.process_time()
    result = verify_log(folder / "large", (folder / "keys" / "log.pub").read_text())
    seconds = time.process_time() - started
    print(
        f"verify: {entries / seconds:.0f} entries/s of {size // entries} bytes; "
        f"{result.integrity}, {result.completeness}"
    )


if __name__ == "__main__":
    main()
