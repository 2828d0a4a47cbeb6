"""Media types: what a caller sends, and which of ours it would rather read (RFC 9110, 12.5.1)."""

from __future__ import annotations

from typing import NamedTuple

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
HTML = "text/html"


class Range(NamedTuple):
    """One range of an ``Accept`` header with its weight."""

    type: str
    weight: float
    charset: str


def ranges(accept: str) -> list[Range]:
    """The ranges of an ``Accept`` header; what is malformed in it is passed over."""
    found = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if "/" not in name:
            continue
        weight, charset = 1.0, ""
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weight = _weight(value)
            elif key.strip() == "charset":
                charset = value.strip().strip('"')
        found.append(Range(name, weight, charset))
    return found


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    """The type of ``offered`` that the header likes best, an earlier one if equal; None if it takes none.

    Everything here is UTF-8: a range that asks for another character set takes none of it.
    """
    if not accept.strip():
        return offered[0]
    asked = [each for each in ranges(accept) if each.charset in ("", "utf-8", "utf8")]
    weights = [(_quality(name, asked), -place) for place, name in enumerate(offered)]
    best, place = max(weights)
    return offered[-place] if best > 0 else None


def _quality(name: str, asked: list[Range]) -> float:
    """The weight of the most specific range that the type falls in."""
    for pattern in (name, name.split("/", 1)[0] + "/*", "*/*"):
        weights = [each.weight for each in asked if each.type == pattern]
        if weights:
            return max(weights)
    return 0.0


def charset(content_type: str) -> str:
    """The character set that a ``Content-Type`` names; UTF-8 where it names none."""
    for parameter in content_type.split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return "utf-8"
