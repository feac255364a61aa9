from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.types import Box, Place, Section
from ingest.chunk import Chunker, Cut, Draft, embedding_text, title_of, token_counter

BUDGET = 40
words = st.text("abcdefgh", min_size=1, max_size=9)
texts = st.lists(st.tuples(words, st.sampled_from([" ", " ", " ", ". ", "\n", "\n\n", " | "])), min_size=1, max_size=60)
sections = st.lists(
    st.one_of(
        st.builds(
            lambda pairs, page, kind: (("".join(w + s for w, s in pairs)).strip(), page, kind, 0),
            texts,
            st.integers(1, 3),
            st.sampled_from(["paragraph", "list_item", "table", "code"]),
        ),
        st.builds(
            lambda title, page, level: (" ".join(title), page, "heading", level),
            st.lists(words, min_size=1, max_size=3),
            st.integers(1, 3),
            st.integers(1, 3),
        ),
    ),
    max_size=15,
).map(lambda rows: [Section(t, p, k, None, n) for t, p, k, n in sorted(rows, key=lambda row: row[1])])


def by_words(texts: Sequence[str]) -> list[int]:
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def uneven(texts: Sequence[str]) -> list[int]:
    """Count as subword tokenizers may: the whole takes more tokens than its parts."""
    return [count + len(text) // 60 for count, text in zip(by_words(texts), texts, strict=True)]


@pytest.mark.parametrize("count", [by_words, uneven])
@given(given=sections)
def test_no_chunk_is_over_the_budget(count: object, given: list[Section]) -> None:
    """Headings and text of a chunk together never take more tokens than the budget."""
    for draft in Chunker(count, BUDGET).chunk(given, "some/file.md").drafts:  # type: ignore[arg-type]
        assert count([embedding_text(draft.headings, draft.text)])[0] <= BUDGET  # type: ignore[operator]


@given(sections)
def test_no_word_is_lost_or_moved(given: list[Section]) -> None:
    """The words of all sections that are no headings are in the chunks' texts, in order."""
    drafts = Chunker(by_words, BUDGET).chunk(given, "some/file.md").drafts
    left = iter(re.findall(r"\w+", " ".join(draft.text for draft in drafts)))
    wanted = [word for s in given if s.kind != "heading" for word in re.findall(r"\w+", s.text)]
    assert [word for word in wanted if word not in left] == []


@given(sections)
def test_every_heading_is_somewhere(given: list[Section]) -> None:
    """A heading stands above a chunk or in its text, also when nothing stands below it."""
    drafts = Chunker(by_words, BUDGET * 2).chunk(given, "some/file.md").drafts
    everything = "\n".join("\n".join((*draft.headings, draft.text)) for draft in drafts).split("\n")
    assert [s.text for s in given if s.kind == "heading" and s.text not in everything] == []


@given(sections)
def test_a_chunk_is_of_one_page(given: list[Section]) -> None:
    """Every word of a chunk stands on the page that the chunk names."""
    pages = {
        s.page: " ".join(s.text for s in given if s.page == s_page)
        for s_page in (1, 2, 3)
        for s in given
        if s.page == s_page
    }
    titles = {s.text for s in given if s.kind == "heading"}
    for draft in Chunker(by_words, BUDGET).chunk(given, "some/file.md").drafts:
        for line in draft.text.split("\n"):
            if line not in titles:
                assert set(re.findall(r"\w+", line)) <= set(re.findall(r"\w+", pages[draft.page]))


@pytest.mark.parametrize("count", [by_words, uneven])
@given(given=sections)
def test_a_place_holds_words_of_the_section_that_has_its_box(count: object, given: list[Section]) -> None:
    """Each place's text stands verbatim in the section with its box; places follow one another within the text, and
    every section that is no heading has its words in them, in order.
    """
    placed = [replace(s, box=Box(float(i), 0.0, 1.0, 1.0)) for i, s in enumerate(given)]
    found: dict[int, str] = {}
    for draft in Chunker(count, BUDGET).chunk(placed, "some/file.md").drafts:  # type: ignore[arg-type]
        ends = [0, *(place.end for place in draft.places)]
        assert all(end <= place.start < place.end for end, place in zip(ends, draft.places, strict=False))
        assert ends[-1] <= len(draft.text)
        for place in draft.places:
            text, number = draft.text[place.start : place.end], int(place.box.left)
            assert text in placed[number].text
            found[number] = found.get(number, "") + re.sub(r"\W+", "", text)
    wanted = {i: re.sub(r"\W+", "", s.text) for i, s in enumerate(given) if s.kind != "heading"}
    assert wanted == {i: text for i, text in found.items() if given[i].kind != "heading"}


def whole(*given: Section) -> Cut:
    return Chunker(by_words, BUDGET).chunk(given, "some/travel-policy_2026.md")


def cut(*given: Section) -> list[Draft]:
    return list(whole(*given).drafts)


def paragraph(text: str, page: int | None = None) -> Section:
    return Section(text, page, "paragraph")


def heading(text: str, level: int) -> Section:
    return Section(text, None, "heading", level=level)


def test_the_path_of_titles_stands_above_each_chunk() -> None:
    """The document's title comes first, then the headings that are open where the chunk stands."""
    long = "word " * 30
    drafts = cut(
        heading("Travel", 1),
        heading("Hotels", 2),
        paragraph(long),
        heading("Cities", 3),
        paragraph(long),
        heading("Meals", 2),
        paragraph(long),
    )
    assert [draft.headings for draft in drafts] == [
        ("Travel", "Hotels"),
        ("Travel", "Hotels", "Cities"),
        ("Travel", "Meals"),
    ]


def test_a_document_without_a_title_is_called_by_its_name() -> None:
    """Where no heading of the highest level comes first, the words of the file's name are the title, in no chunk."""
    unnamed, part = whole(paragraph("No title here.")), whole(heading("Part", 2), paragraph("x"))
    assert ("travel policy 2026", ()) == (unnamed.title, unnamed.drafts[0].headings)
    assert ("travel policy 2026", ("Part",)) == (part.title, part.drafts[0].headings)
    assert "" == whole(heading("Travel", 1), paragraph("x")).title


def test_a_chunk_knows_where_on_the_page_its_text_stands() -> None:
    """Each paragraph has its place; what was put between them, and headings that became text, have none."""
    first, second = Box(1.0, 2.0, 3.0, 4.0), Box(1.0, 5.0, 3.0, 6.0)
    given = [Section("One.", 1, "paragraph", first), Section("Part", 1, "heading", level=2)]
    (draft,) = cut(*given, Section("Two.", 1, "paragraph", second), Section("More.", 1, "paragraph", second))
    assert "One.\nPart\nTwo.\nMore." == draft.text
    assert (Place(0, 4, first), Place(10, 14, second), Place(15, 20, second)) == draft.places


def test_a_paragraph_that_was_divided_and_put_together_again_is_one_place() -> None:
    """Between words of one section there is a new place only where the chunk has other signs than the section."""
    box = Box(1.0, 2.0, 3.0, 4.0)
    parts = cut(Section("word " * 60, 1, "paragraph", box), Section("tab\t" * 60, 2, "paragraph", box))
    assert [1, 1, 30, 30] == [len(draft.places) for draft in parts]
    assert all((0, len(d.text)) == (d.places[0].start, d.places[-1].end) for d in parts)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("a/travel-policy_2026.md", "travel policy 2026"),
        ("teams/source/index.md", "source"),
        ("README", "README"),
        ("x/\udcff odd\nname.txt", "? odd name"),
    ],
)
def test_names_become_titles(path: str, title: str) -> None:
    """Signs that stand for spaces become spaces; a name that says nothing gives way to its folder's."""
    assert title_of(path) == title


