import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import cel
from common.cel import Uint
from common.cel.syntax import Literal
from common.cel.unparse import unparse
from tests.unit.cel.expressions import (
    constants,
    doubles,
    edge_ints,
    edge_uints,
    evaluate,
    keys,
    outcome,
    scalars,
)

numbers = st.one_of(edge_ints, edge_uints, doubles)
OPERATORS = ["==", "!=", "<", "<=", ">", ">="]


def order(a: Any, b: Any) -> int | None:
    """-1, 0 or 1 on the number line, integers rounded to a double where the other is one; None for NaN."""
    if isinstance(a, float) or isinstance(b, float):
        a, b = float(a), float(b)
        if math.isnan(a) or math.isnan(b):
            return None
        if math.isinf(a) or math.isinf(b):
            return int(a > b) - int(a < b)
    left, right = Fraction(a), Fraction(b)
    return int(left > right) - int(left < right)


def holds(operator: str, sign: int | None) -> bool:
    if sign is None:
        return operator == "!="
    return {"==": sign == 0, "!=": sign != 0, "<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[
        operator
    ]


@settings(max_examples=300)
@given(st.sampled_from(OPERATORS), numbers, numbers)
def test_numbers_of_all_types_compare_by_value(operator, a, b):
    assert evaluate(f"a {operator} b", {"a": a, "b": b}) is holds(operator, order(a, b))


@settings(max_examples=300)
@given(st.sampled_from([*OPERATORS, "in"]), constants, scalars)
def test_every_compiled_shape_of_a_comparison_agrees(operator, constant, value):
    """A variable, a field, a constant on either side: each takes a way of its own through the compiler."""
    spelled = unparse(Literal(constant))
    bindings = {
        "a": value,
        "c": constant,
        "order": {"a": value},
        "c.d": 1,
        "list": [constant],
        "map": {"a": value},
    }
    if operator == "in":
        general = outcome("a in list", bindings)
        shapes = [
            f"a in [{spelled}]",
            f"order.a in [{spelled}]",
            f"[a].exists(x, x in [{spelled}])",
            "a in [c]",
        ]
    else:
        general = outcome(f"a {operator} c", bindings)
        mirrored = operator.translate(str.maketrans("<>", "><"))
        shapes = [
            f"a {operator} {spelled}",
            f"{spelled} {mirrored} a",
            f"order.a {operator} {spelled}",
            f"order['a'] {operator} {spelled}",
            f"{{'a': a}}.a {operator} {spelled}",
            f"[a].map(x, x {operator} {spelled})[0]",
            f"[order].map(x, x.a {operator} {spelled})[0]",
        ]
    for shape in shapes:
        assert outcome(shape, bindings) == general, shape


@settings(max_examples=200)
@given(st.sampled_from(["<", "<=", ">", ">="]), scalars, scalars)
def test_order_is_for_two_of_one_ordered_type(operator, a, b):
    numeric = all(type(value) in (int, Uint, float) for value in (a, b))
    ordered = type(a) is type(b) and a is not None
    answer = outcome(f"a {operator} b", {"a": a, "b": b})
    assert (answer == "error") is not (numeric or ordered)


@given(scalars, scalars)
def test_equality_never_fails_and_inequality_is_its_opposite(a, b):
    assert evaluate("a == b", {"a": a, "b": b}) is not evaluate("a != b", {"a": a, "b": b})


@given(scalars)
def test_every_value_but_nan_equals_itself_alone_and_in_containers(a):
    same = not (isinstance(a, float) and math.isnan(a))
    for source in ("a == a", "[a] == [a]", "{'k': [a]} == {'k': [a]}", "a in [a]"):
        assert evaluate(source, {"a": a}) is same


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("[1, 2] == [1.0, 2u]", True),
        ("[1, 2] == [1]", False),
        ("[[1]] == [[1.0]]", True),
        ("{1: 'a'} == {1u: 'a'}", True),
        ("{1: 'a'} == {true: 'a'}", False),
        ("{'a': 1, 'b': 2} == {'b': 2.0, 'a': 1u}", True),
        ("{'a': 1} == {'a': 1, 'b': 2}", False),
        ("{} == []", False),
        ("[] == ''", False),
        ("null == false", False),
        ("0 == false", False),
        ("'1' == 1", False),
        ("'a' == b'a'", False),
        ("1 == dyn('1')", False),
        ("type(1) == int && type(1u) != int", True),
        ("type(1) == 'int'", False),
        ("duration('60s') == duration('1m')", True),
        ("timestamp('1970-01-01T01:00:00+01:00') == timestamp(0)", True),
        ("timestamp(0) == duration('0s')", False),
        ("dyn(9007199254740993) == 9007199254740992.0", True),
        ("dyn(9223372036854775807) < 9223372036854775808.0", False),
        ("18446744073709551615u > -1", True),
    ],
)
def test_equality_and_order_by_type(source, verdict):
    assert evaluate(source) is verdict


