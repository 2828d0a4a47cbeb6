"""Callers are taken over to a release bit by bit where a stage says so, and go back when alarms say so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from common.dead_letters import OWNERS
from common.operation import (
    Command,
    CustomResource,
    LogSubscription,
    Operation,
    Route,
    Schedule,
    Topic,
    Upload,
    Uses,
    discover,
    discover_all,
)
from infra.cdk import shift
from infra.cdk.names import called_name, function_name
from infra.cdk.stages import MET_FIRST, stage
from infra.dashboards.alarms import alarms
from tests.stack.synthesis import Synthesis, synthesis

pytestmark = [pytest.mark.xdist_group("synthesis"), pytest.mark.timeout(1200)]

UNSHIFTED = (CustomResource, Command)
FUNCTION = "AWS::Lambda::Function"
SHIFTED = [o for o in discover_all() if not isinstance(o.trigger, UNSHIFTED)]


def aliases(made: Synthesis) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Stack, logical id and alias by the function's name."""
    found = {}
    for stack, logical_id, alias in made.resources("AWS::Lambda::Alias"):
        resources = made.templates[stack]["Resources"]
        function = resources[alias["Properties"]["FunctionName"]["Ref"]]["Properties"]["FunctionName"]
        found[function] = (stack, logical_id, alias)
    return found


def named(made: Synthesis, *operations: Operation[..., Any]) -> set[str]:
    return {function_name(made.stage, o) for o in operations}


def test_every_function_that_has_callers_has_an_alias_on_a_version_of_its_own(made: Synthesis) -> None:
    found = aliases(made)
    assert set(found) == named(made, *SHIFTED)
    for stack, _, alias in found.values():
        resources = made.templates[stack]["Resources"]
        assert alias["Properties"]["Name"] == "live"
        version = resources[alias["Properties"]["FunctionVersion"]["Fn::GetAtt"][0]]
        assert version["Type"] == "AWS::Lambda::Version"
        assert version["Properties"]["FunctionName"] == alias["Properties"]["FunctionName"]
        assert version["DeletionPolicy"] == "Retain"  # it ends what it began


def test_a_route_leads_to_the_alias_and_may_invoke_nothing_else(made: Synthesis) -> None:
    (api,) = [r["Properties"]["Body"] for _, _, r in made.resources("AWS::ApiGateway::RestApi")]
    routed = [o for o in SHIFTED if isinstance(o.trigger, Route)]
    for operation in routed:
        method = api["paths"][operation.route.path][operation.route.method.lower()]
        uri = json.dumps(method["x-amazon-apigateway-integration"]["uri"])
        assert f":function:{called_name(made.stage, operation)}/invocations" in uri
    permitted = {
        p["Properties"]["FunctionName"]
        for _, _, p in made.resources("AWS::Lambda::Permission")
        if p["Properties"]["Principal"] == "apigateway.amazonaws.com"
    }
    assert permitted == {called_name(made.stage, o) for o in routed}
    assert all(name.endswith(":live") for name in permitted)


def test_schedules_topics_uploads_and_log_lines_reach_the_alias(made: Synthesis) -> None:
    by_id = {(stack, logical_id): name for name, (stack, logical_id, _) in aliases(made).items()}
    scheduled = {
        by_id[stack, target["Arn"]["Ref"]]
        for stack, _, rule in made.resources("AWS::Events::Rule")
        for target in rule["Properties"].get("Targets", ())
        if "EventPattern" not in rule["Properties"]
    }
    assert scheduled == named(made, *(o for o in SHIFTED if isinstance(o.trigger, Schedule)))
    consuming = set()
    for _, _, mapping in made.resources("AWS::Lambda::EventSourceMapping"):
        assert mapping["Properties"]["FunctionName"]
        text = json.dumps(mapping["Properties"]["FunctionName"])
        assert ":live" in text or "Live" in text
        consuming.add(mapping["Properties"]["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"])
    assert consuming == named(made, *(o for o in SHIFTED if isinstance(o.trigger, Topic)))
    (bucket,) = [b["Properties"] for _, _, b in made.resources("AWS::S3::Bucket") if _is_files(b)]
    told = [json.dumps(n["Function"]) for n in bucket["NotificationConfiguration"]["LambdaConfigurations"]]
    assert len(told) == sum(isinstance(o.trigger, Upload) for o in SHIFTED)
    assert all(':live"' in arn for arn in told)
    (collector,) = (o for o in SHIFTED if isinstance(o.trigger, LogSubscription))
    lines = [
        json.dumps(r["Properties"]["DestinationArn"])
        for _, _, r in made.resources("AWS::Logs::SubscriptionFilter")
    ]
    assert len(lines) == len(list(discover_all())) - 1  # its own would feed on themselves
    assert all(called_name(made.stage, collector) in arn for arn in lines)


