"""FEEL means what DMN says it means, and what belongs to level 3 is refused by name."""

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.engine.dmn.feel import (
    FeelError,
    Scope,
    Vocabulary,
    evaluate,
    parse_expression,
    parse_unary_tests,
    satisfies,
)
from rules.engine.dmn.feel.values import YearsMonths

D = Decimal
VARIABLES: dict[str, Any] = {
    "x": D(3),
    "Full Name": "Jo",
    "a-b": D(4),
    "a": D(10),
    "b": D(1),
    "loan": {"principal": D(600000), "rate": D("0.0375"), "term months": D(360)},
    "people": [{"age": D(3)}, {"age": D(5)}],
    "nothing": None,
    "truth": True,
}
VOCABULARY = Vocabulary([*VARIABLES, "term months", "time offset"])


def value(source: str) -> Any:
    return evaluate(parse_expression(source, VOCABULARY), Scope(VARIABLES))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("10+5", D(15)),
        ("-10--5", D(-5)),
        ("10 + 20 / -5 - 3", D(3)),
        ("2**3**2", D(64)),
        ("-2**2", D(4)),
        ("10**-5", D("0.00001")),
        ("1.2*10**3", D(1200)),
        ("1/3", D("0.3333333333333333333333333333333333")),
        (".5 + 1e2", D("100.5")),
        ("1/0", None),
        ("10**10000", None),
        ("1 + null", None),
        ('1 + "a"', None),
        ('"Hello " + Full Name', "Hello Jo"),
        ("Full  Name", "Jo"),
        ("a-b", D(4)),
        ("a - b", D(9)),
        ("loan.principal*loan.rate/12", D(1875)),
        ("loan.term months / 12", D(30)),
        ("people.age", [D(3), D(5)]),
        ("nothing.age", None),
        ("unknown + 1", None),
        (r'"a\"\n\\\u00e9\U01F600"', 'a"\n\\é😀'),
        ("// comment\n1 /* more */ + 1", D(2)),
    ],
)
def test_arithmetic_names_and_literals(source: str, expected: Any) -> None:
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 = 1.0", True),
        ('1 = "1"', None),
        ("null = null", True),
        ("1 = null", False),
        ("1 != null", True),
        ("1 < null", None),
        ('"a" < "b"', True),
        ("[1, 2] = [1, 2]", True),
        ("x between 1 and 3 and true", True),
        ("x in [1..3]", True),
        ("x in (1..3)", False),
        ("x in ]2..4[", True),
        ("x in (< 2, 3)", True),
        ("x in (1, 2)", False),
        ("x in [1, 3]", True),
        ("x in > 2", True),
        ("true and null", None),
        ("false and null", False),
        ("null or true", True),
        ("null or false", None),
        ('true and "x"', None),
        ('false or "x"', None),
        ("not(true)", False),
        ("not(null)", None),
        ('if x > 2 then "big" else "small"', "big"),
        ('if null then "big" else "small"', "small"),
    ],
)
def test_comparison_and_three_valued_logic(source: str, expected: Any) -> None:
    assert value(source) is expected if isinstance(expected, bool | None) else value(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('date("2024-02-29") + duration("P1Y")', date(2025, 2, 28)),
        ('date("2026-01-31") + duration("P1M")', date(2026, 2, 28)),
        ('date("2026-01-31") - date("2026-01-01")', timedelta(days=30)),
        ('date("2026-01-01") + duration("PT25H")', date(2026, 1, 2)),
        ('date("2026-02-30")', None),
        ("date(2026, 1, 31)", date(2026, 1, 31)),
        ('@"2026-01-31".month', D(1)),
        ('@"2026-01-31".weekday', D(6)),
        ('date and time("2026-01-01T10:00:00Z") > date and time("2026-01-01T10:00:00+01:00")', True),
        ('date and time("2026-01-01T10:00:00") < date and time("2026-01-01T11:00:00Z")', None),
        ('date and time("2026-01-01").hour', D(0)),
        (
            'date and time(date("2026-07-01"), time("10:00:00@Europe/Zurich"))',
            datetime(2026, 7, 1, 10, tzinfo=ZoneInfo("Europe/Zurich")),
        ),
        ('time("23:30:00") + duration("PT1H")', time(0, 30)),
        ('time("10:00:00+02:00").time offset', timedelta(hours=2)),
        ("time(10, 30, 0)", time(10, 30)),
        ('time(10, 30, 0, duration("-PT5H"))', time(10, 30, tzinfo=timezone(timedelta(hours=-5)))),
        ('time("12:00:00") - time("10:30:00")', timedelta(hours=1, minutes=30)),
        ('duration("P1DT2H") + duration("PT1H")', timedelta(days=1, hours=3)),
        ('duration("P1Y2M") > duration("P13M")', True),
        ('duration("P1Y").years', D(1)),
        ('duration("-P1DT1H").hours', D(-1)),
        ('duration("P1D") * 1.5', timedelta(days=1, hours=12)),
        ('duration("PT1H") / duration("PT20M")', D(3)),
        ('-duration("P1M")', YearsMonths(-1)),
        ('duration("P1Y1D")', None),
        ('years and months duration(date("2011-12-22"), date("2013-08-24"))', YearsMonths(20)),
        ('years and months duration(date("2013-08-24"), date("2011-12-22"))', YearsMonths(-20)),
        ('date("9999-12-31") + duration("P1D")', None),
    ],
)
def test_moments_and_durations(source: str, expected: Any) -> None:
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('number("1 000,5", " ", ",")', D("1000.5")),
        ('number("x")', None),
        ("string(1.10)", "1.1"),
        ('string([1, "a", null, @"PT1H"])', '[1, "a", null, PT1H]'),
        ('substring("foobar", 3)', "obar"),
        ('substring("foobar", -2, 1)', "a"),
        ('substring(start position: 2, string: "abc")', "bc"),
        ('substring("abc", 0)', None),
        ('string length("héllo")', D(5)),
        ('upper case("aß")', "ASS"),
        ('substring before("foobar", "bar")', "foo"),
        ('substring after("foobar", "ob")', "ar"),
        ('contains("foobar", "ob") and starts with("foobar", "fo") and ends with("foobar", "r")', True),
        ('matches("foobar", "^fo*b")', True),
        ('matches("FOO", "foo", "i")', True),
        ('matches("foo", "(")', None),
        ('replace("abcd", "(b)(c)", "[$2$1]")', "a[cb]d"),
        ('split("a;b", ";")', ["a", "b"]),
        ('string join(["a", null, "b"], "-")', "a-b"),
        ("sum(1, 2, 3)", D(6)),
        ("sum([])", None),
        ("mean([1, 2, 3, 4])", D("2.5")),
        ("min([3, 1, 2])", D(1)),
        ('max("a", "b")', "b"),
        ('max(1, "b")', None),
        ("count([1, null])", D(2)),
        ("median(8, 2, 5, 3, 4)", D(4)),
        ("all([true, null])", None),
        ("any([false, true])", True),
        ("list contains([1, null], null)", True),
        ("sublist([1, 2, 3], 2, 1)", [D(2)]),
        ("distinct values([1, 2, 1])", [D(1), D(2)]),
        ("index of([1, 2, 1], 1)", [D(1), D(3)]),
        ("decimal(1/3, 2)", D("0.33")),
        ("decimal(2.5, 0)", D(2)),
        ("floor(-1.5)", D(-2)),
        ("ceiling(-1.5)", D(-1)),
        ("round half up(1.25, 1)", D("1.3")),
        ("round half down(1.25, 1)", D("1.2")),
        ("round up(1.21, 1)", D("1.3")),
        ("round down(1234, -2)", D(1200)),
        ("abs(-1)", D(1)),
        ("modulo(-12, 5)", D(3)),
        ("modulo(1, 0)", None),
        ("sqrt(16)", D(4)),
        ("sqrt(-1)", None),
        ("odd(5) and even(-2)", True),
        ('day of week(date("2026-01-01"))', "Thursday"),
        ('month of year(date("2026-01-01"))', "January"),
        ('week of year(date("2005-01-01"))', D(53)),
        ('day of year(date("2024-12-31"))', D(366)),
        ('is(1, "1")', False),
        ("abs(null)", None),
        ("abs(1, 2)", None),
        ("nonsense(1)", None),
    ],
)
def test_built_in_functions(source: str, expected: Any) -> None:
    assert value(source) == expected


