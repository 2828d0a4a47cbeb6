"""How facts and literals are read, and how numbers compare."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.engine.compile import compile_rules
from rules.engine.faults import InvalidFacts
from rules.engine.fields import Admission
from rules.engine.limits import Limits
from rules.engine.model import Expression, Fact, HitPolicy, Kind, Operator, Row, Rule, RuleSet, Set
from rules.engine.values import Unreadable, as_float_rank, duration_text, exact, read_value, written


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("number", 1.0, 1),
        ("number", 0.1, Decimal("0.1")),
        ("integer", Decimal("3.0"), 3),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("timestamp", "2026-01-01T01:00:00+01:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("timestamp", "2026-01-01t00:00:00.5z", datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("duration", "P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("duration", "-PT1S", timedelta(seconds=-1)),
        ("boolean", True, True),
    ],
)
def test_values_are_read_by_kind(kind: Kind, value: Any, expected: Any) -> None:
    assert read_value(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", True),
        ("number", "1"),
        ("number", math.nan),
        ("number", Decimal("Infinity")),
        ("integer", 1.5),
        ("integer", False),
        ("boolean", 0),
        ("string", 1),
        ("date", "2026-02-29"),
        ("date", "2026-1-1"),
        ("date", datetime(2026, 1, 1, tzinfo=UTC)),
        ("timestamp", "2026-01-01T00:00:00"),
        ("timestamp", "9999-12-31T23:59:59-01:00"),
        ("timestamp", datetime(2026, 1, 1)),  # without an offset on purpose
        ("duration", "P"),
        ("duration", "PT"),
        ("duration", "P1Y"),
        ("list", "ab"),
        ("object", []),
    ],
)
def test_what_is_not_of_the_kind_is_refused(kind: Kind, value: Any) -> None:
    with pytest.raises(Unreadable):
        read_value(kind, value)


@given(st.timedeltas())
def test_durations_survive_their_text(length: timedelta) -> None:
    assert read_value("duration", duration_text(length)) == length


@given(st.datetimes(timezones=st.just(UTC)))
def test_timestamps_survive_their_text(moment: datetime) -> None:
    assert read_value("timestamp", written(moment)) == moment


@given(st.decimals(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_decimal_ranks_among_floats_as_among_their_decimals(number: Decimal, literal: float) -> None:
    rank = as_float_rank(number)
    if isinstance(rank, float) or abs(number) < Decimal("1e300"):
        assert (rank < literal) is (number < exact(literal))
        assert (rank == literal) is (number == exact(literal))


@given(
    st.lists(
        st.floats(-1e6, 1e6) | st.integers(-(10**6), 10**6) | st.decimals(-100, 100), min_size=1, max_size=5
    ),
    st.floats(-1e6, 1e6) | st.integers(-(10**6), 10**6) | st.decimals(-100, 100),
)
def test_numbers_compare_as_the_decimals_they_are_written_as(literals: list[Any], fact: Any) -> None:
    rules = tuple(Rule(f"r{i}", (), Row("n", Operator.LE, literal)) for i, literal in enumerate(literals))
    matcher = compile_rules(RuleSet({"n": Fact("number")}, rules))
    held = {i for i, literal in enumerate(literals) if exact(fact) <= exact(literal)}
    assert matcher.hits({"n": fact})[0] == ((min(held),) if held else ())


class Country(StrEnum):
    SWITZERLAND = "CH"


def test_a_string_of_a_subclass_is_that_string() -> None:
    rules = (Rule("r", (), Row("country", Operator.EQ, "CH")),)
    matcher = compile_rules(RuleSet({"country": Fact("string")}, rules))
    assert matcher.evaluate({"country": Country.SWITZERLAND}).fired == ("r",)


SCHEMA = {
    "a": Fact("integer", minimum=0, maximum=9),
    "b.c": Fact("string", values=("x", "y")),
    "d": Fact("list"),
}


def test_facts_that_fit_are_admitted() -> None:
    admission = Admission(SCHEMA)
    admission.check({"a": 3, "b": {"c": "x"}, "d": [1, "two"]})
    admission.check({"a": None, "b": None})
    admission.check({"e": 1, "b": {"d": 1}}, ignore_unknown=True)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"e": 1}, "e"),
        ({"b": {"d": 1}}, "b.d"),
        ({"b": 1}, "b"),
        ({"a": 10}, "a"),
        ({"a": -1}, "a"),
        ({"b": {"c": "z"}}, "b.c"),
        ({"d": {}}, "d"),
    ],
)
def test_facts_that_do_not_fit_are_named(facts: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFacts) as refused:
        Admission(SCHEMA).check(facts)
    assert refused.value.field == field


def test_a_duration_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidFacts, match="longer than"):
        Admission({"w": Fact("duration")}).check({"w": "P999999999DT999999999H"})


@pytest.mark.parametrize(("amount", "fired"), [(10**400, ("r", "row")), (-(10**400), ())])
def test_a_number_beyond_all_doubles_compares_as_one(amount: int, fired: tuple[str, ...]) -> None:
    rules = (
        Rule("r", (Set("x", cel="n * 2.0"),), Expression("n > 1.0")),
        Rule("row", (), Row("n", Operator.GT, 0.1)),
    )
    matcher = compile_rules(RuleSet({"n": Fact("number")}, rules, hit_policy=HitPolicy.COLLECT))
    found = matcher.evaluate({"n": amount})
    assert (found.fired, found.outputs) == (fired, {})
    assert [error.rule for error in found.errors] == list(fired[:1])


def test_a_required_fact_must_be_there() -> None:
    with pytest.raises(InvalidFacts, match="is required"):
        Admission({"a": Fact("integer", required=True)}).check({})


def test_a_list_of_a_million_is_refused_by_name() -> None:
    rules = (Rule("r", (), Row("tags", Operator.CONTAINS, "a")),)
    matcher = compile_rules(RuleSet({"tags": Fact("list", items="string")}, rules))
    with pytest.raises(InvalidFacts, match="1000000 elements"):
        matcher.evaluate({"tags": ["b"] * 1_000_000})
    small = compile_rules(RuleSet({"tags": Fact("list")}, rules), Limits(fact_items=2))
    with pytest.raises(InvalidFacts):
        small.evaluate({"tags": [1, 2, 3]})
