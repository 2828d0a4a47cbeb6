"""Compiling a rule set into a matcher: done once for a published version, and kept."""

from __future__ import annotations

from decimal import Decimal

from rules.engine.bound import BoundRule, BoundRuleSet
from rules.engine.evaluate import Matcher
from rules.engine.fields import MOMENT, Field, Fields
from rules.engine.index import Builder
from rules.engine.limits import LIMITS, Limits
from rules.engine.model import RuleSet
from rules.engine.normal import Box, alternatives
from rules.engine.sets import PRESENT, ValueSet, greater, less


def compile_rules(rule_set: RuleSet, limits: Limits = LIMITS) -> Matcher:
    """A matcher for a rule set that has passed :func:`~rules.engine.check.check`.

    :class:`~rules.engine.faults.InvalidRuleSet` for a condition or an expression that does not fit the
    schema.
    """
    bound = BoundRuleSet(rule_set, limits)
    boxes: list[Box] = []
    rule_of: list[int] = []
    for place, rule in enumerate(bound.rules):
        for box in boxes_of(rule, limits):
            boxes.append(box)
            rule_of.append(place)
    converted = _settle(bound.fields, boxes)
    compared = [Box(_comparable(box.sets, converted), box.residual) for box in boxes]
    builder = Builder(compared, lambda box: not compared[box].residual, only_first=bound.takes_first)
    return Matcher(bound, compared, rule_of, builder.build())


def boxes_of(rule: BoundRule, limits: Limits) -> list[Box]:
    """The alternatives of a rule's condition, each confined to the rule's validity period."""
    validity = PRESENT
    if rule.rule.valid_from is not None:
        validity &= greater(rule.rule.valid_from, inclusive=True)
    if rule.rule.valid_until is not None:
        validity &= less(rule.rule.valid_until, inclusive=False)
    if validity.is_empty:
        return []
    timed = {} if validity == PRESENT else {MOMENT: validity}
    return [Box(box.sets | timed, box.residual) for box in alternatives(rule.condition, limits.alternatives)]


def _settle(fields: Fields, boxes: list[Box]) -> dict[int, Field]:
    """Choose how each field's numbers compare; the fields whose literals change for it, by slot."""
    literals: dict[int, set[int | Decimal]] = {}
    for box in boxes:
        for slot, found in box.sets.items():
            if slot >= 0 and fields.fields[slot].fact.type in ("number", "integer"):
                literals.setdefault(slot, set()).update([value for value, _ in found.cuts])
    for slot, numbers in literals.items():
        fields.fields[slot].settle(list(numbers))
    return {
        slot: fields.fields[slot]
        for slot, numbers in literals.items()
        if any(isinstance(number, Decimal) for number in numbers)
    }


def _comparable(sets: dict[int, ValueSet], converted: dict[int, Field]) -> dict[int, ValueSet]:
    if converted.keys().isdisjoint(sets):
        return sets
    return {
        slot: ValueSet(
            found.below,
            tuple([(converted[slot].bound(value), side) for value, side in found.cuts]),
            found.absent,
        )
        if slot in converted
        else found
        for slot, found in sets.items()
    }