def test_small_neighbours_join_with_their_headings_in_the_text() -> None:
    """Short sections under one title become one chunk that still shows where each begins."""
    drafts = cut(
        heading("Travel", 1),
        heading("Hotels", 2),
        paragraph("At most 140 EUR."),
        heading("Meals", 2),
        paragraph("At most 45 EUR."),
        heading("Cities", 3),
        paragraph("London 60."),
    )
    assert drafts == [Draft("Hotels\nAt most 140 EUR.\nMeals\nAt most 45 EUR.\nCities\nLondon 60.", None, ("Travel",))]


def test_long_paragraphs_are_cut_between_sentences() -> None:
    """A paragraph over the budget is divided where sentences end, into pieces of about the same size."""
    sentence = "Each one of these sentences has nine words altogether."
    drafts = cut(paragraph(" ".join([sentence] * 8)))
    assert {draft.text.replace(sentence, "").strip() for draft in drafts} == {""}
    sizes = [len(draft.text) for draft in drafts]
    assert max(sizes) - min(sizes) <= len(sentence) + 1


def test_rows_of_a_table_stay_whole() -> None:
    """A table is divided between rows, never inside one that fits."""
    rows = [f"Article: A{i} | Price: {i} EUR" for i in range(20)]
    drafts = cut(Section("\n".join(rows), None, "table"))
    assert [line for draft in drafts for line in draft.text.split("\n")] == rows


def test_a_word_without_end_is_divided() -> None:
    """A megabyte without a space does not become one chunk, even where the vocabulary calls it one unknown token."""
    drafts = cut(paragraph("x" * 5000))
    assert "".join(draft.text for draft in drafts) == "x" * 5000
    assert max(len(draft.text) for draft in drafts) <= 10 * BUDGET


def test_deep_headings_are_left_out_from_the_outside_in() -> None:
    """When the path takes too much of the budget, the innermost headings stay."""
    path = [heading(f"level {i} of a deep document", i) for i in range(1, 6)]
    (draft,) = cut(*path, paragraph("text"))
    assert draft.headings[-1] == "level 5 of a deep document"
    assert len(draft.headings) < 5


def test_text_that_utf8_cannot_say_is_replaced() -> None:
    """Control characters go, and halves of surrogate pairs become question marks, so every store takes it."""
    (draft,) = cut(paragraph("a\x00b \ud800 c"))
    assert draft.text == "ab ? c"


def test_the_counter_takes_whole_texts(tokenizer: Path) -> None:
    """A tokenizer's own truncation and padding do not reach the counts, nor do its special tokens."""
    assert token_counter(tokenizer)(["one", "two words", "word " * 50]) == [1, 2, 50]


def test_nothing_makes_no_chunks() -> None:
    """A document without text has no chunks; one with a title alone has it as text."""
    assert cut() == []
    assert cut(paragraph(" \n ")) == []
    assert [draft.text for draft in cut(heading("Only a title", 1))] == ["Only a title"]
