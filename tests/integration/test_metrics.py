"""Metric lines are added up exactly once, and exposed as Prometheus reads them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from common import collector, exposition
from common.operation import discover
from masterdata import customers
from tests.integration.platform import Caller, Platform


def batch(lines: list[str]) -> dict[str, Any]:
    """Log lines as a subscription delivers them."""
    events = [{"id": str(n), "timestamp": 0, "message": line} for n, line in enumerate(lines)]
    data = {"messageType": "DATA_MESSAGE", "logGroup": "x", "logStream": "y", "logEvents": events}
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()}}


@contextmanager
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """What is logged within."""
    lines: list[str] = []
    capsys.readouterr()
    yield lines
    lines += capsys.readouterr().out.splitlines()


def scrape(platform: Platform, service: str, accept: str = "") -> tuple[str, str]:
    expose = next(o for o in discover(service) if o.handler == "common.exposition.expose")
    answer = platform.call(expose, headers={"Accept": accept})
    answer_type = answer.headers["Content-Type"]
    assert answer.status == 200, answer.text
    return answer_type, answer.text


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def crud(text: str, operation: str) -> float:
    labels = (("entity", "customer"), ("operation", operation))
    return samples(text).get(("crud_operations_total", labels), 0.0)


@pytest.fixture
def owner(fresh_platform: Platform) -> Caller:
    return fresh_platform.register()


def test_a_counter_moves_by_exactly_what_was_done(
    fresh_platform: Platform, owner: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    with logged(capsys) as lines:
        for n in range(3):
            owner.call(customers.create, {"code": f"C-{n}", "name": "x"}).ok(201)
        owner.call(customers.create, {"code": "C-0", "name": "x"}).problem(409)
        owner.call(customers.list_).ok()
    result = fresh_platform.invoke(collector.collect, batch(lines))
    assert result["lines"] == result["counted"] == sum('"line":' in line for line in lines)
    _, text = scrape(fresh_platform, "masterdata")
    assert crud(text, "create") == 3
    assert crud(text, "list") == 1
    found = samples(text)
    for status, count in (("201", 3), ("409", 1)):
        labels = (("operation", "masterdata.customers.create"), ("status", status))
        assert found["requests_total", labels] == count
        assert found["request_duration_seconds_count", labels] == count
        assert found["request_duration_seconds_bucket", (("le", "+Inf"), *labels)] == count


def test_a_batch_delivered_again_counts_nothing(
    fresh_platform: Platform, owner: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    with logged(capsys) as lines:
        owner.call(customers.list_).ok()
    assert fresh_platform.invoke(collector.collect, batch(lines))["counted"] >= 2
    assert fresh_platform.invoke(collector.collect, batch(lines + lines))["counted"] == 0
    _, text = scrape(fresh_platform, "masterdata")
    assert crud(text, "list") == 1


def test_a_batch_that_fails_midway_counts_whole_when_it_comes_again(
    fresh_platform: Platform,
    owner: Caller,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with logged(capsys) as lines:
        owner.call(customers.list_).ok()
    with monkeypatch.context() as patch:
        patch.setattr(collector, "_FORGET", "a fault after counting")
        with pytest.raises(Exception, match=r"fault|Not an executable"):
            fresh_platform.invoke(collector.collect, batch(lines))
    _, text = scrape(fresh_platform, "masterdata")
    assert crud(text, "list") == 0
    fresh_platform.invoke(collector.collect, batch(lines))
    _, text = scrape(fresh_platform, "masterdata")
    assert crud(text, "list") == 1


def test_lines_that_are_no_metrics_are_passed_over(fresh_platform: Platform) -> None:
    lines = ["START RequestId: 1", '{"level": "INFO"}', '{"_aws": nonsense}', '{"_aws": {}}']
    assert fresh_platform.invoke(collector.collect, batch(lines)) == {"lines": 0, "counted": 0}
    for event in ({}, {"awslogs": {"data": "?"}}, {"awslogs": {"data": base64.b64encode(b"x").decode()}}):
        assert fresh_platform.invoke(collector.collect, event)["lines"] == 0


@pytest.mark.parametrize("service", ["auth", "masterdata", "workflow", "rules", "gateway"])
def test_every_service_exposes_both_formats(platform: Platform, service: str) -> None:
    media_type, text = scrape(platform, service)
    assert media_type.startswith("text/plain; version=")
    assert {family.name for family in parse_text(text)}
    media_type, text = scrape(platform, service, "application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    assert {family.name for family in parse_openmetrics(text)}
    assert text.endswith("# EOF\n")


def test_a_stage_with_a_scrape_token_asks_for_it(fresh_platform: Platform) -> None:
    token = uuid4().hex
    fresh_platform.configure("auth", scrape_token=token)
    expose = next(o for o in discover("auth") if o.function is exposition.expose.function)
    fresh_platform.call(expose).problem(401)
    fresh_platform.call(expose, headers={"Authorization": "Bearer x"}).problem(401)
    assert fresh_platform.call(expose, headers={"Authorization": f"Bearer {token}"}).status == 200
