"""Whatever a valid query asks, the federated answer is what one service over the same data would answer."""

from random import Random

import pytest
from graphql import parse, validate

from gateway.planner.execute import execute
from gateway.planner.plan import plan
from tests.unit.planner.simulator.queries import QueryMaker
from tests.unit.planner.simulator.subgraph import whole_world
from tests.unit.planner.simulator.world import World
from tests.unit.planner.supergraphs import NAMES, federation, supergraph

SEEDS = range(12)


@pytest.mark.parametrize("name", NAMES)
def test_a_federated_answer_equals_the_answer_of_one_service(name):
    graph = supergraph(name)
    for seed in SEEDS:
        query = QueryMaker(graph.api, Random(seed)).query()
        assert not validate(graph.api, parse(query))
        subgraphs = federation(name, World(graph, list_length=seed % 4, seed=seed))
        expected = whole_world(subgraphs.world, query)
        answer = execute(plan(graph, query), None, subgraphs.fetch)
        assert answer == expected, query
        assert _keys(answer["data"]) == _keys(expected["data"]), f"the keys' order in {query}"


@pytest.mark.parametrize("name", NAMES)
def test_skip_and_include_are_decided_when_the_plan_runs(name):
    graph = supergraph(name)
    for seed in SEEDS:
        query = QueryMaker(graph.api, Random(seed), conditions=True).query()
        unused = ("x" if "(if: $x)" not in query else "", "y" if "(if: $y)" not in query else "")
        query = query.replace("query($x: Boolean!, $y: Boolean!)", _declare(unused), 1)
        made = plan(graph, query)
        for values in ({"x": True, "y": False}, {"x": False, "y": True}):
            given = {key: value for key, value in values.items() if key not in unused}
            subgraphs = federation(name, World(graph, seed=seed))
            expected = whole_world(subgraphs.world, query, given)
            assert execute(made, given, subgraphs.fetch) == expected, query


def _declare(unused):
    declared = [f"${name}: Boolean!" for name in "xy" if name not in unused]
    return f"query({', '.join(declared)})" if declared else "query"


def _keys(value):
    if isinstance(value, dict):
        return [(key, _keys(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [_keys(inner) for inner in value]
    return None
