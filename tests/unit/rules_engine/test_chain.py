"""Outputs become facts, and the chain always ends."""

from typing import Any

import pytest

from rules.engine.chain import Chain, evaluate_chain, explain_chain
from rules.engine.compile import compile_rules
from rules.engine.model import (
    Add,
    Emit,
    Fact,
    HitPolicy,
    Not,
    Operator,
    Output,
    Row,
    Rule,
    RuleSet,
    Set,
)

FACTS = {"a": Fact("integer"), "b": Fact("integer"), "c.d": Fact("integer"), "on": Fact("boolean")}


def chain(*rules: Rule, facts: dict[str, Any], **members: Any) -> Chain:
    members = {"hit_policy": HitPolicy.COLLECT, "chaining": True, **members}
    return evaluate_chain(compile_rules(RuleSet(FACTS, rules, **members)), facts)


def test_one_rule_s_output_is_the_next_rule_s_fact() -> None:
    found = chain(
        Rule("second", (Set("c.d", 3),), Row("b", Operator.EQ, 2)),
        Rule("first", (Set("b", 2),), Row("a", Operator.EQ, 1)),
        Rule("third", (Set("done", True),), Row("c.d", Operator.EQ, 3)),
        facts={"a": 1},
    )
    assert found.is_settled
    assert [step.fired for step in found.rounds] == [
        ("first",),
        ("second", "first"),
        ("second", "first", "third"),
        ("second", "first", "third"),
    ]
    assert found.evaluation.outputs == {"b": 2, "c.d": 3, "done": True}
    assert found.facts == {"a": 1, "b": 2, "c": {"d": 3}, "done": True}


def test_a_rule_of_a_chain_is_explained_over_what_it_saw() -> None:
    given = {"a": 1}
    rules = (
        Rule("once", (Set("b", 2),), Not(Row("b", Operator.EXISTS))),
        Rule("then", (Set("c.d", 3),), Row("b", Operator.EQ, 2)),
        Rule("never", (), Row("c.d", Operator.GT, 3)),
        Rule("off", enabled=False),
    )
    matcher = compile_rules(RuleSet(FACTS, rules, hit_policy=HitPolicy.COLLECT, chaining=True))
    found = evaluate_chain(matcher, given)
    once, then, never, off = explain_chain(matcher, [rule.id for rule in rules], given, found)
    assert (once.fired, once.verdict, then.fired, then.verdict) == (True, "true", True, "true")
    assert [(leaf.test, leaf.fact) for leaf in never.stopped_by] == [("c.d gt 3", 3)]
    assert off.reason == "the rule is not enabled"


def test_a_conclusion_stays_when_its_premise_is_overtaken() -> None:
    found = chain(Rule("r", (Set("a", 1),), Not(Row("a", Operator.EXISTS))), facts={})
    assert found.is_settled
    assert found.evaluation.outputs == {"a": 1}
    assert found.evaluation.fired == ("r",)


def test_a_default_never_overturns_what_a_rule_concluded() -> None:
    outputs = {"a": Output("integer", default=0), "b": Output("integer", default=7)}
    found = chain(Rule("r", (Set("a", 1),), Not(Row("a", Operator.EXISTS))), facts={}, outputs=outputs)
    assert found.is_settled
    assert found.evaluation.outputs == {"a": 1, "b": 7}


def test_totals_count_within_a_round() -> None:
    found = chain(Rule("x", (Add("a", 2),)), Rule("y", (Add("a", 3),)), facts={})
    assert found.is_settled
    assert found.facts == {"a": 5}


def test_a_cycle_is_found_and_named() -> None:
    found = chain(
        Rule("start", (Set("idle", 0),)),
        Rule("up", (Set("on", True),), Row("on", Operator.EQ, False)),
        Rule("down", (Set("on", False),), Row("on", Operator.EQ, True)),
        facts={"on": False},
    )
    assert found.ended == "cycle"
    assert set(found.cycle) == {"start", "up", "down"}
    assert [error.code for error in found.evaluation.errors] == ["cycle"]


def test_endless_growth_ends_at_the_bound() -> None:
    found = chain(Rule("grow", (Set("a", cel="a + 1"),)), facts={"a": 0}, chain_rounds=20)
    assert (found.ended, len(found.rounds), found.facts["a"]) == ("bound", 20, 20)
    assert [error.code for error in found.evaluation.errors] == ["chain_bound"]


def test_an_effect_happens_once_however_many_rounds() -> None:
    found = chain(
        Rule("tell", (Emit("a.told"),), Row("a", Operator.EQ, 1)),
        Rule("next", (Set("b", 2),), Row("a", Operator.EQ, 1)),
        facts={"a": 1},
    )
    assert len(found.rounds) == 2
    assert [effect.name for effect in found.evaluation.effects] == ["a.told"]


def test_the_facts_given_are_not_changed() -> None:
    given: dict[str, Any] = {"a": 1, "c": {"d": 0}}
    chain(Rule("r", (Set("c.d", 9),)), facts=given)
    assert given == {"a": 1, "c": {"d": 0}}


@pytest.mark.parametrize("first", [True, 1])
def test_true_and_one_are_different_facts(first: Any) -> None:
    found = chain(Rule("r", (Set("x", True),)), facts={"x": first})
    assert len(found.rounds) == (1 if first is True else 2)
