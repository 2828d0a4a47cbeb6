"""The index and the interpreter are one; evaluation is bounded whatever a rule's author wrote."""

import random
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.engine import interpret
from rules.engine.compile import compile_rules
from rules.engine.faults import MissingFact
from rules.engine.index import Answers, Bitsets, Branch, Several
from rules.engine.model import (
    All,
    AnyOf,
    Condition,
    Fact,
    HitPolicy,
    Not,
    Operator,
    Row,
    Rule,
    RuleSet,
    Set,
)
from tests.unit.rules_engine.strategies import MOMENTS, facts, rule_sets


def outcome(hits: Any) -> Any:
    try:
        return hits()
    except MissingFact as missing:
        return ("missing", missing.rule, missing.fields)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(rule_sets(), st.lists(facts(), min_size=1, max_size=10), st.sampled_from(MOMENTS))
def test_the_index_finds_what_the_interpreter_finds(rule_set: RuleSet, some: list[Any], moment: Any) -> None:
    matcher = compile_rules(rule_set)
    for given_facts in some:
        expected = outcome(lambda f=given_facts: interpret.hits(matcher.bound, f, moment))
        assert outcome(lambda f=given_facts: matcher.hits(f, moment)) == expected


SCHEMA = {
    "country": Fact("string"),
    "segment": Fact("string"),
    "amount": Fact("number"),
    "age": Fact("integer"),
    "member": Fact("boolean"),
}


def random_condition(dice: random.Random) -> Condition:
    choices: list[Condition] = [
        Row("country", Operator.EQ, f"C{dice.randrange(20)}"),
        Row("country", Operator.NE, f"C{dice.randrange(20)}"),
        Row("segment", Operator.IN, [f"s{dice.randrange(8)}" for _ in range(3)]),
        Row("amount", dice.choice([Operator.GT, Operator.LE]), dice.randrange(1000) / 4),
        Row("age", Operator.BETWEEN, sorted([dice.randrange(90), dice.randrange(90)])),
        Row("member", Operator.EQ, dice.random() < 0.5),
        Not(Row("segment", Operator.EXISTS)),
        AnyOf((Row("age", Operator.LT, 18), Row("amount", Operator.GT, 200))),
        Row("country", Operator.ENDS_WITH, str(dice.randrange(10))),
    ]
    return All(tuple(dice.sample(choices, dice.randint(1, 4))))


def random_facts(dice: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {
        "country": f"C{dice.randrange(22)}",
        "segment": f"s{dice.randrange(9)}",
        "amount": dice.choice([dice.randrange(1000) / 4, dice.randrange(250)]),
        "age": dice.randrange(95),
        "member": dice.random() < 0.5,
    }
    for name in list(found):
        if dice.random() < 0.1:
            del found[name]
    return found


@pytest.mark.parametrize("policy", [HitPolicy.FIRST, HitPolicy.COLLECT])
@pytest.mark.parametrize("size", [40, 400, 2000])
def test_large_indexes_find_what_the_interpreter_finds(size: int, policy: HitPolicy) -> None:
    dice = random.Random(size)
    rules = tuple(Rule(f"r{i}", (), random_condition(dice), priority=dice.randrange(3)) for i in range(size))
    matcher = compile_rules(RuleSet(SCHEMA, rules, hit_policy=policy))
    for _ in range(40_000 // size):
        some = random_facts(dice)
        assert matcher.hits(some) == interpret.hits(matcher.bound, some, None)


@pytest.mark.parametrize("policy", [HitPolicy.FIRST, HitPolicy.COLLECT])
@pytest.mark.parametrize(
    ("shape", "node"),
    [
        ("country", Branch),
        ("ranges", Bitsets),
        ("one field", Answers),
        ("many ranges", Several),
    ],
)
def test_each_shape_of_index_answers_as_the_interpreter(shape: str, node: type, policy: HitPolicy) -> None:
    dice = random.Random(7)

    def condition(place: int) -> Condition:
        match shape:
            case "country":
                amount = Row("amount", Operator.GT, place % 250)
                return All((Row("country", Operator.EQ, f"C{place % 20}"), amount))
            case "one field":
                return Row("amount", Operator.GT, place)
        age = Row("age", Operator.LT, (place * 7) % 4001 if shape == "many ranges" else (place * 7) % 90)
        return All((Row("amount", Operator.GT, place % 4000), age))

    size = {"one field": 60, "many ranges": 4000}.get(shape, 300)
    rules = tuple(Rule(f"r{i}", (), condition(i)) for i in range(size))
    matcher = compile_rules(RuleSet(SCHEMA, rules, hit_policy=policy))
    assert isinstance(matcher.index, node)
    for _ in range(3 if size > 1000 else 60):
        some = random_facts(dice)
        assert matcher.hits(some) == interpret.hits(matcher.bound, some, None)


def test_a_condition_that_would_explode_into_alternatives_keeps_its_answer() -> None:
    either = [AnyOf((Row("age", Operator.EQ, i), Row("amount", Operator.EQ, i))) for i in range(20)]
    rules = (Rule("r", (), All(tuple(Not(group) for group in either))), Rule("s", (), All(tuple(either[:9]))))
    matcher = compile_rules(RuleSet(SCHEMA, rules))
    assert matcher.hits({"age": 30, "amount": 30})[0] == (0,)
    assert matcher.hits({"age": 3, "amount": 30})[0] == ()


def test_a_pattern_made_to_backtrack_does_not() -> None:
    rules = (Rule("r", (), Row("country", Operator.MATCHES, "^(a+)+$")),)
    matcher = compile_rules(RuleSet(SCHEMA, rules))
    found: list[Any] = []
    worker = threading.Thread(
        target=lambda: found.append(matcher.evaluate({"country": "a" * 50_000 + "!"}).fired), daemon=True
    )
    worker.start()
    worker.join(timeout=10)
    assert found == [()]


def test_a_matcher_is_shared_by_threads() -> None:
    rules = tuple(Rule(f"r{i}", (Set("x", i),), Row("age", Operator.EQ, i)) for i in range(50))
    matcher = compile_rules(RuleSet(SCHEMA, rules))
    wrong: list[int] = []

    def work() -> None:
        wrong.extend(
            i
            for i in range(500)
            if matcher.evaluate({"age": i % 50}, explained=True).outputs != {"x": i % 50}
        )

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []
