"""The platform's own gauges, live at each scrape, and exemplars for who asks for OpenMetrics."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from common import collector, dead_letters, gauges
from common.operation import PLATFORM, SERVICES, Operation, discover
from masterdata import customers
from tests.integration.observability.batches import batch
from tests.integration.platform import Platform

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(autouse=True)
def letters(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many dead letters wait; there is no SQS here."""
    found = {"auth": 2, "platform": 0}
    monkeypatch.setattr(dead_letters, "waiting", lambda: found)
    return found


def operation(service: str, handler: str) -> Operation[..., Any]:
    return next(o for o in discover(service) if o.handler == handler)


def samples(platform: Platform, service: str = PLATFORM) -> list[Any]:
    answer = platform.call(operation(service, "common.exposition.expose"), headers=OPENMETRICS)
    assert answer.status == 200, answer.text
    return [sample for family in parse(answer.text) for sample in family.samples]


def value(platform: Platform, name: str, **labels: str) -> float:
    (found,) = [s.value for s in samples(platform) if s.name == name and s.labels == labels]
    return float(found)


def test_the_outbox_is_counted_and_dated_as_it_is_scraped(fresh_platform: Platform) -> None:
    assert value(fresh_platform, "outbox_depth") == 0
    assert value(fresh_platform, "outbox_oldest_age_seconds") == 0
    fresh_platform.register()
    (waiting,) = fresh_platform.rows("select count(*) as n from platform.outbox")
    time.sleep(0.2)
    assert value(fresh_platform, "outbox_depth") == waiting.n > 0
    assert 0.2 <= value(fresh_platform, "outbox_oldest_age_seconds") < 60


def test_dead_letters_are_counted_by_their_queue(fresh_platform: Platform) -> None:
    assert value(fresh_platform, "dead_letters", queue="auth") == 2
    assert value(fresh_platform, "dead_letters", queue="platform") == 0


def test_gauges_go_to_cloudwatch_each_minute_and_not_to_the_collector(
    fresh_platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh_platform.register()
    capsys.readouterr()
    assert fresh_platform.invoke(operation(PLATFORM, "common.gauges.measure"), {}) == {"values": 4}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {name: line for line in lines for name in ("outbox_depth", "dead_letters") if name in line}
    assert told["outbox_depth"]["outbox_depth"][0] > 0
    assert "line" not in told["outbox_depth"]
    assert "line" not in told["dead_letters"]


def test_only_services_with_gauges_measure() -> None:
    measuring = [
        s for s in (*SERVICES, PLATFORM) if any(o.function is gauges.measure.function for o in discover(s))
    ]
    assert measuring == ["auth", "rules", PLATFORM]


def test_a_bucket_shows_the_trace_of_its_latest_sampled_request(
    fresh_platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = fresh_platform.register()
    capsys.readouterr()
    for flags in ("01", "00"):
        owner.call(customers.list_, headers={"traceparent": f"00-{TRACE}-{SPAN}-{flags}"}).ok()
    fresh_platform.invoke(collector.collect, batch(capsys.readouterr().out.splitlines()))
    shown = [
        sample.exemplar
        for sample in samples(fresh_platform, "masterdata")
        if sample.name == "request_duration_seconds_bucket" and sample.exemplar
    ]
    assert [exemplar.labels for exemplar in shown] == [{"trace_id": TRACE}]
    assert 0 < shown[0].value < 10
    assert abs(float(shown[0].timestamp) - time.time()) < 60
