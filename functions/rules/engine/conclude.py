"""From the rules that hold to the decision: hit policies, outputs, aggregation (DMN 1.3, 8.2.8 to 8.2.11)."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import msgspec

from rules.engine.actions import Effect, Performance, RuleError, rank, same_outputs, total
from rules.engine.bound import BoundRuleSet
from rules.engine.explanation import Explanation
from rules.engine.fields import FACTS
from rules.engine.model import Aggregation, HitPolicy
from rules.engine.values import exact


class Evaluation(msgspec.Struct, omit_defaults=True):
    """One decision.

    ``fired`` are the rules that decided, ``results`` their own outputs in the same order. ``outputs`` are the
    decision: of several rules the later override the earlier, ``add`` accumulates, an aggregation makes one
    value of each.
    """

    version: str
    fired: tuple[str, ...]
    outputs: dict[str, Any]
    results: list[dict[str, Any]]
    effects: list[Effect] = []
    errors: list[RuleError] = []
    explanation: Explanation | None = None


class Concluder:
    """Makes decisions of one rule set's hits."""

    def __init__(self, bound: BoundRuleSet) -> None:
        rule_set = bound.rule_set
        self._bound = bound
        self._policy = rule_set.hit_policy
        self._aggregation = rule_set.aggregation
        self._defaults = {
            name: output.default
            for name, output in rule_set.outputs.items()
            if output.default is not msgspec.UNSET
        }
        literals = [rule.performer.outputs for rule in bound.rules]
        is_plain = None not in literals and self._aggregation is None and not bound.stops
        self._literals = [outputs for outputs in literals if outputs is not None] if is_plain else None
        """Each rule's outputs, when no more than these decide."""
        self._is_uniform = len({frozenset(outputs) for outputs in self._literals or ()}) == 1
        """Whether all rules give the same outputs, so that the last rule alone decides."""
        self._ids = [rule.rule.id for rule in bound.rules]
        self._several = self._policy in (HitPolicy.COLLECT, HitPolicy.RULE_ORDER, HitPolicy.OUTPUT_ORDER)
        self._version = rule_set.version

    def conclude(self, hits: tuple[int, ...], values: list[Any], errors: list[RuleError]) -> Evaluation:
        """The decision of the rules that hold, given by their places in the bound set, in order."""
        literals = self._literals
        if literals is None or errors or (len(hits) > 1 and not self._several):
            return self._conclude(hits, values, errors)
        if not hits:
            return Evaluation(self._version, (), self._defaults.copy(), [])
        if len(hits) == 1:
            own = literals[hits[0]]
            return Evaluation(self._version, (self._ids[hits[0]],), self._defaults | own, [own.copy()])
        chosen = itemgetter(*hits)
        results = [*map(dict.copy, chosen(literals))]
        outputs = self._defaults
        for result in results[-1:] if self._is_uniform else results:
            outputs = outputs | result
        return Evaluation(self._version, chosen(self._ids), outputs, results)

    def _conclude(self, hits: tuple[int, ...], values: list[Any], errors: list[RuleError]) -> Evaluation:
        hits = self._until_stop(hits)
        run = Performance(self._bindings(hits, values), errors)
        if self._bound.ranks_late:
            hits = self._ranked(hits, run.bindings)
        if self._policy in (HitPolicy.FIRST, HitPolicy.PRIORITY):
            hits = hits[:1]
        fired = tuple([self._ids[hit] for hit in hits])
        if self._policy is HitPolicy.UNIQUE and len(hits) > 1:
            message = f"{len(hits)} rules hold ({_listed(fired)}), and the hit policy is unique"
            return self._undecided([*errors, RuleError("not_unique", message)])
        results = [self._bound.rules[hit].performer.perform(run) for hit in hits]
        if self._policy is HitPolicy.ANY and len(hits) > 1:
            if not all(same_outputs(results[0], result) for result in results[1:]):
                message = f"rules {_listed(fired)} hold and disagree, and the hit policy is any"
                return self._undecided([*run.errors, RuleError("disagreement", message)])
            run.totals, results, fired = dict(results[0]), results[:1], fired[:1]
            run.effects = [effect for effect in run.effects if effect.rule == fired[0]]
        outputs = run.totals if self._aggregation is None else self._aggregated(results, run)
        return Evaluation(self._version, fired, self._defaults | outputs, results, run.effects, run.errors)

    def _undecided(self, errors: list[RuleError]) -> Evaluation:
        """No decision: the rules that hold break the hit policy."""
        return Evaluation(self._version, (), self._defaults.copy(), [], errors=errors)

    def _until_stop(self, hits: tuple[int, ...]) -> tuple[int, ...]:
        if self._bound.stops:
            for i, hit in enumerate(hits):
                if self._bound.rules[hit].performer.stops:
                    return hits[: i + 1]
        return hits

    def _bindings(self, hits: tuple[int, ...], values: list[Any]) -> dict[str, Any]:
        if not any(self._bound.rules[hit].performer.programs for hit in hits):
            return {}
        return self._bound.binder.bind(values[FACTS])

    def _ranked(self, hits: tuple[int, ...], bindings: Mapping[str, Any]) -> tuple[int, ...]:
        outputs = self._bound.rule_set.outputs
        run = Performance(bindings, [])
        ranks = {hit: rank(outputs, self._bound.rules[hit].performer.perform(run)) for hit in hits}
        return tuple(sorted(hits, key=ranks.__getitem__))

    def _aggregated(self, results: list[dict[str, Any]], run: Performance) -> dict[str, Any]:
        names: dict[str, None] = {}
        for result in results:
            names |= dict.fromkeys(result)
        outputs = {}
        for name in names:
            given = [result[name] for result in results if name in result]
            try:
                outputs[name] = aggregate(self._aggregation, given)
            except TypeError:
                message = f"output {name!r} has values that {self._aggregation} cannot aggregate"
                run.errors.append(RuleError("aggregation", message))
        return outputs


def aggregate(aggregation: Aggregation | None, values: list[Any]) -> Any:
    """One value of several; ``TypeError`` when they are not numbers (``min`` and ``max`` also take
    strings).
    """
    match aggregation:
        case Aggregation.COUNT:
            return len(values)
        case Aggregation.SUM:
            return total(values)
    if all(isinstance(value, str) for value in values):
        return min(values) if aggregation is Aggregation.MIN else max(values)
    if any(isinstance(value, bool) or not hasattr(value, "__float__") for value in values):
        raise TypeError
    return (min if aggregation is Aggregation.MIN else max)(values, key=exact)


def _listed(rules: tuple[str, ...]) -> str:
    shown = ", ".join(repr(rule) for rule in rules[:5])
    return f"{shown} and {len(rules) - 5} more" if len(rules) > 5 else shown
