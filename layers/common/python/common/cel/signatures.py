"""The standard functions and operators: which operand types each takes and what it gives.

Source: the CEL language definition, "List of Standard Definitions". The checker reads these; what they do at
run time is in `operators`, `conversions` and `functions`.
"""

from collections.abc import Mapping

from common.cel.texts import SIGNATURES
from common.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    LIST,
    MAP,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    CelType,
)

Overload = tuple[tuple[CelType, ...], CelType]

_SAME = ((INT, INT), INT), ((UINT, UINT), UINT), ((DOUBLE, DOUBLE), DOUBLE)

ARITHMETIC: Mapping[str, tuple[Overload, ...]] = {
    "+": (
        *_SAME,
        ((STRING, STRING), STRING),
        ((BYTES, BYTES), BYTES),
        ((LIST, LIST), LIST),
        ((TIMESTAMP, DURATION), TIMESTAMP),
        ((DURATION, TIMESTAMP), TIMESTAMP),
        ((DURATION, DURATION), DURATION),
    ),
    "-": (
        *_SAME,
        ((TIMESTAMP, TIMESTAMP), DURATION),
        ((TIMESTAMP, DURATION), TIMESTAMP),
        ((DURATION, DURATION), DURATION),
    ),
    "*": _SAME,
    "/": _SAME,
    "%": _SAME[:2],
}

NEGATION: tuple[Overload, ...] = (((INT,), INT), ((DOUBLE,), DOUBLE))

ORDERED = frozenset({BOOL, STRING, BYTES, TIMESTAMP, DURATION})
"""The types whose values compare by `<` with their own; numbers compare with each other besides."""

_SIZE: tuple[Overload, ...] = tuple(((kind,), INT) for kind in (STRING, BYTES, LIST, MAP))
_MATCHES: tuple[Overload, ...] = (((STRING, STRING), BOOL),)


def _conversion(result: CelType, *sources: CelType) -> tuple[Overload, ...]:
    return tuple(((source,), result) for source in (result, *sources))


GLOBAL: Mapping[str, tuple[Overload, ...]] = {
    "size": _SIZE,
    "matches": _MATCHES,
    "bool": _conversion(BOOL, STRING),
    "int": _conversion(INT, UINT, DOUBLE, STRING, TIMESTAMP),
    "uint": _conversion(UINT, INT, DOUBLE, STRING),
    "double": _conversion(DOUBLE, INT, UINT, STRING),
    "string": _conversion(STRING, BOOL, INT, UINT, DOUBLE, BYTES, TIMESTAMP, DURATION),
    "bytes": _conversion(BYTES, STRING),
    "timestamp": _conversion(TIMESTAMP, STRING, INT),
    "duration": _conversion(DURATION, STRING),
    "type": (((DYN,), TYPE),),
    "dyn": (((DYN,), DYN),),
}

_CALENDAR: tuple[Overload, ...] = (((TIMESTAMP,), INT), ((TIMESTAMP, STRING), INT))
_CALENDAR_OR_SPAN: tuple[Overload, ...] = (*_CALENDAR, ((DURATION,), INT))

RECEIVER: Mapping[str, tuple[Overload, ...]] = {
    "size": _SIZE,
    "matches": _MATCHES,
    "startsWith": _MATCHES,
    "endsWith": _MATCHES,
    "contains": _MATCHES,
    **SIGNATURES,
    "getFullYear": _CALENDAR,
    "getMonth": _CALENDAR,
    "getDate": _CALENDAR,
    "getDayOfMonth": _CALENDAR,
    "getDayOfWeek": _CALENDAR,
    "getDayOfYear": _CALENDAR,
    "getHours": _CALENDAR_OR_SPAN,
    "getMinutes": _CALENDAR_OR_SPAN,
    "getSeconds": _CALENDAR_OR_SPAN,
    "getMilliseconds": _CALENDAR_OR_SPAN,
}
"""Functions called on their first operand."""
