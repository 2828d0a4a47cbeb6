"""Whatever a caller may not see, and whatever it asks: it gets what one service would answer whose resolvers
refuse those fields.
"""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLResolveInfo, ObjectTypeDefinitionNode, execute_sync, parse, print_ast

from common.principal import ANONYMOUS
from gateway.access.restore import MAX_ERRORS, restore
from gateway.planner import Limits, execute
from gateway.serving.composed import Graph
from tests.unit.planner.simulator.queries import QueryMaker
from tests.unit.planner.simulator.subgraph import Federation, written
from tests.unit.planner.simulator.world import World
from tests.unit.planner.supergraphs import FOLDER, NAMES, subgraphs, supergraph

SEEDS = range(6)
LIMITS = Limits(aliases=2_000, tokens=20_000)
DECLARED = "directive @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION"
DEMAND = parse('type T { f: Int @requiresScopes(scopes: [["nobody"]]) }').definitions[0]
Refused = frozenset[tuple[str, str]]


@cache
def guarded(name: str) -> tuple[Graph, Refused]:
    """A test federation of which nobody may see some fields. Those of interfaces are left out: they are
    refused if any of their types refuses them.
    """
    random, table = Random(name), supergraph(name).types
    document = parse((FOLDER / name / "supergraph.graphql").read_text())
    refused: set[tuple[str, str]] = set()
    assert isinstance(DEMAND, ObjectTypeDefinitionNode)
    for node in document.definitions:
        if not isinstance(node, ObjectTypeDefinitionNode) or node.name.value not in table:
            continue
        general = {field for each in table[node.name.value].all_interfaces for field in table[each].fields}
        for field in node.fields:
            if field.name.value not in general and random.random() < 0.25:
                field.directives = (*field.directives, *DEMAND.fields[0].directives)
                refused.add((node.name.value, field.name.value))
    return Graph(f"{DECLARED}\n{print_ast(document)}"), frozenset(refused)


def refusing(world: World, refused: Refused, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The answer of one service that refuses these fields."""

    def resolve(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        if (info.parent_type.name, info.field_name) in refused:
            raise GraphQLError("refused")
        thing = world.roots[info.parent_type.name] if isinstance(source, World) else source
        return thing.tell(info.field_name, written(info, arguments))

    result = execute_sync(
        world.supergraph.api,
        parse(query),
        root_value=world,
        variable_values=variables,
        field_resolver=resolve,
        type_resolver=lambda value, _info, _type: value.type,
    )
    return dict(result.formatted)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_refused_is_null_with_one_error_at_its_place(name: str) -> None:
    graph, refused = guarded(name)
    for seed in SEEDS:
        maker = QueryMaker(graph.supergraph.api, Random(seed), conditions=seed % 2 == 1)
        query, variables = maker.operation()
        world = World(graph.supergraph, list_length=seed % 4, seed=seed)
        federation = Federation(graph.supergraph, subgraphs(name), world)
        planned = graph.plan(query, None, ANONYMOUS, LIMITS)
        answer = execute(planned.plan, variables, federation.fetch)
        if planned.narrowed is not None:
            answer = restore(answer, planned.narrowed, graph.supergraph.api, ANONYMOUS)
        expected = refusing(world, refused, query, variables)
        assert json.dumps(answer["data"]) == json.dumps(expected["data"]), query
        places = [tuple(error["path"]) for error in answer.get("errors", ()) if "path" in error]
        assert len(set(places)) == len(places), query
        if expected["data"] is not None and len(places) < MAX_ERRORS:
            # of two places that take the same object with them, either may be told
            assert bool(places) == ("errors" in expected), query
