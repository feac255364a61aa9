"""What the decision to refuse rests on, gathered when the first supported sentence of an answer stands."""

from __future__ import annotations

from appliance.course import Course
from appliance.grounding import Evidence, Grounded
from appliance.language import load_languages
from appliance.premise import opposed, strangers, undenied
from appliance.refusal import Signals
from appliance.types import Citation


def signals(course: Course, grounded: Grounded, evidence: Evidence) -> Signals:
    """Return the signals for a course that has come to its first supported sentence, `grounded`."""
    logprobs = course.logprobs or [0.0]
    cosines = list(course.near.values()) or [0.0]
    languages = load_languages()
    quotes = " ".join(citation.quote for citation in grounded.citations)
    return Signals(
        avoided=max(course.avoided, -20.0),
        mean_logprob=sum(logprobs) / len(logprobs),
        least_logprob=max(min(logprobs), -10.0),
        passage=max((passage.cosine for passage in course.passages), default=0.0),
        sentence=max(cosines),
        quote=max((_cosine(citation, course) for citation in grounded.citations), default=0.0),
        coverage=evidence.coverage(course.meant),
        quoted=evidence.share(course.meant, grounded),
        support=grounded.score,
        echoed=grounded.echoed,
        withheld=float(min(3, course.withheld)),
        opposed=min(2.0, float(opposed(course.meant, quotes, languages))),
        undenied=float(undenied(course.meant, quotes, languages)),
        strangers=min(3.0, float(strangers(course.meant, _around(grounded), languages))),
    )


def _around(grounded: Grounded) -> list[str]:
    """Return the passages quoted, each with its path and headings."""
    chunks = {citation.passage.chunk.id: citation.passage.chunk for citation in grounded.citations}
    return [" \n".join((chunk.document.path, *chunk.headings, chunk.text)) for chunk in chunks.values()]


def _cosine(citation: Citation, course: Course) -> float:
    """Return the cosine of a quote to the question: that of the sentence in it that was compared, or the least."""
    quote = " ".join(citation.quote.split())
    least = min(course.near.values(), default=0.0)
    return max((cosine for text, cosine in course.near.items() if text in quote or quote in text), default=least)
