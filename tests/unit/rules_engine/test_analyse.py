"""Findings reproduce, and what is there is found."""

from decimal import Decimal
from itertools import combinations, product
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.engine import interpret
from rules.engine.analyse import analyse
from rules.engine.bound import BoundRuleSet
from rules.engine.compile import compile_rules
from rules.engine.faults import MissingFact
from rules.engine.findings import Analysis, Witness
from rules.engine.limits import Limits
from rules.engine.model import (
    All,
    AnyOf,
    Expression,
    Fact,
    HitPolicy,
    Not,
    Operator,
    Row,
    Rule,
    RuleSet,
    Set,
    Stop,
)
from tests.unit.rules_engine.strategies import rule_sets

SCHEMA = {
    "age": Fact("integer", minimum=0, maximum=120, required=True),
    "country": Fact("string", values=("CH", "DE", "FR"), required=True),
}


def row(field: str, operator: str, value: Any = None) -> Row:
    return Row(field, Operator(operator), value)


def analysed(*rules: Rule, facts: dict[str, Fact] | None = None, **members: Any) -> Analysis:
    return analyse(RuleSet(facts or SCHEMA, rules, **members))


def test_overlap_and_conflict_come_with_facts_that_show_them() -> None:
    found = analysed(
        Rule("minor", (Set("ok", False),), row("age", "lt", 18)),
        Rule("child", (Set("ok", True),), row("age", "between", [3, 7])),
        Rule("old", (Set("ok", True),), row("age", "gt", 100)),
    )
    assert [overlap.rules for overlap in found.overlaps] == [("minor", "child")]
    (conflict,) = found.conflicts
    assert (conflict.output, conflict.values) == ("ok", (False, True))
    assert conflict.witness.facts["age"] == 3


def test_between_neighbouring_whole_numbers_there_is_no_gap() -> None:
    assert analysed(Rule("a", (), row("age", "le", 17)), Rule("b", (), row("age", "ge", 18))).gaps == []


def test_a_gap_is_described_and_shown() -> None:
    found = analysed(
        Rule("minor", (), row("age", "lt", 18)),
        Rule("swiss", (), All((row("age", "ge", 18), row("country", "eq", "CH")))),
        Rule("rest", (), All((row("age", "gt", 18), row("country", "ne", "CH")))),
    )
    (gap,) = found.gaps
    assert gap.region == {"age": "18", "country": '"DE", "FR"'}
    assert gap.witness.facts == {"age": 18, "country": "DE"}


def test_a_missing_fact_is_a_gap_unless_it_is_required() -> None:
    facts = {"age": Fact("integer")}
    found = analysed(Rule("a", (), row("age", "lt", 18)), Rule("b", (), row("age", "ge", 18)), facts=facts)
    assert [gap.region for gap in found.gaps] == [{"age": "null"}]
    refused = analyse(
        RuleSet(
            facts, (Rule("a", (), row("age", "lt", 18)), Rule("b", (), row("age", "ge", 18))), missing="error"
        )
    )
    assert refused.gaps == []


def test_a_rule_shadowed_by_several_together_is_found() -> None:
    found = analysed(
        Rule("low", (), row("age", "lt", 50)),
        Rule("high", (), row("age", "ge", 40)),
        Rule("middle", (), row("age", "between", [30, 60])),
    )
    (shadowed,) = found.shadowed
    assert (shadowed.rule, shadowed.by) == ("middle", ("low", "high"))


def test_a_rule_behind_stop_is_shadowed_under_collect_too() -> None:
    rules = (Rule("end", (Stop(),), row("age", "lt", 50)), Rule("never", (), row("age", "lt", 20)))
    found = analysed(*rules, hit_policy=HitPolicy.COLLECT)
    assert [shadowed.rule for shadowed in found.shadowed] == ["never"]
    plain = msgspec.structs.replace(rules[0], actions=())
    assert analysed(plain, rules[1], hit_policy=HitPolicy.COLLECT).shadowed == []


def test_rules_outside_the_domain_never_hold() -> None:
    found = analysed(Rule("ancient", (), row("age", "gt", 120)), Rule("it", (), row("country", "eq", "IT")))
    assert found.never == ["ancient", "it"]


def test_patterns_and_suffixes_overlap_where_a_witness_is_found() -> None:
    found = analysed(
        Rule("r", (), row("country", "ends_with", "R")),
        Rule("f", (), row("country", "starts_with", "F")),
        Rule("g", (), row("country", "eq", "CH")),
    )
    assert [overlap.rules for overlap in found.overlaps] == [("r", "f")]
    assert [doubt.rules for doubt in found.undecided if doubt.finding == "overlap"] == [("r", "g")]


def test_an_expression_is_left_undecided_rather_than_guessed() -> None:
    found = analysed(
        Rule("a", (), Expression("age > 200 && country == 'XX'")), Rule("b", (), row("age", "lt", 18))
    )
    assert found.overlaps == []
    assert [doubt.rules for doubt in found.undecided if doubt.finding == "overlap"] == [("a", "b")]


