"""Closures that read variables, fields and elements, admitting each value where it is read.

Facts from outside stay as they are: only what an expression reads is looked at. Where a type was declared,
what JSON cannot say is read as it was meant: a whole number as a double, RFC 3339 text as a timestamp.
"""

from collections.abc import Callable
from typing import Any

from common.cel.conversions import to_duration, to_timestamp
from common.cel.errors import CelEvaluationError, CelMissingError
from common.cel.limits import Meter
from common.cel.operators import METER, MISSING, Frame, find, no_overload
from common.cel.types import DOUBLE, DURATION, TIMESTAMP, UINT, CelType
from common.cel.values import (
    INT_MAX,
    INT_MIN,
    NATIVE,
    Uint,
    admit,
    is_list,
    is_map,
    shown,
    type_of,
    unchecked_uint,
)

Evaluate = Callable[[Frame], Any]
"""A compiled expression: from a frame to an admitted value."""

Adapt = Callable[[Any, Frame, int], Any]
"""From an admitted value to one of the declared type, where it stands for one."""


def variable(name: str | int, at: int) -> Evaluate:
    """Read a variable, of the bindings by name or of a macro by number."""

    def run(frame: Frame) -> Any:
        try:
            value = frame[name]
        except KeyError:
            raise missing_variable(str(name), at) from None
        kind = value.__class__
        if kind in NATIVE or (kind is int and INT_MIN <= value <= INT_MAX):
            return value
        return admit(value, at)

    return run


def path(name: str | int, fields: tuple[str, ...], at: int) -> Evaluate:
    """Read a field of a field of a variable."""
    if not fields:
        return variable(name, at)
    if len(fields) == 1:
        return _field_of_variable(name, fields[0], at)

    def run(frame: Frame) -> Any:
        try:
            value = frame[name]
        except KeyError:
            raise missing_variable(str(name), at) from None
        return descend(value, name, fields, at)

    return run


def _field_of_variable(name: str | int, field: str, at: int) -> Evaluate:
    fields = (field,)

    def run(frame: Frame) -> Any:
        try:
            holder = frame[name]
            if holder.__class__ is not dict:
                return descend(holder, name, fields, at)
            value = holder[field]
        except KeyError:
            if name not in frame:
                raise missing_variable(str(name), at) from None
            raise missing_field(field, name, fields, at) from None
        kind = value.__class__
        if kind in NATIVE or (kind is int and INT_MIN <= value <= INT_MAX):
            return value
        return admit(value, at)

    return run


def descend(value: Any, name: str | int, fields: tuple[str, ...], at: int) -> Any:
    """The value that so many fields lead to from a variable's."""
    for field in fields:
        value = value.get(field, MISSING) if value.__class__ is dict else _member(value, field, at)
        if value is MISSING:
            raise missing_field(field, name, fields, at)
    return admit(value, at)


def first_bound(options: tuple[tuple[str, tuple[str, ...]], ...], otherwise: Evaluate, at: int) -> Evaluate:
    """Read the first of several variables that is bound, with its fields."""

    def run(frame: Frame) -> Any:
        for name, fields in options:
            if name in frame:
                return descend(frame[name], name, fields, at)
        return otherwise(frame)

    return run


def missing_variable(name: str, at: int) -> CelMissingError:
    """The error of a variable that has no binding."""
    return CelMissingError(f"undeclared reference to {name!r}: nothing is bound to it", name, at)


def missing_field(field: str, name: str | int, fields: tuple[str, ...], at: int) -> CelMissingError:
    """The error of a field that is not there; its path starts at the variable, unless that is a macro's."""
    known = (*fields[: fields.index(field)], field)
    spelled = ".".join((name, *known)) if isinstance(name, str) else ".".join(known)
    return CelMissingError(f"no such key: {spelled!r}", spelled, at)


def _member(holder: Any, field: str, at: int) -> Any:
    if not is_map(holder):
        holder = admit(holder, at)
        raise CelEvaluationError(
            f"no such overload: a value of type {type_of(holder)} has no field {field!r}", at
        )
    return holder.get(field, MISSING)


