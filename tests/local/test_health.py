"""1: health endpoints answer 200."""

from __future__ import annotations

import pytest

from common.operation import SERVICES
from tests.local.stack import Stack


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_live_ready_and_healthy(stack: Stack, service: str) -> None:
    with stack.http as http:
        for path in ("health/live", "health/ready", "health"):
            answer = http.get(f"/{service}/{path}")
            assert answer.status_code == 200, answer.text
            assert answer.json()["status"] == "pass"
