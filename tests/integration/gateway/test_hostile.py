"""A hostile query is refused before it costs anything: nothing is asked of a subgraph, and soon."""

from __future__ import annotations

import time

import pytest

from gateway.options import Options, use
from tests.integration.gateway.conftest import Graph, Lambdas

SECONDS = 2.0
"""Generous: the machine may be busy. What is unbounded here takes minutes, or all memory."""


def bomb(levels: int) -> str:
    """Fragments that double at each level."""
    fragments = [
        f"fragment F{n} on Person {{ ...F{n + 1} ... on Person {{ ...F{n + 1} }} }}" for n in range(levels)
    ]
    return "{ me { ...F0 } } " + " ".join(fragments) + f" fragment F{levels} on Person {{ id }}"


INTROSPECTION = "{ __schema { types { " + "fields { type { " * 6 + "name" + " } }" * 6 + " } } }"
HOSTILE = {
    "depth": "{ me " + "{ tasks { assignee " * 40 + "{ id }" + " } }" * 40 + " }",
    "parser depth": "{" * 50_000,
    "list depth": "{ forecast(city: " + "[" * 3_000 + "]" * 3_000 + ") }",
    "aliases": "{ " + " ".join(f"a{n}: motto" for n in range(1_000)) + " }",
    "aliases of a costly field": "{ " + " ".join(f"a{n}: people {{ id }}" for n in range(199)) + " }",
    "fragments": bomb(30),
    "cyclic fragments": "{ me { ...A } } fragment A on Person { ...B } fragment B on Person { ...A }",
    "tokens": "{ " + "motto " * 5_000 + "}",
    "directives": "{ motto " + "@skip(if: false) " * 1_000 + "}",
    "characters": "{ motto } #" + "x" * 200_000,
    "variables": "query (" + " ".join(f"$v{n}: Int" for n in range(1_200)) + ") { motto }",
    "unknown fields": "{ " + " ".join(f"x{n}" for n in range(3_000)) + " }",
    "introspection": INTROSPECTION,
    "introspection of aliases": "{ "
    + " ".join(f"a{n}: __schema {{ types {{ name }} }}" for n in range(250))
    + " }",
    "cost": "{ tasks { assignee { tasks { assignee { tasks { assignee { tasks { id } } } } } } } }",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_in_bounded_time(owner: Graph, lambdas: Lambdas, name: str) -> None:
    use(Options(cost=1_000))
    started = time.monotonic()
    response = owner.post({"query": HOSTILE[name]}).ok()
    assert time.monotonic() - started < SECONDS
    assert "data" not in response, response
    assert response["errors"][0]["extensions"]["code"]
    assert len(response["errors"]) <= 50
    assert lambdas.events == []


@pytest.mark.parametrize("size", [1_100_000, 10_000_000])
def test_a_huge_document_is_not_even_parsed(owner: Graph, size: int) -> None:
    started = time.monotonic()
    answer = owner.post({"query": "{ motto } #" + "x" * size})
    assert time.monotonic() - started < SECONDS
    assert answer.status == 413


def test_what_is_asked_for_again_and_again_is_asked_of_the_subgraph_once(
    owner: Graph, lambdas: Lambdas
) -> None:
    started = time.monotonic()
    assert owner.ask("{ " + "me { name } " * 900 + "}") == {"data": {"me": {"name": "Ada"}}}
    assert time.monotonic() - started < SECONDS
    assert lambdas.world.text.count("name") == 1


def test_a_batch_of_hostile_queries_is_bounded_too(owner: Graph, lambdas: Lambdas) -> None:
    started = time.monotonic()
    answers = owner.post([{"query": bomb(30)}, {"query": HOSTILE["aliases"]}] * 5).ok()
    assert time.monotonic() - started < 4 * SECONDS
    assert all("data" not in each for each in answers)
    assert lambdas.events == []


def test_the_schema_is_described_to_honest_tools(owner: Graph) -> None:
    from graphql import build_client_schema, get_introspection_query

    response = owner.ask(get_introspection_query(input_value_deprecation=True))
    schema = build_client_schema(response["data"])
    assert schema.query_type is not None
    assert "me" in schema.query_type.fields
    assert "join__Graph" not in schema.type_map
