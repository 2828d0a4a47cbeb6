"""Whatever a valid query asks, the federated answer is what one service over the same data would answer."""

import json
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
        query, variables = QueryMaker(graph.api, Random(seed)).operation()
        assert not validate(graph.api, parse(query))
        subgraphs = federation(name, World(graph, list_length=seed % 4, seed=seed))
        expected = whole_world(subgraphs.world, query, variables)
        answer = execute(plan(graph, query), variables, subgraphs.fetch)
        assert answer == expected, query
        assert json.dumps(answer) == json.dumps(expected), f"the keys' order in {query}"


@pytest.mark.parametrize("name", NAMES)
def test_skip_and_include_are_decided_when_the_plan_runs(name):
    graph = supergraph(name)
    for seed in SEEDS:
        query, variables = QueryMaker(graph.api, Random(seed), conditions=True).operation()
        made = plan(graph, query)
        for turned in (False, True):
            given = {key: each is not turned if key in "xy" else each for key, each in variables.items()}
            subgraphs = federation(name, World(graph, seed=seed))
            expected = whole_world(subgraphs.world, query, given)
            assert execute(made, given, subgraphs.fetch) == expected, query
