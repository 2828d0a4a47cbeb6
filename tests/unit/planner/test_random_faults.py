"""Whatever subgraphs answer, the response is of its declared types, and says what went wrong."""

import json
from random import Random
from typing import Any

import pytest
from graphql import execute_sync, parse

from gateway.planner.answers import FetchError
from gateway.planner.execute import execute
from gateway.planner.plan import plan
from tests.unit.planner.simulator.queries import QueryMaker
from tests.unit.planner.simulator.world import World
from tests.unit.planner.supergraphs import NAMES, federation, supergraph

SEEDS = range(12)
NONSENSE: tuple[Any, ...] = (
    None,
    None,
    7,
    "nonsense",
    True,
    [],
    {},
    [None],
    {"__typename": "Nothing"},
    float("nan"),
)
ANSWERS: tuple[Any, ...] = (
    None,
    [],
    "nonsense",
    {},
    {"data": None},
    {"data": []},
    {"errors": {}},
    {"data": {}, "errors": [1]},
)
ERRORS: tuple[Any, ...] = (
    {"message": "it broke"},
    {"message": "it broke", "path": ["_entities", 0, "name"]},
    {"message": "it broke", "path": ["_entities", 99]},
    {"message": 7, "path": "nowhere", "extensions": []},
    {"path": [None, {}]},
)


class Saboteur:
    """Stands between the gateway and its subgraphs."""

    def __init__(self, fetch, random):
        self.fetch = fetch
        self.random = random

    def __call__(self, subgraph, request):
        chance = self.random.random()
        if chance < 0.05:
            raise FetchError("is down")
        if chance < 0.1:
            raise RuntimeError("unforeseen")
        if chance < 0.2:
            return self.random.choice(ANSWERS)
        answer = json.loads(json.dumps(self.fetch(subgraph, request)))
        if self.random.random() < 0.3:
            answer["errors"] = [*answer.get("errors", ()), self.random.choice(ERRORS)]
        return self.spoilt(answer)

    def spoilt(self, value):
        if self.random.random() < 0.04:
            return self.random.choice(NONSENSE)
        if isinstance(value, dict):
            kept = {key: self.spoilt(each) for key, each in value.items()}
            if kept and self.random.random() < 0.04:
                del kept[self.random.choice(sorted(kept))]
            return kept
        return [self.spoilt(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", NAMES)
def test_a_response_is_of_its_types_whatever_subgraphs_answer(name):
    graph = supergraph(name)
    for seed in SEEDS:
        query, variables = QueryMaker(graph.api, Random(seed), typed=True).operation()
        subgraphs = federation(name, World(graph, seed=seed))
        answer = execute(plan(graph, query), variables, Saboteur(subgraphs.fetch, Random(seed)))
        if answer["data"] is None:
            assert answer["errors"], query
            continue
        again = execute_sync(
            graph.api,
            parse(query),
            root_value=answer["data"],
            variable_values=variables,
            field_resolver=lambda source, info, **_arguments: source[info.path.key],
            type_resolver=lambda value, _info, _type: value["__typename"],
        )
        assert again.formatted == {"data": answer["data"]}, query
        for error in answer.get("errors", ()):
            assert isinstance(error["message"], str)
            assert error["extensions"]["code"]
