"""Random rule sets and facts: few values, so that they meet; every kind; the edges of each."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from rules.engine.model import (
    All,
    AnyOf,
    Condition,
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

SCHEMA: dict[str, Fact] = {
    "country": Fact("string"),
    "amount": Fact("number"),
    "count": Fact("integer"),
    "active": Fact("boolean"),
    "born": Fact("date"),
    "seen": Fact("timestamp"),
    "wait": Fact("duration"),
    "tags": Fact("list", items="string"),
    "order.total": Fact("number"),
    "order.note": Fact("string"),
}

NUMBERS: list[Any] = [
    0,
    1,
    1.0,
    -1.5,
    0.1,
    Decimal("0.1"),
    Decimal("0.10"),
    Decimal("0.10000000000000000001"),
    0.30000000000000004,
    Decimal("0.3"),
    2**53,
    2**53 + 1,
    float(2**53),
    1e300,
    Decimal("1E+40"),
]
PLAIN_NUMBERS: list[Any] = [0, 1, 2, 3, 1.5, 0.1, -1]
STRINGS = ["", "a", "ab", "abc", "b", "a\0", "\U0010ffff", "é", "B"]
INTEGERS: list[Any] = [0, 1, 2, 3, -1, 10**20]
DATES = [date(2026, 1, 1), date(2026, 1, 2), date(2024, 2, 29)]
MOMENTS = [
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    datetime(2026, 1, 2, tzinfo=UTC),
]
DURATIONS = [timedelta(0), timedelta(minutes=5), timedelta(days=-1)]
VALUES: dict[str, list[Any]] = {
    "string": STRINGS,
    "number": NUMBERS,
    "integer": INTEGERS,
    "boolean": [True, False],
    "date": DATES,
    "timestamp": MOMENTS,
    "duration": DURATIONS,
}
SPELLED: dict[str, list[Any]] = {
    "date": ["2026-01-01", "2026-01-02"],
    "timestamp": ["2026-01-01T00:00:00Z", "2026-01-02T01:00:00+01:00"],
    "duration": ["PT5M", "-P1D"],
    "integer": [1.0, Decimal(2)],
}
EXPRESSIONS = [
    "country == 'a'",
    "1 / count > 0",
    "count > 1 || 1 / count == 1",
    "has(order.note)",
    "tags.exists(tag, tag == 'a')",
    "amount > 0.5 && country != ''",
]


def rows(plain_numbers: bool = False) -> st.SearchStrategy[Condition]:
    return st.sampled_from(sorted(SCHEMA)).flatmap(lambda field: _row(field, plain_numbers))


def _row(field: str, plain_numbers: bool) -> st.SearchStrategy[Condition]:
    kind = SCHEMA[field].type
    exists = st.just(Row(field, Operator.EXISTS))
    if kind == "list":
        return exists | st.sampled_from(STRINGS).map(lambda value: Row(field, Operator.CONTAINS, value))
    pool = PLAIN_NUMBERS if plain_numbers and kind == "number" else VALUES[kind]
    value = st.sampled_from(pool)
    one = [Operator.EQ, Operator.NE]
    if kind != "boolean":
        one += [Operator.LT, Operator.LE, Operator.GT, Operator.GE]
    if kind == "string":
        one += [Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.CONTAINS]
    choices = [
        exists,
        st.builds(Row, st.just(field), st.sampled_from(one), value),
        st.builds(
            Row,
            st.just(field),
            st.sampled_from([Operator.IN, Operator.NOT_IN]),
            st.lists(value, min_size=1, max_size=4),
        ),
    ]
    if kind != "boolean":
        ends = st.tuples(value, value).map(sorted)
        choices.append(st.builds(Row, st.just(field), st.just(Operator.BETWEEN), ends))
    if kind == "string":
        pattern = st.sampled_from(["^a", "b$", "a.c", "", "[ab]+"])
        choices.append(st.builds(Row, st.just(field), st.just(Operator.MATCHES), pattern))
    return st.one_of(choices)


def conditions(*, expressions: bool = True, plain_numbers: bool = False) -> st.SearchStrategy[Condition]:
    leaf = rows(plain_numbers)
    if expressions:
        leaf = leaf | st.sampled_from(EXPRESSIONS).map(Expression)
    return st.recursive(
        leaf,
        lambda inner: (
            st.builds(All, st.lists(inner, max_size=3).map(tuple))
            | st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple))
            | st.builds(Not, inner)
        ),
        max_leaves=6,
    )


def _conjunctions(plain_numbers: bool) -> st.SearchStrategy[Condition]:
    return st.builds(All, st.lists(rows(plain_numbers), min_size=1, max_size=3).map(tuple))


@st.composite
def rule_sets(
    draw: st.DrawFn, *, expressions: bool = True, timed: bool = True, max_rules: int = 12
) -> RuleSet:
    plain_numbers = draw(st.booleans())
    condition = (
        st.none()
        | conditions(expressions=expressions, plain_numbers=plain_numbers)
        | _conjunctions(plain_numbers)
        | _conjunctions(plain_numbers)
    )
    validity = st.none() | st.sampled_from(MOMENTS) if timed else st.none()
    rules = [
        Rule(
            f"r{i}",
            (
                Set("level", draw(st.sampled_from(["low", "high"]))),
                *draw(st.sampled_from([(), (), (), (Stop(),)])),
            ),
            draw(condition),
            priority=draw(st.integers(0, 2)),
            valid_from=draw(validity),
            valid_until=draw(validity),
            enabled=draw(st.integers(0, 9)) > 0,
        )
        for i in range(draw(st.integers(0, max_rules)))
    ]
    return RuleSet(
        SCHEMA,
        tuple(rules),
        hit_policy=draw(st.sampled_from(list(HitPolicy))),
        missing=draw(st.sampled_from(["skip", "skip", "skip", "error"])),
    )


@st.composite
def facts(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, fact in SCHEMA.items():
        presence = draw(st.integers(0, 9))
        if presence == 0:
            continue
        value = draw(_value(fact)) if presence > 1 else None
        *parents, last = name.split(".")
        node = found
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return found


def _value(fact: Fact) -> st.SearchStrategy[Any]:
    if fact.type == "list":
        return st.lists(st.sampled_from(STRINGS), max_size=3)
    return st.sampled_from(VALUES[fact.type] + SPELLED.get(fact.type, []))
