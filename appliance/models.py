"""The model folder: where the weights lie, and whether they are the ones the manifest names.

A model is in FOLDER/NAME/. Nothing here parses a model file; whoever does calls `verified` first. Only `pull` uses
the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.errors import HashMismatch, ModelMissing, UsageError
from appliance.manifest import Manifest, ModelFile, ModelSpec
from appliance.partial import (
    BLOCK_BYTES,
    Partial,
    Progress,
    disk_errors,
    ensure_space,
    exclusive,
    remove_empty,
    sha256_of,
)

State = Literal["present", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """What of a model is in the folder. `size_bytes` counts what is there, not what should be."""

    spec: ModelSpec
    state: State
    size_bytes: int


class ModelFolder:
    """The models of `manifest` that lie in `folder`. Safe to use from several processes."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    def path(self, name: str) -> Path:
        """Return the model's file, or its folder where it has several. Raises ModelMissing.

        What is in the files has not been looked at: see `verified`.
        """
        spec = self.manifest.spec(name)
        for file in spec.files:
            if not (self.folder / name / file.name).is_file():
                raise ModelMissing(
                    f'model "{name}" is not complete in {self.folder}: {file.name} is missing',
                    f'Run "appliance models pull {name}", or bring its files by "appliance models import".',
                )
        return self.folder / name / spec.files[0].name if len(spec.files) == 1 else self.folder / name

    def verified(self, name: str) -> Path:
        """Return `path(name)` after comparing every byte with the manifest. Raises ModelMissing, HashMismatch."""
        path = self.path(name)
        spec = self.manifest.spec(name)
        with disk_errors(self.folder):
            for file in spec.files:
                self._compare(spec, file)
        return path

    def statuses(self, compare: bool = False) -> list[ModelStatus]:
        """Return one status per model of the manifest: by the files' sizes, with `compare` by every byte."""
        with disk_errors(self.folder):
            return [self._status(spec, compare) for spec in self.manifest.models]

    def pull(self, name: str, progress: Progress = lambda done, total, what: None) -> Path:
        """Fetch what is missing or damaged of a model and return `path(name)`.

        An interrupted pull goes on where it stopped. Raises SourceError when no source delivers, HashMismatch when
        what they deliver is wrong (nothing of it is left), StorageFull.
        """
        # Here and not above: the code that can reach the network is not even loaded in a process that never pulls.
        from appliance.fetch import fetch

        fetch(self.manifest.spec(name), self.folder, progress)
        return self.path(name)

    def import_file(self, name: str, source: Path) -> Path:
        """Copy a model's file, or a folder with its files, into the model folder and return `path(name)`.

        All files are copied and compared before the first gets its name. Raises UsageError, HashMismatch (nothing is
        left), StorageFull.
        """
        spec = self.manifest.spec(name)
        origins = _origins(spec, source)
        home = self.folder / name
        partials = [Partial(home / file.name, file.size_bytes, file.sha256) for file in spec.files]
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with exclusive(self.folder, waiting=lambda: None):
                ensure_space(self.folder, spec.size_bytes)
                try:
                    for partial, origin in zip(partials, origins, strict=True):
                        partial.target.parent.mkdir(parents=True, exist_ok=True)
                        _copy(origin, partial)
                    for partial in partials:
                        partial.keep()
                finally:
                    for partial in partials:
                        partial.discard()
                    remove_empty(home)
        return self.path(name)

    def _compare(self, spec: ModelSpec, file: ModelFile) -> None:
        path = self.folder / spec.name / file.name
        found = sha256_of(path)
        if found != file.sha256:
            raise HashMismatch(
                f'{path} of model "{spec.name}" has sha256 {found} and {path.stat().st_size} bytes;'
                f" the manifest says {file.sha256} and {file.size_bytes} bytes",
                f'Delete it and run "appliance models pull {spec.name}"; find out who changed it.',
            )

    def _status(self, spec: ModelSpec, compare: bool) -> ModelStatus:
        paths = [self.folder / spec.name / file.name for file in spec.files]
        sizes = [path.stat().st_size if path.is_file() else None for path in paths]
        state: State = "present"
        if None in sizes:
            state = "missing"
        elif sizes != [file.size_bytes for file in spec.files] or (compare and not _same(paths, spec.files)):
            state = "damaged"
        return ModelStatus(spec, state, sum(size or 0 for size in sizes))


def _same(paths: list[Path], files: tuple[ModelFile, ...]) -> bool:
    return all(sha256_of(path) == file.sha256 for path, file in zip(paths, files, strict=True))


def _origins(spec: ModelSpec, source: Path) -> list[Path]:
    """Return where each file of the model is to be copied from. Raises UsageError."""
    if source.is_dir():
        paths = [source / file.name for file in spec.files]
    elif len(spec.files) == 1:
        paths = [source]
    else:
        names = ", ".join(file.name for file in spec.files)
        raise UsageError(
            f'model "{spec.name}" has {len(spec.files)} files; {source} is no folder', f"Name a folder with {names}."
        )
    for path in paths:
        if not path.is_file():
            raise UsageError(
                f"{path} does not exist or is no file",
                f'Name the file or folder that holds model "{spec.name}".',
            )
        try:
            path.open("rb").close()
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}", "Make it readable for this user.") from error
    return paths


def _copy(origin: Path, partial: Partial) -> None:
    with origin.open("rb") as source, partial.writing(at=0) as copy:
        left = partial.size_bytes
        while left and (block := source.read(min(BLOCK_BYTES, left))):
            copy.write(block)
            left -= len(block)
        longer = bool(source.read(1))
    if longer:
        raise partial.overlong(str(origin))
    partial.check(str(origin))
