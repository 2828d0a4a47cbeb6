"""How Python's values go in and come out, declared or not."""

from collections import OrderedDict, UserList, defaultdict, namedtuple
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from common import cel
from common.cel import Duration, Timestamp, Uint
from common.cel.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    UINT,
    CelType,
    list_of,
    map_of,
    object_of,
)
from tests.unit.cel.expressions import evaluate


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Wide(Uint):
    """A subclass of Uint is a uint."""


class Plain(Enum):
    ONE = 1


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "source", "result"),
    [
        (True, "x && type(x) == bool", True),
        (5, "x + 1", 6),
        (Uint(5), "x + 1u", Uint(6)),
        (2.5, "x * 2.0", 5.0),
        (Decimal("2.5"), "x * 2.0", 5.0),
        ("a", "x + 'b'", "ab"),
        (b"a", "x + b'b'", b"ab"),
        (bytearray(b"a"), "x + b'b'", b"ab"),
        (None, "x == null", True),
        ((1, 2), "x[1] + size(x)", 4),
        (Point(1, 2), "x[0] + x[1]", 3),
        (OrderedDict(a=1), "type(x) == map ? x.a : 0", 1),
        (defaultdict(int, a=1), "has(x.b) || x.a == 2 || 'c' in x", False),
        (MappingProxyType({"a": {"b": 1}}), "x.a.b + x['a']['b'] + size(x)", 3),
        (Colour.RED, "x == 'red' && x in ['red'] && x + '!' == 'red!'", True),
        (Wide(7), "x == 7u && type(x) == uint", True),
        (UserList([1, 2]), "x[0] + size(x + x) + (type(x) == list ? 1 : 0)", 6),
        (Level.HIGH, "x == 3 && x + 1 == 4", True),
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "int(x)", 1),
        (timedelta(hours=2), "x.getHours()", 2),
        ([Decimal("1.5"), timedelta(0)], "x[0] == 1.5 && x.exists(e, e == duration('0')) && 1.5 in x", True),
        ({"a": datetime(1970, 1, 1, tzinfo=UTC)}, "x.a == timestamp(0) && x == {'a': timestamp(0)}", True),
        (CelType("int"), "x == int", True),
        (range(3), "x.map(e, e)", [0, 1, 2]),
    ],
)
def test_python_values_are_read_as_what_they_stand_for(value, source, result):
    actual = evaluate(source, {"x": value})
    assert actual == result
    assert type(actual) is type(result)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (2**63, "int out of range"),
        (-(2**63) - 1, "int out of range"),
        pytest.param(10**6000, "int out of range", id="an int of 6,000 digits"),
        ({1, 2}, "a Python set is no CEL value"),
        (object(), "a Python object is no CEL value"),
        (1j, "a Python complex is no CEL value"),
        (date(2020, 1, 1), "a Python date is no CEL value"),
        (UUID(int=1), "a Python UUID is no CEL value"),
        (Plain.ONE, "a Python Plain is no CEL value"),
        (datetime(2020, 1, 1), "without a time zone"),
        (timedelta.max, "duration out of range"),
        (Decimal("sNaN"), "NaN"),
    ],
)
@pytest.mark.parametrize(
    "source", ["x", "x == 1", "x < 1", "[x][0] == 1", "l[0] == 1", "l == [1]", "m.x", "m.x > 1", "l"]
)
def test_what_stands_for_nothing_in_cel_is_an_error_where_it_is_read(value, complaint, source):
    with pytest.raises(cel.CelEvaluationError, match=complaint):
        evaluate(source, {"x": value, "l": [value], "m": {"x": value}})


def test_what_is_not_read_is_not_looked_at():
    assert evaluate("m.a + 1", {"m": {"a": 1, "b": object()}, "x": {1, 2}}) == 2


def test_results_are_python_values_that_share_nothing_with_the_facts():
    facts: dict[str, Any] = {"m": {"a": [1, Decimal("1.5"), {"t": timedelta(seconds=1)}]}, "pair": (1, 2)}
    result = evaluate("m", facts)
    assert result == {"a": [1, 1.5, {"t": Duration(10**9)}]}
    result["a"].append(2)
    assert len(facts["m"]["a"]) == 3
    assert evaluate("pair", facts) == [1, 2]
    program = cel.compile("[1, 2]")
    program.evaluate({}).append(3)
    assert program.evaluate({}) == [1, 2]


def test_bindings_are_any_mapping_and_never_changed():
    bindings = {"x": 1, "l": [1, 2]}
    program = cel.compile("l.map(e, e + x)")
    assert program.evaluate(bindings) == [2, 3]
    assert bindings == {"x": 1, "l": [1, 2]}
    assert program.evaluate(MappingProxyType(bindings)) == [2, 3]
    assert cel.compile("x == 1").evaluate(MappingProxyType(bindings)) is True


def test_a_uint_is_an_int_within_its_range():
    assert Uint(5) == 5
    assert str(Uint(5)) == "5"
    assert repr(Uint(5)) == "Uint(5)"
    assert f"{Uint(5):03d}" == "005"
    for outside in (-1, 2**64):
        with pytest.raises(OverflowError):
            Uint(outside)


