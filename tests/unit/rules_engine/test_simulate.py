"""What a draft would have decided."""

from rules.engine.compile import compile_rules
from rules.engine.model import Expression, Fact, Operator, Row, Rule, RuleSet, Set
from rules.engine.simulate import PastEvaluation, simulate

FACTS = {"amount": Fact("number")}


def draft(limit: int) -> RuleSet:
    return RuleSet(
        FACTS,
        (
            Rule("big", (Set("level", "big"),), Row("amount", Operator.GT, limit)),
            Rule("small", (Set("level", "small"),)),
        ),
    )


PAST = [
    PastEvaluation("e1", {"amount": 50}, {"level": "small"}, ("small",)),
    PastEvaluation("e2", {"amount": 150}, {"level": "big"}, ("big",)),
    PastEvaluation("e3", {"amount": 250}, {"level": "big"}, ("big",)),
    PastEvaluation("e4", {"amount": "?"}, {"level": "small"}, ("small",)),
]


def test_only_outcomes_that_differ_are_changes() -> None:
    found = simulate(compile_rules(draft(200)), PAST)
    assert (found.evaluated, found.unchanged, found.changed, found.refused) == (4, 2, 1, 1)
    change, refused = found.changes
    assert (change.id, change.changed) == ("e2", {"level": ("big", "small")})
    assert (change.fired_before, change.fired_after) == (("big",), ("small",))
    assert refused.id == "e4"
    assert "'amount'" in refused.refused


def test_the_same_rules_change_nothing() -> None:
    found = simulate(compile_rules(draft(100)), PAST[:3])
    assert (found.changed, found.changes) == (0, [])
    assert found.fired == {"big": (2, 2), "small": (1, 1)}


def test_a_true_that_becomes_one_is_a_change() -> None:
    rules = RuleSet(FACTS, (Rule("r", (Set("ok", 1),)),))
    assert simulate(compile_rules(rules), [PastEvaluation("e", {}, {"ok": True})]).changed == 1


def test_listed_changes_are_bounded_and_counted_changes_are_not() -> None:
    past = [PastEvaluation(f"e{i}", {"amount": 150}, {"level": "big"}) for i in range(20)]
    found = simulate(compile_rules(draft(200)), past, listed=5)
    assert (found.changed, len(found.changes)) == (20, 5)


def test_evaluations_with_errors_are_counted() -> None:
    rules = RuleSet(FACTS, (Rule("r", (), Expression("1 / int(amount) > 0")),))
    assert simulate(compile_rules(rules), [PastEvaluation("e", {"amount": 0}, {})]).failed == 1


def test_a_chained_draft_is_simulated_as_a_chain() -> None:
    rules = RuleSet(
        {"a": Fact("integer"), "b": Fact("integer")},
        (
            Rule("second", (Set("c", 3),), Row("b", Operator.EQ, 2)),
            Rule("first", (Set("b", 2),), Row("a", Operator.EQ, 1)),
        ),
        chaining=True,
    )
    found = simulate(compile_rules(rules), [PastEvaluation("e", {"a": 1}, {"b": 2, "c": 3})])
    assert found.unchanged == 1
