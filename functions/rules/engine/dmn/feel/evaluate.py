"""Evaluating FEEL. Nothing raises: what has no value is null, and the scope notes why (DMN 1.3, 10.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, DecimalException
from typing import Any

import msgspec

from rules.engine.dmn.feel.functions import call
from rules.engine.dmn.feel.syntax import (
    Arithmetic,
    Between,
    Call,
    Compared,
    Comparison,
    If,
    In,
    ListOf,
    Literal,
    Logic,
    Name,
    Negation,
    Node,
    Path,
    RangeOf,
    Test,
    UnaryTests,
)
from rules.engine.dmn.feel.values import NUMBERS, Range, YearsMonths, equal, kind_of, ordered, spelled

MAX_PROBLEMS = 100
MAX_MONTHS_DIGITS = 15


class Scope(msgspec.Struct):
    """The variables of an evaluation and the reasons for its nulls."""

    variables: Mapping[str, Any]
    problems: list[str] = []

    def null(self, reason: str) -> Any:
        """Null, with the reason noted."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(reason)
        return None


def evaluate(node: Node, scope: Scope) -> Any:
    """The value of an expression."""
    match node:
        case Literal():
            return node.value
        case Name():
            if node.name not in scope.variables:
                return scope.null(f"there is no variable {node.name!r}")
            return scope.variables[node.name]
        case Path():
            return _component(evaluate(node.base, scope), node.name, scope)
        case Negation():
            return _negated(evaluate(node.operand, scope), scope)
        case Arithmetic():
            return _calculated(node.operator, evaluate(node.left, scope), evaluate(node.right, scope), scope)
        case Comparison():
            return compared(node.operator, evaluate(node.left, scope), evaluate(node.right, scope))
        case Between():
            value, low, high = (evaluate(part, scope) for part in (node.value, node.low, node.high))
            return Range(low, high).includes(value) if low is not None and high is not None else None
        case In():
            return satisfies(node.tests, evaluate(node.value, scope), scope)
        case Logic():
            return _logic(node, scope)
        case If():
            return evaluate(node.yes if evaluate(node.condition, scope) is True else node.no, scope)
        case ListOf():
            return [evaluate(item, scope) for item in node.items]
        case RangeOf():
            return _range(node, scope)
        case Call():
            return _called(node, scope)


def satisfies(tests: UnaryTests, value: Any, scope: Scope) -> bool | None:
    """Whether an input passes unary tests: true, false, or null when that cannot be told (7.3.4,
    10.3.2.11).
    """
    if not tests.tests:
        return True
    inner = Scope({**scope.variables, "?": value}, scope.problems)
    unknown = False
    for test in tests.tests:
        passed = _passes(test, value, inner)
        if passed is True:
            return not tests.negated
        unknown |= passed is None
    return None if unknown else tests.negated


def _passes(test: Test, value: Any, scope: Scope) -> bool | None:
    if isinstance(test, Compared):
        return compared(test.operator, value, evaluate(test.operand, scope))
    expected = evaluate(test.expression, scope)
    if test.mentions_input:
        return expected if isinstance(expected, bool) else None
    return _is_among(value, expected)


def _is_among(value: Any, expected: Any) -> bool | None:
    """Whether a value is what is expected: the same, in the interval, or among the elements of a list."""
    if isinstance(expected, Range) and not isinstance(value, Range):
        return expected.includes(value)
    if isinstance(expected, list):
        if isinstance(value, list) and equal(value, expected):
            return True
        return any(_is_among(value, element) is True for element in expected)
    return equal(value, expected) is True


def compared(operator: str, a: Any, b: Any) -> bool | None:
    """``= != < <= > >=`` between two values; null for values that do not compare."""
    match operator:
        case "=":
            return equal(a, b)
        case "!=":
            same = equal(a, b)
            return None if same is None else not same
        case "<" | "<=":
            return ordered(a, b, or_equal=operator == "<=")
        case _:
            return ordered(b, a, or_equal=operator == ">=")


def _logic(node: Logic, scope: Scope) -> bool | None:
    """Three-valued: a false decides ``and``, a true decides ``or``; else null if either is neither
    (10.3.2.5).
    """
    left = evaluate(node.left, scope)
    if left is (not node.every):
        return not node.every
    right = evaluate(node.right, scope)
    if right is (not node.every):
        return not node.every
    return node.every if left is node.every and right is node.every else None


def _range(node: RangeOf, scope: Scope) -> Any:
    low, high = evaluate(node.low, scope), evaluate(node.high, scope)
    if low is None or high is None or ordered(low, high, or_equal=True) is None:
        return scope.null(f"no interval lies between {spelled(low) or 'null'} and {spelled(high) or 'null'}")
    return Range(low, high, node.low_included, node.high_included)


def _called(node: Call, scope: Scope) -> Any:
    arguments = [evaluate(argument, scope) for argument in node.arguments]
    named = {name: evaluate(argument, scope) for name, argument in node.named}
    value, problem = call(node.function, arguments, named)
    return scope.null(problem) if problem else value


def _component(base: Any, name: str, scope: Scope) -> Any:
    match base:
        case dict():
            if name in base:
                return base[name]
        case list():
            return [_component(element, name, scope) for element in base]
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


def _negated(value: Any, scope: Scope) -> Any:
    match value:
        case Decimal():
            return -value
        case timedelta():
            return -value
        case YearsMonths():
            return YearsMonths(-value.months)
    return None if value is None else scope.null(f"a {kind_of(value)} has no opposite")


def _calculated(operator: str, a: Any, b: Any, scope: Scope) -> Any:
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
