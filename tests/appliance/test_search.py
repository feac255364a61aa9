"""Search on its own: in the log before its result, and only for questions that are questions."""

import pytest

from appliance.errors import LogError, QuestionError
from appliance.retrieval import Retrieval
from appliance.search import Searcher, cleaned
from appliance.types import EVERYONE, Chunk, Document, chunk_id
from tests.fakes import HashEmbedder, MemoryIndex, MemoryLog

TEXTS = ("paid time off is 30 days", "paid time off needs approval", "the desk weighs 41 kg")
READER = frozenset({EVERYONE})


def searcher(log: MemoryLog) -> Searcher:
    index, embedder = MemoryIndex(), HashEmbedder()
    document = Document("d" * 32, "a.md", "a" * 64, "text/markdown", READER)
    chunks = [Chunk(chunk_id(document, i), document, i, text, None) for i, text in enumerate(TEXTS)]
    index.replace(document, chunks, embedder.embed(TEXTS))
    return Searcher(Retrieval(embedder, index, lambda found: found), log, lambda record, text: record[-8:], 200)


def test_a_search_is_in_the_log_before_its_result() -> None:
    """Looking for passages is recorded like asking."""
    log = MemoryLog()
    found = searcher(log).search("paid time off", READER, "ada", 2)
    assert (2, 0) == (len(found.passages), found.log_index)
    assert ["search"] == [entry.kind for entry in log.entries()]


def test_without_its_entry_a_search_shows_nothing() -> None:
    """A log that cannot be written stops the search."""
    with pytest.raises(LogError):
        searcher(MemoryLog(refused={"search"})).search("paid time off", READER, "ada", 2)


@pytest.mark.parametrize("question", ["", " \n\t", "\x00\x07", "x" * 201])
def test_what_is_no_question_is_refused(question: str) -> None:
    """Empty, invisible and oversized questions have no answer."""
    with pytest.raises(QuestionError):
        cleaned(question, 200)


def test_a_question_is_cleaned_of_what_cannot_be_shown() -> None:
    """Control characters become spaces, half a surrogate pair a replacement, a whole pair the character it is."""
    assert "a b\ufffd\U0001f600" == cleaned("a\x00b\ud83d\ud83d\ude00 ", 200)
