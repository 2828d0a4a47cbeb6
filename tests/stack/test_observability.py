"""What fails unseen is kept and watched: dead letters, alarms with somebody to tell, dashboards."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from common.dead_letters import OWNERS, queue_name
from common.operation import Topic, discover
from infra.cdk.dead_letters import are_kept
from infra.cdk.names import function_name
from infra.cdk.stacks.observability import ObservabilityStack
from infra.cdk.stages import stage
from infra.dashboards.alarms import alarms
from infra.dashboards.panels import dashboards

pytestmark = pytest.mark.xdist_group("synthesis")
LOCAL = stage("local")
Templates = dict[str, dict[str, Any]]


def resources(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]


@pytest.fixture(scope="module")
def on_aws() -> dict[str, Any]:
    """The stack as it is on a stage of AWS."""
    chosen = replace(LOCAL, name="trial", local=False, dashboards=True, alarm_email="on-call@example.com")
    return dict(Template.from_stack(ObservabilityStack(App(), chosen)).to_json())


@pytest.mark.parametrize("owner", OWNERS)
def test_every_function_that_nobody_waits_for_has_where_its_failures_go(
    templates: Templates, owner: str
) -> None:
    template = templates[owner]
    assert queue_name("local", owner) in {q["QueueName"] for q in resources(template, "AWS::SQS::Queue")}
    configured = resources(template, "AWS::Lambda::EventInvokeConfig")
    kept = [config for config in configured if "DestinationConfig" in config]
    wanted = [o for o in discover(owner) if are_kept(o) and not isinstance(o.trigger, Topic)]
    assert len(kept) == len(wanted)
    for config in configured:
        assert config["MaximumRetryAttempts"] == (2 if config in kept else 0)  # the next run is a minute away
    allowed = json.dumps(resources(template, "AWS::IAM::Role"))
    assert allowed.count('"sqs:SendMessage"') == len([o for o in discover(owner) if are_kept(o)])


def test_every_alarm_tells_somebody(templates: Templates, on_aws: dict[str, Any]) -> None:
    for template, chosen in ((templates["observability"], LOCAL), (on_aws, replace(LOCAL, name="trial"))):
        found = resources(template, "AWS::CloudWatch::Alarm")
        declared = {chosen.name_of(a.name) for a in alarms(chosen) if a.watch is not None}
        assert {alarm["AlarmName"] for alarm in found} == declared
        for alarm in found:
            assert alarm["AlarmActions"]
            assert alarm["AlarmDescription"]
            assert alarm["TreatMissingData"] in ("breaching", "notBreaching")
            assert ("Statistic" in alarm) != ("ExtendedStatistic" in alarm)


def test_alarms_watch_functions_that_exist(templates: Templates) -> None:
    names = {function_name(LOCAL, o) for owner in OWNERS for o in discover(owner)}
    for alarm in resources(templates["observability"], "AWS::CloudWatch::Alarm"):
        for dimension in alarm.get("Dimensions", ()):
            if dimension["Name"] == "FunctionName":
                assert dimension["Value"] in names


def test_aws_gets_a_dashboard_for_everything_and_a_topic_that_keeps_secrets(on_aws: dict[str, Any]) -> None:
    found = resources(on_aws, "AWS::CloudWatch::Dashboard")
    assert {d["DashboardName"] for d in found} == {f"groundwork-trial-{d.name}" for d in dashboards()}
    (topic,) = resources(on_aws, "AWS::SNS::Topic")
    assert topic["KmsMasterKeyId"]
    (subscription,) = resources(on_aws, "AWS::SNS::Subscription")
    assert subscription["Endpoint"] == "on-call@example.com"
    (key,) = resources(on_aws, "AWS::KMS::Key")
    assert "cloudwatch.amazonaws.com" in json.dumps(key["KeyPolicy"])


def test_the_emulators_get_no_dashboards(templates: Templates) -> None:
    assert not resources(templates["observability"], "AWS::CloudWatch::Dashboard")