LINE = object_of({"price": DOUBLE, "quantity": UINT})
DECLARED = {
    "amount": DOUBLE,
    "count": UINT,
    "due": TIMESTAMP,
    "grace": DURATION,
    "order": object_of({"total": DOUBLE, "placed": TIMESTAMP, "lines": list_of(LINE), "note": STRING}),
    "rates": map_of(STRING, DOUBLE),
    "days": list_of(TIMESTAMP),
    "numbers": list_of(DOUBLE),
    "ok": BOOL,
    "n": INT,
    "any": DYN,
    "exact": UINT,
}
# As JSON brings it: whole numbers for doubles, text for times.
FACTS = {
    "amount": 100,
    "count": 3,
    "due": "2024-05-01T00:00:00Z",
    "grace": "36h",
    "order": {
        "total": 250,
        "placed": "2024-04-30T12:00:00+02:00",
        "lines": [{"price": 10, "quantity": 2}, {"price": 2.5, "quantity": 1}],
        "note": "2024-05-01T00:00:00Z",
    },
    "rates": {"CHF": 1, "EUR": 0.95},
    "days": ["2024-05-01T00:00:00Z", "2024-12-25T00:00:00Z"],
    "numbers": [1, 2.5],
    "ok": True,
    "n": 1,
    "any": 1,
    "exact": Uint(3),
}


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("amount * 1.5", 150.0),
        ("amount", 100.0),
        ("amount > 99.5 && amount == 100 && 100.0 == amount", True),
        ("count + 1u", Uint(4)),
        ("due + grace == timestamp('2024-05-02T12:00:00Z')", True),
        ("due.getMonth() + grace.getHours()", 40),
        ("order.total / 4.0", 62.5),
        ("order.placed < due", True),
        ("order.lines.map(l, l.price * double(l.quantity))", [20.0, 2.5]),
        ("order.lines[0].price * 2.0", 20.0),
        ("order.lines.filter(l, l.price > 5.0)[0].price + 1.0", 11.0),
        ("order.lines.all(l, l.quantity >= 1u)", True),
        ("order.note + '!'", "2024-05-01T00:00:00Z!"),
        ("order['total'] + 1.0", 251.0),
        ("rates.CHF * 2.0 + rates['CHF']", 3.0),
        ("rates.map(k, rates[k] + 0.5)", [1.5, 1.45]),
        ("rates", {"CHF": 1.0, "EUR": 0.95}),
        ("[rates][0].CHF", 1.0),
        ("due in days && days[1].getMonth() == 11", True),
        ("days.exists(d, d > due)", True),
        ("due in days.filter(d, d.getMonth() == 4) && days.filter(d, d > due)[0].getMonth() == 11", True),
        ("days.filter(d, d == due)", [Timestamp.parse("2024-05-01T00:00:00Z")]),
        ("numbers.filter(x, x < 2.0)", [1.0]),
        ("numbers.map(x, x < 2.0, x)", [1.0]),
        ("order.lines.filter(l, l.price > 5.0)", [{"price": 10.0, "quantity": Uint(2)}]),
        ("numbers.map(x, x + 0.5)", [1.5, 3.0]),
        ("numbers", [1.0, 2.5]),
        ("[amount, numbers[0]]", [100.0, 1.0]),
        ("type(amount) == double && type(order.lines[0].quantity) == uint", True),
        ("order.lines[0] == {'price': 10.0, 'quantity': 2u}", True),
        ("order.lines[1]", {"price": 2.5, "quantity": Uint(1)}),
        ("size(days) + size(order.lines)", 4),
        ("any + 1", 2),
        ("exact + 1u", Uint(4)),
    ],
)
def test_declared_facts_are_read_as_the_type_they_were_declared(source, result):
    actual = cel.compile(source, declarations=DECLARED).evaluate(FACTS)
    assert repr(actual) == repr(result)


@pytest.mark.parametrize(
    ("source", "facts", "complaint"),
    [
        ("due > timestamp(0)", {"due": "tomorrow"}, "not a timestamp"),
        ("grace > duration('1s')", {"grace": "soon"}, "not a duration"),
        ("count + 1u", {"count": -1}, "uint out of range"),
        ("count > 1u", {"count": -1}, "uint out of range"),
        ("count > 1", {"count": -1}, "uint out of range"),
        ("amount * 2.0", {"amount": "12"}, "does not take (string, double)"),
        ("amount * 2.0", {}, "undeclared reference to 'amount'"),
        ("amount > 2.0", {}, "undeclared reference to 'amount'"),
        ("order.total > 2.0", {"order": {}}, "no such key: 'order.total'"),
        ("order.total > 2.0", {"order": None}, "a value of type null_type has no field 'total'"),
        ("order.total > 2.0", {"order": 1}, "a value of type int has no field 'total'"),
        ("order.total > 2.0", {"order": {"total": None}}, "does not take (null_type, double)"),
        ("n + 1", {"n": 1.5}, "does not take (double, int)"),
    ],
)
def test_facts_that_break_their_declaration_are_evaluation_errors(source, facts, complaint):
    program = cel.compile(source, declarations=DECLARED)
    with pytest.raises(cel.CelEvaluationError) as error:
        program.evaluate(facts)
    assert complaint in error.value.message


@pytest.mark.parametrize(
    ("source", "name"), [("days == []", "days"), ("rates == {}", "rates"), ("order == {}", "order")]
)
def test_a_fact_of_another_shape_than_declared_equals_nothing_of_that_shape(source, name):
    assert cel.compile(source, declarations=DECLARED).evaluate({name: 3}) is False


def test_a_program_tells_about_itself():
    program = cel.compile("order.total > 2.0", declarations=DECLARED)
    assert program.source == "order.total > 2.0"
    assert program.result_type == BOOL
    assert repr(program) == "<Program 'order.total > 2.0'>"
    assert Timestamp(0).to_datetime() == datetime(1970, 1, 1, tzinfo=UTC)
