"""The platform's own look at itself names what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from common import inspection, manifest
from common.manifest import Manifest
from common.operation import PLATFORM
from common.topics import TopicSpec
from tests.integration.platform import Platform


def found(platform: Platform) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in platform.invoke(inspection.inspect, {})["checks"]}


def failing(platform: Platform) -> dict[str, str]:
    return {name: check["detail"] for name, check in found(platform).items() if not check["ok"]}


def sql(platform: Platform, statement: str) -> None:
    with platform.admin.begin() as connection:
        connection.execute(text(statement))


@pytest.fixture
def platform(platform_with_kafka: Platform) -> Platform:
    return platform_with_kafka


def test_a_platform_that_is_well_is_told_to_be(platform: Platform) -> None:
    platform.register()
    assert set(found(platform)) == set(inspection.CHECKS)
    assert failing(platform) == {}


def test_a_table_without_a_policy_is_named(platform: Platform) -> None:
    sql(platform, "create table masterdata.strays (tenant_id uuid)")
    assert "masterdata.strays" in failing(platform)["table policies"]
    sql(platform, "alter table masterdata.strays enable row level security")
    assert "masterdata.strays" in failing(platform)["table policies"]
    sql(platform, "create policy tenant on masterdata.strays using (true)")
    assert failing(platform) == {}


def test_a_policy_that_was_switched_off_is_named(platform: Platform) -> None:
    sql(platform, "alter table auth.users disable row level security")
    assert "auth.users" in failing(platform)["table policies"]


def test_a_key_that_expired_or_is_overdue_is_named(platform: Platform) -> None:
    platform.register()
    sql(platform, "update auth.signing_keys set expires_at = now() - interval '1 second'")
    assert "expired" in failing(platform)["signing keys"]
    sql(platform, "update auth.signing_keys set expires_at = null, active_at = now() - interval '32 days'")
    assert "was due to be replaced" in failing(platform)["signing keys"]


def test_events_that_wait_are_told(platform: Platform) -> None:
    platform.register()
    sql(platform, "update platform.outbox set created_at = now() - interval '2 minutes'")
    assert "wait for the relay" in failing(platform)["outbox"]


def test_a_topic_that_is_missing_is_named(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    topics = [TopicSpec("auth.nothing.happened", 3, 30)]
    monkeypatch.setattr(manifest, "read", lambda: Manifest(topics=topics))
    assert failing(platform) == {"topics": "Missing: auth.nothing.happened."}


def test_a_database_behind_its_release_is_told(platform: Platform) -> None:
    platform.configure(PLATFORM, migration_head="9999")
    assert "this release needs 9999" in failing(platform)["migrations"]


def test_a_broker_that_is_down_is_told_and_the_rest_is_looked_at(fresh_platform: Platform) -> None:
    fresh_platform.configure(PLATFORM, kafka_bootstrap_servers="127.0.0.1:1")
    assert set(failing(fresh_platform)) == {"broker", "topics"}


def test_a_database_that_is_down_is_told_and_the_rest_is_looked_at(platform: Platform) -> None:
    platform.configure(PLATFORM, database_url="postgresql://x:y@127.0.0.1:1/z")
    wrong = failing(platform)
    assert {"database", "migrations", "table policies", "signing keys", "outbox"} == set(wrong)
    assert "does not answer" in wrong["database"]


def test_an_event_that_is_not_there_is_told(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "PATIENCE", 0.5)
    sought = {"sought": {"topic": "masterdata.customer.created", "key": "customer:none"}}
    (told,) = platform.invoke(inspection.inspect, sought)["checks"]
    assert not told["ok"]
    assert "customer:none is not on" in told["detail"]
