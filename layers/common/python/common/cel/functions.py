"""The standard functions that an expression may call, by name, style and number of operands.

Source: the CEL language definition, "List of Standard Definitions". A function called on a receiver has it as
its first operand. Operands are admitted values; every function also takes the frame and the offset that an
error names.
"""

from collections.abc import Callable, Mapping
from typing import Any

from common.cel.conversions import (
    to_bool,
    to_bytes,
    to_double,
    to_duration,
    to_int,
    to_string,
    to_timestamp,
    to_uint,
)
from common.cel.durations import NANOSECONDS, Duration
from common.cel.errors import CelEvaluationError
from common.cel.limits import Meter
from common.cel.operators import METER, Frame, charge, no_overload
from common.cel.texts import TEXTS
from common.cel.timestamps import Calendar, Timestamp
from common.cel.types import CelType
from common.cel.values import is_list, is_map, type_of

Function = Callable[..., Any]

_ZONE, _UNKNOWN_ZONE = 20, 2_000


def _size(value: Any, frame: Frame, at: int) -> int:  # noqa: ARG001
    if value.__class__ in (str, bytes) or is_list(value) or is_map(value):
        return len(value)
    raise no_overload("size", (value,), at)


def _type(value: Any, frame: Frame, at: int) -> CelType:  # noqa: ARG001
    return type_of(value)


def _dyn(value: Any, frame: Frame, at: int) -> Any:  # noqa: ARG001
    return value


def _text_test(name: str, test: Callable[[str, str], bool]) -> Function:
    def run(text: Any, other: Any, frame: Frame, at: int) -> bool:
        if text.__class__ is str and other.__class__ is str:
            charge(frame, len(text) if name == "contains" else len(other), at)
            return test(text, other)
        raise no_overload(name, (text, other), at)

    return run


def _calendar_part(name: str, part: Callable[[Calendar], int]) -> dict[tuple[str, bool, int], Function]:
    """An accessor of a timestamp, in UTC and in a named zone."""

    def in_utc(moment: Any, frame: Frame, at: int) -> int:  # noqa: ARG001
        if moment.__class__ is not Timestamp:
            raise no_overload(name, (moment,), at)
        return part(moment.calendar())

    def in_zone(moment: Any, zone: Any, frame: Frame, at: int) -> int:
        if moment.__class__ is not Timestamp or zone.__class__ is not str:
            raise no_overload(name, (moment, zone), at)
        meter: Meter = frame[METER]
        meter.spend(_ZONE, at)
        try:
            return part(moment.calendar(zone))
        except ValueError as unknown:
            meter.spend(_UNKNOWN_ZONE, at)  # it was looked for in files
            raise CelEvaluationError(str(unknown), at) from unknown

    return {(name, True, 1): in_utc, (name, True, 2): in_zone}


def _span_part(
    name: str, part: Callable[[Calendar], int], of_span: Callable[[Duration], int]
) -> dict[tuple[str, bool, int], Function]:
    """An accessor of a timestamp that durations have too: theirs counts the whole span, toward zero."""
    accessors = _calendar_part(name, part)
    of_moment = accessors[name, True, 1]

    def of_either(value: Any, frame: Frame, at: int) -> int:
        if value.__class__ is Duration:
            return of_span(value)
        result: int = of_moment(value, frame, at)
        return result

    return {**accessors, (name, True, 1): of_either}


def _milliseconds_of_second(span: Duration) -> int:
    """Unlike its siblings this is a part of the span, not the whole: the definition says so."""
    milliseconds = span.whole(NANOSECONDS // 1_000)
    return milliseconds % 1_000 if milliseconds >= 0 else -(-milliseconds % 1_000)


FUNCTIONS: Mapping[tuple[str, bool, int], Function] = {
    ("size", False, 1): _size,
    ("size", True, 1): _size,
    ("type", False, 1): _type,
    ("dyn", False, 1): _dyn,
    ("bool", False, 1): to_bool,
    ("int", False, 1): to_int,
    ("uint", False, 1): to_uint,
    ("double", False, 1): to_double,
    ("string", False, 1): to_string,
    ("bytes", False, 1): to_bytes,
    ("timestamp", False, 1): to_timestamp,
    ("duration", False, 1): to_duration,
    ("startsWith", True, 2): _text_test("startsWith", str.startswith),
    ("endsWith", True, 2): _text_test("endsWith", str.endswith),
    ("contains", True, 2): _text_test("contains", str.__contains__),
    **TEXTS,
    **_calendar_part("getFullYear", lambda local: local.year),
    **_calendar_part("getMonth", lambda local: local.month - 1),
    **_calendar_part("getDate", lambda local: local.day),
    **_calendar_part("getDayOfMonth", lambda local: local.day - 1),
    **_calendar_part("getDayOfWeek", lambda local: local.weekday),
    **_calendar_part("getDayOfYear", lambda local: local.day_of_year),
    **_span_part("getHours", lambda local: local.hour, lambda span: span.whole(3_600 * NANOSECONDS)),
    **_span_part("getMinutes", lambda local: local.minute, lambda span: span.whole(60 * NANOSECONDS)),
    **_span_part("getSeconds", lambda local: local.second, lambda span: span.whole(NANOSECONDS)),
    **_span_part("getMilliseconds", lambda local: local.nanosecond // 1_000_000, _milliseconds_of_second),
}
"""By name, whether called on a receiver, and number of operands. `matches`, bounded per program, is apart."""

UNMETERED = frozenset(
    key for key in FUNCTIONS.keys() - TEXTS.keys() if key[2] == 1 and key[0] not in ("string", "bytes")
)
"""The functions whose cost does not grow with their operands."""
