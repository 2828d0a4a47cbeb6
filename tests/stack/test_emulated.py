"""Production's templates fit together: an emulator deploys them as far as it has their types."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from infra.cdk.bundling import ROOT
from infra.emulated import Emulator, Outcome, in_order, without
from local.ministack import Ministack
from local.ports import free_port
from tests.stack.synthesis import synthesis

pytestmark = [pytest.mark.xdist_group("synthesis"), pytest.mark.timeout(1200)]

LACKING = {
    "AWS::Backup::BackupSelection",
    "AWS::Budgets::Budget",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::EC2::EIP",
    "AWS::EC2::FlowLog",
    "AWS::EC2::NatGateway",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::MSK::ServerlessCluster",
    "AWS::RDS::DBProxy",
    "AWS::RDS::DBProxyTargetGroup",
    "AWS::WAFv2::WebACLAssociation",
}
"""The types that the emulator does not know."""
PARTLY = {
    "AWS::EC2::SecurityGroup",  # knows no attribute CidrBlock of a network
    "AWS::IAM::Policy",  # knows no MasterUserSecret of a cluster
    "AWS::SSM::Parameter",  # likewise
    "Custom::AWS",
}
TABLE = ROOT / "docs" / "emulated.md"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A ministack of its own, with nothing in it."""
    emulator = Ministack(tmp_path_factory.mktemp("emulated"), free_port())
    emulator.start()
    try:
        yield emulator.endpoint
    finally:
        emulator.stop()


@pytest.fixture(scope="module")
def outcome(endpoint: str) -> Outcome:
    return Emulator(endpoint).deploy(synthesis("prod").assembly)


def test_the_emulator_deploys_all_that_it_has_the_types_for(outcome: Outcome) -> None:
    assert set(outcome.unknown) == LACKING
    assert set(outcome.refused) == PARTLY
    assert sum(outcome.accepted.values()) > 1_800


def test_the_list_in_the_documentation_is_what_was_seen(outcome: Outcome) -> None:
    kinds = [line.split("|")[1].strip() for line in outcome.rows()]
    assert all(kind in TABLE.read_text() for kind in kinds)


def test_a_stack_comes_after_those_that_it_depends_on() -> None:
    stack = {"type": "aws:cloudformation:stack"}
    artifacts = {
        "c": {**stack, "dependencies": ["b", "c.assets"]},
        "b": {**stack, "dependencies": ["a"]},
        "a": stack,
        "c.assets": {"type": "cdk:asset-manifest"},
    }
    assert in_order(artifacts) == ["a", "b", "c"]


def test_what_refers_to_something_left_out_is_told_a_stand_in() -> None:
    template = {
        "Parameters": {"P": {"Type": "String"}},
        "Resources": {
            "Gone": {"Type": "AWS::MSK::ServerlessCluster"},
            "Kept": {
                "Type": "AWS::SSM::Parameter",
                "DependsOn": ["Gone", "Other"],
                "Properties": {"Value": [{"Ref": "Gone"}, {"Fn::GetAtt": ["Gone", "Arn"]}, {"Ref": "P"}]},
            },
            "Other": {"Type": "AWS::SNS::Topic"},
        },
    }
    left = without(template, set(), {"Gone": ""})
    assert set(left["Resources"]) == {"Kept", "Other"}
    kept = left["Resources"]["Kept"]
    assert kept["DependsOn"] == ["Other"]
    name, arn, parameter = kept["Properties"]["Value"]
    assert name == "missing-Gone"
    assert arn.startswith("arn:aws:missing:")
    assert parameter == {"Ref": "P"}
    assert "Gone" in json.dumps(template)  # itself untouched
