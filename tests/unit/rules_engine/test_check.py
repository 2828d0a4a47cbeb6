"""Every fault is named with its rule and its place, and nothing hostile gets through."""

from typing import Any

import pytest

from rules.engine.check import check, require_valid
from rules.engine.faults import InvalidRuleSet
from rules.engine.limits import Limits
from rules.engine.model import (
    Add,
    Aggregation,
    All,
    Condition,
    Emit,
    Expression,
    Fact,
    HitPolicy,
    Not,
    Operator,
    Output,
    Row,
    Rule,
    RuleSet,
    Set,
    rule_set_from_json,
)
from tests.unit.rules_engine.strategies import MOMENTS, SCHEMA


def faults(condition: Condition | None = None, *actions: Any, **members: Any) -> list[tuple[str, str]]:
    rule_set = RuleSet(SCHEMA, (Rule("r", actions, condition),), **members)
    return [(fault.code, fault.place) for fault in check(rule_set)]


def test_a_schema_of_many_facts_is_checked_once_for_all_expressions() -> None:
    facts = {f"f{i}.g{i}": Fact("number") for i in range(5_000)}
    rules = tuple(Rule(f"r{i}", (), Expression(f"f{i}.g{i} > 1.0")) for i in range(200))
    assert check(RuleSet(facts, rules)) == []
    nested = check(RuleSet(facts | {"f7": Fact("object")}, ()), Limits(declarations=6_000))
    assert [(fault.code, fault.place) for fault in nested] == [("nested_fact", "/facts/f7.g7")]
    (fault,) = check(RuleSet(facts | {"more": Fact("number")}, ()))
    assert (fault.code, fault.place) == ("too_many_declarations", "/facts")
    (fault,) = check(RuleSet({"x" * 501: Fact("number")}, ()))
    assert fault.code == "name"


@pytest.mark.parametrize(
    ("kind", "cel", "fits"),
    [
        ("string", "country", True),
        ("string", "amount", False),
        ("number", "count", True),
        ("number", "country", False),
        ("boolean", "amount > 1.0", True),
        ("boolean", "country", False),
        ("timestamp", "seen + wait", True),
        ("timestamp", "wait", False),
        ("list", "tags", True),
        ("list", "country", False),
        ("object", "{'a': 1}", True),
        ("object", "[1]", False),
        ("string", "tags[0]", True),
        ("string", "seen", True),
    ],
)
def test_an_expression_yields_what_its_output_is_declared_to_be(kind: Any, cel: str, fits: bool) -> None:
    found = faults(None, Set("x", cel=cel), outputs={"x": Output(kind)})
    assert found == ([] if fits else [("expression", "/actions/0/cel")])


def test_a_check_names_so_many_faults_and_ends() -> None:
    facts = {f"field_number_{i}": Fact("number") for i in range(2_000)}
    wrong = tuple(Rule(f"r{i}", (), Row(f"feld_number_{i}", Operator.EQ, 1)) for i in range(3_000))
    found = check(RuleSet(facts, wrong))
    assert [fault.rule for fault in found] == [f"r{i}" for i in range(100)]
    assert "field_number_0" in found[0].message


def test_a_sound_rule_has_no_faults() -> None:
    assert faults(All((Row("amount", Operator.GT, 1), Expression("count > 1"))), Set("a", 1)) == []


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (Row("amuont", Operator.EQ, 1), ("unknown_field", "/condition/field")),
        (Row("amount", Operator.STARTS_WITH, "1"), ("operator_type", "/condition/operator")),
        (Row("tags", Operator.EQ, "a"), ("operator_type", "/condition/operator")),
        (Row("amount", Operator.EQ, "1"), ("value", "/condition/value")),
        (Row("amount", Operator.EQ, True), ("value", "/condition/value")),
        (Row("active", Operator.EQ, 1), ("value", "/condition/value")),
        (Row("count", Operator.EQ, 1.5), ("value", "/condition/value")),
        (Row("amount", Operator.EQ, None), ("value", "/condition/value")),
        (Row("amount", Operator.IN, []), ("value", "/condition/value")),
        (Row("amount", Operator.IN, 3), ("value", "/condition/value")),
        (Row("amount", Operator.BETWEEN, [2, 1]), ("value", "/condition/value")),
        (Row("amount", Operator.BETWEEN, [2]), ("value", "/condition/value")),
        (Row("amount", Operator.EXISTS, False), ("value", "/condition/value")),
        (Row("country", Operator.MATCHES, "(a"), ("value", "/condition/value")),
        (Row("country", Operator.MATCHES, r"(a)\1"), ("value", "/condition/value")),
        (Row("born", Operator.LT, "2026-02-30"), ("value", "/condition/value")),
        (Row("seen", Operator.LT, "2026-02-03T00:00:00"), ("value", "/condition/value")),
        (Row("wait", Operator.LT, "5 minutes"), ("value", "/condition/value")),
    ],
)
def test_a_row_that_does_not_fit_is_named(row: Row, fault: tuple[str, str]) -> None:
    assert faults(row) == [fault]


def test_every_fault_is_reported_with_its_own_place() -> None:
    tree = All((Row("nope", Operator.EQ, 1), Not(Expression("amount +")), Row("amount", Operator.GT, "x")))
    assert faults(tree) == [
        ("unknown_field", "/condition/of/0/field"),
        ("expression", "/condition/of/1/of/cel"),
        ("value", "/condition/of/2/value"),
    ]


def test_an_expression_must_be_a_condition_over_the_schema() -> None:
    assert faults(Expression("amount")) == [("expression", "/condition/cel")]
    assert faults(Expression("amuont > 1.0")) == [("expression", "/condition/cel")]


