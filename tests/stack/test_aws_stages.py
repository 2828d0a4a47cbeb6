"""The stages on AWS: synthesized without an account, least rights, nothing stateful ever replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.dead_letters import OWNERS
from common.operation import Topic, Uses, discover_all
from infra.cdk import nag, rights
from infra.cdk.names import OWNER, function_name
from infra.cdk.stacks.service import MIGRATION
from tests.stack.synthesis import STAGES, Synthesis, synthesis

pytestmark = [pytest.mark.xdist_group("synthesis"), pytest.mark.timeout(1200)]

STATEFUL = {
    "AWS::RDS::DBCluster",
    "AWS::MSK::ServerlessCluster",
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::Backup::BackupVault",
}
PINNED = Path(__file__).with_name("stateful.json")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_a_stage_is_synthesized_without_an_account(made: Synthesis) -> None:
    expected = {"network", "data", MIGRATION, *OWNERS, "api", "files", "observability"}
    if made.stage.shift:
        expected |= {f"{owner}-shift" for owner in OWNERS}
    assert set(made.templates) == expected
    assert not made.manifest.get("missing")


def test_cdk_nag_has_nothing_to_say_that_is_not_acknowledged(made: Synthesis) -> None:
    assert made.findings
    assert nag.open_findings(made.findings) == []


def test_every_acknowledgement_has_a_reason_and_is_needed() -> None:
    found = [finding for name in STAGES for finding in synthesis(name).findings]
    for known in nag.ACKNOWLEDGED:
        assert len(known.reason) > 20
        assert any(known.covers(finding) for finding in found), known


def test_no_statement_allows_every_action_or_names_no_resource_without_a_reason(made: Synthesis) -> None:
    seen = 0
    for name, statement in made.statements():
        seen += 1
        actions = as_list(statement["Action"])
        assert not any(action == "*" or action.endswith(":*") for action in actions), (name, statement)
        if "*" in as_list(statement["Resource"]):
            assert statement.get("Sid") in rights.UNBOUNDED, (name, statement)
    assert seen > 500


def test_the_functions_own_code_may_not_touch_the_network(made: Synthesis) -> None:
    denials = [s for _, s in made.statements() if s.get("Sid") == "NotTheCode"]
    assert all(s["Effect"] == "Deny" for s in denials)
    assert len(denials) == len(list(discover_all()))


def test_a_function_signs_in_as_its_own_service_only(made: Synthesis) -> None:
    """And as its reader, if it only reads; the migrations alone have a password, and no login."""
    for operation in discover_all():
        function, statements = made.function(operation)
        user = function["Environment"]["Variables"]["DATABASE_USER"]
        allowed = [s["Resource"] for s in statements if s["Action"] == "rds-db:connect"]
        if Uses.ADMIN in operation.uses:
            assert (user, allowed) == (OWNER, [])
        else:
            reads = operation.reads_only
            assert user == f"groundwork_{operation.service}{'_reader' if reads else ''}"
            assert len(allowed) == 1
            assert json.dumps(allowed).endswith(f'/{user}"]]}}]')


def test_every_function_is_in_the_network_and_no_secret_is_in_its_environment(made: Synthesis) -> None:
    for operation in discover_all():
        properties, _ = made.function(operation)
        assert properties["VpcConfig"]["SubnetIds"]
        assert properties["Architectures"] == ["arm64"]
        variables = properties["Environment"]["Variables"]
        assert {"DATABASE_URL", "SIGNING_SECRET", "SCRAPE_TOKEN"}.isdisjoint(variables)


def test_every_topic_reaches_its_consumer_and_what_fails_a_queue(made: Synthesis) -> None:
    consumers = [o for o in discover_all() if isinstance(o.trigger, Topic)]
    mappings = [r["Properties"] for _, _, r in made.resources("AWS::Lambda::EventSourceMapping")]
    groups = {
        m["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"]: (
            m["Topics"],
            m["DestinationConfig"]["OnFailure"]["Destination"],
        )
        for m in mappings
    }
    assert set(groups) == {function_name(made.stage, o) for o in consumers}
    for operation in consumers:
        assert isinstance(operation.trigger, Topic)
        topics, destination = groups[function_name(made.stage, operation)]
        assert topics == [operation.trigger.name]
        assert destination


def test_no_stack_has_more_resources_than_it_may_grow_by(made: Synthesis) -> None:
    sizes = {stack: len(template["Resources"]) for stack, template in made.templates.items()}
    assert max(sizes.values()) <= 450, sizes


def test_what_holds_data_keeps_its_name_so_that_it_is_never_replaced() -> None:
    present: dict[str, dict[str, dict[str, str]]] = {}
    for name in STAGES:
        for stack, logical_id, resource in synthesis(name).resources(*STATEFUL):
            present.setdefault(name, {}).setdefault(stack, {})[logical_id] = resource["Type"]
    assert present == json.loads(PINNED.read_text())


def test_production_keeps_its_data_when_a_stack_goes() -> None:
    held = list(synthesis("prod").resources(*STATEFUL))
    assert {resource["Type"] for _, _, resource in held} == STATEFUL
    for _, name, resource in held:
        assert resource["DeletionPolicy"] in ("Retain", "Snapshot"), name
        assert resource["UpdateReplacePolicy"] in ("Retain", "Snapshot"), name


def test_productions_database_cannot_be_deleted_by_mistake() -> None:
    (cluster,) = [r["Properties"] for _, _, r in synthesis("prod").resources("AWS::RDS::DBCluster")]
    assert cluster["DeletionProtection"] is True


def test_productions_stacks_cannot_be_deleted_by_mistake() -> None:
    for stack, artifact in synthesis("prod").manifest["artifacts"].items():
        if artifact["type"] == "aws:cloudformation:stack":
            assert artifact["properties"]["terminationProtection"] is True, stack


def test_production_is_backed_up_beyond_its_cluster_and_nobody_removes_what_is_young() -> None:
    made = synthesis("prod")
    (vault,) = [r["Properties"] for _, _, r in made.resources("AWS::Backup::BackupVault")]
    assert vault["LockConfiguration"]["MinRetentionDays"] == 7
    (plan,) = [r["Properties"]["BackupPlan"] for _, _, r in made.resources("AWS::Backup::BackupPlan")]
    kept = {rule["RuleName"]: rule["Lifecycle"]["DeleteAfterDays"] for rule in plan["BackupPlanRule"]}
    assert kept == {"daily": 35, "monthly": 400}
    (selected,) = [
        r["Properties"]["BackupSelection"] for _, _, r in made.resources("AWS::Backup::BackupSelection")
    ]
    assert "DatabaseB269D8BB" in json.dumps(selected["Resources"])
    (cluster,) = [r["Properties"] for _, _, r in made.resources("AWS::RDS::DBCluster")]
    assert cluster["BackupRetentionPeriod"] == 30


def test_what_a_stage_costs_is_told_apart_and_somebody_is_told(made: Synthesis) -> None:
    (found,) = [r["Properties"] for _, _, r in made.resources("AWS::Budgets::Budget")]
    assert found["Budget"]["BudgetLimit"] == {"Amount": made.stage.budget, "Unit": "USD"}
    assert found["Budget"]["CostFilters"] == {"TagKeyValue": [f"user:stage${made.stage.name}"]}
    told = [
        (n["Notification"]["NotificationType"], n["Notification"]["Threshold"], len(n["Subscribers"]))
        for n in found["NotificationsWithSubscribers"]
    ]
    assert told == [("ACTUAL", 80, 1), ("ACTUAL", 100, 1), ("FORECASTED", 100, 1)]
    policies = json.dumps([r["Properties"] for _, _, r in made.resources("AWS::SNS::TopicPolicy")])
    assert "budgets.amazonaws.com" in policies
    for stack, _, function in made.resources("AWS::Lambda::Function"):
        if "FunctionName" in function["Properties"]:
            tags = {tag["Key"]: tag["Value"] for tag in function["Properties"]["Tags"]}
            assert tags["stage"] == made.stage.name
            assert tags.get("service", "platform") == stack.replace(MIGRATION, "platform")


def test_keys_are_rotated(made: Synthesis) -> None:
    keys = [r["Properties"] for _, _, r in made.resources("AWS::KMS::Key")]
    assert len(keys) == 2
    assert all(key["EnableKeyRotation"] is True for key in keys)


def test_what_is_reserved_leaves_concurrency_to_all_others(made: Synthesis) -> None:
    reserved = [
        r["Properties"]["ReservedConcurrentExecutions"]
        for _, _, r in made.resources("AWS::Lambda::Function")
        if "ReservedConcurrentExecutions" in r["Properties"]
    ]
    assert reserved
    assert sum(reserved) <= 500  # half of the account's thousand; AWS itself demands that a hundred stay


def test_the_api_is_behind_a_firewall_limited_logged_and_traced(made: Synthesis) -> None:
    (stage,) = [r["Properties"] for _, _, r in made.resources("AWS::ApiGateway::Stage")]
    (firewall,) = [r["Properties"] for _, _, r in made.resources("AWS::WAFv2::WebACL")]
    assert len(list(made.resources("AWS::WAFv2::WebACLAssociation"))) == 1
    assert any("RateBasedStatement" in rule["Statement"] for rule in firewall["Rules"])
    assert stage["TracingEnabled"] is True
    assert stage["AccessLogSetting"]["DestinationArn"]
    (settings,) = stage["MethodSettings"]
    assert settings["ThrottlingRateLimit"] == made.stage.requests_per_second
    assert settings["DataTraceEnabled"] is False
