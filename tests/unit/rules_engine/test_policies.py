"""What each hit policy, aggregation and action makes of the rules that hold."""

from typing import Any

import msgspec
import pytest

from rules.engine.compile import compile_rules
from rules.engine.conclude import Evaluation
from rules.engine.faults import InvalidFacts, MissingFact, MomentRequired
from rules.engine.model import (
    Add,
    Aggregation,
    All,
    Call,
    Emit,
    Expression,
    Fact,
    HitPolicy,
    Operator,
    Output,
    Row,
    Rule,
    RuleSet,
    Set,
    Stop,
    rule_set_from_json,
    rule_set_to_json,
)
from tests.unit.rules_engine.strategies import MOMENTS

AMOUNT = {"amount": Fact("number")}


def over(limit: Any) -> Row:
    return Row("amount", Operator.GT, limit)


TIERS = (
    Rule("small", (Set("tier", "small"), Set("rate", 3)), over(0)),
    Rule("medium", (Set("tier", "medium"), Set("rate", 2)), over(100)),
    Rule("large", (Set("tier", "large"), Set("rate", 1)), over(1000)),
)


def decide(rules: tuple[Rule, ...], facts: dict[str, Any], **members: Any) -> Evaluation:
    return compile_rules(RuleSet(AMOUNT, rules, **members)).evaluate(facts)


def test_first_takes_the_first_that_holds() -> None:
    found = decide(TIERS, {"amount": 5000})
    assert found.fired == ("small",)
    assert found.outputs == {"tier": "small", "rate": 3}


def test_first_tries_a_higher_priority_before_place() -> None:
    rules = (*TIERS, Rule("vip", (Set("tier", "vip"),), over(10), priority=5))
    assert decide(rules, {"amount": 50}).fired == ("vip",)


def test_rule_order_gives_every_hit_in_order_and_the_later_override() -> None:
    found = decide(TIERS, {"amount": 500}, hit_policy=HitPolicy.RULE_ORDER)
    assert found.fired == ("small", "medium")
    assert found.results == [{"tier": "small", "rate": 3}, {"tier": "medium", "rate": 2}]
    assert found.outputs == {"tier": "medium", "rate": 2}


def test_unique_refuses_two_hits_by_name() -> None:
    found = decide(TIERS, {"amount": 500}, hit_policy=HitPolicy.UNIQUE)
    assert [error.code for error in found.errors] == ["not_unique"]
    assert "'small', 'medium'" in found.errors[0].message
    assert (found.fired, found.outputs) == ((), {})
    assert decide(TIERS, {"amount": 5}, hit_policy=HitPolicy.UNIQUE).outputs["tier"] == "small"


def test_any_accepts_hits_that_agree_and_refuses_those_that_do_not() -> None:
    agreeing = tuple(Rule(f"r{i}", (Set("ok", True),), over(i)) for i in range(3))
    found = decide(agreeing, {"amount": 10}, hit_policy=HitPolicy.ANY)
    assert (found.outputs, found.errors) == ({"ok": True}, [])
    odd = (*agreeing, Rule("odd", (Set("ok", 1),), over(0)))
    assert decide(odd, {"amount": 10}, hit_policy=HitPolicy.ANY).errors[0].code == "disagreement"


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (Aggregation.SUM, 0.6),
        (Aggregation.MIN, 0.1),
        (Aggregation.MAX, 0.3),
        (Aggregation.COUNT, 3),
    ],
)
def test_collect_aggregates_as_decimals(aggregation: Aggregation, expected: Any) -> None:
    rules = tuple(Rule(f"r{i}", (Set("fee", i / 10),), over(i)) for i in (1, 2, 3))
    found = decide(rules, {"amount": 10}, hit_policy=HitPolicy.COLLECT, aggregation=aggregation)
    assert found.outputs == {"fee": expected}


def test_an_aggregation_of_what_does_not_add_is_an_error_not_a_crash() -> None:
    rules = (Rule("a", (Set("fee", "x"),), over(0)), Rule("b", (Set("fee", 1),), over(0)))
    found = decide(rules, {"amount": 1}, hit_policy=HitPolicy.COLLECT, aggregation=Aggregation.SUM)
    assert [error.code for error in found.errors] == ["aggregation"]


def test_priority_ranks_by_the_declared_output_values() -> None:
    outputs = {"tier": Output("string", values=("large", "medium", "small"))}
    found = decide(TIERS, {"amount": 5000}, hit_policy=HitPolicy.PRIORITY, outputs=outputs)
    assert found.fired == ("large",)
    ordered = decide(TIERS, {"amount": 5000}, hit_policy=HitPolicy.OUTPUT_ORDER, outputs=outputs)
    assert ordered.fired == ("large", "medium", "small")


