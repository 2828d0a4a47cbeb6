"""The federation gateway audit's public suites, with simulated subgraphs.

Each case runs the planner and the executor against subgraphs that are made from the suite's SDL, are strict
about what they may be asked, and answer from the world that the suite's expected results describe.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, validate

from gateway.planner.errors import RequestError
from gateway.planner.execute import execute
from gateway.planner.plan import plan
from gateway.planner.supergraph import Supergraph
from tests.conformance.federation_world import Witness
from tests.unit.planner.simulator.subgraph import Federation, simulate

SUITES = Path(__file__).parents[3] / "shared" / "suites" / "federation"


def cases() -> list[Any]:
    if not SUITES.is_dir():
        return []
    counts = json.loads((SUITES / "fetch-counts.json").read_text())
    return [
        pytest.param(suite, number, count, id=f"{suite}-{number}")
        for suite, of_suite in counts.items()
        for number, count in enumerate(of_suite)
    ]


class Suite:
    def __init__(self, name: str) -> None:
        folder = SUITES / name
        self.supergraph = Supergraph.parse((folder / "supergraph.graphql").read_text())
        self.tests = json.loads((folder / "tests.json").read_text())
        described = json.loads((folder / "subgraphs.json").read_text())
        self.subgraphs = simulate({each["name"]: each["sdl"] for each in described})

    def federation(self) -> Federation:
        witness = Witness(self.supergraph)
        for test in self.tests:
            expected = test["expected"]
            if (
                expected.get("data")
                and not expected.get("errors")
                and not validate(self.supergraph.api, parse(test["query"]))
            ):
                witness.read(test["query"], expected["data"])
        return Federation(self.supergraph, self.subgraphs, witness.world())


SUITE_CACHE: dict[str, Suite] = {}


def suite_of(name: str) -> Suite:
    if name not in SUITE_CACHE:
        SUITE_CACHE[name] = Suite(name)
    return SUITE_CACHE[name]


@pytest.mark.skipif(not SUITES.is_dir(), reason="the audit's suites are not beside the project")
@pytest.mark.parametrize(("name", "number", "count"), cases())
def test_audit_case(name: str, number: int, count: int | str) -> None:
    suite = suite_of(name)
    test = suite.tests[number]
    federation = suite.federation()
    try:
        response = execute(plan(suite.supergraph, test["query"]), None, federation.fetch)
    except RequestError as error:
        response = error.response()
    expected = test["expected"]
    if "data" in expected:
        assert response.get("data") == expected["data"], response
    assert bool(response.get("errors")) == bool(expected.get("errors")), response
    if isinstance(count, int):
        assert len(federation.requests) <= count
    else:
        assert len(federation.requests) == 0
