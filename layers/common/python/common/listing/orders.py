"""Orders: ``name,-credit_limit`` is by name, then by falling credit limit."""

from __future__ import annotations

from collections.abc import Collection

from common.listing.errors import LanguageError

MAX_FIELDS = 3


def parse(source: str, sortable: Collection[str]) -> list[tuple[str, bool]]:
    """Fields with whether they descend; a name twice or none that can be sorted by is a fault."""
    found: list[tuple[str, bool]] = []
    for part in source.split(","):
        name = part.strip()
        descends = name.startswith("-")
        name = name[descends:]
        if name not in sortable:
            raise LanguageError(f"Sort by {', '.join(sorted(sortable))}; not by {name[:40]!r}.")
        if any(name == earlier for earlier, _ in found):
            raise LanguageError(f"The order names {name} twice.")
        found.append((name, descends))
    if len(found) > MAX_FIELDS:
        raise LanguageError(f"An order has at most {MAX_FIELDS} fields.")
    return found
