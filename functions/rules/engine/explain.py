"""Why a rule fired and why not: its condition walked over the facts, each row with the value that it saw."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from rules.engine.bind import Bound, BoundExpression, BoundGroup, BoundNot, BoundRow, Verdict
from rules.engine.bound import BoundRule, BoundRuleSet
from rules.engine.explanation import ConditionExplanation, Explanation, RuleExplanation, Standing
from rules.engine.interpret import expression_verdict, row_verdict

_STANDING: dict[Verdict, Standing] = {
    Verdict.FALSE: "false",
    Verdict.MISSING: "missing",
    Verdict.ERROR: "error",
    Verdict.TRUE: "true",
}


class Explainer:
    """Explains the decisions of one bound rule set.

    A rule of plain rows that holds has every row true, so its explanation is made once and shared: explaining
    costs by the rules that fired, not by their conditions.
    """

    def __init__(self, bound: BoundRuleSet) -> None:
        self._bound = bound
        self._fields = [(field.name, field.raw) for field in bound.fields.fields]
        self._held: dict[int, RuleExplanation] = {}
        self._by_id: dict[str, BoundRule | None] = dict.fromkeys(rule.id for rule in bound.rule_set.rules)
        """Every rule of the set; None for one that is not enabled."""
        self._by_id |= {rule.rule.id: rule for rule in bound.rules}

    def explain(
        self, facts: Mapping[str, Any], moment: datetime | None, hits: tuple[int, ...], fired: tuple[str, ...]
    ) -> Explanation:
        """The rules that hold, explained as far as they fired."""
        read = {name: raw(facts) for name, raw in self._fields}
        if len(fired) == len(hits):
            return Explanation(read, tuple([self._held_rule(hit, facts, moment) for hit in hits]))
        chosen = set(fired)
        ids = [self._bound.rules[hit].rule.id for hit in hits]
        explained = [
            self._held_rule(hit, facts, moment) for hit, rule in zip(hits, ids, strict=True) if rule in chosen
        ]
        return Explanation(read, tuple(explained), tuple([rule for rule in ids if rule not in chosen]))

    def _held_rule(self, hit: int, facts: Mapping[str, Any], moment: datetime | None) -> RuleExplanation:
        known = self._held.get(hit)
        if known is not None:
            return known
        rule = self._bound.rules[hit]
        values = self._bound.fields.take_exactly(facts, moment)
        explained = explain_rule(rule, self._bound, values, fired=True)
        if _is_rows(rule.condition):
            self._held[hit] = explained
        return explained

    def why(
        self, rules: Iterable[str], facts: Mapping[str, Any], moment: datetime | None, fired: Container[str]
    ) -> list[RuleExplanation]:
        """Those rules' explanations, with the facts; ``KeyError`` when the set has no such rule."""
        values = self._bound.fields.take_exactly(facts, moment)
        read = {name: raw(facts) for name, raw in self._fields}
        return [self._why(rule, values, moment, fired=rule in fired).with_facts(read) for rule in rules]

    def _why(
        self, identifier: str, values: list[Any], moment: datetime | None, *, fired: bool
    ) -> RuleExplanation:
        rule = self._by_id[identifier]
        if rule is None:
            never = ConditionExplanation("/enabled", "enabled", "false")
            return RuleExplanation(
                identifier, "false", fired=False, condition=never, reason="the rule is not enabled"
            )
        explained = explain_rule(rule, self._bound, values, fired=fired)
        if not rule.is_valid_at(moment):
            reason = "the moment is outside the rule's validity period"
            return msgspec.structs.replace(explained, reason=reason)
        return explained


def _is_rows(condition: Bound) -> bool:
    if isinstance(condition, BoundGroup):
        return condition.every and all(isinstance(child, BoundRow) for child in condition.of)
    return isinstance(condition, BoundRow)


def explain_rule(rule: BoundRule, bound: BoundRuleSet, values: list[Any], *, fired: bool) -> RuleExplanation:
    """One rule's condition over exactly taken values."""
    explained, positive, _ = _explain(rule.condition, bound, values)
    if positive is Verdict.TRUE:
        reason = "" if fired else "it holds, but the hit policy or a 'stop' left the decision to other rules"
        return RuleExplanation(rule.rule.id, "true", fired, explained, reason=reason)
    stopped = tuple(_stoppers(rule.condition, explained, negated=False))
    return RuleExplanation(rule.rule.id, _STANDING[positive], fired, explained, stopped)


def _explain(
    node: Bound, bound: BoundRuleSet, values: list[Any]
) -> tuple[ConditionExplanation, Verdict, Verdict]:
    """A node explained, how it stands, and how its opposite stands."""
    match node:
        case BoundRow():
            found = row_verdict(node, values[node.slot])
            explained = ConditionExplanation(node.place, node.text, _STANDING[found], node.row.field)
            return explained, found, _opposite(found)
        case BoundExpression():
            found, reason = expression_verdict(node, values, bound.binder)
            explained = ConditionExplanation(node.place, node.expression.cel, _STANDING[found], reason=reason)
            return explained, found, _opposite(found)
        case BoundNot():
            inner, positive, negative = _explain(node.of, bound, values)
            return (
                ConditionExplanation(node.place, "not", _STANDING[negative], of=(inner,)),
                negative,
                positive,
            )
        case BoundGroup():
            parts = [_explain(child, bound, values) for child in node.of]
            if node.every:
                positive = min([part[1] for part in parts], default=Verdict.TRUE)
                negative = max([part[2] for part in parts], default=Verdict.FALSE)
            else:
                positive = max([part[1] for part in parts], default=Verdict.FALSE)
                negative = min([part[2] for part in parts], default=Verdict.TRUE)
            test = "all" if node.every else "any"
            of = tuple([part[0] for part in parts])
            return ConditionExplanation(node.place, test, _STANDING[positive], of=of), positive, negative


def _opposite(found: Verdict) -> Verdict:
    if found is Verdict.TRUE:
        return Verdict.FALSE
    return Verdict.TRUE if found is Verdict.FALSE else found


def _stoppers(node: Bound, explained: ConditionExplanation, *, negated: bool) -> list[ConditionExplanation]:
    """The leaves that keep a node, or its opposite, from being true; none when it is."""
    match node:
        case BoundNot():
            return _stoppers(node.of, explained.of[0], negated=not negated)
        case BoundGroup():
            parts = [
                _stoppers(child, below, negated=negated)
                for child, below in zip(node.of, explained.of, strict=True)
            ]
            if node.every is not negated:
                return [leaf for part in parts for leaf in part]
            if not parts:
                return [explained]
            return [leaf for part in parts for leaf in part] if all(parts) else []
    return [] if explained.verdict == ("false" if negated else "true") else [explained]
