"""Why a rule fired, and why another did not."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.engine.compile import compile_rules
from rules.engine.explanation import ConditionExplanation
from rules.engine.faults import MissingFact
from rules.engine.model import (
    All,
    AnyOf,
    Expression,
    HitPolicy,
    Not,
    Operator,
    Row,
    Rule,
    RuleSet,
    Set,
)
from tests.unit.rules_engine.strategies import MOMENTS, SCHEMA, facts, rule_sets

RICH = Row("amount", Operator.GT, 100)
SWISS = Row("country", Operator.EQ, "CH")


def rule_set(*rules: Rule, **members: Any) -> RuleSet:
    return RuleSet(SCHEMA, rules, **members)


def leaves(explained: tuple[ConditionExplanation, ...]) -> list[tuple[str, str, Any]]:
    return [(leaf.test, leaf.verdict, leaf.fact) for leaf in explained]


def test_a_rule_that_fired_shows_each_row_with_its_value() -> None:
    matcher = compile_rules(rule_set(Rule("r", (Set("a", 1),), All((RICH, SWISS)))))
    explanation = matcher.evaluate({"amount": 150, "country": "CH"}, explained=True).explanation
    assert explanation is not None
    (explained,) = explanation.rules()
    assert (explained.rule, explained.verdict, explained.fired, explained.stopped_by) == (
        "r",
        "true",
        True,
        (),
    )
    assert explained.condition.test == "all"
    assert leaves(explained.condition.of) == [("amount gt 100", "true", 150), ("country eq CH", "true", "CH")]


def test_a_rule_that_did_not_fire_names_what_stopped_it() -> None:
    matcher = compile_rules(rule_set(Rule("r", (), All((RICH, SWISS, Row("count", Operator.GE, 1))))))
    explained = matcher.why("r", {"amount": 50, "country": "CH"})
    assert (explained.verdict, explained.fired) == ("false", False)
    assert leaves(explained.stopped_by) == [("amount gt 100", "false", 50), ("count ge 1", "missing", None)]
    assert [leaf.place for leaf in explained.stopped_by] == ["/condition/of/0", "/condition/of/2"]


def test_under_any_all_branches_stopped_it_and_under_not_the_true_one() -> None:
    either = Rule("either", (), AnyOf((RICH, SWISS)))
    neither = Rule("neither", (), Not(AnyOf((RICH, SWISS))))
    matcher = compile_rules(rule_set(either, neither))
    assert len(matcher.why("either", {"amount": 1, "country": "DE"}).stopped_by) == 2
    stopped = matcher.why("neither", {"amount": 1, "country": "CH"}).stopped_by
    assert leaves(stopped) == [("country eq CH", "true", "CH")]


def test_a_failed_expression_says_why() -> None:
    matcher = compile_rules(rule_set(Rule("r", (), Expression("1 / count > 0"))))
    explained = matcher.why("r", {"count": 0})
    assert explained.verdict == "error"
    assert "zero" in explained.stopped_by[0].reason


def test_a_rule_that_held_and_lost_is_told_apart() -> None:
    matcher = compile_rules(rule_set(Rule("a", (), RICH), Rule("b", (), RICH)))
    explained = matcher.why("b", {"amount": 101})
    assert (explained.verdict, explained.fired) == ("true", False)
    assert "hit policy" in explained.reason
    ranked = compile_rules(rule_set(Rule("a", (), RICH), Rule("b", (), RICH), hit_policy=HitPolicy.ANY))
    found = ranked.evaluate({"amount": 101}, explained=True).explanation
    assert found is not None
    assert found.held == ("b",)


def test_disabled_expired_and_unknown_rules_are_told_apart() -> None:
    matcher = compile_rules(rule_set(Rule("off", enabled=False), Rule("old", valid_until=MOMENTS[0])))
    assert matcher.why("off", {}, moment=MOMENTS[2]).reason == "the rule is not enabled"
    assert "validity period" in matcher.why("old", {}, moment=MOMENTS[2]).reason
    with pytest.raises(KeyError):
        matcher.why("none", {}, moment=MOMENTS[2])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(rule_sets(max_rules=5), facts(), st.sampled_from(MOMENTS))
def test_explanations_agree_with_the_evaluation(
    given_set: RuleSet, some: dict[str, Any], moment: Any
) -> None:
    matcher = compile_rules(given_set)
    try:
        evaluation = matcher.evaluate(some, moment=moment, explained=True)
    except MissingFact:
        return
    assert evaluation.explanation is not None
    assert tuple(rule.rule for rule in evaluation.explanation.fired) == evaluation.fired
    for rule in given_set.rules:
        why = matcher.why(rule.id, some, moment=moment)
        assert why.fired is (rule.id in evaluation.fired)
        if why.fired:
            assert why.verdict == "true"
        if why.verdict != "true":
            assert why.stopped_by or not rule.enabled
