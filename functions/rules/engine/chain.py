"""Forward chaining: what rules put out becomes facts, until nothing changes.

Each round evaluates the rules over the facts so far; its outputs then join them. ``add`` counts within a
round, so a total is the same in every round in which the same rules fire. The chain ends when a round changes
nothing, when it comes back to facts it has had (a cycle), or at its bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from rules.engine.actions import Effect, RuleError
from rules.engine.conclude import Evaluation
from rules.engine.evaluate import Matcher
from rules.engine.explanation import RuleExplanation


class Round(msgspec.Struct, frozen=True):
    """One evaluation in a chain: which rules fired, and the facts that it changed."""

    fired: tuple[str, ...]
    changed: dict[str, Any]


class Chain(msgspec.Struct, frozen=True, omit_defaults=True):
    """A chain of evaluations.

    ``evaluation`` is the last one, with every effect of the chain, each once. ``cycle`` are the rules that
    fired between two times of the same facts.
    """

    evaluation: Evaluation
    facts: dict[str, Any]
    """The facts given and those that rules made of their outputs."""
    rounds: tuple[Round, ...]
    ended: Literal["settled", "cycle", "bound"]
    cycle: tuple[str, ...] = ()

    @property
    def is_settled(self) -> bool:
        return self.ended == "settled"


def evaluate_chain(
    matcher: Matcher, facts: Mapping[str, Any], *, moment: datetime | None = None, explained: bool = False
) -> Chain:
    """Evaluate round by round. What an evaluation refuses, a round refuses; a bad chain ends with an error
    noted.
    """
    current = _copied(facts)
    seen = {_key(current): 0}
    rounds: list[Round] = []
    results: dict[str, dict[str, Any]] = {}
    given: dict[str, Any] = {}
    effects: dict[bytes, Effect] = {}
    errors: dict[RuleError, None] = {}
    ended: Literal["settled", "cycle", "bound"] | None = None
    cycle: tuple[str, ...] = ()
    while ended is None:
        evaluation = matcher.evaluate(current, moment=moment, explained=explained)
        results |= zip(evaluation.fired, evaluation.results, strict=False)
        effects |= {msgspec.json.encode(effect): effect for effect in evaluation.effects}
        errors |= dict.fromkeys(evaluation.errors)
        outputs = _set_by_rules(evaluation)
        given |= outputs
        following = _joined(current, outputs)
        rounds.append(Round(evaluation.fired, _changed(current, outputs)))
        before, key = _key(current), _key(following)
        if key == before:
            ended = "settled"
        elif key in seen:
            ended = "cycle"
            cycle = tuple(dict.fromkeys(rule for step in rounds[seen[key] :] for rule in step.fired))
            errors[RuleError("cycle", f"the rules {', '.join(map(repr, cycle))} keep changing the facts")] = (
                None
            )
        elif len(rounds) >= matcher.bound.rule_set.chain_rounds:
            ended = "bound"
            errors[RuleError("chain_bound", f"the facts still change after {len(rounds)} rounds")] = None
        seen[key] = len(rounds)
        current = following
    summed = Evaluation(
        evaluation.version,
        tuple(results),
        evaluation.outputs | given,
        list(results.values()),
        list(effects.values()),
        list(errors),
        evaluation.explanation,
    )
    return Chain(summed, current, tuple(rounds), ended, cycle)


def evaluate_set(matcher: Matcher, facts: Mapping[str, Any], *, moment: datetime | None = None) -> Evaluation:
    """Decide as the set wants it: in a chain where it chains, else in one evaluation."""
    if matcher.bound.rule_set.chaining:
        return evaluate_chain(matcher, facts, moment=moment).evaluation
    return matcher.evaluate(facts, moment=moment)


def explain_chain(
    matcher: Matcher,
    rules: Iterable[str],
    facts: Mapping[str, Any],
    chain: Chain,
    *,
    moment: datetime | None = None,
) -> list[RuleExplanation]:
    """Why each of some rules fired in the chain or did not.

    A rule is explained over what it saw when it last fired; one that never did, over the last round's facts.
    """
    last = current = _copied(facts)
    seen: dict[str, dict[str, Any]] = {}
    for step in chain.rounds:
        last = current
        seen |= dict.fromkeys(step.fired, last)
        current = _joined(current, step.changed)
    fired = chain.evaluation.fired
    return [
        explained
        for rule in rules
        for explained in matcher.explain([rule], seen.get(rule, last), fired, moment=moment)
    ]


def _set_by_rules(evaluation: Evaluation) -> dict[str, Any]:
    """The outputs that rules gave, without the defaults of those that none did."""
    names = {name for result in evaluation.results for name in result}
    return {name: value for name, value in evaluation.outputs.items() if name in names}


def _copied(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copied(value) if isinstance(value, Mapping) else value for name, value in facts.items()}


def _joined(facts: dict[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with outputs at their dotted paths; what stands in a path's way gives way."""
    joined = _copied(facts)
    for name, value in outputs.items():
        *parents, last = name.split(".")
        node = joined
        for parent in parents:
            if not isinstance(node.get(parent), dict):
                node[parent] = {}
            node = node[parent]
        node[last] = value
    return joined


def _changed(facts: dict[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in outputs.items() if not _same(_at(facts, name), value)}


def _at(facts: dict[str, Any], path: str) -> Any:
    value: Any = facts
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _same(a: Any, b: Any) -> bool:
    return _key(a) == _key(b)


def _key(value: Any) -> bytes:
    """Facts as bytes, so that true is not 1 and every order of members is the same."""
    return msgspec.json.encode(value, order="deterministic")
