from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.followup import PHRASES, Standalone, standalone
from appliance.types import Turn

EN = Turn("How many days of annual leave may employees carry over?", "Up to 5 days may be carried over.")
HOTEL = Turn("What is the hotel limit in London in 2026?", "At most 230 EUR a night.")
P12 = Turn("How long is the warranty of the P12-EX?", "24 months, says Halden Instruments.")
CITIES = Turn("Which cities have a higher hotel limit?", "London, Zurich and Oslo have one.")
SAYS_NOT = Turn("What does the company pay for a gym in Lisbon?", "The documents do not say.")
DE = Turn("Wie hoch ist das Hotellimit in Paris?", "215 EUR pro Nacht.")
URLAUB = Turn("Wie viele Urlaubstage können ins nächste Jahr übertragen werden?", "Höchstens 5 Tage.")
FR = Turn("Quel est le plafond pour l'hôtel à Paris ?", "215 EUR par nuit.")
CONGES = Turn("Combien de jours de congés peut-on reporter ?", "Cinq jours au plus.")
ES = Turn("¿Cuál es el límite para un hotel en París?", "215 EUR por noche.")
VACACIONES = Turn("¿Cuántos días de vacaciones se pueden acumular?", "Cinco días como máximo.")

# Turn, question, what has to be carried, what must not be.
LEANING = [
    (EN, "And for contractors?", {"annual leave", "carry"}, {"employees?"}),
    (EN, "What about contractors?", {"annual leave"}, set()),
    (EN, "Until when?", {"annual leave", "employees"}, set()),
    (EN, "Why?", {"annual leave"}, set()),
    (EN, "How long does that take?", {"annual leave"}, set()),
    (EN, "Who approves it?", {"annual leave"}, set()),
    (EN, "Does this apply to interns too?", {"annual leave"}, set()),
    (EN, "Is there a deadline for it?", {"annual leave"}, set()),
    (EN, "Only for managers?", {"annual leave"}, set()),
    (EN, "And who approves it?", {"annual leave"}, set()),
    (EN, "what happens to them after March", {"annual leave"}, set()),
    (EN, "Anything else?", {"annual leave"}, set()),
    (HOTEL, "And in Paris?", {"hotel limit", "2026"}, {"London"}),
    (HOTEL, "And in 2025?", {"hotel limit", "London"}, {"2026"}),
    (HOTEL, "Is breakfast included in that?", {"hotel limit", "London"}, set()),
    (HOTEL, "What is the limit?", {"hotel", "London"}, set()),
    (HOTEL, "How about flights within the country?", {"London"}, set()),
    (P12, "And its weight?", {"P12-EX", "warranty"}, set()),
    (P12, "And for the P13-EX?", {"warranty"}, {"P12-EX"}),
    (P12, "Who repairs it?", {"P12-EX", "Halden Instruments"}, set()),
    (CITIES, "Which of these is the highest?", {"hotel limit", "London", "Zurich"}, set()),
    (DE, "Und in Zürich?", {"Hotellimit"}, {"Paris"}),
    (DE, "Gilt das auch für Praktikanten?", {"Hotellimit", "Paris"}, set()),
    (DE, "Wer genehmigt das?", {"Hotellimit"}, set()),
    (DE, "Warum?", {"Hotellimit", "Paris"}, set()),
    (DE, "Ist das Frühstück darin enthalten?", {"Hotellimit"}, set()),
    (DE, "Wie sieht es mit Oslo aus?", {"Hotellimit"}, set()),
    (URLAUB, "Und für Teilzeitkräfte?", {"Urlaubstage"}, set()),
    (URLAUB, "Bis wann?", {"Urlaubstage"}, set()),
    (URLAUB, "Wie lange gilt diese Frist?", {"Urlaubstage"}, set()),
    (FR, "Et à Zurich ?", {"plafond", "hôtel"}, {"Paris"}),
    (FR, "Qui l'approuve ?", {"plafond", "hôtel"}, set()),
    (FR, "Pourquoi ?", {"plafond", "hôtel"}, set()),
    (FR, "Qu'en est-il des stagiaires ?", {"plafond"}, set()),
    (CONGES, "Et pour les stagiaires ?", {"congés"}, set()),
    (CONGES, "Jusqu'à quand ?", {"congés"}, set()),
    (CONGES, "Est-ce que cela vaut aussi pour les cadres ?", {"congés"}, set()),
    (ES, "¿Y en Zúrich?", {"límite", "hotel"}, {"París"}),
    (ES, "¿Quién lo aprueba?", {"límite", "hotel"}, set()),
    (ES, "¿Por qué?", {"límite", "hotel"}, set()),
    (VACACIONES, "¿Y para los becarios?", {"vacaciones"}, set()),
    (VACACIONES, "¿Hasta cuándo?", {"vacaciones"}, set()),
    (VACACIONES, "¿Qué pasa con los becarios?", {"vacaciones"}, set()),
    (VACACIONES, "¿Se aplica eso también a los becarios?", {"vacaciones"}, set()),
]
ALONE = [
    (EN, "What is the hotel limit in London?"),
    (EN, "How many employees work in Oslo?"),
    (EN, "Is it allowed to bring dogs to the office?"),
    (EN, "Are there discounts for large orders?"),
    (EN, "If an employee loses their badge, who must they call?"),
    (EN, "What happens when a laptop is lost and it contained customer data?"),
    (EN, "What is phishing?"),
    (EN, "Who is Ada Lovelace?"),
    (EN, "And how many days of parental leave does the works council recommend?"),
    (EN, "Why are receipts handed in within 14 days?"),
    (EN, "Does the P12-EX need calibration?"),
    (EN, "price list 2026"),
    (HOTEL, "What does ISO 27001 require?"),
    (HOTEL, "How long are invoices kept?"),
    (DE, "Wie viele Urlaubstage habe ich?"),
    (DE, "Wie hoch ist das Tagegeld?"),
    (DE, "Was ist das Passwort für das Gäste-WLAN?"),
    (DE, "Gibt es in der Kantine vegetarisches Essen?"),
    (DE, "Darf ich meinen Hund ins Büro mitbringen?"),
    (DE, "Wie lange werden Rechnungen aufbewahrt?"),
    (FR, "Combien de jours de congés ai-je par an ?"),
    (FR, "Quelle est la durée de conservation des factures ?"),
    (FR, "Est-ce que les chiens sont autorisés au bureau ?"),
    (FR, "Y a-t-il une cantine à Zurich ?"),
    (ES, "¿Cuántos días de vacaciones tengo al año?"),
    (ES, "¿Cuál es la política de contraseñas?"),
    (ES, "¿Se pueden llevar perros a la oficina?"),
    (ES, "¿Cuánto tiempo se guardan las facturas?"),
]


