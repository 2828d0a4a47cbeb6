"""Values and sets of values as people read them: literals and unary tests in the notation of S-FEEL."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from rules.engine.sets import PRESENT, Cut, ValueSet
from rules.engine.values import written


def literal(value: Any) -> str:
    """A value that the engine has read, as a literal."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case datetime():
            return f'date and time("{written(value)}")'
        case date():
            return f'date("{written(value)}")'
        case timedelta():
            return f'duration("{written(value)}")'
        case int() | float() | Decimal():
            return number_text(value)
        case list() | tuple():
            return "[" + ", ".join(literal(element) for element in value) + "]"
    raise TypeError(f"{type(value).__name__} has no literal")


def number_text(value: float | Decimal) -> str:
    """A number without an exponent and without trailing zeros."""
    text = format(Decimal(repr(value)) if isinstance(value, float) else Decimal(value), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def quoted(text: str) -> str:
    """A string literal."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(c, c if c.isprintable() else f"\\U{ord(c):06X}") for c in text) + '"'


def unary_tests(found: ValueSet) -> str:
    """The unary tests that just the values of a set pass; ``-`` for every value and none."""
    if found.is_everything:
        return "-"
    if found == PRESENT:
        return "not(null)"
    excluded = None if found.absent else found.complement().points()
    if excluded:
        return "not(" + ", ".join(literal(value) for value in excluded) + ")"
    tests = ["null"] if found.absent else []
    return ", ".join(tests + [_segment(low, high) for low, high in found.segments()])


def _segment(low: Cut | None, high: Cut | None) -> str:
    if low is None and high is None:
        return "not(null)"
    if high is None:
        return f"{'>' if low and low[1] else '>='} {literal(low and low[0])}"
    if low is None:
        return f"{'<=' if high[1] else '<'} {literal(high[0])}"
    if low[0] == high[0]:
        return literal(low[0])
    return f"{'(' if low[1] else '['}{literal(low[0])}..{literal(high[0])}{']' if high[1] else ')'}"
