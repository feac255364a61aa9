"""Which words of the documents support a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.figures import numbers_missing
from appliance.grounding import Evidence, Grounded
from appliance.types import Box, Chunk, Document, Passage, Place, chunk_id, document_id
from appliance.words import same_number, words

LEAVE = """Paid time off

Our policy is flexible. As a rule of thumb, we encourage teammates to take a **minimum of 30 days** of paid time off
in a calendar year. Time off that exceeds 10 business days needs approval by the department head.

- Vacation: we want you to take time off for fun.
- Jury duty: tell your manager, e.g. in chat, at least 5 days before."""
PRICES = """| Item | Price | Weight |
| Desk, oak | $1,250.00 | 41 kg |
| Chair | $399.50 | 9 kg |"""


def passage(text: str, path: str = "people/time-off.md", headings: tuple[str, ...] = ()) -> Passage:
    document = Document(document_id("share", path), path, "0" * 64, "text/plain", frozenset({"group:everyone"}))
    return Passage(Chunk(chunk_id(document, 0), document, 0, text, 3, headings), 1.0)


PASSAGES = (passage(LEAVE), passage(PRICES, "sales/prices.xlsx", ("Furniture 2026",)))


def ground(sentence: str, question: str = "", passages: tuple[Passage, ...] = PASSAGES) -> Grounded:
    return Evidence(passages, question).ground(sentence)


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("Teammates are encouraged to take a minimum of 30 days of paid time off.", "30 days"),
        ("30 days.", "30 days"),
        ("Approval by the department head is needed for more than 10 business days.", "10 business days"),
        ("The oak desk costs $1250.", "| Desk, oak | $1,250.00 | 41 kg |"),
        ("A chair weighs 9 kg.", "| Chair | $399.50 | 9 kg |"),
        ("- Jury duty: tell your manager at least 5 days before.", "5 days before"),
    ],
)
def test_what_the_documents_say_is_supported(sentence: str, quote: str) -> None:
    """A sentence in the documents' words is supported, and the first quote holds what it rests on."""
    grounded = ground(sentence)
    assert grounded.supported
    assert quote in grounded.citations[0].quote
    assert grounded.citations[0].page == 3


@pytest.mark.parametrize(
    "sentence",
    [
        "Teammates are encouraged to take a minimum of 25 days of paid time off.",
        "Teammates are encouraged to take a minimum of 30 weeks of paid time off.",
        "The oak desk costs $125.",
        "The oak desk costs €1,250.",
        "The chair costs $1,250.",
        "Approval by Margaret Holloway is needed for more than 10 business days.",
        "Employees receive a company car after their probation.",
        "Yes.",
        "Here is what you need to know:",
        "***",
        "",
    ],
)
def test_what_the_documents_do_not_say_is_not_supported(sentence: str) -> None:
    """Another number, measure, name or fact is withheld, however much else of the sentence is there."""
    assert not ground(sentence).supported
    assert () == ground(sentence).citations


def test_an_echo_of_the_question_supports_nothing() -> None:
    """A sentence that only repeats the question, with one word the documents do not have, is not supported."""
    text = (
        "Originating in 1999, it took part in the insurgency after the March 2003 invasion of Iraq by Western forces."
    )
    question = "When did Eastern forces invade Iraq?"
    assert not ground("Eastern forces invaded Iraq in March 2003.", question, (passage(text),)).supported


def test_what_the_question_is_about_must_be_there() -> None:
    """A fact about something else does not become the answer by being given the question's subject."""
    text = "When driving a personal vehicle to an event, claim $0.62 per mile for 2022."
    question = "What is the budget for a company car?"
    assert not ground("The budget for a company car is $0.62 per mile for 2022.", question, (passage(text),)).supported


def test_the_heading_says_what_a_text_is_about() -> None:
    """A name that stands only in the path or the headings above a text counts as said there."""
    text = "The notice period is 4 weeks to the end of a month."
    assert ground("The notice period at Globex is 4 weeks.", passages=(passage(text, headings=("Globex",)),)).supported
    assert not ground("The notice period at Globex is 4 weeks.", passages=(passage(text),)).supported


def test_a_sentence_of_two_facts_cites_both() -> None:
    """Facts from two passages are cited one by one, each with its own quote."""
    grounded = ground("A minimum of 30 days of paid time off is encouraged, and the chair costs $399.50.")
    assert grounded.supported
    assert ["people/time-off.md", "sales/prices.xlsx"] == sorted(
        citation.passage.chunk.document.path for citation in grounded.citations
    )


