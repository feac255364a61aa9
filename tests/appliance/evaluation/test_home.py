"""Private homes: a corpus becomes files that say the same, and nothing leads back to the appliance's own index."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import Settings, load
from appliance.errors import HomeInUse, UsageError
from appliance.evaluation import home
from appliance.types import Section
from ingest import media
from ingest.parsers.options import Options
from ingest.parsers.text.markdown import MarkdownParser

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
LINES = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=4)


def read(content: str) -> str:
    """Return what ingest reads in a Markdown file, on one line."""
    sections = MarkdownParser(Options(1, (), Path("/"))).parse(io.BytesIO(content.encode()), media.MARKDOWN)
    return " ".join(" ".join(section.text.split()) for section in sections if isinstance(section, Section))


@pytest.mark.parametrize(
    "text",
    [
        "p < 0.05 & n > 3",
        "<b>bold</b> &amp; a_b_c *x* `y`",
        "# no heading",
        "1. no list",
        "- no item\n+ none\n=== none",
        "| a | b |\n|---|---|",
        "[x][y] and ![z], <http://example.org>",
        "~~gone~~ \\ \\*",
        "    four spaces\n\tand a tab",
        "first\n\nsecond",
    ],
)
def test_a_text_arrives_as_it_is_written(text: str) -> None:
    """What looks like markup in a corpus is text."""
    assert " ".join(f"A title {text}".split()) == read(home.markdown("A title", text))


@given(LINES)
def test_any_text_arrives_as_it_is_written(lines: list[str]) -> None:
    """But for what the parser takes out of any file on purpose: attributes, and emphasis and links gone astray."""
    text = "\n".join(lines).replace("{", "").replace("*", "").replace("(", "")
    assert " ".join(text.split()) == read(home.markdown("", text))


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_the_id_of_a_document_survives_its_file_name(name: str) -> None:
    """Whatever stands in it: separators, dots, other scripts."""
    file = home.file_name(name)
    assert name == home.document_of(file)
    assert not set("/\0~") & set(file)
    assert not file.startswith(".")


def test_a_share_follows_its_corpus(tmp_path: Path) -> None:
    """Documents that are gone go, those that changed are written, the others keep their times."""
    corpus, share = tmp_path / "corpus.jsonl", tmp_path / "share"

    def write(*rows: tuple[str, str]) -> None:
        corpus.write_text("".join(json.dumps({"_id": name, "text": text}) + "\n" for name, text in rows))
        home.write_corpus(corpus, share)

    write(("a", "apples"), ("b", "pears"), ("c", "plums"))
    before = (share / "a.md").stat().st_mtime_ns
    write(("a", "apples"), ("b", "quinces"))
    assert {"a.md": "apples\n", "b.md": "quinces\n"} == {file.name: file.read_text() for file in share.iterdir()}
    assert before == (share / "a.md").stat().st_mtime_ns


def test_an_id_too_long_for_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    """It could not be told from others once cut."""
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(json.dumps({"_id": "x" * 300, "text": "x"}))
    with pytest.raises(UsageError, match=r"line 1: .*too long"):
        home.write_corpus(corpus, tmp_path / "share")


def settings(root: Path, **arguments: object) -> Settings:
    return load(root / "h", arguments=arguments)


def test_a_home_belongs_to_what_decides_its_index(tmp_path: Path) -> None:
    """Chunks of another size make another home; another number of passages, or of processes, does not."""
    share = tmp_path / "documents"
    same = home.home_name(settings(tmp_path), share)
    assert same == home.home_name(settings(tmp_path, answer={"passages": 3}, ingest={"workers": 2}), share)
    others = [
        home.home_name(settings(tmp_path, ingest={"chunk_tokens": 100}), share),
        home.home_name(settings(tmp_path, embedder={"backend": "float32"}), share),
        home.home_name(settings(tmp_path), tmp_path / "others"),
    ]
    assert 4 == len({same, *others})


def test_a_private_home_has_the_settings_but_not_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment counts, as everywhere, but cannot lead its processes to the appliance's own index."""
    monkeypatch.setenv("APPLIANCE_INDEX__URL", "http://127.0.0.1:6333")
    monkeypatch.setenv("APPLIANCE_ANSWER__PASSAGES", "3")
    own = settings(tmp_path, gate={"required": True, "accuracy": 0.5}, access={"default_readers": ()})
    assert ("http://127.0.0.1:6333", 3) == (own.index.url, own.answer.passages)
    with home.held(own, tmp_path / "documents", fresh=False) as private:
        again = load(private.home, private.home / "appliance.toml")
        assert private.model_dump() == again.model_dump()
    assert own.answer == private.answer
    assert own.models == private.models
    assert ("", False, ("group:everyone",)) == (
        private.index.url,
        private.gate.required,
        private.access.default_readers,
    )
    assert own.home / "evaluations" == private.home.parent
    assert (
        own.model_dump()
        == settings(tmp_path, gate={"required": True, "accuracy": 0.5}, access={"default_readers": ()}).model_dump()
    )


def test_a_home_has_one_evaluation_at_a_time(tmp_path: Path) -> None:
    """The second one would change the index under the first."""
    own = settings(tmp_path)
    with (
        home.held(own, tmp_path, fresh=False),
        pytest.raises(HomeInUse, match="by another process"),
        home.held(own, tmp_path, fresh=False),
    ):
        pass


def test_a_fresh_home_is_empty(tmp_path: Path) -> None:
    """Without asking for that, what was in it stays."""
    own = settings(tmp_path)
    with home.held(own, tmp_path, fresh=False) as private:
        (private.home / "catalog.db").write_bytes(b"x")
    with home.held(own, tmp_path, fresh=False) as private:
        assert (private.home / "catalog.db").exists()
    with home.held(own, tmp_path, fresh=True) as private:
        assert ["appliance.toml"] == [file.name for file in private.home.iterdir()]


def test_the_measurement_of_the_embedder_is_taken_over(tmp_path: Path) -> None:
    """A busy machine would find another backend fastest, and the figures would differ."""
    own = settings(tmp_path)
    own.home.mkdir()
    (own.home / "embedder.json").write_text("{}")
    with home.held(own, tmp_path, fresh=False) as private:
        assert "{}" == (private.home / "embedder.json").read_text()
