"""2: metrics are in Prometheus' format, and a counter moves by exactly what was done."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from common.operation import SERVICES
from tests.local.stack import Stack, Tenant, eventually, samples

CREATES = 'crud_operations_total{entity="customer",operation="create"}'


def scrape(stack: Stack, service: str) -> str:
    with stack.http as http:
        answer = http.get(f"/{service}/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_exposes_its_metrics(stack: Stack, service: str) -> None:
    text = scrape(stack, service)
    assert "# TYPE requests_total counter" in text
    promtool = shutil.which("promtool")
    if promtool is not None:
        subprocess.run([promtool, "check", "metrics"], input=text, text=True, check=True)


def test_a_counter_moves_by_exactly_what_was_done(stack: Stack, owner: Tenant) -> None:
    before = samples(scrape(stack, "masterdata")).get(CREATES, 0)
    with owner.http as http:
        for n in range(5):
            made = http.post("/masterdata/customers", json={"code": f"C-{n}", "name": "x"})
            assert made.status_code == 201
        assert http.post("/masterdata/customers", json={"code": "C-0", "name": "x"}).status_code == 409

    def counted() -> float:
        return samples(scrape(stack, "masterdata")).get(CREATES, 0) - before

    eventually(lambda: counted() >= 5)
    assert counted() == 5
