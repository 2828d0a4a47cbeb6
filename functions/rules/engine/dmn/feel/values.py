"""FEEL's values as Python's, their kinds, order, spelling and arithmetic (DMN 1.3, 10.3.2.3).

A number is a ``Decimal`` of 34 digits; a string, a boolean, a date, a time and a date and time are Python's;
a duration of days and time is a ``timedelta``, one of years and months :class:`YearsMonths`; a list is a
list, a context a dict. Whatever has no value is None, which is FEEL's null.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from typing import Any

import msgspec

from rules.engine.notation import number_text
from rules.engine.values import duration_text

NUMBERS = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=-6143,
    Emax=6144,
    traps=[DivisionByZero, InvalidOperation, Overflow],
)
"""IEEE 754-2008 decimal128, as FEEL's numbers are."""


class YearsMonths(msgspec.Struct, frozen=True, order=True):
    """A duration of years and months."""

    months: int


class Range(msgspec.Struct, frozen=True):
    """Values from ``low`` to ``high``; None is no end."""

    low: Any
    high: Any
    low_included: bool = True
    high_included: bool = True

    def includes(self, value: Any) -> bool | None:
        """Whether a value lies in it; None if it cannot be compared with the ends."""
        above = True if self.low is None else ordered(self.low, value, or_equal=self.low_included)
        below = True if self.high is None else ordered(value, self.high, or_equal=self.high_included)
        if above is None or below is None:
            return None
        return above and below


class Function(msgspec.Struct, frozen=True, eq=False):
    """A function that a model or an expression defines. ``apply`` takes one argument for each parameter."""

    name: str
    parameters: tuple[str, ...]
    apply: Callable[[list[Any]], Any]


def kind_of(value: Any) -> str:
    """FEEL's name of a value's kind."""
    if isinstance(value, bool):
        return "boolean"
    for kind, known in _KINDS:
        if isinstance(value, known):
            return kind
    return "null"


_KINDS: tuple[tuple[str, type], ...] = (
    ("number", Decimal),
    ("string", str),
    ("date and time", datetime),
    ("date", date),
    ("time", time),
    ("days and time duration", timedelta),
    ("years and months duration", YearsMonths),
    ("list", list),
    ("context", dict),
    ("range", Range),
    ("function", Function),
)

KIND_NAMES = frozenset({"null", "boolean", *(kind for kind, _ in _KINDS)})


def equal(a: Any, b: Any) -> bool | None:
    """Whether two values are the same; None for values of different kinds (10.3.2.3.1)."""
    if a is None or b is None:
        return a is b
    kind = kind_of(a)
    if kind != kind_of(b):
        return None
    if kind == "list":
        if len(a) != len(b):
            return False
        return all(equal(x, y) is True for x, y in zip(a, b, strict=True))
    if kind == "context":
        return a.keys() == b.keys() and all(equal(a[name], b[name]) is True for name in a)
    if kind in ("time", "date and time") and (a.utcoffset() is None) is not (b.utcoffset() is None):
        return False
    return bool(a == b)


def ordered(a: Any, b: Any, *, or_equal: bool) -> bool | None:
    """Whether ``a`` comes before ``b``, or is the same; None for values that have no order between them."""
    kind = kind_of(a)
    if kind != kind_of(b) or kind not in _ORDERED:
        return None
    if kind in ("time", "date and time") and (a.utcoffset() is None) is not (b.utcoffset() is None):
        return None
    return bool(a <= b) if or_equal else bool(a < b)


_ORDERED = frozenset(
    {
        "number",
        "string",
        "date",
        "time",
        "date and time",
        "days and time duration",
        "years and months duration",
    }
)

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})\Z", re.ASCII)
_TIME = re.compile(
    r"(\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?(?:(Z|z|[+-]\d{2}:\d{2}(?::\d{2})?)|@([A-Za-z0-9_+\-/]{1,64}))?\Z",
    re.ASCII,
)
_DAYS_TIME = re.compile(
    r"(-)?P(?:(\d{1,12})D)?(?:T(?=[\d.])(?:(\d{1,12})H)?(?:(\d{1,12})M)?(?:(\d{1,12})(\.\d{0,9})?S)?)?\Z",
    re.ASCII,
)
_YEARS_MONTHS = re.compile(r"(-)?P(?=\d)(?:(\d{1,9})Y)?(?:(\d{1,9})M)?\Z", re.ASCII)


