"""Lines of a file that arrives in chunks, each with where it ends: the place to resume from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_ROW = 262_144
"""Bytes of one row; an API request may have as many."""


@dataclass(frozen=True)
class Line:
    """A line with its terminator, None in place of one that is too long, and the offset behind it."""

    raw: bytes | None
    end: int


def lines(chunks: Iterable[bytes], start: int, terminator: bytes = b"\n") -> Iterator[Line]:
    """The lines from ``start``, the offset at which ``chunks`` begin. At most ``MAX_ROW`` bytes are held."""
    position, held, too_long = start, b"", False
    for chunk in chunks:
        *whole, rest = (held + chunk).split(terminator)
        for text in whole:
            position += len(text) + 1
            yield Line(None if too_long or len(text) > MAX_ROW else text + terminator, position)
            too_long = False
        held = rest
        if len(held) > MAX_ROW:
            position, held, too_long = position + len(held), b"", True
    if held or too_long:
        yield Line(None if too_long else held, position + len(held))


def decode(raw: bytes) -> str:
    """Text in UTF-8, or else in Windows-1252, which is Latin-1 with the characters that spreadsheets add."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
