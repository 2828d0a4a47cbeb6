"""Level by level and depth first give the same answer: held against graphql-core's own execution."""

from __future__ import annotations

from typing import Any, cast

from graphql import ExecutionResult, execute_sync, parse, validate
from hypothesis import given, settings
from hypothesis import strategies as st

from common.graph_execution import Execution
from common.subgraph import Subgraph, _Call, _one
from common.work import Work
from tests.unit.subgraph.library import Savepoints, library, request

GRAPH = library()

BOOK_LEAVES = ("id", "title", "status", "addedAt", "holes", "deep", "__typename")
AUTHOR_LEAVES = ("id", "name", "fragile", "__typename")


@st.composite
def selection(draw: Any, kind: str, depth: int) -> str:
    """A selection set on a type, with aliases, fragments and conditions."""
    leaves = BOOK_LEAVES if kind == "Book" else AUTHOR_LEAVES
    parts = draw(st.lists(st.sampled_from(leaves), min_size=1, max_size=3))
    if depth > 0:
        links = ("author", "strict", "sequels", "sequels(first: 1)") if kind == "Book" else ("books",)
        for link in draw(st.lists(st.sampled_from(links), max_size=2)):
            target = "Author" if link in ("author", "strict") else "Book"
            alias = draw(st.sampled_from(("", "x: ", "y: "))) if "(" not in link else "z: "
            parts.append(f"{alias}{link} {draw(selection(target, depth - 1))}")
    condition = draw(st.sampled_from(("", " @include(if: $yes)", " @skip(if: $yes)")))
    parts.append(f"... on {kind}{condition} {{ {draw(st.sampled_from(leaves))} }}")
    return "{ " + " ".join(draw(st.permutations(parts))) + " }"


@st.composite
def queries(draw: Any) -> str:
    book = draw(selection("Book", 3))
    author = draw(selection("Author", 2))
    roots = (
        f"books {{ nodes {book} }}",
        f"books(first: 3) {{ edges {{ node {book} }} pageInfo {{ endCursor }} }}",
        f"found {{ __typename ... on Book {book} ... on Author {author} }}",
        f"things {{ id ... on Author {author} }}",
        "broken",
        "missing",
    )
    chosen = draw(st.lists(st.sampled_from(roots), min_size=1, max_size=3, unique=True))
    aliased = [f"r{place}: {root}" for place, root in enumerate(chosen)]
    return "query($yes: Boolean!) { " + " ".join(aliased) + " }"


def depth_first(graph: Subgraph, call: _Call, query: str, variables: dict[str, Any]) -> ExecutionResult:
    return execute_sync(
        graph.schema,
        parse(query),
        variable_values=variables,
        field_resolver=lambda parent, info, **arguments: _one(
            graph._resolver(call, info.parent_type.name, info.field_name)([parent], arguments)
        ),
        type_resolver=lambda value, _info, _kind: call.kind(value),
    )


def level_by_level(graph: Subgraph, call: _Call, query: str, variables: dict[str, Any]) -> ExecutionResult:
    document = parse(query)
    operation: Any = document.definitions[0]
    execution = Execution(
        graph.schema, document, operation, lambda kind, name: graph._resolver(call, kind, name), call.kind
    )
    return execution.run(variables)


@settings(max_examples=150, deadline=None)
@given(queries(), st.booleans())
def test_both_orders_of_execution_give_the_same_data(query: str, yes: bool) -> None:
    if validate(GRAPH.schema, parse(query)):
        return  # two fields that cannot be merged: refused before execution
    call = _Call(GRAPH, cast(Work, Savepoints("*")), request())
    mine, theirs = (run(GRAPH, call, query, {"yes": yes}) for run in (level_by_level, depth_first))
    assert mine.data == theirs.data
    assert ordered(mine.data) == ordered(theirs.data)
    assert bool(mine.errors) == bool(theirs.errors)
    told = {tuple(error.path or ()) for error in mine.errors or ()}
    # Depth first, a place that is null in the end may have been resolved before: its errors may be told too.
    for error in theirs.errors or ():
        path = tuple(error.path or ())
        assert len(told) == 100 or any(path[:n] in told for n in range(len(path) + 1))


def ordered(value: Any) -> Any:
    """The same, with the order of members made part of the value."""
    if isinstance(value, dict):
        return [(key, ordered(inner)) for key, inner in value.items()]
    return [ordered(inner) for inner in value] if isinstance(value, list) else value


def test_an_error_spreads_to_the_nearest_place_that_may_be_null() -> None:
    call = _Call(GRAPH, cast(Work, Savepoints("*")), request())
    answer = level_by_level(GRAPH, call, "{ broken missing }", {})
    assert answer.data is None
    assert {tuple(error.path or ()) for error in answer.errors or ()} == {("broken",), ("missing",)}
    answer = level_by_level(GRAPH, call, "{ things { id ... on Author { fragile } } }", {})
    assert answer.data is not None
    assert answer.data["things"][1] is None
    assert answer.data["things"][0]["id"]


def test_wrong_variables_are_told_and_nothing_is_executed() -> None:
    call = _Call(GRAPH, cast(Work, Savepoints("*")), request())
    answer = level_by_level(GRAPH, call, "query($id: ID!) { book(id: $id) { id } }", {})
    assert answer.data is None
    assert "$id" in (answer.errors or [])[0].message
