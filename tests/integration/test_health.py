"""Health tells what works, and names what does not."""

from __future__ import annotations

from typing import Any

import pytest

from common import database
from common.operation import SERVICES, Operation, discover
from masterdata import customers
from tests.integration.platform import Platform


def operation(service: str, name: str) -> Operation[..., Any]:
    return next(o for o in discover(service) if o.handler == f"common.health.{name}")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_works_is_live_ready_and_healthy(platform_with_kafka: Platform, service: str) -> None:
    for name, checks in (
        ("live", []),
        ("ready", ["database", "migrations"]),
        ("health", ["database", "migrations", "kafka"]),
    ):
        told = platform_with_kafka.call(operation(service, name)).ok()
        assert told["status"] == "pass"
        assert told["service"] == service
        assert [check["name"] for check in told["checks"]] == checks


def failing(platform: Platform, name: str) -> list[str]:
    told = platform.call(operation("auth", name)).ok(503)
    assert told["status"] == "fail"
    return [check["name"] for check in told["checks"] if check["status"] == "fail"]


def test_a_broker_that_is_down_is_named_and_the_service_stays_ready(fresh_platform: Platform) -> None:
    fresh_platform.configure("auth", kafka_bootstrap_servers="127.0.0.1:1")
    assert failing(fresh_platform, "health") == ["kafka"]
    assert fresh_platform.call(operation("auth", "ready")).ok()["status"] == "pass"


def test_a_database_behind_the_release_is_not_ready(fresh_platform: Platform) -> None:
    fresh_platform.configure("auth", migration_head="a later one")
    assert failing(fresh_platform, "ready") == ["migrations"]


def test_a_database_that_is_down_is_named_and_the_function_lives(fresh_platform: Platform) -> None:
    fresh_platform.configure("auth", database_url="postgresql://x:y@127.0.0.1:1/z")
    assert failing(fresh_platform, "ready") == ["database", "migrations"]
    assert fresh_platform.call(operation("auth", "live")).ok()["status"] == "pass"


def test_a_connection_that_died_while_idle_is_replaced(fresh_platform: Platform) -> None:
    ready = operation("auth", "ready")
    fresh_platform.call(ready).ok()
    fresh_platform.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where usename = 'groundwork_auth' and datname = :name",
        name=fresh_platform.name,
    )
    assert fresh_platform.call(ready).ok()["status"] == "pass"
    assert database.engine().pool.status()


def test_a_request_over_a_connection_that_died_while_idle_succeeds(fresh_platform: Platform) -> None:
    owner = fresh_platform.register()
    owner.call(customers.create, {"code": "C-1", "name": "x"}).ok(201)
    fresh_platform.rows(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = :name and pid <> pg_backend_pid()",
        name=fresh_platform.name,
    )
    owner.call(customers.create, {"code": "C-2", "name": "x"}).ok(201)
    assert len(owner.call(customers.list_).ok()["items"]) == 2


def test_a_database_that_is_down_is_a_503_that_changes_nothing(fresh_platform: Platform) -> None:
    owner = fresh_platform.register()
    owner.call(customers.list_).ok()
    working = fresh_platform.settings["masterdata"].database_url
    fresh_platform.configure("masterdata", database_url="postgresql://x:y@127.0.0.1:1/z")
    answer = owner.call(customers.create, {"code": "C-1", "name": "x"})
    assert answer.problem(503, "unavailable")
    assert answer.headers["Retry-After"]
    fresh_platform.configure("masterdata", database_url=working)
    assert owner.call(customers.list_).ok()["items"] == []
