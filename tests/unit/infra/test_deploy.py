"""A deployment goes in a safe order, and goes no further than what went well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import boto3
import pytest

from infra.cdk.stages import stage
from infra.deploy import DeployError, Deployment, account
from migrations import runner


class Aws:
    """Notes what it is asked, and fails at one step."""

    def __init__(self, failing: str = "", answers: dict[str, dict[str, Any]] | None = None) -> None:
        self.steps: list[str] = []
        self._failing = failing
        self._answers: dict[str, dict[str, Any]] = {
            "migrations": {"ok": True, "before": None, "after": runner.head()},
            "topics": {"ok": True, "created": ["a"], "altered": [], "narrow": []},
        }
        self._answers.update(answers or {})

    def run(self, arguments: Sequence[str]) -> int:
        stacks = arguments[1 : arguments.index("--app")] if arguments[0] == "deploy" else []
        self.steps += stacks or [arguments[0]]
        return int(self._failing in arguments)

    def invoke(self, name: str, _: dict[str, Any]) -> dict[str, Any]:
        self.steps.append(name)
        return self._answers[name]

    def deploy(self) -> None:
        Deployment(stage("dev"), lambda _: None, self.invoke, self.run).all()


ORDER = ["synth", "network", "data", "platform", "migrations", "topics"]


def test_the_database_is_migrated_before_the_code_that_needs_it() -> None:
    aws = Aws()
    aws.deploy()
    services = ["auth", "masterdata", "workflow", "rules", "gateway"]
    assert aws.steps == [*ORDER, *services, "files", "api", "observability"]


@pytest.mark.parametrize("failing", ["synth", "network", "data", "platform"])
def test_nothing_follows_a_stack_that_failed(failing: str) -> None:
    aws = Aws(failing)
    with pytest.raises(DeployError):
        aws.deploy()
    assert aws.steps == ORDER[: ORDER.index(failing) + 1]


@pytest.mark.parametrize(
    ("function", "answer"),
    [
        ("migrations", {"ok": False}),
        ("migrations", {"ok": True, "after": "0001"}),
        ("topics", {"ok": True, "narrow": ["auth.user.created"]}),
    ],
)
def test_no_service_follows_a_migration_or_topics_that_are_not_done(
    function: str, answer: dict[str, Any]
) -> None:
    aws = Aws(answers={function: answer})
    with pytest.raises(DeployError):
        aws.deploy()
    assert aws.steps[-1] == function


def test_stage_local_is_deployed_otherwise() -> None:
    with pytest.raises(DeployError, match="make up"):
        account(stage("local"))


def test_without_a_region_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3.session.Session, "region_name", None)
    with pytest.raises(DeployError, match="AWS_DEFAULT_REGION"):
        account(stage("dev"))
