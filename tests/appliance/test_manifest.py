"""The manifest: what comes with the project, and what is refused."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import Settings
from appliance.errors import ConfigError, ModelError
from appliance.manifest import HubFile, WheelMembers, load_manifest

SHA = "0" * 64
ENTRY = """
[[models]]
name = "tiny"
role = "generator"
license = "MIT"
quantization = "Q4_K_M"
context = 2048
chat = "chatml"
parents = ["someone/tiny"]

[[models.files]]
name = "tiny.gguf"
size = 3
sha256 = "{sha}"
sources = [{{ huggingface = {{ repository = "a/b", revision = "{revision}", file = "tiny.gguf" }} }}]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "models.toml"
    path.write_text(text, encoding="utf-8")
    return path


def entry() -> str:
    return ENTRY.format(sha=SHA, revision="1" * 40)


def test_the_project_knows_the_models_it_names() -> None:
    """Every model that the documentation lists is in the manifest, under its name."""
    expected = {
        "qwen2.5-coder-1.5b-instruct",
        "qwen2.5-coder-0.5b-instruct",
        "smollm2-135m-instruct",
        "qwen2.5-1.5b-instruct",
        "ministral-3-3b-instruct-2512",
        "ministral-3-8b-instruct-2512",
        "ministral-3-14b-instruct-2512",
        "all-minilm-l6-v2",
    }
    assert expected == {model.name for model in load_manifest().models}


def test_the_defaults_of_the_configuration_are_in_the_manifest(tmp_path: Path) -> None:
    """The configured generator and embedder exist and have these roles."""
    settings = Settings(home=tmp_path)
    manifest = load_manifest()
    assert manifest.spec(settings.generator.name).record.role == "generator"
    assert manifest.spec(settings.embedder.name).record.role == "embedder"


def test_the_default_models_do_not_depend_on_one_source() -> None:
    """Each file of the default models comes from a hub at a commit and, joined from wheels, from a package index."""
    manifest = load_manifest()
    for name in ("qwen2.5-coder-1.5b-instruct", "all-minilm-l6-v2", "smollm2-135m-instruct"):
        for file in manifest.spec(name).files:
            assert [HubFile, WheelMembers] == [type(source) for source in file.sources]


def test_the_record_carries_the_sha256_of_the_weights() -> None:
    """A model of several files is identified by its weights, not by a configuration file."""
    spec = load_manifest().spec("all-minilm-l6-v2")
    weights = next(file for file in spec.files if file.name == "model.safetensors")
    assert weights.sha256 == spec.record.sha256


def test_a_manifest_is_read_as_written(tmp_path: Path) -> None:
    """Every field of an entry arrives where it belongs."""
    spec = load_manifest(write(tmp_path, entry())).spec("tiny")
    assert (SHA, "Q4_K_M", "MIT", ("someone/tiny",)) == (
        spec.record.sha256,
        spec.record.quantization,
        spec.record.license,
        spec.record.parents,
    )
    assert (3, 2048, "chatml") == (spec.size_bytes, spec.context_tokens, spec.chat)
    assert (HubFile("a/b", "1" * 40, "tiny.gguf"),) == spec.files[0].sources


def test_the_embedder_names_the_length_of_its_vectors() -> None:
    """An index can be prepared without loading the embedder."""
    assert 384 == load_manifest().spec("all-minilm-l6-v2").dimensions


def test_an_unknown_model_is_refused_with_the_known_names(tmp_path: Path) -> None:
    """Who mistypes a name is told the right ones."""
    with pytest.raises(ModelError) as raised:
        load_manifest(write(tmp_path, entry())).spec("huge")
    assert 'model "huge" is not in the manifest' == raised.value.message
    assert "Name one of: tiny." == raised.value.hint


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('license = "MIT"', 'license = "MIT"\nlicence = "MIT"', "licence"),
        ("size = 3", 'size = "3"', "size"),
        ("size = 3", "size = 0", "size"),
        (SHA, "abc", "sha256"),
        ("1" * 40, "main", "revision"),
        ('"a/b"', '"a/../b"', "repository"),
        ('name = "tiny.gguf"', 'name = "../tiny.gguf"', "files.0.name"),
        ('name = "tiny"', 'name = "Tiny/x"', "models.0.name"),
        ('chat = "chatml"', "", "chat family"),
        ('chat = "chatml"', 'chat = "llama"', "chat"),
        ('chat = "chatml"', 'chat = "chatml"\ndimensions = 384', "dimensions"),
        ('role = "generator"', 'role = "embedder"', "chat family"),
        ('role = "generator"', 'role = "oracle"', "role"),
        ("sources = [{", "sources = [{ pypi = [],", "sources.0"),
        ("[[models.files]]", "[[models]]\n[[models.files]]", "models.0.files"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(tmp_path: Path, old: str, new: str, place: str) -> None:
    """Nothing unknown, mistyped or dangerous gets in, and the message says where it stands."""
    assert old in entry()
    with pytest.raises(ConfigError) as raised:
        load_manifest(write(tmp_path, entry().replace(old, new)))
    assert place in raised.value.message


@pytest.mark.parametrize("value", ["--index-url=x", "-r", "a b", "a;b", "a/../b", "a[b]", ""])
def test_a_project_name_cannot_become_an_option(tmp_path: Path, value: str) -> None:
    """What is handed to pip is a name and a version and nothing else."""
    wheel = f'sources = [{{ pypi = [{{ project = "{value}", version = "1.0", member = "x" }}] }}]\n#'
    with pytest.raises(ConfigError):
        load_manifest(write(tmp_path, entry().replace("sources =", wheel)))


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    """A name means one model."""
    with pytest.raises(ConfigError, match='"tiny" is listed 2 times'):
        load_manifest(write(tmp_path, entry() + entry()))


def test_a_missing_or_broken_manifest_is_a_clear_error(tmp_path: Path) -> None:
    """Neither a missing file nor broken TOML ends in a stack."""
    for path in (tmp_path / "absent.toml", write(tmp_path, "[[models")):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_manifest(path)


@given(name=st.text("ab./\\: ~\0é", max_size=12) | st.text(max_size=12))
def test_no_accepted_file_name_leads_out_of_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Whatever name is accepted lies below the model's folder, on every system."""
    quoted = "".join(f"\\U{ord(character):08x}" for character in name)
    text = entry().replace('name = "tiny.gguf"', f'name = "{quoted}"')
    try:
        accepted = load_manifest(write(tmp_path_factory.mktemp("manifest"), text)).spec("tiny").files[0].name
    except ConfigError:
        return
    assert name == accepted
    for home in (PurePosixPath("/models/tiny"), PureWindowsPath("C:/models/tiny")):
        inner = (home / accepted).relative_to(home)
        assert ".." not in inner.parts
        assert len(inner.parts) >= 1


def test_plain_names_in_folders_are_accepted(tmp_path: Path) -> None:
    """The rule for names does not refuse what models really use."""
    for name in ("1_Pooling/config.json", "Ministral-3-3B-Q4_K_M.gguf"):
        text = entry().replace('name = "tiny.gguf"', f'name = "{name}"')
        assert name == load_manifest(write(tmp_path, text)).spec("tiny").files[0].name
