"""Every rules operation keeps the contract of the generated OpenAPI document, whatever it is sent."""

from __future__ import annotations

import pytest

from tests.integration import contract
from tests.integration.platform import Platform

# Schemathesis warns of what its own dependencies will drop.
pytestmark = pytest.mark.filterwarnings("default")

# DELETE archives a set: it stays readable.
CHECKS = {"use_after_free": {"enabled": False}}


@pytest.mark.parametrize(
    "path", ["sets(?!/{id}/(rules|tests))", "sets/{id}/(rules|tests)", "evaluations|import"]
)
@pytest.mark.parametrize("phases", [contract.SYSTEMATIC, contract.RANDOM], ids="-".join)
def test_no_request_breaks_the_contract(platform: Platform, path: str, phases: tuple[str, ...]) -> None:
    findings = contract.probe(platform, ["rules"], f"/rules/({path})", phases, checks=CHECKS)
    assert findings.breaches == []
    assert findings.requests > 50