def test_limits_end_an_analysis_and_it_says_so() -> None:
    rules = tuple(Rule(f"r{i}", (), row("age", "lt", i + 1)) for i in range(30))
    few = analyse(RuleSet(SCHEMA, rules), Limits(findings=10))
    assert (len(few.overlaps), few.complete) == (10, False)
    assert analyse(RuleSet(SCHEMA, rules), Limits(analysis_steps=20)).complete is False
    assert analyse(RuleSet(SCHEMA, rules)).complete is True


def holds(bound: BoundRuleSet, rule: str, witness: Witness) -> bool:
    values = bound.fields.take_exactly(witness.facts, witness.moment)
    (found,) = (candidate for candidate in bound.rules if candidate.rule.id == rule)
    return found.is_valid_at(witness.moment) and interpret.verdict(found.condition, values, bound.binder) == 3


def sent(found: Analysis) -> Analysis:
    """As it is stored and sent, numbers as decimals."""
    document = msgspec.json.Encoder(decimal_format="number").encode(found)
    return msgspec.json.Decoder(Analysis, float_hook=Decimal).decode(document)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(rule_sets(max_rules=6))
def test_every_witness_reproduces(rule_set: RuleSet) -> None:
    matcher = compile_rules(rule_set)
    found = sent(analyse(rule_set))
    for overlap in found.overlaps:
        assert all(holds(matcher.bound, rule, overlap.witness) for rule in overlap.rules)
    for shadowed in found.shadowed:
        assert holds(matcher.bound, shadowed.rule, shadowed.witness)
        fired = matcher.evaluate(shadowed.witness.facts, moment=shadowed.witness.moment).fired
        assert shadowed.rule not in fired
    for gap in found.gaps:
        assert matcher.hits(gap.witness.facts, gap.witness.moment)[0] == ()


SMALL = {"n": Fact("integer", minimum=0, maximum=4, required=True), "s": Fact("string", values=("a", "b"))}
SPACE = [{"n": n} | ({} if s is None else {"s": s}) for n, s in product(range(5), ("a", "b", None))]


@st.composite
def small_rule_sets(draw: st.DrawFn) -> RuleSet:
    number = st.builds(
        row, st.just("n"), st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]), st.integers(0, 4)
    )
    string = st.builds(row, st.just("s"), st.sampled_from(["eq", "ne"]), st.sampled_from(["a", "b"]))
    condition = st.recursive(
        number | string | st.just(row("s", "exists")),
        lambda inner: (
            st.builds(All, st.lists(inner, max_size=2).map(tuple))
            | st.builds(AnyOf, st.lists(inner, max_size=2).map(tuple))
            | st.builds(Not, inner)
        ),
        max_leaves=4,
    )
    rules = [
        Rule(f"r{i}", (Set("x", draw(st.integers(0, 1))),), draw(condition))
        for i in range(draw(st.integers(0, 5)))
    ]
    return RuleSet(
        SMALL, tuple(rules), hit_policy=draw(st.sampled_from([HitPolicy.FIRST, HitPolicy.COLLECT]))
    )


@settings(max_examples=120, deadline=None)
@given(small_rule_sets())
def test_an_analysis_finds_exactly_what_trying_everything_finds(rule_set: RuleSet) -> None:
    found = analyse(rule_set)
    collecting = compile_rules(msgspec.structs.replace(rule_set, hit_policy=HitPolicy.COLLECT)).bound
    held = [set(interpret.hits(collecting, facts, None)[0]) for facts in SPACE]
    ids = [rule.rule.id for rule in collecting.rules]
    rules = range(len(ids))

    overlaps = {(ids[a], ids[b]) for a, b in combinations(rules, 2) if any({a, b} <= hits for hits in held)}
    assert {overlap.rules for overlap in found.overlaps} == overlaps
    assert (found.gaps != []) is (set() in held)
    never = [ids[rule] for rule in rules if not any(rule in hits for hits in held)]
    assert found.never == never
    if rule_set.hit_policy is HitPolicy.FIRST:
        reached = {min(hits) for hits in held if hits}
        beaten = [ids[rule] for rule in rules if rule not in reached and ids[rule] not in never]
        assert [shadowed.rule for shadowed in found.shadowed] == beaten
    assert found.complete
    assert found.undecided == []


def test_a_set_that_refuses_missing_facts_gets_witnesses_that_are_not_refused() -> None:
    rules = (Rule("a", (), row("age", "lt", 50)), Rule("b", (), row("age", "gt", 20)))
    rule_set = RuleSet({"age": Fact("integer"), "x": Fact("string")}, rules, missing="error")
    (overlap,) = analyse(rule_set).overlaps
    try:
        compile_rules(rule_set).evaluate(overlap.witness.facts)
    except MissingFact as missing:
        raise AssertionError("the witness is refused") from missing
