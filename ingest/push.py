"""What ingest asks of the service: which documents it knows, and to put, describe and remove them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.client import Client, credential
from appliance.types import Finding, ModelRecord, Status, document_id
from ingest.chunk import Draft
from ingest.files import Stamp


@dataclass(frozen=True, slots=True)
class Known:
    """What the service knows of a file: `sha256` as it was last read, `answers` that of the version with passages.

    `owner` is the path of the file on the share: the file itself, or the archive or mail that it is in. `title` was
    made from the file's name, and is empty where the document has one of its own.
    """

    path: str
    owner: str
    sha256: str
    answers: str
    size_bytes: int
    modified_ns: int
    media_type: str
    readers: tuple[str, ...]
    status: Status
    reason: str
    hint: str
    pages: int | None
    passages: int
    title: str
    findings: tuple[Finding, ...]

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.size_bytes, self.modified_ns)


@dataclass(frozen=True, slots=True)
class Put:
    """The new state of one file. `drafts` None: whatever passages the document has stay as they are."""

    path: str
    owner: str
    sha256: str
    stamp: Stamp
    media_type: str
    readers: tuple[str, ...]
    status: Status
    reason: str = ""
    hint: str = ""
    pages: int | None = None
    title: str = ""
    findings: tuple[Finding, ...] = ()
    drafts: tuple[Draft, ...] | None = None


_KNOWN_FIELDS = tuple(field.name for field in fields(Known))
# Rows asked for at once: some hundred kilobytes.
PAGE_ROWS = 2000


class Api:
    """The service's side of one ingest, over its Unix socket. Errors are those the service raised, or Unavailable."""

    def __init__(self, socket: Path, token: Path) -> None:
        self._client = Client(socket, credential(token))

    def known(self, share: str, under: str = "") -> Iterator[Known]:
        """Yield what is known of a share, ordered by the bytes of (owner, path), a page of rows at a time.

        `under` confines it to the file of this path, what is in it, and everything below the folder of this path.
        """
        cursor = ""
        while True:
            query = {"share": share, "under": under, "cursor": cursor, "limit": PAGE_ROWS}
            page = self._client.call("POST", "/api/documents/list", query)
            for row in page["documents"]:
                yield _known(row)
            cursor = page["next"]
            if not cursor:
                return

    def start(self, share: str, chunker: str, embedder: ModelRecord) -> str:
        """Open a run and return its id. Raises IndexMismatch when the index was made by another embedder or chunker."""
        body = {
            "share": share,
            "chunker": chunker,
            "embedder": {"name": embedder.name, "sha256": embedder.sha256},
        }
        return str(self._client.call("POST", "/api/runs", body)["id"])

    def loaded(self, run: str, model: ModelRecord) -> None:
        """Say which embedder the run has loaded."""
        self._client.call("POST", f"/api/runs/{run}/models", {"name": model.name, "sha256": model.sha256})

    def put(self, run: str, share: str, put: Put, vectors: NDArray[np.float32] | None) -> None:
        """Make this the state of the document, in one step. `vectors` has a row per draft; None for no row."""
        chunks = None if put.drafts is None else [_chunk(draft) for draft in put.drafts]
        body = _described(run, share, put) | {
            "chunks": chunks,
            "vectors": None if chunks is None else _encoded(vectors),
        }
        self._client.call("PUT", f"/api/documents/{document_id(share, put.path)}", body)

    def move(self, run: str, share: str, old: str, put: Put) -> None:
        """Give the document at `old` the path and state of `put`, in one step, with its passages and vectors.

        What was at the new path is replaced. Raises NotFound when nothing is known at `old`.
        """
        self._client.call("POST", f"/api/documents/{document_id(share, old)}/move", _described(run, share, put))

    def regrant(self, run: str, share: str, changes: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        """Give each path its new readers, at once and without new vectors. Unknown paths are ignored."""
        for start in range(0, len(changes), PAGE_ROWS):
            rows = [{"path": path, "readers": list(readers)} for path, readers in changes[start : start + PAGE_ROWS]]
            self._client.call("POST", f"/api/runs/{run}/readers", {"share": share, "changes": rows})

    def remove(self, run: str, share: str, path: str) -> None:
        """Remove a document and its passages."""
        self._client.call("DELETE", f"/api/documents/{document_id(share, path)}", run=run)

    def progress(self, run: str, done: int, total: int) -> None:
        """Say how far a run is, for those who look on."""
        self._client.call("POST", f"/api/runs/{run}/progress", {"done": done, "total": total})

    def finish(
        self, run: str, counts: Mapping[str, int], removed: int, passages: int, seconds: float, findings: int = 0
    ) -> None:
        """Close a run with what it did: files by status, documents removed, passages embedded, findings in the files
        that it read.
        """
        body = {"counts": dict(counts), "removed": removed, "passages": passages, "seconds": seconds}
        self._client.call("POST", f"/api/runs/{run}/finish", body | {"findings": findings})

    def close(self) -> None:
        """Release the connection."""
        self._client.close()


def _described(run: str, share: str, put: Put) -> dict[str, Any]:
    return {
        "run": run,
        "share": share,
        "path": put.path,
        "owner": put.owner,
        "sha256": put.sha256,
        "size_bytes": put.stamp.size_bytes,
        "modified_ns": put.stamp.modified_ns,
        "media_type": put.media_type,
        "readers": list(put.readers),
        "status": put.status,
        "reason": put.reason,
        "hint": put.hint,
        "pages": put.pages,
        "title": put.title,
        "findings": [asdict(finding) for finding in put.findings],
    }


def _known(row: Mapping[str, Any]) -> Known:
    values = {name: row[name] for name in _KNOWN_FIELDS}
    findings = tuple(Finding(**finding) for finding in values["findings"])
    return Known(**values | {"readers": tuple(values["readers"]), "findings": findings})


def _chunk(draft: Draft) -> dict[str, Any]:
    places = [[p.start, p.end, p.box.left, p.box.top, p.box.right, p.box.bottom] for p in draft.places]
    return {"text": draft.text, "page": draft.page, "headings": draft.headings, "places": places}


def _encoded(vectors: NDArray[np.float32] | None) -> str:
    return "" if vectors is None else base64.b64encode(vectors.astype("<f4").tobytes()).decode("ascii")