def test_other_languages_are_supported_alike() -> None:
    """Nothing is known of a language: German inflection and text without spaces work by the same rules."""
    german = passage("Die Probezeit beträgt sechs Monate. Der Urlaub muss 14 Tage vorher beantragt werden.")
    assert ground("Urlaub muss man 14 Tage vorher beantragen.", passages=(german,)).supported
    japanese = passage("有給休暇は年間20日です。申請は上司に行います。")
    assert ground("有給休暇は20日です。", passages=(japanese,)).supported
    assert not ground("有給休暇は25日です。", passages=(japanese,)).supported


def test_the_sentences_with_words_of_a_question_are_found() -> None:
    """Those with the most of its rare words come first, with their share, and none twice."""
    evidence = Evidence((*PASSAGES, *PASSAGES), "")
    assert ["| Chair | $399.50 | 9 kg |"] == list(evidence.closest("What does a chair weigh in kg?", 1))
    asked = evidence.closest("Who gives approval for more than 10 business days?", 3)
    assert "exceeds 10 business days" in next(iter(asked))
    assert sorted(asked.values(), reverse=True) == list(asked.values())
    assert all(0 < share <= 1 for share in asked.values())
    assert {} == evidence.closest("xyzzy", 2)


PIECES = st.sampled_from(
    [
        "30",
        "days",
        "1,250",
        "10%",
        "the",
        "Desk",
        "time",
        "off",
        "paid",
        "$5",
        "Ada",
        "weeks",
        "2026-05-01",
        "is",
        "not",
    ]
)
TEXTS = st.lists(st.tuples(PIECES, st.sampled_from([" ", ". ", "\n", ", ", "\n| "])), min_size=1, max_size=60).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS, TEXTS)
def test_quotes_are_verbatim_and_hold_every_number(texts: list[str], sentence: str, question: str) -> None:
    """Whatever the texts: a quote is a stretch of its passage, and each number of a supported sentence is in one."""
    grounded = ground(sentence, question, tuple(passage(text) for text in texts))
    assert all(citation.quote in citation.passage.chunk.text for citation in grounded.citations)
    assert all(citation.sentence in sentence for citation in grounded.citations)
    assert grounded.supported == bool(grounded.citations)
    quoted = [word for citation in grounded.citations for word in words(citation.quote) if word.readings]
    for word in words(grounded.sentence):
        if grounded.supported and word.readings:
            assert any(same_number(word, number) for number in quoted)


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=50))
def test_no_text_breaks_it(text: str, sentence: str, question: str) -> None:
    """Any characters can be judged; what is quoted stands in the text."""
    grounded = ground(sentence, question, (passage(text),))
    assert all(citation.quote in text for citation in grounded.citations)


@pytest.mark.parametrize(
    ("text", "sentence", "why"),
    [
        ("Contractors may work remotely.", "Contractors may not work remotely.", "negation"),
        ("Contractors may not work remotely.", "Contractors may work remotely.", "negation"),
        ("Trips can be booked without approval.", "Trips can be booked with approval.", "negation"),
        ("The trial lasts three weeks.", "The trial lasts 3 weeks.", "number"),
        ("The trial lasts three weeks.", "The trial lasts three days.", "number"),
        ("Each mailbox has 5 GB of storage.", "Each mailbox has 5 MB of storage.", "number"),
        ("The limit is EUR 50 a day.", "The limit is $50 a day.", "number"),
        ("The form is due on 2026-05-03.", "The form is due on 3 May 2026.", ""),
        ("The form is due on 3 May 2026.", "The form is due on 4 May 2026.", "number"),
        ("The form is due on 3 May.", "The form is due on 3 May 2026.", "number"),
        ("The P12-EX weighs 4 kg.", "The P12 weighs 4 kg.", "name"),
        ("The P12 weighs 4 kg.", "The P12-EX weighs 4 kg.", "number"),
        ("The pump was certified by Globex.", "The pump was certified by Initech.", "name"),
        ("Delivery takes 10 to 15 days.", "Delivery takes 10-15 days.", ""),
        ("Die Frist beträgt drei Wochen.", "Die Frist beträgt 3 Wochen.", "number"),
        ("Die Freigabe erfolgt durch die Leitung.", "Die Freigabe erfolgt durch Margarete Holloway.", "name"),
        ("Die Genehmigung erteilt die Leitung.", "Die Leitung erteilt die Genehmigung.", ""),
        ("Le délai est de deux mois.", "Oui, le délai est de 2 mois.", "number"),
        ("Los perros no están permitidos.", "Sí, los perros están permitidos.", "negation"),
        (
            "Emissions of greenhouse gases from the northern plant increased in 2020.",
            "Emissions of greenhouse gases from the northern plant decreased in 2020.",
            "negation",
        ),
        ("It opened after the war.", "It opened before the war.", "negation"),
        ("It opened before the war and closed after it.", "It closed after the war.", ""),
        (
            "Der Eigenanteil der Mitarbeiter für ein Jobrad steigt ab dem nächsten Mai.",
            "Der Eigenanteil der Mitarbeiter für ein Jobrad sinkt ab dem nächsten Mai.",
            "negation",
        ),
        ("Dogs are allowed in the office.", "Yes, dogs are allowed in the office.", ""),
        ("Dogs are allowed in the office.", "Yes.", "words"),
    ],
)
def test_what_disagrees_is_named(text: str, sentence: str, why: str) -> None:
    """Numbers, units, dates, names, codes and negations must agree, and the reason says which did not."""
    grounded = ground(sentence, passages=(passage(text),))
    # A code with digits is a number and a name; either says the same.
    assert (why == "") == grounded.supported
    assert grounded.why == why or {grounded.why, why} == {"name", "number"}


