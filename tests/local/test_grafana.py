"""8: Grafana shows all metrics: a real Prometheus finds and scrapes the stack, and every panel has data."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from common import metrics
from common.operation import PLATFORM, SERVICES
from tests.local import traffic
from tests.local.prometheus import Prometheus, running
from tests.local.stack import ROOT, Stack, Tenant, eventually

DASHBOARDS = sorted((ROOT / "docs" / "dashboards").glob("*.json"))
ROUNDS = 6


@pytest.fixture(scope="module")
def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen an hour of traffic, compressed."""
    with running(stack, tmp_path_factory.mktemp("prometheus")) as started:
        eventually(lambda: set(started.up()) == {*SERVICES, PLATFORM}, seconds=60)
        owner = stack.register()
        traffic.failures(stack)
        for _ in range(ROUNDS):
            traffic.an_hour(stack, owner)
            time.sleep(2)
        traffic.failures(stack)
        yield started


def queries() -> Iterator[tuple[str, str, str]]:
    """Every query of every panel: dashboard, panel, expression."""
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield path.stem, panel["title"], target["expr"]


def test_prometheus_finds_every_service_by_the_registry(prometheus: Prometheus) -> None:
    assert prometheus.up() == dict.fromkeys((*SERVICES, PLATFORM), "up")


def test_every_query_of_every_panel_returns_data(prometheus: Prometheus) -> None:
    silent = list(queries())
    assert len(silent) > 60
    deadline = time.monotonic() + 20
    while silent and time.monotonic() < deadline:  # the last of it is still to be scraped
        silent = [query for query in silent if not prometheus.query(query[2])]
    assert silent == []


def test_every_metric_is_on_a_dashboard() -> None:
    shown = " ".join(expression for _, _, expression in queries())
    declared = {m.name for service in (*SERVICES, PLATFORM) for m in metrics.of_service(service)}
    assert {name for name in declared if name not in shown} == set()


def test_prometheus_understands_every_rule(prometheus: Prometheus) -> None:
    (group,) = prometheus.api("rules")["groups"]
    unwell = {rule["name"]: rule["lastError"] for rule in group["rules"] if rule["health"] != "ok"}
    assert unwell == {}
    assert len(group["rules"]) > 20
    firing = {rule["name"] for rule in group["rules"] if rule["state"] == "firing"}
    assert not {name for name in firing if name.endswith(("-down", "-dead-letters", "relay-lag"))}


@pytest.mark.parametrize("service", [*SERVICES, PLATFORM])
def test_promtool_passes_every_page(stack: Stack, prometheus: Prometheus, service: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here; Debian's package prometheus has it")
    with stack.http as http:
        page = http.get(f"/{service}/metrics")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page.text, text=True, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_slow_request_leads_to_its_trace(stack: Stack, owner: Tenant, prometheus: Prometheus) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    with owner.http as http:
        assert http.get("/masterdata/customers", headers=headers).status_code == 200

    def found() -> list[Any]:
        start, end = str(time.time() - 300), str(time.time() + 60)
        name = 'request_duration_seconds_bucket{service="masterdata"}'
        exemplars = prometheus.api("query_exemplars", query=name, start=start, end=end)
        return [e for series in exemplars for e in series["exemplars"] if e["labels"]["trace_id"] == trace]

    eventually(found, seconds=20)
