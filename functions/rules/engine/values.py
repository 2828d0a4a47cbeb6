"""Values of each kind: how a literal and a fact are read, and how numbers compare.

A float stands for its shortest decimal, so the fact ``0.1``, the literal ``0.1`` and ``Decimal("0.1")`` are
one number. A boolean is no number. Inside the engine a literal number is an ``int`` or a ``Decimal``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from rules.engine.model import Fact, Kind

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})\Z", re.ASCII
)
_DURATION = re.compile(
    r"(-)?P(?:(\d{1,9})D)?(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(\.\d{1,6})?S)?)?\Z", re.ASCII
)
_EXACT_IN_A_FLOAT = 2**53

ORDERED: frozenset[str] = frozenset(
    {"string", "integer", "number", "boolean", "date", "timestamp", "duration"}
)
"""Kinds whose values have an order and can be indexed."""


class Unreadable(ValueError):
    """The value is not of the kind; the message ends a sentence that begins with its name."""


def exact(value: float | int | Decimal) -> int | Decimal:
    """A number as an ``int`` if it is whole and small enough to be sure, else the ``Decimal`` it stands
    for.
    """
    if isinstance(value, int):
        return int(value)
    number = Decimal(repr(value)) if isinstance(value, float) else value
    return int(number) if number == number.to_integral_value() and abs(number) < 10**30 else number


def _number(value: Any) -> int | Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unreadable(f"must be a number, not {_described(value)}")
    if not isinstance(value, int) and not math.isfinite(value):
        raise Unreadable("must be a finite number")
    return exact(value)


def _integer(value: Any) -> int:
    number = _number(value)
    if not isinstance(number, int):
        raise Unreadable(f"must be a whole number, not {_described(value)}")
    return number


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"must be a string, not {_described(value)}")
    return str(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unreadable(f"must be true or false, not {_described(value)}")
    return value


def _date(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and _DATE.match(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise Unreadable(f"is no date of the calendar: {value!r}") from error
    raise Unreadable(f"must be a date such as 2026-01-31, not {_described(value)}")


def _timestamp(value: Any) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Unreadable("must carry an offset from UTC")
        try:
            return value.astimezone(UTC)
        except OverflowError as error:
            raise Unreadable("lies outside the calendar") from error
    if isinstance(value, str) and _TIMESTAMP.match(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise Unreadable(f"is no moment of the calendar: {value!r}") from error
    raise Unreadable(f"must be a timestamp such as 2026-01-31T12:00:00Z, not {_described(value)}")


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    parts = _DURATION.match(value) if isinstance(value, str) else None
    if parts is None or not any(parts.groups()[1:]):
        raise Unreadable(f"must be a duration such as P1DT2H30M, not {_described(value)}")
    sign, days, hours, minutes, seconds, fraction = parts.groups()
    micros = int((fraction or ".0")[1:].ljust(6, "0"))
    try:
        length = timedelta(
            days=int(days or 0),
            hours=int(hours or 0),
            minutes=int(minutes or 0),
            seconds=int(seconds or 0),
            microseconds=micros,
        )
    except OverflowError as error:
        raise Unreadable("is longer than a billion days") from error
    return -length if sign else length


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise Unreadable(f"must be a list, not {_described(value)}")
    return list(value)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"must be an object, not {_described(value)}")
    return value


READERS: dict[Kind, Callable[[Any], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "duration": _duration,
    "list": _list,
    "object": _object,
}


def read_value(kind: Kind, value: Any) -> Any:
    """A JSON or Python value as the engine holds that kind, or :class:`Unreadable`."""
    return READERS[kind](value)


def read_fact(fact: Fact, value: Any) -> Any:
    """A fact by its declaration: a list's elements are read too."""
    if fact.type == "list" and fact.items is not None:
        reader = READERS[fact.items]
        return [None if element is None else reader(element) for element in _list(value)]
    return READERS[fact.type](value)


def written(value: Any) -> Any:
    """A value as JSON carries it: the inverse of :func:`read_value` up to the spelling of numbers."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, Decimal):
        return number_text_value(value)
    if isinstance(value, list | tuple):
        return [written(element) for element in value]
    if isinstance(value, dict):
        return {name: written(element) for name, element in value.items()}
    return value


def number_text_value(value: Decimal) -> float | int | Decimal:
    """The plainest number that stands for this decimal: an int, a float that reads back, or itself."""
    whole = exact(value)
    if isinstance(whole, int):
        return whole
    near = float(value)
    return near if math.isfinite(near) and Decimal(repr(near)) == value else value


def duration_text(value: timedelta) -> str:
    """ISO 8601 days and time."""
    sign, length = ("-", -value) if value < timedelta(0) else ("", value)
    hours, rest = divmod(length.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    clock = f"{hours}H" if hours else ""
    clock += f"{minutes}M" if minutes else ""
    if length.microseconds:
        clock += f"{seconds}.{length.microseconds:06d}".rstrip("0") + "S"
    elif seconds:
        clock += f"{seconds}S"
    days = f"{length.days}D" if length.days else ""
    return f"{sign}P{days}{'T' + clock if clock else ''}" if days or clock else "PT0S"


def floats_suffice(numbers: list[int | Decimal]) -> bool:
    """Whether plain floats and ints can stand for these numbers in comparisons, with nothing lost.

    Shortest decimals keep the order of their floats, so comparing floats is comparing decimals, as long as
    every literal is the shortest decimal of some float and integers stay within 2**53.
    """
    for number in numbers:
        if not -_EXACT_IN_A_FLOAT <= number <= _EXACT_IN_A_FLOAT:
            return False
        if isinstance(number, Decimal) and Decimal(repr(float(number))) != number:
            return False
    return True


def as_float_rank(value: Decimal) -> float | Decimal:
    """A decimal fact as a number that compares with plain floats just as their decimals would.

    A decimal that no float stands for lies between two neighbouring floats' decimals; the middle of the two
    floats takes its place.
    """
    near = float(value)
    if not math.isfinite(near):
        return value
    stands_for = Decimal(repr(near))
    if stands_for == value:
        return near
    beyond = math.nextafter(near, math.inf if value > stands_for else -math.inf)
    if not math.isfinite(beyond):
        return value
    return (Decimal(near) + Decimal(beyond)) / 2


def parsed_decimal(text: str) -> Decimal | None:
    """The finite decimal a text spells, or None."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _described(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {
        str: "a string",
        bool: "a boolean",
        list: "a list",
        dict: "an object",
        int: "a number",
        float: "a number",
    }
    short = (isinstance(value, str) and len(value) <= 40) or isinstance(value, float | bool)
    short = short or (isinstance(value, int) and value.bit_length() <= 64)
    return repr(value) if short else kinds.get(type(value), type(value).__name__)
