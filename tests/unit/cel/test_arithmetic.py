import math
import operator
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import cel
from common.cel import Duration, Timestamp, Uint
from tests.unit.cel.expressions import (
    INT_MAX,
    INT_MIN,
    UINT_MAX,
    doubles,
    edge_ints,
    edge_uints,
    evaluate,
    outcome,
    scalars,
)


def machine(operation: str, a: int, b: int, low: int, high: int) -> int | str:
    """What a 64-bit processor with overflow checks does, by sign and magnitude unlike the engine."""
    if operation in "/%":
        if b == 0:
            return "error"
        magnitude, rest = divmod(abs(a), abs(b))
        quotient = -magnitude if (a < 0) is not (b < 0) else magnitude
        if not low <= quotient <= high:
            return "error"
        return quotient if operation == "/" else (-rest if a < 0 else rest)
    result = {"+": operator.add, "-": operator.sub, "*": operator.mul}[operation](a, b)
    return result if low <= result <= high else "error"


@settings(max_examples=300)
@given(st.sampled_from("+-*/%"), edge_ints, edge_ints)
def test_int_arithmetic_is_that_of_64_signed_bits(operation, a, b):
    expected = machine(operation, a, b, INT_MIN, INT_MAX)
    shapes = [
        ("a {} b", {"a": a, "b": b}),
        (f"a {{}} {b}", {"a": a}),
        (f"{a} {{}} b", {"b": b}),
        (f"{a} {{}} {b}", {}),
    ]
    for shape, bindings in shapes:
        actual = outcome(shape.format(operation), bindings)
        assert actual == (expected if expected == "error" else (int, repr(expected)))


@pytest.mark.parametrize("operation", ["/", "%"])
def test_the_least_int_by_minus_one_overflows(operation):
    with pytest.raises(cel.CelEvaluationError, match="int overflow"):
        evaluate(f"a {operation} b", {"a": INT_MIN, "b": -1})


@settings(max_examples=200)
@given(st.sampled_from("+-*/%"), edge_uints, edge_uints)
def test_uint_arithmetic_is_that_of_64_unsigned_bits(operation, a, b):
    expected = machine(operation, int(a), int(b), 0, UINT_MAX)
    for shape in ("a {} b", f"a {{}} {b}u", f"{a}u {{}} {b}u"):
        actual = outcome(shape.format(operation), {"a": a, "b": b})
        assert actual == (expected if expected == "error" else (Uint, f"Uint({expected})"))


@settings(max_examples=200)
@given(st.sampled_from("+-*"), doubles, doubles)
def test_double_arithmetic_is_ieee_754(operation, a, b):
    expected = {"+": operator.add, "-": operator.sub, "*": operator.mul}[operation](a, b)
    actual = evaluate(f"a {operation} b", {"a": a, "b": b})
    assert (
        struct.pack("d", actual) == struct.pack("d", expected)
        or math.isnan(actual) is math.isnan(expected) is True
    )


@pytest.mark.parametrize(
    ("a", "b", "quotient"),
    [
        (1.0, 0.0, math.inf),
        (-1.0, 0.0, -math.inf),
        (1.0, -0.0, -math.inf),
        (-1.0, -0.0, math.inf),
        (math.inf, 0.0, math.inf),
        (0.0, 0.0, math.nan),
        (math.nan, 0.0, math.nan),
        (math.inf, math.inf, math.nan),
        (1.0, 4.0, 0.25),
        (-0.0, 4.0, -0.0),
    ],
)
def test_doubles_divide_by_zero_as_ieee_754_says(a, b, quotient):
    assert repr(evaluate("a / b", {"a": a, "b": b})) == repr(quotient)


@given(edge_ints)
def test_negation_overflows_at_the_least_int_only(a):
    assert outcome("-a", {"a": a}) == ("error" if a == INT_MIN else (int, repr(-a)))


def test_negative_zero_keeps_its_sign():
    assert repr(evaluate("-a", {"a": 0.0})) == "-0.0"
    assert repr(evaluate("-(0.0)")) == "-0.0"


_WELL_TYPED: dict[str, set[tuple[type, type]]] = {
    "+": {(k, k) for k in (int, Uint, float, str, bytes, Duration)}
    | {(Timestamp, Duration), (Duration, Timestamp)},
    "-": {(k, k) for k in (int, Uint, float, Duration, Timestamp)} | {(Timestamp, Duration)},
    "*": {(k, k) for k in (int, Uint, float)},
    "/": {(k, k) for k in (int, Uint, float)},
    "%": {(k, k) for k in (int, Uint)},
}


@settings(max_examples=300)
@given(st.sampled_from("+-*/%"), scalars, scalars)
def test_operands_of_types_that_do_not_fit_are_no_overload(operation, a, b):
    if (type(a), type(b)) in _WELL_TYPED[operation]:
        return
    with pytest.raises(cel.CelEvaluationError, match="no such overload"):
        evaluate(f"a {operation} b", {"a": a, "b": b})


@pytest.mark.parametrize(
    "source", ["-true", "-'a'", "-1u - 1u", "-(1u)", "-null", "-[1]", "!1", "!'a'", "!null"]
)
def test_signs_are_for_their_types_only(source):
    with pytest.raises(cel.CelError):
        evaluate(source)


def test_an_error_says_what_went_wrong_and_where():
    with pytest.raises(cel.CelEvaluationError) as error:
        evaluate("a +\n  (b * c)", {"a": 1, "b": 2**62, "c": 2})
    assert str(error.value) == "int overflow: the result of '*' does not fit in 64 bits (line 2, column 6)"
    with pytest.raises(cel.CelEvaluationError) as error:
        evaluate("a + b", {"a": 1, "b": "x"})
    assert error.value.message == "no such overload: '+' does not take (int, string)"


def test_lists_and_texts_join():
    assert evaluate("[1] + [2u, 'x'] + []") == [1, Uint(2), "x"]
    assert evaluate("a + b", {"a": (1, 2), "b": [3]}) == [1, 2, 3]
    assert evaluate("'ÿ' + 'ß' + ''") == "ÿß"
    assert evaluate(r"b'\xff' + b'a'") == b"\xffa"