def test_text_is_ordered_by_code_point():
    assert evaluate(r"'\uffff' < '\U00010000'") is True
    assert evaluate(r"'Z' < 'a' && 'a' < 'ab' && '' < 'a'") is True
    assert evaluate(r"b'\x7f' < b'\x80' && b'a' < b'aa'") is True


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("1 in [1u]", True),
        ("1.0 in [3, 1]", True),
        ("1 in [true]", False),
        ("true in [1]", False),
        ("true in [1, true]", True),
        ("'1' in [1]", False),
        ("null in [null]", True),
        ("[1] in [[1.0]]", True),
        ("1.5 in [1, 2]", False),
        ("9007199254740993 in [9007199254740992.0]", True),
        ("0.0/0.0 in [0.0/0.0]", False),
        ("1 in {1u: 0}", True),
        ("1.0 in {1: 0}", True),
        ("1.5 in {1: 0}", False),
        ("true in {1: 0}", False),
        ("1 in {true: 0}", False),
        ("1 in {true: 0, 1: 0}", True),
        ("null in {'a': 1}", False),
        ("[1] in {'a': 1}", False),
    ],
)
def test_membership_is_equality_with_an_element_or_a_key(source, verdict):
    assert evaluate(source) is verdict
    # The same with the container out of the compiler's sight.
    element, _, container = source.partition(" in ")
    assert evaluate(f"{element} in c", {"c": evaluate(container)}) is verdict


@pytest.mark.parametrize("source", ["1 in 'a'", "'a' in 'abc'", "1 in 1", "1 in null"])
def test_membership_asks_for_a_list_or_a_map(source):
    with pytest.raises(cel.CelEvaluationError, match="no such overload"):
        evaluate(source)


@settings(max_examples=200)
@given(st.lists(st.tuples(keys, st.integers(0, 9)), max_size=6), keys)
def test_a_map_literal_has_each_key_once_and_finds_it_by_value(entries, wanted):
    def mark(key):
        return isinstance(key, bool), key

    source = ", ".join(f"{unparse(Literal(key))}: {value}" for key, value in entries)
    model = {mark(key): value for key, value in entries}
    if len(model) < len(entries):
        assert outcome(f"{{{source}}}") == "error"
        return
    found = outcome(f"{{{source}}}[{unparse(Literal(wanted))}]")
    assert found == ((int, repr(model[mark(wanted)])) if mark(wanted) in model else "error")
    assert evaluate(f"k in {{{source}}}", {"k": wanted}) is (mark(wanted) in model)
    assert evaluate(f"size({{{source}}})") == len(entries)
    assert evaluate(f"{{{source}}} == {{{source}}}") is True


@pytest.mark.parametrize("key", ["1.0", "null", "[1]", "{}", "b'a'", "timestamp(0)", "int"])
def test_keys_are_bool_int_uint_or_string(key):
    for source in (f"{{{key}: 1}}", f"{{dyn({key}): 1}}"):
        with pytest.raises(cel.CelEvaluationError, match="a map's keys are"):
            evaluate(source)


def test_a_map_of_true_and_one_keeps_both():
    value = evaluate("{true: 'yes', 1: 'one', 'a': [1]}")
    assert len(value) == 3
    assert (value[True], value[1], value["a"]) == ("yes", "one", [1])
    assert evaluate(
        "m == {1: 'one', 'a': [1], true: 'yes'} && m[1u] == 'one' && m[true] == 'yes'", {"m": value}
    )
    assert evaluate("m.map(k, k)", {"m": value}) == [True, 1, "a"]
    assert "MixedMap" in repr(value)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("[1, 2, 3][1]", 2),
        ("[1, 2, 3][1u]", 2),
        ("[1, 2, 3][dyn(1.0)]", 2),
        ("{'a': 1}['a']", 1),
        ("{1: 'x'}[1u]", "x"),
        ("{1: 'x'}[1.0]", "x"),
        ("{1u: 'x'}[1]", "x"),
        ("{false: 'x', 0: 'y'}[0]", "y"),
        ("[[1, 2], [3]][0][1]", 2),
    ],
)
def test_an_index_finds_by_value(source, value):
    assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("[1, 2][2]", "index 2 is outside a list of 2"),
        ("[1, 2][-1]", "index -1 is outside a list of 2"),
        ("[1][1.5]", "does not take (list, double)"),
        ("[1][true]", "does not take (list, bool)"),
        ("[1]['a']", "does not take (list, string)"),
        ("'abc'[0]", "does not take (string, int)"),
        ("{'a': 1}['b']", "no such key: 'b'"),
        ("{1: 2}[true]", "no such key: True"),
        ("{1: 2}[null]", "a map has no keys of type null_type"),
        ("{1: 2}.a", "no such key: 'a'"),
        ("[1].a", "a value of type list has no field 'a'"),
        ("'x'.a", "a value of type string has no field 'a'"),
    ],
)
def test_a_wrong_index_is_an_error(source, complaint):
    with pytest.raises(cel.CelEvaluationError) as error:
        evaluate(source)
    assert complaint in error.value.message