def test_priority_ranks_computed_outputs_too() -> None:
    outputs = {"tier": Output("string", values=("large", "small"))}
    rules = (
        Rule("a", (Set("tier", "small"),), over(0)),
        Rule("b", (Set("tier", cel="amount > 10.0 ? 'large' : 'small'"),), over(0)),
    )
    assert decide(rules, {"amount": 50}, hit_policy=HitPolicy.PRIORITY, outputs=outputs).fired == ("b",)
    assert decide(rules, {"amount": 5}, hit_policy=HitPolicy.PRIORITY, outputs=outputs).fired == ("a",)


def test_an_output_that_no_rule_sets_has_its_default() -> None:
    outputs = {"tier": Output("string", default="none"), "rate": Output("integer")}
    assert decide(TIERS, {"amount": -1}, outputs=outputs).outputs == {"tier": "none"}


def test_stop_ends_the_evaluation_after_its_rule() -> None:
    rules = (TIERS[0], msgspec.structs.replace(TIERS[1], actions=(*TIERS[1].actions, Stop())), TIERS[2])
    assert decide(rules, {"amount": 5000}, hit_policy=HitPolicy.COLLECT).fired == ("small", "medium")


def test_add_sums_exactly_and_appends_to_lists() -> None:
    rules = tuple(Rule(f"r{i}", (Add("score", 0.1), Add("why", f"r{i}")), over(0)) for i in range(3))
    found = decide(rules, {"amount": 1}, hit_policy=HitPolicy.COLLECT)
    assert found.outputs == {"score": 0.3, "why": ["r0", "r1", "r2"]}
    assert found.results[0] == {"score": 0.1, "why": ["r0"]}


def test_effects_are_data_with_computed_payloads() -> None:
    actions = (
        Emit("order.flagged", {"level": "high"}, {"double": "amount * 2.0"}),
        Call("webhook", "https://example.org/hook", {"a": 1}),
    )
    found = decide((Rule("r", actions, over(0)),), {"amount": 21})
    assert [(e.type, e.name, e.via, e.payload) for e in found.effects] == [
        ("emit", "order.flagged", "", {"level": "high", "double": 42.0}),
        ("call", "https://example.org/hook", "webhook", {"a": 1}),
    ]


def test_a_failing_action_is_recorded_and_the_rest_stands() -> None:
    actions = (Set("ratio", cel="1 / int(amount)"), Set("seen", True))
    found = decide((Rule("r", actions),), {"amount": 0})
    assert found.outputs == {"seen": True}
    assert [(e.code, e.rule, e.place) for e in found.errors] == [("expression", "r", "/actions/0/cel")]


def test_a_failing_condition_is_recorded_and_its_rule_does_not_fire() -> None:
    rules = (Rule("bad", (), Expression("1 / int(amount) > 0")), Rule("good", (Set("ok", True),)))
    found = decide(rules, {"amount": 0})
    assert found.fired == ("good",)
    assert [(e.code, e.rule, e.place) for e in found.errors] == [("expression", "bad", "/condition/cel")]


def test_results_share_nothing_with_the_rules() -> None:
    matcher = compile_rules(RuleSet(AMOUNT, (Rule("r", (Set("tags", ["a"]), Set("n", 1)), over(0)),)))
    first = matcher.evaluate({"amount": 1})
    first.outputs["tags"].append("b")
    first.outputs["n"] = first.results[0]["n"] = 2
    assert matcher.evaluate({"amount": 1}).outputs == {"tags": ["a"], "n": 1}


def test_a_missing_fact_skips_the_rule_or_is_refused_by_name() -> None:
    rules = (Rule("r", (Set("ok", True),), over(0)),)
    assert decide(rules, {}).fired == ()
    with pytest.raises(MissingFact, match="'r' needs 'amount'"):
        decide(rules, {"amount": None}, missing="error")


def test_a_missing_fact_is_no_error_where_another_row_decides() -> None:
    guarded = Rule("r", (), All((Row("amount", Operator.EXISTS), over(0))))
    assert decide((guarded,), {}, missing="error").fired == ()


@pytest.mark.parametrize("amount", [True, "5", [1], float("nan"), float("inf"), {}])
def test_a_fact_of_another_type_is_refused_by_name(amount: Any) -> None:
    with pytest.raises(InvalidFacts, match="'amount'"):
        decide(TIERS, {"amount": amount})


def test_validity_periods_begin_included_and_end_excluded() -> None:
    start, _, end = MOMENTS
    matcher = compile_rules(RuleSet({}, (Rule("r", (Set("on", 1),), valid_from=start, valid_until=end),)))
    assert matcher.evaluate({}, moment=start).fired == ("r",)
    assert matcher.evaluate({}, moment=end).fired == ()
    with pytest.raises(MomentRequired):
        matcher.evaluate({})


def test_a_disabled_rule_does_not_fire() -> None:
    assert decide((msgspec.structs.replace(TIERS[0], enabled=False),), {"amount": 5}).fired == ()


def test_a_rule_set_survives_json() -> None:
    rule_set = RuleSet(AMOUNT, (*TIERS, Rule("e", (Emit("a.b"),), Expression("amount > 1.0"))), version="7")
    assert rule_set_from_json(rule_set_to_json(rule_set)) == rule_set
