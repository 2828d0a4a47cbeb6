"""What FEEL's operators do to values, and the components that values have (DMN 1.3, 10.3.2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, DecimalException
from typing import Any

from rules.engine.dmn.feel.functions import MAX_TEXT
from rules.engine.dmn.feel.scope import Scope
from rules.engine.dmn.feel.values import NUMBERS, Range, YearsMonths, kind_of, spelled

MAX_MONTHS_DIGITS = 15


def component(base: Any, name: str, scope: Scope) -> Any:
    match base:
        case dict():
            if name in base:
                return base[name]
        case list():
            return [component(element, name, scope) for element in base]
        case Range():
            known = {"start": base.low, "end": base.high}
            if name in known:
                return known[name]
        case _:
            value = _property(base, name)
            if value is not None:
                return Decimal(value) if isinstance(value, int) else value
    return scope.null(f"a {kind_of(base)} has no component {name!r}")


def _property(base: Any, name: str) -> Any:
    """Components of moments and durations (10.3.2.3, table 65)."""
    match base:
        case YearsMonths():
            years, months = divmod(abs(base.months), 12)
            sign = -1 if base.months < 0 else 1
            return {"years": sign * years, "months": sign * months}.get(name)
        case timedelta():
            sign, length = (-1, -base) if base < timedelta(0) else (1, base)
            parts = {
                "days": length.days,
                "hours": length.seconds // 3600,
                "minutes": length.seconds // 60 % 60,
                "seconds": length.seconds % 60,
            }
            return sign * parts[name] if name in parts else None
        case datetime() | time() if name in ("time offset", "timezone"):
            return base.utcoffset() if name == "time offset" else getattr(base.tzinfo, "key", None)
        case date() | time() if name in ("year", "month", "day", "hour", "minute", "second"):
            return getattr(base, name, None)
        case date() if name == "weekday":
            return base.isoweekday()
    return None


def negated(value: Any, scope: Scope) -> Any:
    match value:
        case Decimal():
            return -value
        case timedelta():
            return -value
        case YearsMonths():
            return YearsMonths(-value.months)
    return None if value is None else scope.null(f"a {kind_of(value)} has no opposite")


def calculated(operator: str, a: Any, b: Any, scope: Scope) -> Any:
    if a is None or b is None:
        return scope.null(f"null {operator} anything is null")
    try:
        value = _sum_of(operator, a, b) if operator in "+-" else _product_of(operator, a, b)
    except (DecimalException, OverflowError, ZeroDivisionError, ValueError):
        return scope.null(f"{spelled(a)} {operator} {spelled(b)} has no value")
    if value is None:
        return scope.null(f"there is no {kind_of(a)} {operator} {kind_of(b)}")
    return value


def _sum_of(operator: str, a: Any, b: Any) -> Any:
    """``+`` and ``-`` (10.3.2.3, tables 50 to 52); None for kinds that do not add."""
    plus = operator == "+"
    match a, b:
        case Decimal(), Decimal():
            return NUMBERS.add(a, b) if plus else NUMBERS.subtract(a, b)
        case str(), str():
            if len(a) + len(b) > MAX_TEXT:
                raise OverflowError
            return a + b if plus else None
        case YearsMonths(), YearsMonths():
            return YearsMonths(a.months + b.months if plus else a.months - b.months)
        case timedelta(), timedelta():
            return a + b if plus else a - b
        case date(), YearsMonths():
            return _months_later(a, b.months if plus else -b.months)
        case YearsMonths(), date():
            return _months_later(b, a.months) if plus else None
        case ((date() | time()), timedelta()):
            return _later(a, b if plus else -b)
        case timedelta(), (date() | time()):
            return _later(b, a) if plus else None
        case (date(), date()) | (time(), time()):
            return None if plus else _between(a, b)
    return None


def _later(moment: date | time, length: timedelta) -> date | time:
    if isinstance(moment, time):
        return (datetime.combine(date(2000, 1, 15), moment) + timedelta(seconds=length.seconds)).timetz()
    if isinstance(moment, datetime):
        return moment + length
    return (datetime.combine(moment, time()) + length).date()


def _months_later(day: date, months: int) -> date:
    """The same day of another month, or that month's last day."""
    place = day.year * 12 + day.month - 1 + months
    year, month = place // 12, place % 12 + 1
    for last in range(day.day, day.day - 4, -1):
        try:
            return day.replace(year=year, month=month, day=last)
        except ValueError:
            continue
    raise ValueError("there is no such month")


