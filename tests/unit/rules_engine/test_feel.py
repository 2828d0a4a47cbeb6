"""FEEL means what DMN says it means, within bounds."""

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
    TooCostly,
    Vocabulary,
    evaluate,
    parse_expression,
    parse_unary_tests,
    satisfies,
)
from rules.engine.dmn.feel.values import YearsMonths, kind_of

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
    ("source", "expected"),
    [
        ("for i in [1, 2] return i * 2", [D(2), D(4)]),
        ("for i in 1..3 return i", [D(1), D(2), D(3)]),
        ("for i in 3..1 return i", [D(3), D(2), D(1)]),
        ("for i in [1..3] return i", [D(1), D(2), D(3)]),
        ("for i in (1..4) return i", [D(2), D(3)]),
        ("for i in 0..3 return if i = 0 then 1 else i * partial[-1]", [D(1), D(1), D(2), D(6)]),
        ("for a in [1, 2], b in [a, 10] return a + b", [D(2), D(11), D(4), D(12)]),
        ("for p in people return p.age", [D(3), D(5)]),
        ('for d in @"2026-01-30"..@"2026-02-01" return d.day', [D(30), D(31), D(1)]),
        ("for i in null return i", []),
        ("for i in 1..1.5 return i", []),
        ("for the line in [1] return the line + 1", [D(2)]),
        ("some i in [1, 2] satisfies i > 1", True),
        ("every i in [1, 2] satisfies i > 1", False),
        ("every i in [] satisfies i > 1", True),
        ("some i in [] satisfies i > 1", False),
        ("some i in [null, 2] satisfies i > 1", True),
        ("some i in [null, 1] satisfies i > 1", None),
        ("every i in [null, 2] satisfies i > 1", None),
        ("some a in [1, 2], b in [2, 3] satisfies a = b", True),
        ("[10, 20, 30][2]", D(20)),
        ("[10, 20, 30][-1]", D(30)),
        ("[10, 20, 30][0]", None),
        ("[10, 20, 30][4]", None),
        ("[10, 20, 30][item > 10]", [D(20), D(30)]),
        ("people[age > 3].age", [D(5)]),
        ("people[item.age > 3][1].age", D(5)),
        ("people[x - 2].age", D(3)),
        ("5[1]", D(5)),
        ("5[item > 9]", []),
        ("[][1]", None),
        ("[][item > 1]", []),
        ("{a: 1, b: a + 1}", {"a": D(1), "b": D(2)}),
        ('{"two words": 1, sum-of-it: 2}.sum-of-it', D(2)),
        ("{the name: 3}.the name", D(3)),
        ("{}", {}),
        ("(function(a, b) a - b)(5, 3)", D(2)),
        ("(function(a, b) a - b)(b: 5, a: 3)", D(-2)),
        ('(function(a: number) a)("x")', None),
        ("(function(a) a)(1, 2)", None),
        ("{twice: function(n: number) n * 2, four: twice(2)}.four", D(4)),
        ("{twice: function(n) n * 2}.twice(4)", D(8)),
        ("x(1)", None),
        ("x instance of number", True),
        ("x instance of string", False),
        ("null instance of Any", False),
        ("[1, null] instance of list<number>", True),
        ('[1, "a"] instance of list<number>', False),
        ("{a: 1} instance of context<a: number>", True),
        ("{a: 1} instance of context<a: number, b: string>", False),
        ("[1..2] instance of range<number>", True),
        ("(function(a) a) instance of function<number> -> number", True),
        ('@"PT1H" instance of days and time duration', True),
        ('@"P1Y" instance of years and months duration and true', True),
        ('date and time("2026-01-01T00:00:00") instance of date and time', True),
        ("true and x instance of boolean", False),
        ("sort([3, 1, 2], function(a, b) a < b)", [D(1), D(2), D(3)]),
        ("append([1], 2, 3)", [D(1), D(2), D(3)]),
        ("concatenate([1], [2, 3])", [D(1), D(2), D(3)]),
        ("union([1, 2], [2, 3])", [D(1), D(2), D(3)]),
        ("insert before([1, 3], 2, 2)", [D(1), D(2), D(3)]),
        ("insert before([1], 3, 2)", None),
        ("remove([1, 2, 3], -1)", [D(1), D(2)]),
        ("list replace([1, 2], 1, 9)", [D(9), D(2)]),
        ("list replace([1, 5], function(item, new) item > 3, 0)", [D(1), D(0)]),
        ("flatten([[1, [2]], 3])", [D(1), D(2), D(3)]),
        ("mode(6, 3, 9, 6, 6)", [D(6)]),
        ("mode([])", []),
        ("stddev(2, 4, 7, 5)", D("2.081665999466132735282297706979931")),
        ('get value({a: 1}, "a")', D(1)),
        ("get entries({a: 1})", [{"key": "a", "value": D(1)}]),
        ('context([{key: "a", value: 1}])', {"a": D(1)}),
        ('context put({a: 1}, "b", 2)', {"a": D(1), "b": D(2)}),
        ('context put({a: {b: 1}}, ["a", "b"], 2)', {"a": {"b": D(2)}}),
        ("context merge([{a: 1}, {a: 2, b: 3}])", {"a": D(2), "b": D(3)}),
    ],
)
def test_iteration_filters_contexts_and_functions(source: str, expected: Any) -> None:
    assert value(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "for a in 1..10000, b in 1..10000 return 1",
        "some a in 1..10000, b in 1..10000 satisfies false",
        "count(for i in 1..40 return if i = 1 then [1] else concatenate(partial[-1], partial[-1]))",
        "(function(f) f(f))(function(f) f(f))",
    ],
)
def test_work_without_end_is_refused(source: str) -> None:
    with pytest.raises(TooCostly):
        value(source)


def test_texts_do_not_double_without_end() -> None:
    doubled = 'for i in 1..40 return if i = 1 then "ab" else partial[-1] + partial[-1]'
    assert value(f"count({doubled})") == D(40)
    assert value(f"({doubled})[-1]") is None


def test_functions_of_other_languages_are_refused_by_name() -> None:
    with pytest.raises(FeelError, match="external"):
        value('function(a) external { java: { class: "x" } }')


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


WORDS = [
    *(
        "for",
        "in",
        "return",
        "some",
        "every",
        "satisfies",
        "function",
        "if",
        "then",
        "else",
        "instance",
        "of",
    ),
    *("(", ")", "{", "}", "[", "]", ":", ",", "..", ".", "<", ">", "?", "-", "and", "not"),
    *("1", "null", "a", "b", "list", "item", "partial", "date", "time"),
]


@given(
    st.text(max_size=20)
    | st.text('1a+-*/<>=()[].,"? x', max_size=12)
    | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
)
def test_any_text_is_read_or_refused_with_its_place(source: str) -> None:
    assert read_or_refused(parse_expression, source)
    assert read_or_refused(parse_unary_tests, source)


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_whatever_can_be_read_has_a_value_or_is_null(source: str) -> None:
    try:
        tree = parse_expression(source, VOCABULARY)
    except FeelError:
        return
    found = evaluate(tree, Scope(VARIABLES))
    assert found is None or kind_of(found) != "null"