def parse_date(text: str) -> date | None:
    """A date such as 2026-01-31, or None."""
    parts = _DATE.match(text)
    if parts is None:
        return None
    try:
        return date(*(int(part) for part in parts.groups()))
    except ValueError:
        return None


def parse_time(text: str) -> time | None:
    """A time such as 12:30:00, with an offset or ``@`` and a zone if it has one, or None."""
    parts = _TIME.match(text)
    if parts is None:
        return None
    hour, minute, second, fraction, offset, zone = parts.groups()
    micros = int((fraction or ".0")[1:7].ljust(6, "0"))
    found: tzinfo | None = None
    try:
        if offset is not None:
            found = _offset(offset)
        elif zone is not None:
            found = _zone(zone)
        return time(int(hour), int(minute), int(second), micros, found)
    except ValueError:
        return None


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"there is no zone {name!r}") from error


def _offset(text: str) -> timezone:
    if text in ("Z", "z"):
        return UTC
    hours, minutes, *seconds = (int(part) for part in text[1:].split(":"))
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)
    return timezone(-length if text[0] == "-" else length)


def parse_date_time(text: str) -> datetime | None:
    """A date and time such as 2026-01-31T12:30:00Z, or None; a date alone is its midnight."""
    day, separator, clock = text.partition("T")
    found_date = parse_date(day)
    found_time = parse_time(clock) if separator else time()
    if found_date is None or found_time is None:
        return None
    return datetime.combine(found_date, found_time)


def parse_duration(text: str) -> timedelta | YearsMonths | None:
    """A duration in ISO 8601, of years and months or of days and time, or None."""
    parts = _YEARS_MONTHS.match(text)
    if parts is not None:
        months = int(parts[2] or 0) * 12 + int(parts[3] or 0)
        return YearsMonths(-months if parts[1] else months)
    parts = _DAYS_TIME.match(text)
    if parts is None or not any(parts.groups()[1:]):
        return None
    sign, days, hours, minutes, seconds, fraction = parts.groups()
    micros = int((fraction or ".0")[1:7].ljust(6, "0"))
    try:
        length = timedelta(int(days or 0), int(seconds or 0), micros, 0, int(minutes or 0), int(hours or 0))
    except OverflowError:
        return None
    return -length if sign else length


def parse_number(text: str) -> Decimal | None:
    """A number such as -12.5 or .5, or None."""
    if not re.fullmatch(r"-?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d{1,6})?", text, re.ASCII):
        return None
    try:
        return NUMBERS.create_decimal(text)
    except (InvalidOperation, Overflow):
        return None


def spelled(value: Any) -> str | None:
    """A value as text, as ``string()`` makes it; null stays null."""
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return number_text(value)
        case YearsMonths():
            return _years_months_text(value)
        case timedelta():
            return duration_text(value)
        case list():
            return "[" + ", ".join(_nested(element) for element in value) + "]"
        case dict():
            return "{" + ", ".join(f"{name}: {_nested(element)}" for name, element in value.items()) + "}"
        case Range():
            start, end = "[" if value.low_included else "(", "]" if value.high_included else ")"
            return f"{start}{_nested(value.low)}..{_nested(value.high)}{end}"
        case Function():
            return f"function({', '.join(value.parameters)})"
        case _:
            return _moment_text(value)


def _moment_text(value: date | time) -> str:
    zone = getattr(value, "tzinfo", None)
    name = getattr(zone, "key", None)
    if name is not None and isinstance(value, datetime | time):
        return f"{value.replace(tzinfo=None).isoformat()}@{name}"
    return value.isoformat().replace("+00:00", "Z")


def _nested(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return spelled(value) or "null"


def _years_months_text(value: YearsMonths) -> str:
    sign = "-" if value.months < 0 else ""
    years, months = divmod(abs(value.months), 12)
    parts = (f"{years}Y" if years else "") + (f"{months}M" if months else "")
    return f"{sign}P{parts or '0M'}"
