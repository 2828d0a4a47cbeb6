"""What values a field can take: sets in one normal form, and examples out of them.

Between two whole numbers, days, moments (a microsecond apart) or strings (the next is the same with a NUL)
may lie nothing. In normal form the cuts of such kinds lie before values only, so that an empty set has no
cuts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rules.engine.model import Fact, Kind
from rules.engine.sets import EVERYTHING, PRESENT, Cut, ValueSet, greater, less, points
from rules.engine.values import ORDERED, exact, read_value

_MICROSECOND = timedelta(microseconds=1)
_LATEST = datetime.max.replace(tzinfo=UTC)
_LEAST: dict[Kind, Any] = {
    "string": "",
    "boolean": False,
    "date": date.min,
    "timestamp": datetime.min.replace(tzinfo=UTC),
    "duration": timedelta.min,
}
_NEXT: dict[Kind, Callable[[Any], Any]] = {
    "integer": lambda value: math.floor(value) + 1,
    "string": lambda value: value + "\0",
    "boolean": lambda value: True if value is False else None,
    "date": lambda value: None if value == date.max else value + timedelta(days=1),
    "timestamp": lambda value: None if value == _LATEST else value + _MICROSECOND,
    "duration": lambda value: None if value == timedelta.max else value + _MICROSECOND,
}
"""The value after, None after the last; numbers have none."""


def normal(kind: Kind, found: ValueSet) -> ValueSet:
    """The same set of a kind's values in normal form."""
    if kind not in _NEXT:
        return found
    below = found.below
    cuts: list[Cut] = []
    for value, side in found.cuts:
        if kind == "integer" and not isinstance(value, int):
            start: Any = math.ceil(value)
        else:
            start = _NEXT[kind](value) if side else value
        if start is None:
            break
        if start == _LEAST.get(kind):
            below = not below
        elif cuts and cuts[-1][0] == start:
            cuts.pop()
        else:
            cuts.append((start, 0))
    return ValueSet(below, tuple(cuts), found.absent)


def domain(fact: Fact, *, allows_absence: bool) -> ValueSet:
    """The values that a fact may have by its declaration, and whether it may be missing."""
    found = EVERYTHING if allows_absence and not fact.required else PRESENT
    if fact.type not in ORDERED:
        return found
    allowed = PRESENT
    if fact.values is not None:
        allowed &= points(read_value(fact.type, value) for value in fact.values)
    if fact.minimum is not None:
        allowed &= greater(read_value(fact.type, fact.minimum), inclusive=True)
    if fact.maximum is not None:
        allowed &= less(read_value(fact.type, fact.maximum), inclusive=True)
    return normal(fact.type, ValueSet(allowed.below, allowed.cuts, found.absent))


def examples(kind: Kind, found: ValueSet) -> Iterator[Any]:
    """A few values of a set in normal form, the plainest first; at least one if it has a present value."""
    if kind == "list":
        yield []
    elif kind == "object":
        yield {}
    else:
        yield from (value for value in _USUAL[kind] if value in found)
        for low, high in found.segments():
            yield _inside(kind, low, high)


_USUAL: dict[Kind, tuple[Any, ...]] = {
    "string": ("x", "a", ""),
    "integer": (0, 1),
    "number": (0, 1),
    "boolean": (True, False),
    "date": (date(2026, 1, 1),),
    "timestamp": (datetime(2026, 1, 1, tzinfo=UTC),),
    "duration": (timedelta(hours=1),),
}


def _inside(kind: Kind, low: Cut | None, high: Cut | None) -> Any:
    """A value between two cuts."""
    if kind == "number":
        return _number_inside(low, high)
    if low is not None:
        return _plain_string(low[0], high) if kind == "string" else low[0]
    if high is None or kind in ("string", "boolean"):
        return _USUAL[kind][-1] if high is None else _LEAST[kind]
    return high[0] - 1 if kind == "integer" else high[0] - {"date": timedelta(days=1)}.get(kind, _MICROSECOND)


def _plain_string(low: str, high: Cut | None) -> str:
    """A string from ``low`` on, without control characters if there is one."""
    if low.endswith("\0"):
        for letter in (" ", "a", "~"):
            plainer = low[:-1] + letter
            if high is None or plainer < high[0]:
                return plainer
    return low


def _number_inside(low: Cut | None, high: Cut | None) -> int | Decimal:
    """A number between two cuts with as few digits as may be."""
    if low is not None and low[1] == 0:
        return low[0]  # type: ignore[no-any-return]  # cuts of numbers hold numbers
    if high is not None and high[1] == 1:
        return high[0]  # type: ignore[no-any-return]
    if low is None:
        return 0 if high is None else math.ceil(high[0]) - 1
    above = Fraction(low[0])
    digits = 0
    while True:
        scaled = math.floor(above * 10**digits) + 1
        if high is None or Fraction(scaled, 10**digits) < Fraction(high[0]):
            return exact(Decimal((int(scaled < 0), tuple(map(int, str(abs(scaled)))), -digits)))
        digits += 1


def listed(kind: Kind, found: ValueSet) -> list[Any] | None:
    """The values of a set in normal form that is a list of single values, else None."""
    if found.absent or found.below or len(found.cuts) % 2:
        return None
    if kind not in _NEXT:
        return found.points()
    values = [found.cuts[i][0] for i in range(0, len(found.cuts), 2)]
    ends = [found.cuts[i][0] for i in range(1, len(found.cuts), 2)]
    return values if all(_NEXT[kind](v) == end for v, end in zip(values, ends, strict=True)) else None


def readable(kind: Kind, found: ValueSet) -> ValueSet:
    """A set in normal form with its ends as people write them: ``[18..20]`` for whole numbers, not
    ``[18..21)``.
    """
    cuts: list[Cut] = []
    inside = found.below
    for value, side in found.cuts:
        cut: Cut = (value, side)
        if kind == "string" and value.endswith("\0"):
            cut = (value[:-1], 1)
        elif inside and kind in ("integer", "date"):
            cut = (value - (1 if kind == "integer" else timedelta(days=1)), 1)
        elif inside and cuts and kind in _NEXT and _NEXT[kind](cuts[-1][0]) == value:
            cut = (cuts[-1][0], 1)
        cuts.append(cut)
        inside = not inside
    if kind == "boolean" and found.below and found.cuts:
        return ValueSet(False, ((False, 0), (False, 1)), found.absent)
    if kind == "boolean" and found.cuts:
        return ValueSet(False, ((True, 0), (True, 1)), found.absent)
    return ValueSet(found.below, tuple(cuts), found.absent)
