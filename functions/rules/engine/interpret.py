"""The reference interpreter: each rule's tree walked over the facts, one operator at a time.

It knows no index, no sets of values and no shortcuts, so the matcher is tested against it; explanations use
it for the rules they look at.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rules.engine.actions import RuleError
from rules.engine.bind import Bound, BoundExpression, BoundGroup, BoundNot, BoundRow, Verdict
from rules.engine.bound import BoundRule, BoundRuleSet
from rules.engine.faults import MissingFact
from rules.engine.fields import BINDINGS, FACTS, Binder, overlaps
from rules.engine.model import Operator


def verdict(bound: Bound, values: list[Any], binder: Binder, *, negated: bool = False) -> Verdict:
    """How a bound condition stands over exactly taken values. ``negated`` asks for its opposite."""
    match bound:
        case BoundRow():
            return row_verdict(bound, values[bound.slot], negated=negated)
        case BoundExpression():
            return expression_verdict(bound, values, binder, negated=negated)[0]
        case BoundNot():
            return verdict(bound.of, values, binder, negated=not negated)
        case BoundGroup():
            verdicts = [verdict(child, values, binder, negated=negated) for child in bound.of]
            if bound.every is not negated:
                return min(verdicts, default=Verdict.TRUE)
            return max(verdicts, default=Verdict.FALSE)


def row_verdict(bound: BoundRow, value: Any, *, negated: bool = False) -> Verdict:
    """How a row stands over its exactly read fact, None for a missing one."""
    if bound.row.operator is Operator.EXISTS:
        holds = value is not None
    elif value is None:
        return Verdict.MISSING
    else:
        holds = _holds(bound, value)
    return Verdict.TRUE if holds is not negated else Verdict.FALSE


def _holds(bound: BoundRow, value: Any) -> bool:
    literal = bound.literal
    match bound.row.operator:
        case Operator.EQ:
            return bool(value == literal)
        case Operator.NE:
            return bool(value != literal)
        case Operator.LT:
            return bool(value < literal)
        case Operator.LE:
            return bool(value <= literal)
        case Operator.GT:
            return bool(value > literal)
        case Operator.GE:
            return bool(value >= literal)
        case Operator.IN:
            return value in literal
        case Operator.NOT_IN:
            return value not in literal
        case Operator.BETWEEN:
            return bool(literal[0] <= value <= literal[1])
    return text_holds(bound, value)


def text_holds(bound: BoundRow, value: Any) -> bool:
    """The operators on strings and lists."""
    match bound.row.operator:
        case Operator.STARTS_WITH:
            return bool(value.startswith(bound.literal))
        case Operator.ENDS_WITH:
            return bool(value.endswith(bound.literal))
        case Operator.CONTAINS if bound.kind == "list":
            return any(_same(element, bound.literal) for element in value)
        case Operator.CONTAINS:
            return bound.literal in value
    return bound.pattern.search(value) is not None


def _same(element: Any, literal: Any) -> bool:
    return isinstance(element, bool) is isinstance(literal, bool) and bool(element == literal)


def expression_verdict(
    bound: BoundExpression, values: list[Any], binder: Binder, *, negated: bool = False
) -> tuple[Verdict, str]:
    """How an expression stands, and the reason when it failed."""
    from common.cel import CelError, CelMissingError

    if values[BINDINGS] is None:
        values[BINDINGS] = binder.bind(values[FACTS])
    try:
        result = bound.program.evaluate(values[BINDINGS])
    except CelMissingError:
        return Verdict.MISSING, ""
    except CelError as error:
        return Verdict.ERROR, str(error)
    if not isinstance(result, bool):
        return Verdict.ERROR, f"the expression yields {type(result).__name__}, not a boolean"
    return (Verdict.TRUE if result is not negated else Verdict.FALSE), ""


def failures(bound: Bound, values: list[Any], binder: Binder) -> list[tuple[str, str]]:
    """The expressions of a tree that failed, each as its place and the reason."""
    match bound:
        case BoundExpression():
            found, reason = expression_verdict(bound, values, binder)
            return [(bound.place, reason)] if found is Verdict.ERROR else []
        case BoundNot():
            return failures(bound.of, values, binder)
        case BoundGroup():
            return [failure for child in bound.of for failure in failures(child, values, binder)]
        case _:
            return []


def missing_fields(bound: Bound, values: list[Any], names: list[str]) -> list[str]:
    """The fields that rows of a tree need and that are missing, once each, in the tree's order."""
    found: dict[str, None] = {}
    pending: list[Bound] = [bound]
    while pending:
        node = pending.pop()
        match node:
            case BoundRow() if node.row.operator is not Operator.EXISTS and values[node.slot] is None:
                found[node.row.field] = None
            case BoundExpression():
                found |= {
                    name: None
                    for slot, name in enumerate(names)
                    if values[slot] is None and any(overlaps(r, name) for r in node.program.paths)
                }
            case BoundNot():
                pending.append(node.of)
            case BoundGroup():
                pending.extend(reversed(node.of))
    return list(found)


def hits(
    bound: BoundRuleSet, facts: Mapping[str, Any], moment: datetime | None
) -> tuple[tuple[int, ...], list[RuleError]]:
    """The rules that hold, by their places in the bound set, and what failed: every rule tried in turn."""
    values = bound.fields.take_exactly(facts, moment)
    found: list[int] = []
    errors: list[RuleError] = []
    for place, rule in enumerate(bound.rules):
        if not rule.is_valid_at(moment):
            continue
        match verdict(rule.condition, values, bound.binder):
            case Verdict.TRUE:
                found.append(place)
                if bound.takes_first:
                    break
            case Verdict.ERROR:
                errors += rule_errors(rule, values, bound)
            case Verdict.MISSING if bound.rule_set.missing == "error":
                names = [field.name for field in bound.fields.fields]
                raise MissingFact(rule.rule.id, missing_fields(rule.condition, values, names))
    return tuple(found), errors


def rule_errors(rule: BoundRule, values: list[Any], bound: BoundRuleSet) -> list[RuleError]:
    """The expressions that kept a rule from being decided."""
    return [
        RuleError("expression", reason, rule.rule.id, f"{place}/cel")
        for place, reason in failures(rule.condition, values, bound.binder)
    ]