def select(operand: Evaluate, field: str, at: int) -> Evaluate:
    """Read a field of any value."""

    def run(frame: Frame) -> Any:
        value = _member(operand(frame), field, at)
        if value is MISSING:
            raise missing_field(field, 0, (field,), at)
        return admit(value, at)

    return run


def presence(operand: Evaluate, field: str, at: int) -> Evaluate:
    """`has(operand.field)`."""

    def run(frame: Frame) -> Any:
        holder = operand(frame)
        if holder.__class__ is dict:
            return field in holder
        return _member(holder, field, at) is not MISSING

    return run


def index(operand: Evaluate, position: Evaluate, at: int) -> Evaluate:
    """`operand[position]`: an element of a list, or the value under a map's key."""

    def run(frame: Frame) -> Any:
        holder = operand(frame)
        key = position(frame)
        if is_list(holder):
            return admit(_element(holder, key, at), at)
        if not is_map(holder):
            raise no_overload("[]", (holder, key), at)
        value = find(holder, key, frame, at)
        if value is MISSING:
            raise CelMissingError(f"no such key: {shown(key)}", str(key), at)
        return admit(value, at)

    return run


def _element(holder: Any, position: Any, at: int) -> Any:
    kind = position.__class__
    if kind is float and position.is_integer():
        position = int(position)
    elif kind is not int and kind is not Uint:
        raise no_overload("[]", (holder, position), at)
    if 0 <= position < len(holder):
        return holder[position]
    raise CelEvaluationError(f"index {position} is outside a list of {len(holder)}", at)


def adapted(read: Evaluate, adapt: Adapt | None, at: int) -> Evaluate:
    """Read, and take the value as one of the declared type."""
    if adapt is None:
        return read

    def run(frame: Frame) -> Any:
        return adapt(read(frame), frame, at)

    return run


def adaptation(kind: CelType) -> Adapt | None:
    """How a value is taken as one of a declared type; None where every value is taken as it is."""
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        return scalar
    if kind.name == "list":
        part = adaptation(kind.parameters[0])
        return None if part is None else _list_adaptation(part)
    if kind.name == "map":
        part = adaptation(kind.parameters[1])
        return None if part is None else _map_adaptation(part)
    parts = {name: adaptation(field) for name, field in (kind.fields or {}).items()}
    known = {name: part for name, part in parts.items() if part is not None}
    return _object_adaptation(known) if known else None


def _as_double(value: Any, frame: Frame, at: int) -> Any:  # noqa: ARG001
    return float(value) if value.__class__ is int or value.__class__ is Uint else value


def _as_uint(value: Any, frame: Frame, at: int) -> Any:  # noqa: ARG001
    if value.__class__ is not int:
        return value
    if value < 0:
        raise CelEvaluationError(f"uint out of range: {value}", at)
    return unchecked_uint(value)


def _as_timestamp(value: Any, frame: Frame, at: int) -> Any:
    return to_timestamp(value, frame, at) if value.__class__ is str else value


def _as_duration(value: Any, frame: Frame, at: int) -> Any:
    return to_duration(value, frame, at) if value.__class__ is str else value


_SCALARS: dict[CelType, Adapt] = {
    DOUBLE: _as_double,
    UINT: _as_uint,
    TIMESTAMP: _as_timestamp,
    DURATION: _as_duration,
}


def _list_adaptation(part: Adapt) -> Adapt:
    def adapt(value: Any, frame: Frame, at: int) -> Any:
        if not is_list(value):
            return value
        meter: Meter = frame[METER]
        meter.spend(len(value), at)
        return [part(admit(element, at), frame, at) for element in value]

    return adapt


def _map_adaptation(part: Adapt) -> Adapt:
    def adapt(value: Any, frame: Frame, at: int) -> Any:
        if not is_map(value):
            return value
        meter: Meter = frame[METER]
        meter.spend(len(value), at)
        return {key: part(admit(value[key], at), frame, at) for key in value}

    return adapt


def _object_adaptation(parts: dict[str, Adapt]) -> Adapt:
    def adapt(value: Any, frame: Frame, at: int) -> Any:
        if not is_map(value):
            return value
        meter: Meter = frame[METER]
        meter.spend(len(value), at)
        changed = {
            name: part(admit(value[name], at), frame, at) for name, part in parts.items() if name in value
        }
        return {**value, **changed}

    return adapt
