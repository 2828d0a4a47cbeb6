"""Hostile expressions end in a refusal that names its place, not in a process that hangs or fills up."""

import inspect
import sys

import pytest

from common import cel
from common.cel import CelLimitError, CelSyntaxError, Limits
from tests.unit.cel.expressions import evaluate

MANY = list(range(200_000))
DOUBLING = "[0].map(a, [1, 1])" + "".join(f".map(x{n}, [x{n}, x{n}])" for n in range(40))


@pytest.mark.parametrize(
    "source",
    [
        "(" * 200 + "1" + ")" * 200,
        "[" * 200 + "]" * 200,
        "{" * 5000,
        "f(" * 200 + "1" + ")" * 200,
        "a[" * 200 + "0" + "]" * 200,
        "a ? b : " * 200 + "c",
        "1" + " + 1" * 200,
        "a" + ".b" * 200,
        "!" * 200 + "true",
        "[1]" + ".map(x, x)" * 200,
    ],
)
def test_deep_nesting_is_refused_with_its_place(source):
    with pytest.raises(CelSyntaxError, match="nests more than 100 levels deep") as refusal:
        cel.compile(source)
    assert refusal.value.line == 1


@pytest.mark.parametrize("opening", ["(", "[", "int(", "-(", "1+("])
def test_nesting_up_to_the_bound_compiles_and_evaluates(opening):
    closing = {"[": "]"}.get(opening, ")")
    depth = 45 if opening in ("-(", "1+(") else 90
    assert evaluate(opening * depth + "1" + closing * depth) is not None


def test_long_chains_of_and_and_or_do_not_nest():
    assert evaluate(" && ".join(["true"] * 2_000)) is True
    assert evaluate(" || ".join(["false"] * 2_000)) is False


@pytest.mark.parametrize(
    ("source", "limits", "complaint"),
    [
        ("x" * 70_000, Limits(), "70,000 characters, more than 65,536"),
        ("[" + "1," * 25_000 + "]", Limits(), "25,001 parts, more than 20,000"),
        ("1 + 1", Limits(source=4), "5 characters, more than 4"),
        ("1 + 1", Limits(nodes=2), "3 parts, more than 2"),
        ("1 + 1", Limits(depth=1), "more than 1 levels deep"),
    ],
)
def test_large_sources_are_refused(source, limits, complaint):
    with pytest.raises(CelSyntaxError, match=complaint):
        cel.compile(source, limits=limits)


@pytest.mark.parametrize(
    "source",
    [
        "many.all(x, many.all(y, x + y >= 0))",
        "many.map(x, many)",
        "many.filter(x, many.exists(y, y == -x - 1))",
        "many.exists_one(x, -1 in many)",
        "many.exists_one(x, true)",
        "1 / 0 == 1 || many.all(x, many.all(y, true)) || true",
        "1 / 0 == 1 || many.all(x, many.all(y, true))",
        "true && many.all(x, many.all(y, true)) && false",
        "many.exists(x, -1 in many) || true",
        "many.all(x, many == many)",
        "[0].map(a, 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')"
        + "".join(f".map(x{n}, x{n} + x{n})" for n in range(60)),
        "[0].map(a, [1, 2, 3])" + "".join(f".map(x{n}, x{n} + x{n})" for n in range(60)),
        DOUBLING,
        f"{DOUBLING} == {DOUBLING}",
        f"{DOUBLING} in [{DOUBLING}]",
        "many.all(x, !text.contains('b'))",
        "many.all(x, text + text != 'b')",
        "many.all(x, text <= text)",
        "many.all(x, bytes(text) != b'')",
        "many.all(x, map[1] == 1)",
        "many.all(x, timestamp(0).getHours('no/zone' + string(x)) == 0)",
        "many.all(x, !text.matches('(a?){400}b'))",
    ],
)
def test_costly_evaluations_are_cut_off_and_nothing_absorbs_that(source):
    bindings = {
        "many": MANY,
        "text": "a" * 100_000,
        "map": {**{n: n for n in range(2, 50_000)}, 1: 1},
    }
    program = cel.compile(source, limits=Limits(cost=100_000))
    with pytest.raises(CelLimitError, match="costs more than 100,000 steps") as refusal:
        program.evaluate(bindings)
    assert refusal.value.line == 1


def test_the_default_cost_suits_lists_that_people_have():
    items = [{"price": n, "name": f"item {n}"} for n in range(20_000)]
    source = "items.filter(i, i.price > 10 && i.name.startsWith('item')).map(i, i.price).size()"
    assert evaluate(source, {"items": items}) == 19_989


def test_an_early_answer_costs_only_what_was_looked_at():
    program = cel.compile("many.exists(x, x == 3) && !many.all(x, x < 5)", limits=Limits(cost=100))
    assert program.evaluate({"many": MANY}) is True


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("((a{100}){100}){100}", "not a regular expression RE2 accepts"),
        ("(?=a)b", "not a regular expression RE2 accepts"),
        ("(a", "not a regular expression RE2 accepts: missing \\)"),
        ("(\\pL{50}){20}", "pattern too large"),
        ("a" * 2_000, "2,000 characters, more than 1,000"),
    ],
)
def test_a_hostile_pattern_is_an_evaluation_error(pattern, complaint):
    with pytest.raises(cel.CelEvaluationError, match=complaint):
        evaluate("'aaa'.matches(p)", {"p": pattern})
    assert evaluate("'aaa'.matches(p) || true", {"p": pattern}) is True


def test_a_pattern_that_makes_others_backtrack_forever_does_not():
    assert evaluate("text.matches('(x+x+)+y')", {"text": "x" * 50_000}) is False


@pytest.mark.parametrize("source", ["x", "x == y", "x in [y]"])
def test_facts_of_any_depth_end_in_an_error(source):
    deep: list = []
    other: list = []
    for _ in range(5_000):
        deep, other = [deep], [other]
    with pytest.raises(CelLimitError, match="nest too deeply"):
        evaluate(source, {"x": deep, "y": other})


def test_a_caller_deep_in_its_own_stack_gets_a_refusal_not_a_crash():
    sum_of_80 = cel.compile("x + " * 79 + "x")

    def dive(levels: int, then):
        return dive(levels - 1, then) if levels else then()

    room = sys.getrecursionlimit() - len(inspect.stack())
    with pytest.raises(CelSyntaxError, match="levels deep"):
        dive(room - 60, lambda: cel.compile("(" * 90 + "1" + ")" * 90))
    with pytest.raises(CelLimitError, match="nest too deeply"):
        dive(room - 60, lambda: sum_of_80.evaluate({"x": 1}))


@pytest.mark.parametrize("function", ["int", "uint", "double", "bool", "timestamp", "duration"])
def test_long_text_is_no_number(function):
    with pytest.raises(cel.CelEvaluationError) as refusal:
        evaluate(f"{function}(s)", {"s": "9" * 1_000_000})
    assert len(str(refusal.value)) < 300
