"""A rule set bound to its schema: every rule's condition and actions compiled, in the order of the hit
policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from rules.engine.actions import Performer, expressions, rank
from rules.engine.bind import Bound, bind_rule
from rules.engine.faults import Fault, InvalidRuleSet, MomentRequired
from rules.engine.fields import Fields
from rules.engine.limits import LIMITS, Limits
from rules.engine.model import Action, HitPolicy, Rule, RuleSet, Set

RANKED = frozenset({HitPolicy.PRIORITY, HitPolicy.OUTPUT_ORDER})
"""Policies that rank rules by their outputs."""


class BoundRule(msgspec.Struct, frozen=True):
    """An enabled rule, ready to be tested and to fire."""

    rule: Rule
    condition: Bound
    performer: Performer

    def is_valid_at(self, moment: datetime | None) -> bool:
        """Whether its validity period holds the moment; without a period, always."""
        rule = self.rule
        if rule.valid_from is None and rule.valid_until is None:
            return True
        if moment is None:
            raise MomentRequired(
                "The rule set has rules with a validity period: say for which moment to evaluate."
            )
        return (rule.valid_from is None or rule.valid_from <= moment) and (
            rule.valid_until is None or moment < rule.valid_until
        )


class BoundRuleSet:
    """The enabled rules in the order in which they are tried."""

    def __init__(self, rule_set: RuleSet, limits: Limits = LIMITS) -> None:
        self.rule_set = rule_set
        self.limits = limits
        self.fields = Fields(rule_set.facts, limits)
        rules = [self._bind(rule) for rule in rule_set.rules if rule.enabled]
        self.binder = self.fields.binder()
        self.is_timed = any(rule.rule.valid_from or rule.rule.valid_until for rule in rules)
        ranked = [name for name, output in rule_set.outputs.items() if output.values is not None]
        self.ranks_late = rule_set.hit_policy in RANKED and any(
            _is_computed(rule.rule.actions, ranked) for rule in rules
        )
        """Whether ranks depend on expressions, so that rules can be ranked only once they have fired."""
        self.rules = sorted(rules, key=self._key)
        self.takes_first = not self.ranks_late and rule_set.hit_policy in (
            HitPolicy.FIRST,
            HitPolicy.PRIORITY,
        )
        """Whether the first rule that holds ends the search."""
        self.stops = any(rule.performer.stops for rule in rules)

    def _bind(self, rule: Rule) -> BoundRule:
        condition = bind_rule(rule.id, rule.condition, self.fields)
        programs = {}
        for place, source in expressions(rule.actions):
            programs[place] = self._compile(source, rule, place)
        return BoundRule(rule, condition, Performer.of(rule, programs))

    def _compile(self, source: str, rule: Rule, place: str) -> Any:
        from common.cel import CelError

        try:
            program = self.fields.compile(source)
        except CelError as error:
            raise InvalidRuleSet([Fault("expression", str(error), rule.id, place)]) from error
        for reference in program.paths:
            self.fields.refer(reference)
        return program

    def _key(self, rule: BoundRule) -> tuple[Any, ...]:
        if self.rule_set.hit_policy in RANKED and not self.ranks_late:
            return (*rank(self.rule_set.outputs, _literals(rule.rule.actions)), -rule.rule.priority)
        return (-rule.rule.priority,)


def _literals(actions: tuple[Action, ...]) -> Mapping[str, Any]:
    return {
        action.output: action.value for action in actions if isinstance(action, Set) and action.cel is None
    }


def _is_computed(actions: tuple[Action, ...], outputs: list[str]) -> bool:
    return any(
        getattr(action, "output", None) in outputs and not (isinstance(action, Set) and action.cel is None)
        for action in actions
    )
