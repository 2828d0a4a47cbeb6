"""The conversions between CEL's types: `int(x)`, `string(x)`, `timestamp(x)` and so on, with their range
errors.

Source: the CEL language definition, "Type Conversions". Every function takes an admitted value, the frame and
the offset that an error names.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from common.cel.durations import NANOSECONDS, Duration
from common.cel.errors import CelEvaluationError
from common.cel.operators import Frame, charge, no_overload
from common.cel.timestamps import Timestamp
from common.cel.values import INT_MAX, INT_MIN, UINT_MAX, Uint, shown, unchecked_uint

T = TypeVar("T")

_TWO_63, _TWO_64 = 2.0**63, 2.0**64
_LONGEST_NUMBER = 1_000
_BOOLS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def _unfit(value: Any, kind: str, at: int) -> CelEvaluationError:
    return CelEvaluationError(f"{shown(value)} cannot be converted to {kind}", at)


def _out_of_range(value: Any, kind: str, at: int) -> CelEvaluationError:
    return CelEvaluationError(f"{kind} out of range: {shown(value)} does not fit in 64 bits", at)


@cache
def _number() -> tuple[re.Pattern[str], re.Pattern[str]]:
    decimal = r"[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?"
    return re.compile("[+-]?[0-9]+"), re.compile(rf"{decimal}|[+-]?(?:inf|infinity)|nan", re.IGNORECASE)


def _read_whole(text: str, kind: str, at: int) -> int:
    if len(text) > _LONGEST_NUMBER or not _number()[0].fullmatch(text):
        raise _unfit(text, kind, at)
    return int(text)


def to_int(value: Any, frame: Frame, at: int) -> int:  # noqa: ARG001
    """`int(x)`: doubles toward zero, timestamps as seconds since 1970."""
    kind = value.__class__
    if kind is int:
        return int(value)
    if kind is Uint:
        number = int(value)
    elif kind is float:
        # Both ends are excluded: neither double stands for one integer alone.
        if not -_TWO_63 < value < _TWO_63:
            raise _out_of_range(value, "int", at)
        return int(value)
    elif kind is str:
        number = _read_whole(value, "int", at)
    elif kind is Timestamp:
        return int(value.nanoseconds // NANOSECONDS)
    else:
        raise no_overload("int", (value,), at)
    if not INT_MIN <= number <= INT_MAX:
        raise _out_of_range(value, "int", at)
    return number


def to_uint(value: Any, frame: Frame, at: int) -> int:  # noqa: ARG001
    """`uint(x)`: doubles toward zero; nothing negative."""
    kind = value.__class__
    if kind is Uint:
        return unchecked_uint(value)
    if kind is int:
        number = value
    elif kind is float:
        if not 0 <= value < _TWO_64:
            raise _out_of_range(value, "uint", at)
        number = int(value)
    elif kind is str:
        number = _read_whole(value, "uint", at)
    else:
        raise no_overload("uint", (value,), at)
    if not 0 <= number <= UINT_MAX:
        raise _out_of_range(value, "uint", at)
    return unchecked_uint(number)


def to_double(value: Any, frame: Frame, at: int) -> float:  # noqa: ARG001
    """`double(x)`: the nearest double; text may also be `NaN`, `Infinity` or `inf`."""
    kind = value.__class__
    if kind in (float, int, Uint):
        return float(value)
    if kind is not str:
        raise no_overload("double", (value,), at)
    if len(value) > _LONGEST_NUMBER or not _number()[1].fullmatch(value):
        raise _unfit(value, "double", at)
    return float(value)


def to_string(value: Any, frame: Frame, at: int) -> str:
    """`string(x)`: bytes are UTF-8, timestamps become RFC 3339, durations seconds."""
    kind = value.__class__
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return format_double(value)
    if kind in (int, Uint, Timestamp, Duration):
        return str(value)
    if kind is not bytes:
        raise no_overload("string", (value,), at)
    charge(frame, len(value), at)
    try:
        return bytes(value).decode()
    except UnicodeDecodeError as malformed:
        raise CelEvaluationError("the bytes are not UTF-8", at) from malformed


def to_bytes(value: Any, frame: Frame, at: int) -> bytes:
    """`bytes(x)`: a string's UTF-8."""
    kind = value.__class__
    if kind is bytes:
        return bytes(value)
    if kind is not str:
        raise no_overload("bytes", (value,), at)
    charge(frame, len(value), at)
    try:
        return str(value).encode()
    except UnicodeEncodeError as lone:
        raise CelEvaluationError("the string holds half a surrogate pair", at) from lone


def to_bool(value: Any, frame: Frame, at: int) -> bool:  # noqa: ARG001
    """`bool(x)`: of text `true`, `TRUE`, `True`, `t`, `T` and `1`, and their opposites."""
    if value.__class__ is bool:
        return bool(value)
    if value.__class__ is not str:
        raise no_overload("bool", (value,), at)
    truth = _BOOLS.get(value)
    if truth is None:
        raise _unfit(value, "bool", at)
    return truth


def to_timestamp(value: Any, frame: Frame, at: int) -> Timestamp:  # noqa: ARG001
    """`timestamp(x)`: of RFC 3339 text, or of seconds since 1970."""
    if value.__class__ is Timestamp:
        return value
    if value.__class__ is str:
        return _reading(Timestamp.parse, value, at)
    if value.__class__ is int:
        return _reading(Timestamp, value * NANOSECONDS, at)
    raise no_overload("timestamp", (value,), at)


def to_duration(value: Any, frame: Frame, at: int) -> Duration:  # noqa: ARG001
    """`duration(x)`: of text like `1h30m`."""
    if value.__class__ is Duration:
        return value
    if value.__class__ is str:
        return _reading(Duration.parse, value, at)
    raise no_overload("duration", (value,), at)


def _reading(read: Callable[[Any], T], value: Any, at: int) -> T:
    try:
        return read(value)
    except (ValueError, OverflowError) as unfit:
        raise CelEvaluationError(str(unfit), at) from unfit


def format_double(value: float) -> str:
    """The shortest text that reads back as this double: `1`, `0.001`, `1e+21`, `NaN`, `-Infinity`."""
    if value != value:  # noqa: PLR0124
        return "NaN"
    text = repr(value)
    if "inf" in text:
        return "-Infinity" if value < 0 else "Infinity"
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return mantissa.removesuffix(".0")
    power = int(exponent)
    if not 0 < power < 21:
        return f"{mantissa.removesuffix('.0')}e{power:+03d}"
    integer, _, fraction = mantissa.partition(".")
    return integer + fraction.ljust(power, "0") if fraction != "0" else integer + "0" * power
