"""What the declarations become: functions, roles, routes, within CloudFormation's limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from common.operation import PLATFORM, SERVICES, Operation, Route, Uses, discover, discover_all
from infra.cdk.functions import METRIC_LINES
from infra.cdk.names import function_name
from infra.cdk.stages import stage

pytestmark = pytest.mark.xdist_group("synthesis")

Templates = dict[str, dict[str, Any]]
STACKS = (PLATFORM, *SERVICES, "api", "files", "observability")
RESOURCE_BUDGET = 450
TEMPLATE_BUDGET = 900_000
"""Bytes; CloudFormation's limit is 1 MB."""


def resources(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]


def statements(templates: Templates) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, template in templates.items():
        for role in resources(template, "AWS::IAM::Role"):
            for policy in role.get("Policies", ()):
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield name, statement


def test_every_service_is_a_stack_of_its_own(templates: Templates) -> None:
    assert set(templates) == set(STACKS)


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_keeps_well_below_cloudformations_limits(templates: Templates, name: str) -> None:
    assert len(templates[name]["Resources"]) <= RESOURCE_BUDGET
    assert len(json.dumps(templates[name])) <= TEMPLATE_BUDGET


@pytest.mark.parametrize("service", [PLATFORM, *SERVICES])
def test_every_operation_is_a_function_with_what_it_declares(templates: Templates, service: str) -> None:
    made = {f["FunctionName"]: f for f in resources(templates[service], "AWS::Lambda::Function")}
    declared = {function_name(stage("local"), o): o for o in discover(service)}
    assert set(made) == set(declared)
    for name, operation in declared.items():
        properties = made[name]
        assert properties["Handler"] == operation.handler
        assert properties["Timeout"] == operation.timeout
        assert properties["MemorySize"] == operation.memory
        assert properties["Environment"]["Variables"]["SERVICE"] == service
        assert len(name) <= 64


def test_every_function_has_a_role_and_a_log_group_of_its_own(templates: Templates) -> None:
    for service in (PLATFORM, *SERVICES):
        functions = resources(templates[service], "AWS::Lambda::Function")
        roles = [json.dumps(f["Role"]) for f in functions]
        assert len(set(roles)) == len(functions)
        groups = {g["LogGroupName"] for g in resources(templates[service], "AWS::Logs::LogGroup")}
        assert groups == {f"/aws/lambda/{f['FunctionName']}" for f in functions}


def test_an_emulator_has_no_more_than_it_needs(templates: Templates) -> None:
    kinds = {r["Type"] for template in templates.values() for r in template["Resources"].values()}
    unneeded = {
        "AWS::IAM::Policy",
        "AWS::Lambda::Version",
        "AWS::Lambda::Alias",
        "AWS::CodeDeploy::DeploymentGroup",
    }
    assert kinds.isdisjoint(unneeded)


def test_no_role_may_everything(templates: Templates) -> None:
    assert sum(1 for _ in statements(templates)) > 200
    for name, statement in statements(templates):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any(action == "*" or action.endswith(":*") for action in actions), (name, statement)
        assert statement["Resource"] != "*", (name, statement)


def test_a_role_writes_to_its_own_log_group_only(templates: Templates) -> None:
    for name, statement in statements(templates):
        if statement.get("Sid") == "Logs":
            (target,) = json.loads(json.dumps([statement["Resource"]]))
            assert "*" not in str(target).replace(":*", ""), (name, target)


def test_every_log_group_sends_its_metric_lines_to_the_collector(templates: Templates) -> None:
    for service in (PLATFORM, *SERVICES):
        template = templates[service]
        filters = resources(template, "AWS::Logs::SubscriptionFilter")
        functions = resources(template, "AWS::Lambda::Function")
        collectors = [f for f in functions if f["Handler"] == "common.collector.collect"]
        assert len(filters) == len(functions) - len(collectors)  # its own lines would feed on themselves
        assert {f["FilterPattern"] for f in filters} == {METRIC_LINES}


def test_the_api_has_every_route_and_no_other(templates: Templates) -> None:
    (api,) = resources(templates["api"], "AWS::ApiGateway::RestApi")
    routes = {f"{method.upper()} {path}" for path, item in api["Body"]["paths"].items() for method in item}
    assert routes == {str(o.route) for o in discover_all() if isinstance(o.trigger, Route)}


def test_the_api_may_invoke_each_function_by_its_own_route(templates: Templates) -> None:
    permitted = {
        p["FunctionName"]: json.dumps(p["SourceArn"])
        for p in resources(templates["api"], "AWS::Lambda::Permission")
    }
    routed: list[Operation[..., Any]] = [o for o in discover_all() if isinstance(o.trigger, Route)]
    assert set(permitted) == {function_name(stage("local"), o) for o in routed}
    for operation in routed:
        fixed = operation.route.path.split("{", 1)[0].rstrip("/")
        assert f"/{operation.route.method}{fixed}" in permitted[function_name(stage("local"), operation)]


def test_an_operation_that_only_reads_cannot_sign_in_to_write(templates: Templates) -> None:
    for service in (PLATFORM, *SERVICES):
        made = {f["FunctionName"]: f for f in resources(templates[service], "AWS::Lambda::Function")}
        for operation in discover(service):
            url = made[function_name(stage("local"), operation)]["Environment"]["Variables"]["DATABASE_URL"]
            if Uses.ADMIN not in operation.uses:
                assert url.split("//")[1].split(":")[0] == (
                    f"groundwork_{service}{'_reader' if operation.reads_only else ''}"
                )


def test_a_database_owner_is_nobody_but_the_migrations(templates: Templates) -> None:
    owner = stage("local").database_url
    for template in templates.values():
        for function in resources(template, "AWS::Lambda::Function"):
            if function["Environment"]["Variables"].get("DATABASE_URL") == owner:
                assert function["Handler"] == "migrations.handler.migrate"
