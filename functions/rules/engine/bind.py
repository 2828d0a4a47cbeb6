"""A condition tree bound to a fact schema: literals read, patterns and expressions compiled, fields given
slots.

The interpreter, the index, the explanation and the publish-time check all work on this form.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from rules.engine.faults import Fault, InvalidRuleSet
from rules.engine.fields import Fields
from rules.engine.model import All, AnyOf, Condition, Expression, Kind, Not, Operator, Row
from rules.engine.values import Unreadable, read_value, written

if TYPE_CHECKING:
    from common.cel import Program


class Verdict(IntEnum):
    """How a condition stands. ``all`` is as good as its worst, ``any`` as its best; ``not`` swaps the
    ends.
    """

    FALSE = 0
    MISSING = 1
    """It needs a fact that is not there."""
    ERROR = 2
    """An expression failed."""
    TRUE = 3


class BoundRow(msgspec.Struct, frozen=True):
    """A row with its literal read. ``pattern`` is the compiled expression of ``matches``."""

    row: Row
    place: str
    slot: int
    kind: Kind
    literal: Any
    pattern: Any = None

    @property
    def text(self) -> str:
        """The row as it reads: ``amount gt 100``."""
        row, value = self.row, self.row.value
        if row.operator is Operator.EXISTS:
            return f"{row.field} exists"
        if isinstance(value, list | tuple) and len(value) > 10:
            value = [*value[:10], f"and {len(value) - 10} more"]
        return f"{row.field} {row.operator.value} {written(value)}"


class BoundExpression(msgspec.Struct, frozen=True):
    """A compiled CEL condition."""

    expression: Expression
    place: str
    program: Program


class BoundGroup(msgspec.Struct, frozen=True):
    """``all`` when ``every``, else ``any``."""

    every: bool
    place: str
    of: tuple[Bound, ...]


class BoundNot(msgspec.Struct, frozen=True):
    """``not``."""

    place: str
    of: Bound


Bound: TypeAlias = BoundRow | BoundExpression | BoundGroup | BoundNot

ALWAYS = BoundGroup(True, "/condition", ())

_EQUALITY = frozenset({Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN, Operator.EXISTS})
_ORDER = frozenset({Operator.LT, Operator.LE, Operator.GT, Operator.GE, Operator.BETWEEN})
_TEXT = frozenset({Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.CONTAINS, Operator.MATCHES})

OPERATORS: dict[Kind, frozenset[Operator]] = {
    "string": _EQUALITY | _ORDER | _TEXT,
    "integer": _EQUALITY | _ORDER,
    "number": _EQUALITY | _ORDER,
    "boolean": _EQUALITY,
    "date": _EQUALITY | _ORDER,
    "timestamp": _EQUALITY | _ORDER,
    "duration": _EQUALITY | _ORDER,
    "list": frozenset({Operator.CONTAINS, Operator.EXISTS}),
    "object": frozenset({Operator.EXISTS}),
}
"""Which operators a field of each kind takes."""

Report: TypeAlias = Callable[[str, str, str], None]
"""Called with a code, a message and a place for each fault."""


class _Unbound(Exception):
    """A part of the tree had a fault, which was reported."""


def bind(condition: Condition | None, fields: Fields, report: Report) -> Bound | None:
    """Bind a tree; each fault is reported, and then there is no bound form (None)."""
    if condition is None:
        return ALWAYS
    return _bind(condition, fields, report, "/condition")


def bind_rule(rule_id: str, condition: Condition | None, fields: Fields) -> Bound:
    """Bind the tree of a rule that has passed the check; a fault is :class:`InvalidRuleSet`."""
    faults: list[Fault] = []
    bound = bind(
        condition, fields, lambda code, message, place: faults.append(Fault(code, message, rule_id, place))
    )
    if bound is None or faults:
        raise InvalidRuleSet(faults)
    return bound


def _bind(condition: Condition, fields: Fields, report: Report, place: str) -> Bound | None:
    match condition:
        case Row():
            return _bind_row(condition, fields, report, place)
        case Expression():
            return _bind_expression(condition, fields, report, place)
        case Not():
            inner = _bind(condition.of, fields, report, f"{place}/of")
            return None if inner is None else BoundNot(place, inner)
        case All() | AnyOf():
            children = [
                _bind(child, fields, report, f"{place}/of/{i}") for i, child in enumerate(condition.of)
            ]
            bound = tuple(child for child in children if child is not None)
            if len(bound) < len(children):
                return None
            return BoundGroup(isinstance(condition, All), place, bound)


def _bind_row(row: Row, fields: Fields, report: Report, place: str) -> BoundRow | None:
    fact = fields.schema.get(row.field)
    if fact is None:
        report(
            "unknown_field",
            f"field {row.field!r} is not in the fact schema{_near(row.field, fields)}",
            place + "/field",
        )
        return None
    if row.operator not in OPERATORS[fact.type]:
        takes = ", ".join(sorted(OPERATORS[fact.type]))
        report(
            "operator_type",
            f"a field of type {fact.type} does not take {row.operator.value!r}; it takes {takes}",
            place + "/operator",
        )
        return None
    try:
        literal, pattern = _read_literal(row, fact.type, fact.items, fields)
    except Unreadable as error:
        report("value", f"the value of {row.field!r} {row.operator.value} {error}", place + "/value")
        return None
    return BoundRow(row, place, fields.slot(row.field), fact.type, literal, pattern)


def _read_literal(row: Row, kind: Kind, items: Kind | None, fields: Fields) -> tuple[Any, Any]:
    value, limits = row.value, fields.limits
    match row.operator:
        case Operator.EXISTS:
            if value is not None:
                raise Unreadable("must be left out; negate it with 'not'")
            return None, None
        case Operator.IN | Operator.NOT_IN:
            if not isinstance(value, list | tuple) or not value:
                raise Unreadable("must be a list with at least one value")
            if len(value) > limits.list_values:
                raise Unreadable(f"lists {len(value)} values; at most {limits.list_values} are taken")
            return frozenset(_read_present(kind, element) for element in value), None
        case Operator.BETWEEN:
            if not isinstance(value, list | tuple) or len(value) != 2:
                raise Unreadable("must be a list of the low and the high end")
            low, high = (_read_present(kind, end) for end in value)
            if low > high:
                raise Unreadable("must give the low end first")
            return (low, high), None
        case Operator.CONTAINS if kind == "list":
            return (value if items is None else _read_present(items, value)), None
    literal = _read_present(kind, value)
    if kind == "string" and len(literal) > limits.text:
        raise Unreadable(f"has {len(literal)} characters; at most {limits.text} are taken")
    return literal, _pattern(literal, limits.pattern_memory) if row.operator is Operator.MATCHES else None


def _read_present(kind: Kind, value: Any) -> Any:
    if value is None:
        raise Unreadable("must not be null; ask with 'exists' whether a fact is there")
    return read_value(kind, value)


def _pattern(source: str, memory: int) -> Any:
    import re2

    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    try:
        return re2.compile(source, options)
    except re2.error as error:
        raise Unreadable(f"is no RE2 expression: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else "it cannot be compiled"
    return reason.decode() if isinstance(reason, bytes) else str(reason)


def _bind_expression(
    condition: Expression, fields: Fields, report: Report, place: str
) -> BoundExpression | None:
    from common.cel import CelError

    try:
        program = fields.compile(condition.cel)
    except CelError as error:
        report("expression", str(error), place + "/cel")
        return None
    if program.result_type.name not in ("bool", "dyn"):
        report(
            "expression",
            f"a condition yields a boolean, and this yields {program.result_type}",
            place + "/cel",
        )
        return None
    for reference in program.paths:
        fields.refer(reference)
    return BoundExpression(condition, place, program)


def _near(name: str, fields: Fields) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(fields.schema)[:500], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