@pytest.mark.parametrize(("turn", "question", "carried", "left"), LEANING, ids=lambda part: str(part)[:40])
def test_what_a_question_leans_on_is_carried_over(turn: Turn, question: str, carried: set[str], left: set[str]) -> None:
    """A question that says too little by itself gets the topic behind it, without what it replaces."""
    found = standalone(question, [turn])
    assert found.text == f"{question} ({', '.join(found.topic)})"
    whole = ", ".join(found.topic)
    assert [word for word in carried if word not in whole] == []
    assert [word for word in left if word in whole] == []


@pytest.mark.parametrize(("turn", "question"), ALONE, ids=lambda part: str(part)[:40])
def test_a_question_that_stands_alone_is_left_as_it_is(turn: Turn, question: str) -> None:
    """Nothing is added to a question that says what it is about."""
    assert Standalone(question) == standalone(question, [turn])


@pytest.mark.parametrize("question", [question for _, question, _, _ in LEANING])
def test_the_first_question_of_a_conversation_is_left_as_it_is(question: str) -> None:
    """Where nothing was said before, there is nothing to lean on."""
    assert Standalone(question) == standalone(question, [])


def test_a_topic_is_carried_through_several_turns() -> None:
    """What a question leaned on, the next one leans on as well."""
    turns = [EN, Turn("And for contractors?", "They have none."), Turn("Since when?", "Since 2024.")]
    found = standalone("Who decided that?", turns)
    assert [word for word in ("contractors", "annual leave") if word not in found.topic] == []


def test_a_new_topic_takes_the_place_of_the_old_one() -> None:
    """A question that stands alone ends what was carried before it."""
    found = standalone("And in Paris?", [EN, HOTEL])
    assert ("hotel limit" in found.topic, "annual leave" in found.topic) == (True, False)


def test_a_refusal_carries_nothing_from_its_answer() -> None:
    """The words of a refusal are about no topic; those of its question are."""
    found = standalone("And in Porto?", [SAYS_NOT])
    assert ("gym" in found.topic, "documents" in " ".join(found.topic)) == (True, False)


def test_a_topic_is_short() -> None:
    """However long the conversation, a question gets a handful of phrases."""
    long = Turn("Which " + " of ".join(f"word{i}x" for i in range(200)), "Yes. " + "and Name " * 500)
    assert len(standalone("Why?", [long] * 50).topic) <= PHRASES


@given(st.text(max_size=200), st.lists(st.builds(Turn, st.text(max_size=200), st.text(max_size=200)), max_size=4))
def test_any_text_is_taken(question: str, turns: list[Turn]) -> None:
    """Whatever is asked, the question stands at the beginning, word for word, and the same comes out again."""
    found = standalone(question, turns)
    assert found.text.startswith(question)
    assert found == standalone(question, turns)
