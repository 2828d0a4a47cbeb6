"""The way back: CloudFormation's, to the templates that a stage had, all callers at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.cdk.stages import stage
from infra.releases import NoWayBackError, Release, Releases, templates, without_shift

PROD = stage("prod")
BUCKET = "cdk-hnb659fds-assets-123456789012-eu-central-1"


def template(version: str) -> str:
    function = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": version}}
    alias = {"Type": "AWS::Lambda::Alias", "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {}}}
    return json.dumps({"Resources": {"Function": function, "Alias": alias}})


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield Releases(PROD, boto3.client)


def noted(releases: Releases, *names: str) -> None:
    for name in names:
        releases.note(Release(name, "0001", {"auth": f"s3://{BUCKET}/{name}.json"}))


def test_they_are_remembered_newest_first(releases: Releases) -> None:
    assert releases.all() == []
    noted(releases, "one", "two")
    assert [release.name for release in releases.all()] == ["two", "one"]


def test_the_way_back_leads_to_the_one_before_or_to_the_one_that_is_named(releases: Releases) -> None:
    noted(releases, "one", "two", "three")
    assert releases.goal().name == "two"
    assert releases.goal("one").name == "one"


def test_going_back_again_goes_further_back(releases: Releases) -> None:
    noted(releases, "one", "two", "three", "two")
    assert releases.goal().name == "three"
    assert releases.goal("one").name == "one"


@pytest.mark.parametrize("names", [(), ("one",)])
def test_where_there_is_no_other_release_it_says_so(releases: Releases, names: tuple[str, ...]) -> None:
    noted(releases, *names)
    with pytest.raises(NoWayBackError, match="There is no release before this one"):
        releases.goal()


class CloudFormation:
    """Notes what it is asked to update; ``unchanged`` are the stacks that are at that template already."""

    def __init__(self, *unchanged: str) -> None:
        self.updated: dict[str, str] = {}
        self.waited: list[str] = []
        self._unchanged = unchanged

    def update_stack(self, **asked: Any) -> None:
        if asked["StackName"] in self._unchanged:
            told = {"Code": "ValidationError", "Message": "No updates are to be performed."}
            raise ClientError({"Error": {"Code": told["Code"], "Message": told["Message"]}}, "UpdateStack")
        self.updated[asked["StackName"]] = asked["TemplateURL"]

    def get_waiter(self, _: str) -> CloudFormation:
        return self

    def wait(self, **asked: Any) -> None:
        self.waited.append(asked["StackName"])


def test_the_stacks_go_back_to_their_templates_without_waiting_for_codedeploy(releases: Releases) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    goal = {stack: f"s3://{BUCKET}/{stack}.json" for stack in ("api", "auth", "rules")}
    for stack in goal:
        s3.put_object(Bucket=BUCKET, Key=f"{stack}.json", Body=template(stack).encode())
    made = CloudFormation("groundwork-prod-rules")
    stage_ = Releases(PROD, lambda name: made if name == "cloudformation" else boto3.client(name))
    stage_.go_back(Release("one", "0001", goal), lambda _: None)
    assert made.waited == ["groundwork-prod-auth", "groundwork-prod-api"]  # the routes last
    for stack in ("auth", "api"):
        bucket, key = made.updated[f"groundwork-prod-{stack}"].removeprefix("https://").split("/")
        assert bucket == f"{BUCKET}.s3.eu-central-1.amazonaws.com"
        given = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        assert given == without_shift(template(stack))


def test_a_template_without_shift_is_the_same_but_for_codedeploy() -> None:
    kept = json.loads(without_shift(template("1")))["Resources"]
    assert kept["Alias"] == {"Type": "AWS::Lambda::Alias"}
    assert kept["Function"] == json.loads(template("1"))["Resources"]["Function"]


def test_old_versions_are_those_that_neither_serve_nor_are_the_last_two() -> None:
    class Functions:
        def get_alias(self, **_: str) -> dict[str, Any]:
            return {"FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {"9": 0.1}}}

        def get_paginator(self, _: str) -> Any:
            return self

        def paginate(self, **_: str) -> list[dict[str, Any]]:
            return [
                {"Versions": [{"Version": v} for v in ("$LATEST", "1", "2", "3", "9")]},
                {"Versions": [{"Version": "10"}]},
            ]

    assert list(Releases._old(Functions(), "f")) == ["1", "3"]


def test_the_templates_are_where_the_cdk_puts_them(tmp_path: Path) -> None:
    address = "s3://cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}/one.json"
    artifacts = {"auth": {"properties": {"stackTemplateAssetObjectUrl": address}}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    found = templates(tmp_path, "123456789012", "eu-central-1", ["auth"])
    assert found == {"auth": f"s3://{BUCKET}/one.json"}
