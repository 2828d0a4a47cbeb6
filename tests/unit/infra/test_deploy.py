"""A deployment goes in a safe order, and goes no further than what went well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest

from common.operation import Route, discover_all
from infra.cdk.names import function_name
from infra.cdk.stages import Stage, stage
from infra.deploy import DeployError, Deployment, Place, taken_since
from migrations import runner


class Aws:
    """Notes what it is asked, and fails at one step."""

    def __init__(self, failing: str = "", answers: dict[str, dict[str, Any]] | None = None) -> None:
        self.steps: list[str] = []
        self.contexts: list[list[str]] = []
        self.functions: set[str] = set()
        self.present: str | None = None
        self._failing = failing
        self._answers = {
            "topics": {"ok": True, "created": ["a"], "altered": [], "narrow": []},
            **(answers or {}),
        }

    def run(self, arguments: Sequence[str]) -> int:
        if arguments[0] == "deploy":
            self.steps += arguments[1 : arguments.index("--app")]
        else:
            self.steps.append(arguments[0])
            self.contexts.append([word for word in arguments if "=" in word])
        return int(self._failing in arguments)

    def invoke(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        if name == "migrations" and name not in self._answers:
            return self._migrate(asked)
        self.steps.append(name)
        return self._answers[name]

    def _migrate(self, asked: dict[str, Any]) -> dict[str, Any]:
        before = self.present
        self.steps.append(asked["command"])
        self.present = runner.head() if asked["command"] == "contract" else runner.expand_head()
        return {"ok": True, "before": before, "after": self.present}

    def deploy(self, tmp_path: Path, chosen: Stage | None = None, *, contract: bool = True) -> None:
        made = Deployment(
            chosen or stage("dev"),
            "r1",
            lambda _: None,
            self.invoke,
            self.run,
            lambda: self.functions,
            tmp_path / "assembly",
        )
        made.all(contract=contract)


GROUND = ["synth", "network", "data", "migration"]
OWNERS = ["platform", "auth", "masterdata", "workflow", "rules", "gateway"]
AFTER = [*OWNERS, "files", "api", "observability"]


def test_the_database_is_widened_before_the_code_that_needs_it(tmp_path: Path) -> None:
    aws = Aws()
    aws.deploy(tmp_path)
    assert aws.steps == [*GROUND, "expand", "topics", *AFTER]


def test_a_stage_that_is_watched_has_its_alarms_before_the_functions(tmp_path: Path) -> None:
    aws = Aws()
    aws.deploy(tmp_path, stage("prod"))
    assert aws.steps[6:] == [*(f"{owner}-shift" for owner in OWNERS), *AFTER]


def test_a_stage_that_writes_mail_can_before_its_functions_do(tmp_path: Path) -> None:
    aws = Aws()
    aws.deploy(tmp_path, stage("dev", mail_domain="example.com"))
    assert aws.steps[6:] == ["mail", *AFTER]


@pytest.fixture
def takes_away(monkeypatch: pytest.MonkeyPatch) -> str:
    """The newest revision, which takes something away."""
    newest = runner.head()
    monkeypatch.setattr(runner, "contracts", lambda script: script.revision == newest)
    return newest


def test_what_takes_away_goes_when_the_new_routes_serve(tmp_path: Path, takes_away: str) -> None:
    aws = Aws()
    aws.deploy(tmp_path)
    assert aws.steps == [*GROUND, "expand", "topics", *OWNERS, "files", "api", "contract", "observability"]
    assert aws.present == takes_away
    later = Aws()
    later.deploy(tmp_path, contract=False)
    assert "contract" not in later.steps


def test_there_is_no_way_back_to_a_release_from_which_something_was_taken(takes_away: str) -> None:
    before = runner.expand_head()
    assert taken_since(before, takes_away) == [takes_away]
    assert taken_since(before, before) == []
    assert taken_since(takes_away, takes_away) == []


def test_each_deployment_has_its_name_and_a_remedy_says_that_it_is_one(
    tmp_path: Path,
) -> None:
    aws = Aws()
    aws.deploy(tmp_path, stage("prod", at_once=True))
    assert aws.contexts == [["stage=prod", "release=r1", "at-once=true"]]


def test_the_routes_of_withdrawn_operations_go_before_their_functions(tmp_path: Path) -> None:
    kept = next(o for o in discover_all() if isinstance(o.trigger, Route))
    aws = Aws()
    aws.functions = {"groundwork-dev-auth-old-ways", function_name(stage("dev"), kept)}
    aws.deploy(tmp_path)
    assert aws.steps == [*GROUND, "expand", "topics", "synth", "api", *AFTER]
    assert json.loads((tmp_path / "routed.json").read_text()) == [kept.id]
    assert f"routed={tmp_path / 'routed.json'}" in aws.contexts[1]


@pytest.mark.parametrize("name", ["groundwork-dev-task-mine", "groundwork-prod-auth-old", "another"])
def test_functions_of_others_are_not_withdrawn(tmp_path: Path, name: str) -> None:
    aws = Aws()
    aws.functions = {name}
    aws.deploy(tmp_path)
    assert aws.steps.count("api") == 1


@pytest.mark.parametrize("failing", ["synth", "network", "data", "migration"])
def test_nothing_follows_a_stack_that_failed(tmp_path: Path, failing: str) -> None:
    aws = Aws(failing)
    with pytest.raises(DeployError, match="make rollback STAGE=dev"):
        aws.deploy(tmp_path)
    assert aws.steps == GROUND[: GROUND.index(failing) + 1]


@pytest.mark.parametrize(
    ("function", "answer"),
    [
        ("migrations", {"ok": False}),
        ("migrations", {"ok": True, "after": "0001"}),
        ("migrations", {"ok": True, "after": None}),
        ("topics", {"ok": True, "narrow": ["auth.user.created"]}),
    ],
)
def test_no_service_follows_a_migration_or_topics_that_are_not_done(
    tmp_path: Path, function: str, answer: dict[str, Any]
) -> None:
    aws = Aws(answers={function: answer})
    with pytest.raises(DeployError):
        aws.deploy(tmp_path)
    assert aws.steps[-1] == function


def test_stage_local_is_deployed_otherwise() -> None:
    with pytest.raises(DeployError, match="make up"):
        Place.of(stage("local"))


def test_without_a_region_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3.session.Session, "region_name", None)
    with pytest.raises(DeployError, match="AWS_DEFAULT_REGION"):
        Place.of(stage("dev"))
