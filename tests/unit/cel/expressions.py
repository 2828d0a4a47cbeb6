"""Shared by the CEL tests: evaluate one expression, and hypothesis strategies for values and syntax trees."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from common import cel
from common.cel import Duration, Timestamp, Uint
from common.cel.syntax import (
    Binary,
    Call,
    Comprehension,
    Conditional,
    Has,
    Ident,
    Index,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    Select,
    Unary,
    logical,
)

INT_MIN, INT_MAX, UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1


def evaluate(source: str, bindings: Mapping[str, Any] | None = None, container: str = "") -> Any:
    """The value of an unchecked expression."""
    return cel.compile(source, container=container).evaluate(bindings or {})


def outcome(source: str, bindings: Mapping[str, Any] | None = None) -> Any:
    """The value with its class, or the word "error": what a program may observe of an expression."""
    try:
        value = evaluate(source, bindings)
    except cel.CelEvaluationError:
        return "error"
    return type(value), repr(value)


edge_ints = st.one_of(
    st.integers(-10, 10),
    st.integers(INT_MIN, INT_MAX),
    st.sampled_from(
        [INT_MIN, INT_MIN + 1, INT_MAX, INT_MAX - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**32, 2**31]
    ),
)
edge_uints = st.one_of(
    st.integers(0, 10), st.integers(0, UINT_MAX), st.sampled_from([UINT_MAX, 2**63, 2**53 + 1])
).map(Uint)
doubles = st.one_of(
    st.floats(),
    st.sampled_from([0.0, -0.0, 1.0, 2.5, 2.0**53, 2.0**63, -(2.0**63), 2.0**64, float("inf"), float("nan")]),
)
texts = st.text(max_size=6)
moments = st.integers(-(10**18), 10**18).map(Timestamp)
spans = st.integers(-(10**18), 10**18).map(Duration)
scalars = st.one_of(
    st.none(), st.booleans(), edge_ints, edge_uints, doubles, texts, st.binary(max_size=6), moments, spans
)
keys = st.one_of(st.booleans(), edge_ints, edge_uints, texts)

# What a literal can spell: no NaN, no infinity.
constants = st.one_of(
    st.none(),
    st.booleans(),
    edge_ints,
    edge_uints,
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.binary(max_size=6),
)
names = st.sampled_from(["a", "b", "x", "order", "_under_score", "type"])
fields = st.sampled_from(["a", "total", "content-type", "foo.txt", "if", "has", "map"])


def _nodes(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    arguments = st.lists(inner, max_size=2).map(tuple)
    functions = st.sampled_from(["size", "f", "startsWith", "map", "filter"])
    relations = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"])
    return st.one_of(
        st.builds(Select, inner, fields),
        st.builds(Has, inner, fields),
        st.builds(Index, inner, inner),
        st.builds(lambda name, args: Call(name, None, args), functions, arguments),
        st.builds(lambda receiver: Call("size", receiver, ()), inner),
        st.builds(lambda receiver, argument: Call("contains", receiver, (argument,)), inner, inner),
        st.builds(ListLiteral, arguments),
        st.builds(MapLiteral, st.lists(st.tuples(inner, inner), max_size=2).map(tuple)),
        st.builds(Unary, st.sampled_from("!-"), inner),
        st.builds(Binary, relations, inner, inner),
        st.builds(logical, st.sampled_from(["&&", "||"]), st.lists(inner, min_size=2, max_size=3)),
        st.builds(Conditional, inner, inner, inner),
        st.builds(
            lambda macro, target, variable, predicate: Comprehension(
                macro, target, variable, predicate, None
            ),
            st.sampled_from(["all", "exists", "exists_one", "filter"]),
            inner,
            names,
            inner,
        ),
        st.builds(
            lambda target, variable, predicate, result: Comprehension(
                "map", target, variable, predicate, result
            ),
            inner,
            names,
            st.one_of(st.none(), inner),
            inner,
        ),
    )


trees = st.recursive(
    st.one_of(st.builds(Literal, constants), st.builds(Ident, names, st.booleans())), _nodes, max_leaves=12
)
