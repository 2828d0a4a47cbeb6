import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import cel
from tests.unit.cel.expressions import evaluate

ints = st.lists(st.integers(-5, 5), max_size=6)


@given(ints, st.integers(-5, 5))
def test_macros_do_what_their_python_counterparts_do(elements, bound):
    bindings = {"l": elements, "n": bound}
    assert evaluate("l.all(x, x > n)", bindings) is all(x > bound for x in elements)
    assert evaluate("l.exists(x, x > n)", bindings) is any(x > bound for x in elements)
    assert evaluate("l.exists_one(x, x > n)", bindings) is (sum(x > bound for x in elements) == 1)
    assert evaluate("l.existsOne(x, x > n)", bindings) is (sum(x > bound for x in elements) == 1)
    assert evaluate("l.filter(x, x > n)", bindings) == [x for x in elements if x > bound]
    assert evaluate("l.map(x, x * 2)", bindings) == [x * 2 for x in elements]
    assert evaluate("l.map(x, x > n, x * 2)", bindings) == [x * 2 for x in elements if x > bound]


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=5))
def test_macros_go_over_the_keys_of_a_map_in_its_order(entries):
    bindings = {"m": entries}
    assert evaluate("m.map(k, m[k])", bindings) == list(entries.values())
    assert evaluate("m.filter(k, m[k] > 4)", bindings) == [k for k, v in entries.items() if v > 4]
    assert evaluate("m.all(k, k in m)", bindings) is True


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("[].all(x, x)", True),
        ("[].exists(x, x)", False),
        ("[].exists_one(x, x)", False),
        ("[1, 2, 3].map(x, [x].map(y, x + y)[0])", [2, 4, 6]),
        ("[1, 2].map(x, [3, 4].map(x, x))", [[3, 4], [3, 4]]),
        ("[[1], [2, 3]].map(x, x.map(y, y * size(x)))", [[1], [4, 6]]),
        ("[1, 2].all(x, [3].exists(y, x < y))", True),
        ("x + [1].map(x, x)[0] + x", 21),
        ("[{'n': 1}, {'n': 2}].filter(e, e.n > 1).map(e, e.n)", [2]),
        ("[1, 2, 3].filter(x, x > 1).exists(x, x == 3)", True),
        ("{1: 'a', 2u: 'b'}.map(k, type(k) == int)", [True, False]),
        ("['a', 1, true].exists(e, e == true)", True),
    ],
)
def test_macros_nest_and_their_variables_shadow(source, value):
    assert evaluate(source, {"x": 10}) == value


@pytest.mark.parametrize(
    "source",
    [
        "[2, 1, 0].map(x, 4 / x)",
        "[1, 0].filter(x, 4 / x > 1)",
        "[3, 2, 1, 0].exists_one(x, 12 / x > 1)",
        "[1].map(x, 'a', x)",
        "[1].filter(x, x)",
        "[1].exists_one(x, x)",
        "[1].all(x, x)",
        "[1].exists(x, 'a')",
        "1.map(x, x)",
        "'abc'.all(x, true)",
        "null.exists(x, true)",
        "[1].map(x, y)",
        "[1].map(x, x) == [1] && x == 1",
    ],
)
def test_errors_inside_macros_are_errors(source):
    with pytest.raises(cel.CelEvaluationError):
        evaluate(source)


def test_a_macros_name_with_other_arguments_is_a_function_that_does_not_exist():
    with pytest.raises(cel.CelEvaluationError, match="undeclared reference to function 'all'"):
        evaluate("[1].all(x)", {"x": 1})
    with pytest.raises(cel.CelEvaluationError, match="undeclared reference to function 'has'"):
        evaluate("has(a.b, c)", {"a": {}, "c": 1})
    with pytest.raises(cel.CelEvaluationError, match="undeclared reference to function 'map'"):
        evaluate("map(a, b)", {"a": {}, "b": 1})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("has(m.a)", True),
        ("has(m.b)", False),
        ("has(m.n)", True),
        ("has(m.`content-type`)", True),
        ("has({'a': 1}.a)", True),
        ("has({}.a)", False),
        ("has(m.a.b)", True),
        ("has(m.a.c)", False),
        ("[m].exists(e, has(e.a))", True),
        ("has(m.b.c) || true", True),
    ],
)
def test_has_asks_for_a_key_whatever_its_value(source, value):
    assert evaluate(source, {"m": {"a": {"b": 1}, "n": None, "content-type": "x"}}) is value


@pytest.mark.parametrize("source", ["has(m.b.c)", "has(x.a)", "has(m.n.a)", "has(l.a)"])
def test_has_of_what_has_no_fields_is_an_error(source):
    with pytest.raises(cel.CelEvaluationError):
        evaluate(source, {"m": {"n": None}, "l": [1]})