def test_a_number_of_the_headings_is_no_quote() -> None:
    """What stands only above the text cannot be shown in a quote, so a sentence that says it is not supported."""
    text = passage("The limit for hotels is 165 EUR a night.", headings=("Travel 2026",))
    assert ground("The limit for hotels is 165 EUR a night.", passages=(text,)).supported
    assert "number" == ground("The limit for hotels in 2026 is 165 EUR a night.", passages=(text,)).why


def test_a_name_from_an_unrelated_passage_completes_nothing() -> None:
    """A sentence is not supported by a quote that has all but its name, and another that has only the name."""
    texts = (
        passage("Trips above the limit are approved by the head of sales."),
        passage("Holloway likes tea.", "b.md"),
    )
    assert "name" == ground("Trips above the limit are approved by Holloway, the head of sales.", passages=texts).why


def test_quotes_are_the_sentences_that_carry_the_claim() -> None:
    """Neighbours that add nothing are not quoted; two sentences that are needed are."""
    text = passage("Leave is 30 days. Ask early. Jury duty is paid. The notice period is four weeks.")
    (one,) = ground("The notice period is four weeks.", passages=(text,)).citations
    assert "The notice period is four weeks." == one.quote
    both = ground("Leave is 30 days and the notice period is four weeks.", passages=(text,)).citations
    assert {"Leave is 30 days.", "The notice period is four weeks."} == {citation.quote for citation in both}


def test_a_quote_has_its_place_on_the_page() -> None:
    """The boxes of a citation are those of the characters it quotes."""
    text = "Leave is 30 days. The notice period is four weeks."
    first, second = Box(0, 0, 9, 9), Box(0, 10, 9, 19)
    chunk = replace(passage(text).chunk, places=(Place(0, 17, first), Place(18, len(text), second)))
    (citation,) = ground("The notice period is four weeks.", passages=(Passage(chunk, 1.0),)).citations
    assert (18, (second,)) == (citation.start, citation.boxes)


def test_coverage_is_that_of_the_best_passage() -> None:
    """Words spread over passages do not add up; headings count with their passage."""
    evidence = Evidence(PASSAGES, "")
    assert 1.0 == pytest.approx(evidence.coverage("vacation approval"))
    assert 0.0 < evidence.coverage("vacation chair") < 1.0
    assert 0.0 == evidence.coverage("xyzzy")


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS)
def test_no_supported_sentence_has_a_number_its_quotes_lack(texts: list[str], sentence: str) -> None:
    """The simple judge, which knows nothing of grounding, finds no number missing; each quote stands at its start."""
    grounded = ground(sentence, passages=tuple(passage(text) for text in texts))
    quotes = [citation.quote for citation in grounded.citations]
    assert not grounded.supported or [] == numbers_missing(grounded.sentence, quotes)
    for citation in grounded.citations:
        text = citation.passage.chunk.text
        assert citation.quote == text[citation.start : citation.start + len(citation.quote)]


@pytest.mark.parametrize(
    "opening",
    [
        "According to the documents, ",
        "The documents state that ",
        "Yes, according to the documents, ",
        "Laut den Dokumenten ",
    ],
)
def test_what_names_the_source_claims_nothing(opening: str) -> None:
    """A sentence is judged by what follows the words that only say that it is from the documents."""
    text = "Up to 5 days may be carried over into the next year."
    sentence = f"{opening}up to 5 days may be carried over into the next year."
    assert ground(sentence, "How many days may be carried over?", (passage(text),)).supported
    wrong = f"{opening}up to 6 days may be carried over into the next year."
    assert not ground(wrong, "How many days may be carried over?", (passage(text),)).supported
