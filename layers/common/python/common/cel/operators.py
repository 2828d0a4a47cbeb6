"""What the operators do to values, whatever their types.

Source: the CEL language definition, "Arithmetic", "Equality", "Ordering". Numbers of different types compare
as doubles where one of them is a double, exactly where neither is. Every function takes admitted values, the
frame (for its meter) and the offset that an error names.
"""

import math
from collections.abc import Callable
from typing import Any

from common.cel.durations import Duration
from common.cel.errors import CelEvaluationError
from common.cel.limits import Meter
from common.cel.timestamps import Timestamp
from common.cel.values import (
    INT_MAX,
    INT_MIN,
    SCALARS,
    UINT_MAX,
    MixedMap,
    Uint,
    admit,
    is_list,
    is_map,
    type_of,
    unchecked_uint,
)

Frame = dict[Any, Any]
"""The bindings by name; macros' variables by number; the meter under METER."""

METER = -1
MISSING: Any = object()
NUMERIC = frozenset({int, Uint, float})

_FREE = 64
_PER_UNIT = 16
_LIST_ELEMENT = 4  # an element of a list takes more room than a character
_PART = 3  # comparing two parts takes longer than evaluating a node
_EXACT = 2**53


def charge(frame: Frame, size: int, at: int) -> None:
    """Spend for work on so many characters or elements; small amounts go with the node's own cost."""
    if size > _FREE:
        meter: Meter = frame[METER]
        meter.spend(size // _PER_UNIT, at)


def no_overload(name: str, operands: tuple[Any, ...], at: int) -> CelEvaluationError:
    """The error of an operator or a function that does not take such operands."""
    kinds = ", ".join(str(type_of(operand)) for operand in operands)
    return CelEvaluationError(f"no such overload: {name!r} does not take ({kinds})", at)


def _as_int(result: int, operator: str, at: int) -> int:
    if INT_MIN <= result <= INT_MAX:
        return result
    raise CelEvaluationError(f"int overflow: the result of {operator!r} does not fit in 64 bits", at)


def _as_uint(result: int, operator: str, at: int) -> int:
    if 0 <= result <= UINT_MAX:
        return unchecked_uint(result)
    raise CelEvaluationError(f"uint overflow: the result of {operator!r} does not fit in 64 bits", at)


def add(a: Any, b: Any, frame: Frame, at: int) -> Any:
    """`a + b`: numbers of one type, strings, bytes, lists, timestamps and durations."""
    kind = a.__class__
    if kind is b.__class__:
        if kind is int:
            return _as_int(a + b, "+", at)
        if kind is float:
            return a + b
        if kind is str or kind is bytes:
            charge(frame, len(a) + len(b), at)
            return a + b
        if kind is Uint:
            return _as_uint(int(a) + int(b), "+", at)
    if isinstance(a, (Timestamp, Duration)) and isinstance(b, (Timestamp, Duration)):
        if kind is Timestamp and b.__class__ is Timestamp:
            raise no_overload("+", (a, b), at)
        moment = Timestamp if Timestamp in (kind, b.__class__) else Duration
        return _moment(moment, a.nanoseconds + b.nanoseconds, at)
    if is_list(a) and is_list(b):
        charge(frame, (len(a) + len(b)) * _LIST_ELEMENT, at)
        return [*a, *b]
    raise no_overload("+", (a, b), at)


def subtract(a: Any, b: Any, frame: Frame, at: int) -> Any:  # noqa: ARG001
    """`a - b`: numbers of one type, timestamps and durations."""
    kind = a.__class__
    if kind is b.__class__:
        if kind is int:
            return _as_int(a - b, "-", at)
        if kind is float:
            return a - b
        if kind is Uint:
            return _as_uint(int(a) - int(b), "-", at)
        if kind is Timestamp or kind is Duration:
            return _moment(Duration, a.nanoseconds - b.nanoseconds, at)
    if kind is Timestamp and b.__class__ is Duration:
        return _moment(Timestamp, a.nanoseconds - b.nanoseconds, at)
    raise no_overload("-", (a, b), at)


def _moment(kind: type[Timestamp] | type[Duration], nanoseconds: int, at: int) -> Timestamp | Duration:
    try:
        return kind(nanoseconds)
    except OverflowError as outside:
        raise CelEvaluationError(str(outside), at) from None


def multiply(a: Any, b: Any, frame: Frame, at: int) -> Any:  # noqa: ARG001
    """`a * b` on numbers of one type."""
    kind = a.__class__
    if kind is b.__class__:
        if kind is int:
            return _as_int(a * b, "*", at)
        if kind is float:
            return a * b
        if kind is Uint:
            return _as_uint(int(a) * int(b), "*", at)
    raise no_overload("*", (a, b), at)


def divide(a: Any, b: Any, frame: Frame, at: int) -> Any:  # noqa: ARG001
    """`a / b` on numbers of one type; integers toward zero, doubles as IEEE 754 says, by zero too."""
    kind = a.__class__
    if kind is b.__class__:
        if kind is float:
            return a / b if b else _by_zero(a, b)
        if kind is int or kind is Uint:
            if b == 0:
                raise CelEvaluationError("division by zero", at)
            if kind is Uint:
                return unchecked_uint(int(a) // int(b))
            quotient = abs(a) // abs(b)
            return _as_int(quotient if (a < 0) == (b < 0) else -quotient, "/", at)
    raise no_overload("/", (a, b), at)


def _by_zero(a: float, b: float) -> float:
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def modulo(a: Any, b: Any, frame: Frame, at: int) -> Any:  # noqa: ARG001
    """`a % b` on integers of one type; the sign is the dividend's."""
    kind = a.__class__
    if kind is b.__class__ and (kind is int or kind is Uint):
        if b == 0:
            raise CelEvaluationError("modulus by zero", at)
        if kind is Uint:
            return unchecked_uint(int(a) % int(b))
        if a == INT_MIN and b == -1:
            raise CelEvaluationError("int overflow: the result of '%' does not fit in 64 bits", at)
        rest = abs(a) % abs(b)
        return rest if a >= 0 else -rest
    raise no_overload("%", (a, b), at)


def negate(a: Any, at: int) -> Any:
    """`-a` on an int or a double."""
    kind = a.__class__
    if kind is int:
        return _as_int(-a, "-", at)
    if kind is float:
        return -a
    raise no_overload("-", (a,), at)


def equals(a: Any, b: Any, frame: Frame, at: int) -> bool:
    """`a == b`: false for different types, numbers by value, lists and maps part by part."""
    kind = a.__class__
    other = b.__class__
    if kind in SCALARS and other in SCALARS:
        if kind is other:
            if kind is str or kind is bytes:
                charge(frame, min(len(a), len(b)), at)
            return a == b  # type: ignore[no-any-return]
        if kind in NUMERIC and other in NUMERIC:
            return float(a) == float(b) if float in (kind, other) else int(a) == int(b)
        return False
    if kind in SCALARS or other in SCALARS:
        return False
    if is_map(a):
        return is_map(b) and len(a) == len(b) and _same_entries(a, b, frame, at)
    return not is_map(b) and len(a) == len(b) and _same_elements(a, b, frame, at)


def _same_elements(a: Any, b: Any, frame: Frame, at: int) -> bool:
    meter: Meter = frame[METER]
    for mine, theirs in zip(a, b, strict=False):
        meter.spend(_PART, at)
        if not equals(admit(mine, at), admit(theirs, at), frame, at):
            return False
    return True


def _same_entries(a: Any, b: Any, frame: Frame, at: int) -> bool:
    meter: Meter = frame[METER]
    for key in a:
        meter.spend(_PART, at)
        theirs = find(b, admit(key, at), frame, at)
        if theirs is MISSING or not equals(admit(a[key], at), admit(theirs, at), frame, at):
            return False
    return True


def comparison(operator: str, test: Callable[[Any, Any], bool]) -> Callable[[Any, Any, Frame, int], bool]:
    """`<`, `<=`, `>` or `>=`: any numbers; bool, string, bytes, timestamp, duration with their own."""

    def compare(a: Any, b: Any, frame: Frame, at: int) -> bool:
        kind = a.__class__
        other = b.__class__
        if kind in NUMERIC and other in NUMERIC:
            return test(float(a), float(b)) if float in (kind, other) else test(int(a), int(b))
        if kind is other and kind in _ORDERED:
            if kind is str or kind is bytes:
                charge(frame, min(len(a), len(b)), at)
            return test(a, b)
        raise no_overload(operator, (a, b), at)

    return compare


_ORDERED = frozenset({bool, str, bytes, Timestamp, Duration})


def find(holder: Any, key: Any, frame: Frame, at: int) -> Any:
    """The value under an admitted key of a map, not yet admitted; MISSING when there is none.

    A double that is a whole number finds the integer; a key of a type that no map has is an error.
    """
    kind = key.__class__
    if kind is str:
        return holder.get(key, MISSING)
    if kind is float:
        if not key.is_integer():
            return MISSING
        key = int(key)
    elif kind is not int and kind is not Uint and kind is not bool:
        raise CelEvaluationError(f"no such overload: a map has no keys of type {type_of(key)}", at)
    if holder.__class__ is not MixedMap and key in (0, 1):
        return _find_confusable(holder, key, frame, at)
    return holder.get(key, MISSING)


def _find_confusable(holder: Any, key: Any, frame: Frame, at: int) -> Any:
    """Python takes False and True for 0 and 1; CEL's keys are only found as the type they are."""
    if key not in holder:
        return MISSING
    charge(frame, len(holder), at)
    wanted = key.__class__ is bool
    for candidate in holder:
        if candidate == key and (candidate.__class__ is bool) == wanted:
            return holder[candidate]
    return MISSING


def contains(element: Any, holder: Any, frame: Frame, at: int) -> bool:
    """`element in holder`: whether a list has an equal element, or a map the key."""
    if is_list(holder):
        return _list_contains(element, holder, frame, at)
    if is_map(holder):
        if element.__class__ in _KEYS:
            return find(holder, element, frame, at) is not MISSING
        return False
    raise no_overload("in", (element, holder), at)


_KEYS = frozenset({str, int, Uint, float, bool})


def _list_contains(element: Any, holder: Any, frame: Frame, at: int) -> bool:
    kind = element.__class__
    if kind is str:
        charge(frame, len(holder), at)
        return element in holder
    if (kind is int or kind is Uint) and -_EXACT <= element <= _EXACT:
        charge(frame, len(holder), at)
        if element not in holder:
            return False
        # Found, but it may be True that Python takes for 1.
    meter: Meter = frame[METER]
    for candidate in holder:
        meter.spend(_PART, at)
        if equals(admit(candidate, at), element, frame, at):
            return True
    return False
