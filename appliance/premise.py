"""What a question takes for granted, held against the quotes of its answer.

"Which countries left after 1973?" is not answered by who left before it, nor "Who is not insured?" by who is. Models
answer both. Nothing is understood here: opposites come from the language files, names and numbers are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from appliance import polarity
from appliance.language import Language
from appliance.words import Word, same_name, same_number, words


def opposed(question: str, quote: str, languages: Sequence[Language]) -> int:
    """Return how many words of the question the quote lacks and has the opposite of."""
    asked, said = (frozenset(word.key for word in words(text)) for text in (question, quote))
    return polarity.opposed(asked, said, languages)


def undenied(question: str, quote: str, languages: Sequence[Language]) -> bool:
    """Return whether the question denies something and the quote denies nothing."""
    return polarity.negated(question, languages) and not polarity.negated(quote, languages)


def strangers(question: str, texts: Sequence[str], languages: Sequence[Language]) -> int:
    """Return how many names and numbers of the question stand in none of the texts."""
    known = [word for text in texts for word in words(text)]
    # A question word has a capital because it stands first.
    asked = [word for word in words(question) if not any(word.key in each.function_words for each in languages)]
    return sum(not _stands(word, known) for word in asked if word.name or word.readings)


def _stands(word: Word, known: Sequence[Word]) -> bool:
    if word.readings:
        return any(same_number(word, other) for other in known if other.readings)
    return any(same_name(word.key, other.key) for other in known)