def _is_files(bucket: dict[str, Any]) -> bool:
    return "NotificationConfiguration" in bucket["Properties"]


def test_what_is_tried_again_is_said_of_the_alias_that_is_called(made: Synthesis) -> None:
    told = list(made.resources("AWS::Lambda::EventInvokeConfig"))
    assert told
    for stack, _, config in told:
        assert config["Properties"]["Qualifier"] == "live"
        kinds = {made.templates[stack]["Resources"][name]["Type"] for name in config["DependsOn"]}
        assert "AWS::Lambda::Alias" in kinds  # which is named, and not referred to


def test_no_log_lines_are_sent_to_a_collector_that_is_not_there_yet(made: Synthesis) -> None:
    resources = made.templates["platform"]["Resources"]
    subscriptions = [r for r in resources.values() if r["Type"] == "AWS::Logs::SubscriptionFilter"]
    assert len(subscriptions) > 5
    for subscription in subscriptions:
        awaited = [resources[name] for name in subscription["DependsOn"]]
        assert "logs.amazonaws.com" in {r["Properties"].get("Principal") for r in awaited}
        assert "AWS::Lambda::Alias" in {r["Type"] for r in awaited}


def test_functions_that_call_others_call_their_aliases(made: Synthesis) -> None:
    for operation in discover_all():
        variables = made.function(operation)[0]["Environment"]["Variables"]
        assert variables.get("FUNCTION_ALIAS") == ("live" if Uses.INVOKE in operation.uses else None)


def test_production_takes_callers_over_one_tenth_first_and_back_on_alarms() -> None:
    made = synthesis("prod")
    groups = {
        r["Properties"]["DeploymentGroupName"]: r["Properties"]
        for _, _, r in made.resources("AWS::CodeDeploy::DeploymentGroup")
    }
    assert set(groups) == named(made, *SHIFTED)
    existing = {made.stage.name_of(a.name) for a in alarms(made.stage) if a.watch is not None}
    for operation in SHIFTED:
        name = function_name(made.stage, operation)
        group = groups[name]
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent10Minutes"
        assert group["AutoRollbackConfiguration"]["Enabled"] is True
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        own, *shared = [alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]]
        resources = made.templates[f"{operation.service}-shift"]["Resources"]
        watched = resources[own["Ref"]]["Properties"]
        assert {d["Name"]: d["Value"] for d in watched["Dimensions"]} == {
            "FunctionName": name,
            "Resource": f"{name}:live",
        }
        assert shared == ["groundwork-prod-api-errors", f"groundwork-prod-{operation.service}-failures"]
        assert set(shared) <= existing
    for name, (_, _, alias) in aliases(made).items():
        policy = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert policy["DeploymentGroupName"] == name
        assert policy["ApplicationName"] == groups[name]["ApplicationName"]


def test_what_codedeploy_needs_is_there_before_the_functions() -> None:
    artifacts = synthesis("prod").manifest["artifacts"]
    for owner in OWNERS:
        assert f"{owner}-shift" in artifacts[owner]["dependencies"]
    assert set(artifacts["platform"]["dependencies"]) >= {"migration"}
    assert {o.trigger.name for o in discover("platform") if isinstance(o.trigger, CustomResource)} == {
        "migrations",
        "topics",
    }


def test_what_a_person_waits_for_first_begins_as_a_copy_of_what_is_ready() -> None:
    made = synthesis("prod")
    begun = {
        operation.id
        for operation in SHIFTED
        if made.function(operation)[0].get("SnapStart") == {"ApplyOn": "PublishedVersions"}
    }
    assert begun == MET_FIRST
    assert not any("SnapStart" in r["Properties"] for _, _, r in synthesis("dev").resources(FUNCTION))


def test_development_goes_over_at_once() -> None:
    made = synthesis("dev")
    assert not list(made.resources("AWS::CodeDeploy::DeploymentGroup"))
    assert all("UpdatePolicy" not in alias for _, _, alias in aliases(made).values())


@pytest.mark.parametrize("at_once", [False, True])
def test_a_remedy_goes_without_alarms_that_are_on_already(at_once: bool) -> None:
    scope = Stack(App(), "trial")
    code = lambda_.Code.from_inline("def f(event, context): ...")
    python = lambda_.Runtime.PYTHON_3_14
    function = lambda_.Function(scope, "F", code=code, handler="index.f", runtime=python)
    alias = lambda_.Alias(scope, "Live", alias_name="live", version=function.current_version)
    shift.watched(alias, stage("prod", at_once=at_once), SHIFTED[0])
    (made,) = Template.from_stack(scope).find_resources("AWS::Lambda::Alias").values()
    assert ("UpdatePolicy" in made) is not at_once
