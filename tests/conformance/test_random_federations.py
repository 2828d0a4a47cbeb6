"""Whatever the federation and the query, the answer is what one service over the same data would answer.

The federations are made at random and composed by `@theguild/federation-composition`. The seeds are of some
that compose, are satisfiable and whose shared fields have a type that all their subgraphs know: after a
change of the generator they are found anew.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from graphql import parse, validate

from gateway.planner.execute import execute
from gateway.planner.plan import plan
from gateway.planner.supergraph import Supergraph
from tests.unit.planner.simulator.queries import QueryMaker
from tests.unit.planner.simulator.splits import Split
from tests.unit.planner.simulator.subgraph import Federation, SimulatedSubgraph, simulate, whole_world
from tests.unit.planner.simulator.world import World

ROOT = Path(__file__).parents[2]
COMPOSER = Path(__file__).with_name("compose_all.mjs")
NODE = shutil.which("node")
SEEDS = (3, 14, 54, 59, 85, 87, 113, 140, 154, 162, 166, 173, 184, 215, 234, 308, 319, 374, 378, 396)
QUERIES = range(8)

pytestmark = pytest.mark.skipif(
    NODE is None or not (ROOT / "node_modules" / "@theguild" / "federation-composition").is_dir(),
    reason="composing takes Node and its packages; run `make setup`",
)


@cache
def composed() -> dict[int, str | None]:
    sdls = [Split(seed).sdls() for seed in SEEDS]
    done = subprocess.run(
        [str(NODE), str(COMPOSER)],
        input=json.dumps(sdls),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return dict(zip(SEEDS, json.loads(done.stdout), strict=True))


@cache
def federation(seed: int) -> tuple[Supergraph, dict[str, SimulatedSubgraph]]:
    sdl = composed()[seed]
    assert sdl is not None, f"the subgraphs of seed {seed} do not compose"
    return Supergraph.parse(sdl), simulate(Split(seed).sdls())


def compare(seed: int, number: int, *, kind: str = "query", labels: frozenset[str] = frozenset()) -> None:
    graph, subgraphs = federation(seed)
    maker = QueryMaker(graph.api, Random(number), conditions=number % 2 == 1)
    query, variables = maker.operation(kind)
    assert not validate(graph.api, parse(query)), query
    running = Federation(graph, subgraphs, World(graph, list_length=number % 4, seed=number))
    expected = whole_world(running.world, query, variables)
    answer: dict[str, Any] = execute(plan(graph, query, labels=labels), variables, running.fetch)
    assert answer == expected, query
    assert json.dumps(answer) == json.dumps(expected), f"the keys' order in {query}"


@pytest.mark.parametrize("seed", SEEDS)
def test_queries(seed: int) -> None:
    for number in QUERIES:
        compare(seed, number)


@pytest.mark.parametrize("seed", SEEDS)
def test_mutations_and_progressive_overrides(seed: int) -> None:
    graph, _ = federation(seed)
    if graph.labels:
        compare(seed, 1, labels=graph.labels)
    if graph.api.mutation_type is not None:
        compare(seed, 2, kind="mutation")