def _between(a: date | time, b: date | time) -> timedelta | None:
    if isinstance(a, time) or isinstance(b, time):
        if not (isinstance(a, time) and isinstance(b, time)):
            return None
        return _between(datetime.combine(date(2000, 1, 15), a), datetime.combine(date(2000, 1, 15), b))
    first, second = _midnight(a, b), _midnight(b, a)
    if (first.utcoffset() is None) is not (second.utcoffset() is None):
        return None
    return first - second


def _midnight(day: date, beside: date) -> datetime:
    """A date as the date and time that it stands for beside another: its midnight in UTC, or in no zone."""
    if isinstance(day, datetime):
        return day
    aware = isinstance(beside, datetime) and beside.utcoffset() is not None
    return datetime.combine(day, time(tzinfo=UTC if aware else None))


def _product_of(operator: str, a: Any, b: Any) -> Any:
    """``*``, ``/`` and ``**`` (10.3.2.3, tables 53 to 55); None for kinds that do not multiply."""
    match a, b:
        case Decimal(), Decimal():
            calculate = {"*": NUMBERS.multiply, "/": NUMBERS.divide, "**": NUMBERS.power}[operator]
            return calculate(a, b)
        case ((timedelta() | YearsMonths()), Decimal()) if operator in ("*", "/"):
            return _scaled(a, b if operator == "*" else NUMBERS.divide(Decimal(1), b))
        case Decimal(), (timedelta() | YearsMonths()) if operator == "*":
            return _scaled(b, a)
        case timedelta(), timedelta() if operator == "/":
            return NUMBERS.divide(_seconds(a), _seconds(b))
        case YearsMonths(), YearsMonths() if operator == "/":
            return NUMBERS.divide(Decimal(a.months), Decimal(b.months))
    return None


def _seconds(length: timedelta) -> Decimal:
    return Decimal(length // timedelta(microseconds=1)) / 1_000_000


def _scaled(length: timedelta | YearsMonths, factor: Decimal) -> timedelta | YearsMonths:
    if isinstance(length, YearsMonths):
        months = NUMBERS.multiply(Decimal(length.months), factor)
        if months.adjusted() > MAX_MONTHS_DIGITS:
            raise OverflowError
        return YearsMonths(int(months))
    micros = NUMBERS.multiply(Decimal(length // timedelta(microseconds=1)), factor)
    return timedelta(microseconds=int(micros))


def stepped(found: Range, scope: Scope) -> Iterable[Any]:
    """The whole numbers or the dates of an interval, downwards where it ends below its start."""
    low, high = found.low, found.high
    if isinstance(low, Decimal) and isinstance(high, Decimal):
        if max(low.adjusted(), high.adjusted()) > MAX_MONTHS_DIGITS or low != int(low) or high != int(high):
            return scope.null(f"{spelled(found)} does not go from a whole number to another") or ()
        first, last = int(low), int(high)
        back: Callable[[int], Any] = Decimal
    elif type(low) is date and type(high) is date:
        first, last = low.toordinal(), high.toordinal()
        back = date.fromordinal
    else:
        return scope.null(f"{spelled(found)} has no elements to go over") or ()
    step = 1 if first <= last else -1
    first += 0 if found.low_included else step
    last -= 0 if found.high_included else step
    return map(back, range(first, last + step, step))
