import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import cel
from tests.unit.cel.expressions import evaluate, outcome

# true, false, an error, and a value that is no bool, each as source.
TERMS = {"t": True, "f": False, "(1/0 == 1)": "error", "'text'": "error", "absent": "error"}
BINDINGS = {"t": True, "f": False}


def conjunction(values: list) -> object:
    """False decides; else an error is the result; else true."""
    return False if False in values else ("error" if "error" in values else True)


def disjunction(values: list) -> object:
    return True if True in values else ("error" if "error" in values else False)


def expected(verdict: object) -> object:
    return "error" if verdict == "error" else (bool, repr(verdict))


@pytest.mark.parametrize("terms", list(itertools.product(TERMS, repeat=2)))
def test_pairs_absorb_errors_on_both_sides(terms):
    values = [TERMS[term] for term in terms]
    assert outcome(" && ".join(terms), BINDINGS) == expected(conjunction(values))
    assert outcome(" || ".join(terms), BINDINGS) == expected(disjunction(values))


@pytest.mark.parametrize("terms", list(itertools.product(TERMS, repeat=3)))
def test_chains_absorb_errors_wherever_they_are(terms):
    values = [TERMS[term] for term in terms]
    assert outcome(" && ".join(terms), BINDINGS) == expected(conjunction(values))
    assert outcome(" || ".join(terms), BINDINGS) == expected(disjunction(values))
    mixed = disjunction([conjunction(values[:2]), values[2]])
    assert outcome("{} && {} || {}".format(*terms), BINDINGS) == expected(mixed)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(list(TERMS)), max_size=5))
def test_all_and_exists_absorb_as_and_and_or_do(terms):
    values = [TERMS[term] for term in terms]
    # The elements name the term, so that the predicate is each of them in turn.
    choice = "e == 0 ? t : e == 1 ? f : e == 2 ? (1/0 == 1) : e == 3 ? 'text' : absent"
    elements = [list(TERMS).index(term) for term in terms]
    bindings = {**BINDINGS, "list": elements}
    assert outcome(f"list.all(e, {choice})", bindings) == expected(conjunction(values))
    assert outcome(f"list.exists(e, {choice})", bindings) == expected(disjunction(values))


def test_the_first_error_of_a_chain_is_the_one_reported():
    with pytest.raises(cel.CelEvaluationError, match="division by zero"):
        evaluate("true && 1/0 == 1 && missing")
    with pytest.raises(cel.CelMissingError, match="missing"):
        evaluate("missing && 1/0 == 1")
    with pytest.raises(cel.CelEvaluationError, match="'&&' does not take \\(string\\)"):
        evaluate("'a' && 'b' && 'c'")
    with pytest.raises(cel.CelEvaluationError, match="division by zero"):
        evaluate("[1, 0, 'a'].all(x, 1 / x == 1)")


def test_a_false_or_true_found_first_spares_the_rest():
    with pytest.raises(cel.CelLimitError):
        evaluate("many.all(x, many.all(y, true))", {"many": list(range(5000))})
    assert evaluate("false && many.all(x, many.all(y, true))", {"many": list(range(5000))}) is False


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("true ? 1 : 1/0", 1),
        ("false ? 1/0 : 2", 2),
        ("true ? 'a' : 1", "a"),
        ("!true", False),
        ("!!true", True),
        ("!(1 == 2)", True),
    ],
)
def test_conditional_and_not(source, value):
    assert evaluate(source) == value


@pytest.mark.parametrize(
    "source", ["1 ? 2 : 3", "null ? 2 : 3", "1/0 == 1 ? 2 : 3", "!1", "!'a'", "!(1/0 == 1)"]
)
def test_conditional_and_not_ask_for_a_bool(source):
    with pytest.raises(cel.CelEvaluationError):
        evaluate(source)
