"""`make validate` finds what is broken in a deployed stage, and names it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from common.operation import discover_all
from infra.cdk.functions import rule_name
from infra.cdk.names import function_name
from infra.cdk.stages import stage as stage_of
from tests.local.stack import Stack, eventually

LOCAL = stage_of("local")
TOPIC = "masterdata.vendor.created"
SILENT = "groundwork-local-silent"

Fault = Callable[[Stack], Any]
"""A context in which something of the stack is broken."""


def look(stack: Stack) -> dict[str, dict[str, Any]]:
    """What a validation finds, by check, when a machine asks."""
    told = stack.command("-m", "infra.validate", "local", "--json")
    results = {result["check"]: result for result in json.loads(told.stdout)}
    assert told.returncode == (0 if all(r["ok"] for r in results.values()) else 1)
    return results


def failing(stack: Stack) -> dict[str, str]:
    return {name: result["detail"] for name, result in look(stack).items() if not result["ok"]}


def sql(stack: Stack, *statements: str) -> None:
    """Statements as the database's owner."""
    engine = create_engine(stack.database)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def local(stack: Stack, statement: str) -> None:
    """Something done with the parts of the local AWS."""
    done = stack.command("-c", f"from local import kafka, postgres; {statement}")
    assert done.returncode == 0, done.stderr


@contextmanager
def database_down(stack: Stack) -> Iterator[None]:
    local(stack, "assert postgres.down()")
    try:
        yield
    finally:
        local(stack, "postgres.up()")


@contextmanager
def broker_down(stack: Stack) -> Iterator[None]:
    local(stack, "assert kafka.down()")
    try:
        yield
    finally:
        local(stack, "kafka.up()")
        assert stack.invoke("groundwork-local-topics", {})["ok"]


@contextmanager
def topic_missing(stack: Stack) -> Iterator[None]:
    connected = f"from kafka import KafkaAdminClient; a = KafkaAdminClient(bootstrap_servers={stack.kafka!r})"
    gone = stack.command("-c", f"{connected}; a.delete_topics([{TOPIC!r}]); a.close()")
    assert gone.returncode == 0, gone.stderr
    try:
        yield
    finally:
        assert stack.invoke("groundwork-local-topics", {})["ok"]


@contextmanager
def migration_behind(stack: Stack) -> Iterator[None]:
    head = present_revision(stack)
    sql(stack, "update platform.alembic_version set version_num = '0001'")
    try:
        yield
    finally:
        sql(stack, f"update platform.alembic_version set version_num = '{head}'")


def present_revision(stack: Stack) -> str:
    engine = create_engine(stack.database)
    with engine.connect() as connection:
        head: str = connection.execute(text("select version_num from platform.alembic_version")).scalar_one()
    engine.dispose()
    return head


@contextmanager
def collector_off(stack: Stack) -> Iterator[None]:
    logs = stack.aws("logs")
    groups = [f"/aws/lambda/{function_name(LOCAL, o)}" for o in discover_all()]
    found = [
        each
        for group in groups
        for each in logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    ]
    for each in found:
        logs.delete_subscription_filter(logGroupName=each["logGroupName"], filterName=each["filterName"])
    try:
        yield
    finally:
        wanted = ("logGroupName", "filterName", "filterPattern", "destinationArn")
        for each in found:
            logs.put_subscription_filter(**{name: each[name] for name in wanted})


@contextmanager
def relay_stopped(stack: Stack) -> Iterator[None]:
    (relay,) = (o for o in discover_all(["platform"]) if o.id == "platform.relay.relay")
    name = rule_name(LOCAL, relay)
    stack.aws("events").disable_rule(Name=name)
    try:
        yield
    finally:
        stack.aws("events").enable_rule(Name=name)


@contextmanager
def subgraph_down(stack: Stack) -> Iterator[None]:
    """The function is there, and cannot start: its handler is none."""
    (graph,) = (o for o in discover_all(["masterdata"]) if str(o.trigger) == "POST /masterdata/graphql")
    name, functions = function_name(LOCAL, graph), stack.aws("lambda")
    functions.update_function_configuration(FunctionName=name, Handler="masterdata.nothing.here")
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Handler=graph.handler)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)


@contextmanager
def key_expired(stack: Stack) -> Iterator[None]:
    stack.register()
    sql(stack, "update auth.signing_keys set expires_at = now() - interval '1 minute'")
    try:
        yield
    finally:
        sql(stack, "update auth.signing_keys set expires_at = null")


@contextmanager
def table_without_policy(stack: Stack) -> Iterator[None]:
    sql(stack, "create table masterdata.strays (id uuid, tenant_id uuid)")
    try:
        yield
    finally:
        sql(stack, "drop table masterdata.strays")


@contextmanager
def alarm_without_action(stack: Stack) -> Iterator[None]:
    alarms = stack.aws("cloudwatch")
    alarms.put_metric_alarm(
        AlarmName=SILENT,
        Namespace="Groundwork",
        MetricName="requests_total",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    try:
        yield
    finally:
        alarms.delete_alarms(AlarmNames=[SILENT])


FAULTS: dict[str, tuple[Fault, str, str]] = {
    "alarm without action": (alarm_without_action, "alarms", SILENT),
    "table without policy": (table_without_policy, "table policies", "masterdata.strays"),
    "expired key": (key_expired, "signing keys", "expired"),
    "migration behind": (migration_behind, "migrations", "is at revision 0001"),
    "subgraph down": (subgraph_down, "subgraphs", "masterdata"),
    "relay stopped": (relay_stopped, "relay", "relay-schedule is disabled"),
    "collector off": (collector_off, "collector", "log groups send it nothing"),
    "topic missing": (topic_missing, "topics", TOPIC),
    "broker down": (broker_down, "broker", "does not answer"),
    "database down": (database_down, "database", "does not answer"),
}


def test_a_stage_that_works_passes(stack: Stack) -> None:
    assert eventually(lambda: not failing(stack), seconds=60)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_named(stack: Stack, name: str) -> None:
    fault, check, words = FAULTS[name]
    with fault(stack):
        found = failing(stack)
    assert check in found, found
    assert words in found[check], found


def test_a_stage_recovers_and_a_person_sees_a_table(stack: Stack) -> None:
    assert eventually(lambda: not failing(stack), seconds=150)  # the next relay starts within a minute
    told = stack.command("-m", "infra.validate", "local")
    assert told.returncode == 0, told.stdout
    assert "✓" in told.stdout
    assert "All is well." in told.stdout
