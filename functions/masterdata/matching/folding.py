"""Text folded for search and comparison: without case, accents and punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_TERMS = 8
"""Words of a query that are looked for; the rest of a longer one narrows nothing."""

_NOT_WORD = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Words in lower case and without accents, one space apart: ``Café-Zürich`` is ``cafe zurich``."""
    if text.isascii():
        return _NOT_WORD.sub(" ", text.lower()).strip()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _NOT_WORD.sub(" ", plain).strip()


def search_text(parts: Iterable[str]) -> str:
    """What a record is found by. A space on both sides lets a pattern ask for a word's beginning."""
    return f" {fold(' '.join(parts))} "


def patterns(query: str) -> list[str]:
    """LIKE patterns which a record's search text must all match.

    Each term of the query is folded as records are, so neither ``%`` nor ``_`` is ever left in it. Three
    characters make a trigram and are looked for anywhere, fewer at the beginning of a word only.
    """
    terms = list(dict.fromkeys(filter(None, map(fold, query.split()))))[:MAX_TERMS]
    return [f"%{term}%" if len(term) > 2 else f"% {term}%" for term in terms]
