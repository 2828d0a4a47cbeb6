"""A real Prometheus (Debian's package `prometheus`), told of a stack by the stack itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.dashboards import prometheus
from local.ports import free_port
from tests.local.stack import ROOT, Stack, eventually

INTERVAL = "2s"
WINDOW = "30s"
"""What Grafana's window for rates comes to."""


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    url: str

    def api(self, path: str, **parameters: str) -> Any:
        """What its API answers."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30, trust_env=False)
        told = answer.json()
        assert told["status"] == "success", told
        return told["data"]

    def query(self, expression: str) -> list[float]:
        """The values of an expression of a Grafana panel, those that are numbers."""
        found = self.api("query", query=expression.replace("$__rate_interval", WINDOW))["result"]
        values = [float(series["value"][1]) for series in found]
        return [value for value in values if value == value]

    def up(self) -> dict[str, str]:
        """The targets it has found, each service with its health."""
        targets = self.api("targets")["activeTargets"]
        return {target["labels"]["service"]: target["health"] for target in targets}


@contextmanager
def running(stack: Stack, home: Path) -> Iterator[Prometheus]:
    """A Prometheus with the configuration and the rules that operators are given."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no Prometheus here; Debian's package prometheus has it")
    rules = ROOT / "docs" / "dashboards" / "alerts.yml"
    configuration = prometheus.configuration(stack.api, str(rules), INTERVAL)
    (home / "prometheus.yml").write_text(configuration)
    port = free_port()
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        started = Prometheus(f"http://127.0.0.1:{port}")
        eventually(lambda: _ready(started.url), seconds=30)
        yield started
    finally:
        process.terminate()
        process.wait(timeout=30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
