"""Sparse vectors for BM25, the same for every index and every language.

The index multiplies them by the inverse document frequency when it searches (`Modifier.Idf`), so a vector depends on
its own text only. Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009),
as Qdrant implements it, k = 1.2 and b = 0.75.

Nothing here knows a language. There are no stop words, since the inverse document frequency already keeps frequent
words from mattering, and no stemmer: words are cut after six letters instead (McNamee and Mayfield, "Character N-Gram
Tokenization for European Language Text Retrieval", 2004, who also call this truncation). On the shared SciFact queries
BM25 alone reaches nDCG@10 0.667 with whole words, 0.687 with six letters and 0.701 with the English stemmer.
A change to what comes out here needs another `SPARSE` in identity.py.
The engine's multilingual tokenizer was left aside, because it drops numbers: nothing remains of "INV-2024-0042" but
"inv". Its word tokenizer keeps them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from qdrant_edge import Bm25, Bm25Config, DisabledStemmer, StopwordsSet, TokenizerType

from appliance.types import Chunk

# Words of a chunk of the default size (200 tokens). BM25 needs one average that stays the same while the index grows.
AVERAGE_WORDS = 150

# Candidates for cutting: as the tokenizer, this takes an underscore for the end of a word.
LONG_WORD = re.compile(r"[^\W_]{7,}")

# Marks on Latin, Greek and Cyrillic letters; those of other scripts are letters in their own right.
ACCENT = re.compile("[\u0300-\u036f]")

# Chinese characters and Japanese kana, which stand without spaces: each becomes a word of its own.
UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Weights of terms: `values[i]` belongs to the term with the hash `indices[i]`. Both are empty without words."""

    indices: list[int]
    values: list[float]


class SparseEncoder:
    """Turns texts into sparse vectors. Safe to call from several threads."""

    def __init__(self) -> None:
        self._model = Bm25(
            Bm25Config(
                avg_len=AVERAGE_WORDS,
                tokenizer=TokenizerType.Word,
                lowercase=True,
                ascii_folding=True,
                stopwords=StopwordsSet(),
                stemmer=DisabledStemmer(),
            )
        )

    def chunk(self, chunk: Chunk) -> SparseVector:
        """Return the vector of a chunk: its text and the headings above it.

        The path is left out: a renamed document keeps its vectors (`Index.update`).
        """
        vector = self._model.embed_document(terms("\n".join((*chunk.headings, chunk.text))))
        return SparseVector(list(vector.indices), list(vector.values))

    def question(self, text: str) -> SparseVector:
        """Return the vector of a question: weight 1 for every different word."""
        vector = self._model.embed_query(terms(text))
        return SparseVector(list(vector.indices), list(vector.values))


def terms(text: str) -> str:
    """Return the text as it is given to the tokenizer: without case and accents, long words cut.

    People leave accents out when they type a question. Lone surrogates, for which UTF-8 has no place, become "?".
    """
    encodable = text.encode("utf-8", "replace").decode("utf-8")
    folded = ACCENT.sub("", unicodedata.normalize("NFKD", encodable.casefold()))
    return LONG_WORD.sub(_cut, UNSPACED.sub(r" \1 ", unicodedata.normalize("NFC", folded)))


def _cut(word: re.Match[str]) -> str:
    # A number, or an identifier with a digit in it, is never cut.
    return word[0][:6] if word[0].isalpha() else word[0]
