"""A condition as alternatives: each a conjunction of value sets, one a field, and tests that no set can
express.

Negation is pushed down to the leaves, where it turns a set into its complement. A rule holds if one
alternative does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from rules.engine.bind import Bound, BoundExpression, BoundGroup, BoundNot, BoundRow
from rules.engine.model import Operator
from rules.engine.sets import (
    ABSENT,
    EVERYTHING,
    NOTHING,
    PRESENT,
    ValueSet,
    between,
    greater,
    less,
    point,
    points,
    prefixed,
)

Residual: TypeAlias = tuple[Bound, bool]
"""A subtree to be tested as it is, and whether its opposite is asked for."""

_NO_SET = frozenset({Operator.ENDS_WITH, Operator.CONTAINS, Operator.MATCHES})


class Box(msgspec.Struct, frozen=True):
    """One alternative: a set for each constrained slot, and what is left to test."""

    sets: dict[int, ValueSet] = {}
    residual: tuple[Residual, ...] = ()


def alternatives(bound: Bound, limit: int, *, negated: bool = False) -> list[Box]:
    """The boxes whose union is the condition; none if it can never hold; one with the whole as residual past
    the limit.
    """
    match bound:
        case BoundRow():
            found = row_set(bound)
            if found is None:
                return [Box(residual=((bound, negated),))]
            return _box({bound.slot: opposite(bound, found) if negated else found})
        case BoundExpression():
            return [Box(residual=((bound, negated),))]
        case BoundNot():
            return alternatives(bound.of, limit, negated=not negated)
        case BoundGroup():
            if bound.every is not negated:
                return _product(bound, limit, negated)
            return _union(bound, limit, negated)


def row_set(bound: BoundRow) -> ValueSet | None:
    """The values for which a row holds, None for a row that no set of ordered values expresses."""
    operator, literal = bound.row.operator, bound.literal
    if operator is Operator.EXISTS:
        return PRESENT
    if operator in _NO_SET:
        return None
    return _ORDERED[operator](literal)


def opposite(bound: BoundRow, found: ValueSet) -> ValueSet:
    """The values for which a row's opposite holds. A missing fact is the opposite of ``exists`` and of
    nothing else.
    """
    return ABSENT if bound.row.operator is Operator.EXISTS else found.complement()


_ORDERED: dict[Operator, Callable[[Any], ValueSet]] = {
    Operator.EQ: point,
    Operator.NE: lambda literal: point(literal).complement(),
    Operator.LT: lambda literal: less(literal, inclusive=False),
    Operator.LE: lambda literal: less(literal, inclusive=True),
    Operator.GT: lambda literal: greater(literal, inclusive=False),
    Operator.GE: lambda literal: greater(literal, inclusive=True),
    Operator.IN: points,
    Operator.NOT_IN: lambda literal: points(literal).complement(),
    Operator.BETWEEN: lambda literal: between(*literal),
    Operator.STARTS_WITH: prefixed,
}


def _box(sets: dict[int, ValueSet]) -> list[Box]:
    return [] if any(found.is_empty for found in sets.values()) else [Box(sets)]


def _product(group: BoundGroup, limit: int, negated: bool) -> list[Box]:
    boxes = [Box()]
    for child in group.of:
        choices = alternatives(child, limit, negated=negated)
        if len(boxes) * len(choices) > limit:
            choices = [Box(residual=((child, negated),))]
        boxes = [met for box in boxes for choice in choices if (met := _meet(box, choice)) is not None]
    return boxes


def _meet(a: Box, b: Box) -> Box | None:
    sets = dict(a.sets)
    for slot, found in b.sets.items():
        both = sets.get(slot, EVERYTHING) & found
        if both.is_empty:
            return None
        sets[slot] = both
    return Box(sets, a.residual + b.residual)


def _union(group: BoundGroup, limit: int, negated: bool) -> list[Box]:
    boxes: list[Box] = []
    on_one_field: dict[int, ValueSet] = {}
    for child in group.of:
        for box in alternatives(child, limit, negated=negated):
            if len(box.sets) == 1 and not box.residual:
                ((slot, found),) = box.sets.items()
                on_one_field[slot] = on_one_field.get(slot, NOTHING) | found
            else:
                boxes.append(box)
    boxes += [Box({slot: found}) for slot, found in on_one_field.items()]
    return boxes if len(boxes) <= limit else [Box(residual=((group, negated),))]
