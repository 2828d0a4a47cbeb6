"""The stacks, synthesized once for all tests of this folder."""

from __future__ import annotations

from typing import Any

import pytest

from infra.cdk.app import build
from infra.cdk.stages import stage
from tests.stack.synthesis import STAGES, Synthesis, synthesis


@pytest.fixture(scope="session")
def templates() -> dict[str, dict[str, Any]]:
    """The templates of stage ``local`` by stack."""
    assembly = build(stage("local")).synth()
    return {stack.id: stack.template for stack in assembly.stacks_recursively}


@pytest.fixture(params=STAGES)
def made(request: pytest.FixtureRequest) -> Synthesis:
    """A stage on AWS."""
    return synthesis(request.param)
