"""The model folder: what is there, whether it is right, and files brought by hand."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.errors import HashMismatch, ModelMissing, StorageFull, UsageError
from appliance.manifest import Manifest, ModelFile, ModelSpec
from appliance.models import ModelFolder, ModelStatus
from appliance.types import ModelRecord

WEIGHTS = b"weights " * 1000
CONFIG = b'{"a": 1}'


def file(name: str, data: bytes) -> ModelFile:
    return ModelFile(name, len(data), hashlib.sha256(data).hexdigest(), ())


def model(name: str, *files: ModelFile) -> ModelSpec:
    role = "generator" if len(files) == 1 else "embedder"
    return ModelSpec(ModelRecord(role, name, files[0].sha256, "Q4", "MIT"), files, 2048, "chatml")


ONE = model("one", file("one.gguf", WEIGHTS))
MANY = model("many", file("model.safetensors", WEIGHTS), file("1_Pooling/config.json", CONFIG))


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path / "models", Manifest((ONE, MANY)))


def everything(folder: ModelFolder) -> set[str]:
    """Return every file and folder in the model folder."""
    return {str(path.relative_to(folder.folder)) for path in folder.folder.rglob("*")}


def by_hand(tmp_path: Path, files: dict[str, bytes]) -> Path:
    """Return a folder as somebody carries it in."""
    for name, data in files.items():
        path = tmp_path / "stick" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "stick"


def test_a_missing_model_says_how_to_get_it(folder: ModelFolder) -> None:
    """The hint is the command that fetches the model."""
    with pytest.raises(ModelMissing) as raised:
        folder.path("one")
    assert "one.gguf is missing" in raised.value.message
    assert 'Run "appliance models pull one"' in raised.value.hint


def test_an_imported_file_has_its_place_and_its_bytes(folder: ModelFolder, tmp_path: Path) -> None:
    """A model of one file is that file, whatever it was called before."""
    source = tmp_path / "download (1).bin"
    source.write_bytes(WEIGHTS)
    path = folder.import_file("one", source)
    assert folder.folder / "one" / "one.gguf" == path == folder.path("one") == folder.verified("one")
    assert WEIGHTS == path.read_bytes()
    assert {"one", "one/one.gguf"} == everything(folder)


def test_an_imported_folder_keeps_its_inner_folders(folder: ModelFolder, tmp_path: Path) -> None:
    """A model of several files is a folder, and files the manifest does not name are left behind."""
    stick = by_hand(tmp_path, {"model.safetensors": WEIGHTS, "1_Pooling/config.json": CONFIG, "README": b"x"})
    assert folder.folder / "many" == folder.import_file("many", stick)
    assert {"many", "many/model.safetensors", "many/1_Pooling", "many/1_Pooling/config.json"} == everything(folder)


@pytest.mark.parametrize("wrong", [b"x" * len(WEIGHTS), WEIGHTS[:-1], WEIGHTS + b"x", b""])
def test_a_wrong_import_is_refused_with_both_hashes_and_leaves_nothing(
    folder: ModelFolder, tmp_path: Path, wrong: bytes
) -> None:
    """Other, fewer or more bytes than the manifest says: refused, and the folder is as it was."""
    source = tmp_path / "one.gguf"
    source.write_bytes(wrong)
    with pytest.raises(HashMismatch) as raised:
        folder.import_file("one", source)
    assert hashlib.sha256(wrong[: len(WEIGHTS)]).hexdigest() in raised.value.message
    assert ONE.files[0].sha256 in raised.value.message
    assert set() == everything(folder)


def test_one_wrong_file_of_several_refuses_all(folder: ModelFolder, tmp_path: Path) -> None:
    """No file gets its name before all have been compared."""
    stick = by_hand(tmp_path, {"model.safetensors": WEIGHTS, "1_Pooling/config.json": b"{}"})
    with pytest.raises(HashMismatch):
        folder.import_file("many", stick)
    assert set() == everything(folder)


def test_a_wrong_import_does_not_touch_the_model_that_is_there(folder: ModelFolder, tmp_path: Path) -> None:
    """A refused file takes nothing away."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(WEIGHTS)
    bad.write_bytes(b"bad")
    folder.import_file("one", good)
    with pytest.raises(HashMismatch):
        folder.import_file("one", bad)
    assert WEIGHTS == folder.verified("one").read_bytes()


def test_an_import_that_cannot_be_read_is_the_users_error(folder: ModelFolder, tmp_path: Path) -> None:
    """A path that does not exist, a file where a folder is needed, a pipe: each is named."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for name, source in (
        ("one", tmp_path / "absent"),
        ("many", tmp_path / "absent"),
        ("one", pipe),
        ("many", tmp_path),
    ):
        with pytest.raises(UsageError, match=str(tmp_path)):
            folder.import_file(name, source)


def test_a_changed_file_is_found_before_use(folder: ModelFolder, tmp_path: Path) -> None:
    """One flipped bit: `verified` refuses with file and both hashes, though size and name are right."""
    source = tmp_path / "one.gguf"
    source.write_bytes(WEIGHTS)
    path = folder.import_file("one", source)
    changed = bytes([WEIGHTS[0] ^ 1]) + WEIGHTS[1:]
    path.write_bytes(changed)
    with pytest.raises(HashMismatch) as raised:
        folder.verified("one")
    for part in (str(path), hashlib.sha256(changed).hexdigest(), ONE.files[0].sha256):
        assert part in raised.value.message


def test_the_list_tells_present_from_missing_from_damaged(folder: ModelFolder, tmp_path: Path) -> None:
    """Sizes are enough for the list; a change of the same size shows when bytes are compared."""
    assert [ModelStatus(ONE, "missing", 0), ModelStatus(MANY, "missing", 0)] == folder.statuses()
    source = tmp_path / "one.gguf"
    source.write_bytes(WEIGHTS)
    path = folder.import_file("one", source)
    assert ModelStatus(ONE, "present", len(WEIGHTS)) == folder.statuses()[0]
    path.write_bytes(b"x" * len(WEIGHTS))
    assert ["present", "damaged"] == [folder.statuses()[0].state, folder.statuses(compare=True)[0].state]
    path.write_bytes(b"x")
    assert ModelStatus(ONE, "damaged", 1) == folder.statuses()[0]


def test_a_model_that_cannot_fit_is_refused_before_copying(folder: ModelFolder, tmp_path: Path) -> None:
    """The size is known, so a disk that is too small is found at once."""
    huge = model("huge", replace(ONE.files[0], size_bytes=10**18))
    source = tmp_path / "huge.gguf"
    source.write_bytes(b"x")
    with pytest.raises(StorageFull, match="1,000,000,000,000,000,000 bytes are needed"):
        ModelFolder(folder.folder, Manifest((huge,))).import_file("huge", source)
    assert set() == everything(folder)


def test_looking_at_models_loads_no_network_code() -> None:
    """Whoever only uses models does not even load the code that can fetch them."""
    check = "import sys, appliance.models; print(sorted(set(sys.modules) & {%r, %r, %r}))"
    modules = ("httpx", "appliance.fetch", "appliance.sources")
    done = subprocess.run(
        [sys.executable, "-c", check % modules],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ("[]\n", "") == (done.stdout, done.stderr)
