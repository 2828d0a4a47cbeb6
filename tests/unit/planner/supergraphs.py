"""The test supergraphs beside this module: each folder has its subgraphs' SDL and what composition makes of
them.

`supergraph.graphql` is the output of `@theguild/federation-composition` for the other files of its folder;
for `chained` (fragments in `@requires`) and `meeting` (a field of an object type here, a union there),
which that composes wrongly, of `@apollo/composition`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gateway.planner.supergraph import Supergraph
from tests.unit.planner.simulator.subgraph import Federation, SimulatedSubgraph, simulate
from tests.unit.planner.simulator.world import World

FOLDER = Path(__file__).parent / "suites"
NAMES = sorted(folder.name for folder in FOLDER.iterdir())


@cache
def supergraph(name: str) -> Supergraph:
    return Supergraph.parse((FOLDER / name / "supergraph.graphql").read_text())


@cache
def subgraphs(name: str) -> dict[str, SimulatedSubgraph]:
    files = sorted((FOLDER / name).glob("*.graphql"))
    return simulate({file.stem: file.read_text() for file in files if file.stem != "supergraph"})


def federation(name: str, world: World | None = None) -> Federation:
    return Federation(supergraph(name), subgraphs(name), world)
