from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.engine import interpret
from rules.engine.compile import compile_rules
from rules.engine.faults import MissingFact
from rules.engine.model import RuleSet
from tests.unit.rules_engine.strategies import MOMENTS, facts, rule_sets


def outcome(hits: Any) -> Any:
    try:
        return hits()
    except MissingFact as missing:
        return ("missing", missing.rule, missing.fields)


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(rule_sets(), st.lists(facts(), min_size=1, max_size=12), st.sampled_from(MOMENTS))
def test_the_index_finds_what_the_interpreter_finds(
    rule_set: RuleSet, given_facts: list[Any], moment: Any
) -> None:
    matcher = compile_rules(rule_set)
    for some in given_facts:
        expected = outcome(lambda some=some: interpret.hits(matcher.bound, some, moment))
        assert outcome(lambda some=some: matcher.hits(some, moment)) == expected
