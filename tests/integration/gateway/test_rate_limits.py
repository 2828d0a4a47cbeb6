"""A quota is kept to the operation, whoever asks at once, and its caller is told how it stands."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from common import metrics
from gateway import upkeep
from gateway.options import Options, use
from tests.integration.gateway.conftest import Graph
from tests.integration.platform import Platform

TAKE = text("select gateway.take(cast(:buckets as jsonb), :cost)")


def limited(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scopes counted as refused."""
    counted: list[str] = []

    def record(metric: metrics.Metric, _value: float, labels: dict[str, str]) -> None:
        if metric.name == "rate_limits_total":
            counted.append(labels["scope"])

    monkeypatch.setattr(metrics.Metric, "_record", record)
    return counted


def test_the_quota_is_told_used_up_and_refused(
    platform: Platform, owner: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = limited(monkeypatch)
    use(Options(user_rate=3))
    left = [owner.post({"query": "{ motto }"}).headers["RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    for _ in range(3):
        refused = owner.post({"query": "{ motto }"})
        assert refused.status == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 20
        assert refused.headers["RateLimit"].startswith('"user";r=0;t=')
        assert '"tenant";q=6000;w=60' in refused.headers["RateLimit-Policy"]
        (error,) = refused.json["errors"]
        assert error["extensions"]["code"] == "TOO_MANY_REQUESTS"
        assert error["extensions"]["scope"] == "user"
    assert counted == ["user"] * 3
    assert owner.caller is not None
    told = platform.rows(
        "select data from gateway.event_store where tenant_id = :tenant and type = 'gateway.rate.limited'",
        tenant=owner.caller.tenant,
    )
    assert [(row.data["scope"], row.data["limit"]) for row in told] == [("user", 3)], (
        "told once, not each time"
    )


def test_another_caller_is_not_affected(platform: Platform, owner: Graph) -> None:
    use(Options(user_rate=1))
    owner.post({"query": "{ motto }"}).ok()
    assert owner.post({"query": "{ motto }"}).status == 429
    Graph(platform, platform.register()).post({"query": "{ motto }"}).ok()


def test_without_a_token_the_address_is_limited(fresh_platform: Platform) -> None:
    use(Options(address_rate=2))
    anyone = Graph(fresh_platform)
    assert [anyone.get({"query": "{ motto }"}).status for _ in range(3)] == [200, 200, 429]
    page = anyone.get({}, headers={"Accept": "text/html"})
    assert page.status == 200, "the page itself costs nothing that runs out"


def test_a_batch_costs_what_it_holds_and_takes_nothing_when_it_is_too_much(owner: Graph) -> None:
    use(Options(user_rate=5))
    batch = [{"query": "{ motto }"}] * 4
    assert owner.post(batch).status == 200
    refused = owner.post(batch)
    assert (refused.status, refused.headers["RateLimit-Remaining"]) == (429, "1")
    assert owner.post({"query": "{ motto }"}).status == 200


def buckets(**capacities: float) -> str:
    return json.dumps([{"scope": s, "key": "k", "capacity": c, "rate": 1e-9} for s, c in capacities.items()])


def test_at_once_exactly_the_quota_is_granted(fresh_platform: Platform) -> None:
    engine = create_engine(
        fresh_platform.settings["gateway"].database_url.replace("postgresql://", "postgresql+pg8000://"),
        pool_size=8,
    )
    wanted = buckets(tenant=50, user=30)

    def take(_n: int) -> dict[str, Any]:
        with engine.begin() as connection:
            return dict(json.loads(connection.execute(TAKE, {"buckets": wanted, "cost": 1}).scalar_one()))

    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(take, range(120)))
    engine.dispose()
    assert sum(verdict["allowed"] for verdict in verdicts) == 30
    assert sum(bucket["first"] for verdict in verdicts for bucket in verdict["buckets"]) == 1
    left = {
        row.scope: row.tokens for row in fresh_platform.rows("select scope, tokens from gateway.rate_buckets")
    }
    assert left["user"] == pytest.approx(0, abs=1e-6)
    assert left["tenant"] == pytest.approx(20, abs=1e-6), "a refused request takes nothing"


def test_a_bucket_fills_with_time_and_no_further_than_its_rim(fresh_platform: Platform) -> None:
    wanted = json.dumps([{"scope": "user", "key": "k", "capacity": 10, "rate": 2.0}])

    def take(cost: float) -> Any:
        with fresh_platform.admin.begin() as connection:
            return json.loads(connection.execute(TAKE, {"buckets": wanted, "cost": cost}).scalar_one())

    def age(seconds: float) -> None:
        with fresh_platform.admin.begin() as connection:
            connection.execute(
                text("update gateway.rate_buckets set refilled_at = refilled_at - make_interval(secs => :s)"),
                {"s": seconds},
            )

    assert take(10)["allowed"]
    assert not take(4)["allowed"]
    age(2)
    assert take(4)["allowed"]
    age(3600)
    assert take(0)["buckets"][0]["remaining"] == 10
    age(-7200)  # a clock that was set back gives nothing and breaks nothing
    assert take(0)["buckets"][0]["remaining"] == 10


def test_nobody_can_look_into_a_bucket_or_refill_it(platform: Platform) -> None:
    engine = create_engine(
        platform.settings["gateway"].database_url.replace("postgresql://", "postgresql+pg8000://")
    )
    for statement in ("select * from gateway.rate_buckets", "update gateway.rate_buckets set tokens = 1e9"):
        with engine.connect() as connection, pytest.raises(DBAPIError, match="permission denied"):
            connection.execute(text(statement))
    engine.dispose()


def test_buckets_of_callers_who_are_away_are_forgotten(fresh_platform: Platform) -> None:
    Graph(fresh_platform).post({"query": "{ motto }"}).ok()
    assert fresh_platform.invoke(upkeep.forget, {})["buckets"] == 0
    with fresh_platform.admin.begin() as connection:
        connection.exec_driver_sql("update gateway.rate_buckets set refilled_at = now() - interval '2 hours'")
    assert fresh_platform.invoke(upkeep.forget, {})["buckets"] == 1