def test_a_typo_gets_a_suggestion() -> None:
    (fault,) = check(RuleSet(SCHEMA, (Rule("r", (), Row("amuont", Operator.EQ, 1)),)))
    assert "did you mean 'amount'" in fault.message


def test_rows_that_contradict_each_other_are_a_fault() -> None:
    assert faults(All((Row("amount", Operator.GT, 2), Row("amount", Operator.LT, 1)))) == [
        ("never_holds", "/condition")
    ]


def test_actions_are_checked_against_the_declared_outputs() -> None:
    outputs = {"tier": Output("string", values=("a", "b")), "score": Output("number")}
    assert faults(None, Set("teir", "a"), outputs=outputs) == [("unknown_output", "/actions/0/output")]
    assert faults(None, Set("tier", "c"), outputs=outputs) == [("output_value", "/actions/0/value")]
    assert faults(None, Set("score", "c"), outputs=outputs) == [("value", "/actions/0/value")]
    assert faults(None, Add("tier", "a"), outputs=outputs) == [("add", "/actions/0")]
    assert faults(None, Set("score", 1, cel="1"), outputs=outputs) == [("value", "/actions/0")]
    assert faults(None, Set("score", cel="nope"), outputs=outputs) == [("expression", "/actions/0/cel")]
    assert faults(None, Emit("Not An Event")) == [("event", "/actions/0/event")]


def test_the_set_itself_is_checked() -> None:
    rule = Rule("r")
    assert [f.code for f in check(RuleSet({}, (rule, rule)))] == ["duplicate_rule"]
    assert [f.code for f in check(RuleSet({}, (), aggregation=Aggregation.SUM))] == ["aggregation"]
    assert [f.code for f in check(RuleSet({"a": Fact("object"), "a.b": Fact("string")}, ()))] == [
        "nested_fact"
    ]
    assert [f.code for f in check(RuleSet({"a": Fact("integer", values=("x",))}, ()))] == ["value"]
    assert [f.code for f in check(RuleSet({"a": Fact("boolean", minimum=False)}, ()))] == ["value"]
    assert [f.code for f in check(RuleSet({"1a": Fact("string")}, ()))] == ["name"]
    chained = RuleSet({"a": Fact("string")}, (), outputs={"a": Output("number")}, chaining=True)
    assert [f.code for f in check(chained)] == ["chaining"]
    assert [f.code for f in check(RuleSet({}, (), chain_rounds=0))] == ["chain_rounds"]


def test_a_validity_that_ends_before_it_begins_is_a_fault() -> None:
    rule = Rule("r", valid_from=MOMENTS[2], valid_until=MOMENTS[0])
    assert [f.code for f in check(RuleSet({}, (rule,)))] == ["validity"]
    assert [f.code for f in check(RuleSet({}, (Rule("r", valid_from=MOMENTS[0].replace(tzinfo=None)),)))] == [
        "validity"
    ]


def test_hostile_sizes_end_in_named_faults() -> None:
    limits = Limits(rules=2, conditions_per_rule=3, depth=4, actions_per_rule=1, list_values=2, text=10)
    deep: Condition = Row("amount", Operator.GT, 1)
    for _ in range(5):
        deep = Not(deep)
    rows = tuple(Row("amount", Operator.GT, i) for i in range(4))
    cases = {
        "too_deep": Rule("r", (), deep),
        "too_many_conditions": Rule("r", (), All(rows)),
        "too_many_actions": Rule("r", (Set("a", 1), Set("b", 1))),
        "value": Rule("r", (), Row("amount", Operator.IN, [1, 2, 3])),
        "too_long": Rule("r", (), Row("country", Operator.EQ, "x" * 11)),
    }
    for code, rule in cases.items():
        assert [f.code for f in check(RuleSet(SCHEMA, (rule,)), limits)] == [code]
    many = RuleSet(SCHEMA, tuple(Rule(f"r{i}") for i in range(3)))
    assert [f.code for f in check(many, limits)] == ["too_many_rules"]


def test_a_pattern_that_would_need_too_much_memory_is_refused() -> None:
    assert faults(Row("country", Operator.MATCHES, "((a{100}){100}){100}")) == [("value", "/condition/value")]


@pytest.mark.parametrize(
    "document",
    [
        b"{",
        b"[]",
        b'{"facts": {}, "rules": [], "hit_polici": "first"}',
        b'{"facts": {}, "rules": [{"id": "r", "condition": {"kind": "row"}}]}',
        b'{"facts": {}, "rules": [{"id": "r", "condition": ' + b'{"kind":"not","of":' * 100_000,
        b"\xff",
    ],
)
def test_a_document_that_is_no_rule_set_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidRuleSet):
        rule_set_from_json(document)


def test_a_refusal_carries_every_fault() -> None:
    rule_set = RuleSet(
        SCHEMA, (Rule("a", (), Row("x", Operator.EQ, 1)), Rule("b", (), Row("y", Operator.EQ, 1)))
    )
    with pytest.raises(InvalidRuleSet, match="1 more") as refused:
        require_valid(rule_set)
    assert [error["rule"] for error in refused.value.members["errors"]] == ["a", "b"]


def test_hit_policies_rank_with_declared_values_of_ordered_kinds_only() -> None:
    outputs = {"tier": Output("list", values=(["a"],))}
    found = check(RuleSet({}, (), outputs=outputs, hit_policy=HitPolicy.PRIORITY))
    assert [f.code for f in found] == ["value"]