@pytest.mark.parametrize(
    ("tests", "given_value", "expected"),
    [
        ("-", None, True),
        ("", D(1), True),
        ("< 5", D(4), True),
        ("< 5", D(5), False),
        ("< 5", "x", None),
        (">= -5", D(-5), True),
        ("-5", D(-5), True),
        ("= 3", D(3), True),
        ("!= 3", D(3), False),
        ("[1..5]", D(5), True),
        ("[1..5[", D(5), False),
        ("]1..5]", D(1), False),
        ("(1..5)", D(1), False),
        ('"a", "b"', "b", True),
        ('not("a", "b")', "c", True),
        ('not("a", "b")', "a", False),
        ("not(< 5)", D(5), True),
        ("not(< 5)", None, None),
        ("null", None, True),
        ("not(null)", D(1), True),
        ("true", False, False),
        ("false", False, True),
        ("< 3, > 5", D(6), True),
        ("x", D(3), True),
        ("> x + 1", D(5), True),
        ("? > 3 and ? < 5", D(4), True),
        ('date("2026-01-01")', date(2026, 1, 1), True),
        ('[date("2025-01-01")..date("2027-01-01")]', date(2026, 1, 1), True),
        ('> duration("P1D")', timedelta(days=2), True),
        ('< date and time("2026-01-01T00:00:00Z")', datetime(2025, 1, 1, tzinfo=ZoneInfo("UTC")), True),
        ("[1, 2]", D(2), True),
        ("not(true)", False, True),
    ],
)
def test_unary_tests(tests: str, given_value: Any, expected: bool | None) -> None:
    assert satisfies(parse_unary_tests(tests, VOCABULARY), given_value, Scope(VARIABLES)) is expected


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("for i in [1] return i", "iteration"),
        ("some i in [1] satisfies i = 1", "quantified"),
        ("every i in [1] satisfies i = 1", "quantified"),
        ("function(a) a", "function definitions"),
        ("people[1]", "filters"),
        ("{a: 1}", "contexts"),
        ("x instance of number", "instance of"),
    ],
)
def test_level_3_is_refused_by_name(source: str, named: str) -> None:
    with pytest.raises(FeelError, match=f"{named}.*level 3"):
        value(source)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "1 +",
        "(1",
        "[1..",
        "1 2",
        '"open',
        "if x then 1",
        "#",
        "]1, 2[",
        '@"nonsense"',
        r'"\q"',
        "substring(a: 1, 2)",
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(FeelError, match="at character"):
        value(source)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "-" * 5000 + "1",
        "1" + "+1" * 5000,
        "not(" * 900 + "1",
        "1" * 70_000,
        "[" * 900,
    ],
)
def test_hostile_expressions_are_refused(source: str) -> None:
    with pytest.raises(FeelError):
        value(source)


def test_a_null_comes_with_its_reason() -> None:
    scope = Scope(VARIABLES)
    assert evaluate(parse_expression("unknown + 1", VOCABULARY), scope) is None
    assert scope.problems[0] == "there is no variable 'unknown'"


def read_or_refused(parse: Any, source: str) -> bool:
    try:
        parse(source, VOCABULARY)
    except FeelError as error:
        return 0 <= error.offset <= len(source)
    return True


@given(st.text(max_size=20) | st.text('1a+-*/<>=()[].,"? x', max_size=12))
def test_any_text_is_read_or_refused_with_its_place(source: str) -> None:
    assert read_or_refused(parse_expression, source)
    assert read_or_refused(parse_unary_tests, source)
