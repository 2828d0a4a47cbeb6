"""What an asynchronous function fails on for good is kept, seen, and brought back."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine, text

from tests.integration.rules.test_rule_sets import DISCOUNT, rule
from tests.local.stack import Stack, Tenant, eventually, samples
from tests.local.traffic import accepted

COLLECTOR = "groundwork-local-collect"


@contextmanager
def revoked(stack: Stack, right: str, table: str, role: str) -> Iterator[None]:
    """A login lacks a right, so that its functions fail."""
    engine = create_engine(stack.database)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"revoke {right} on {table} from {role}"))
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"grant {right} on {table} to {role}"))
        engine.dispose()


def waiting(stack: Stack, owner: str) -> float:
    """The gauge, as Prometheus reads it."""
    with stack.http as http:
        page = http.get("/platform/metrics").text
    return samples(page)[f'dead_letters{{queue="{owner}"}}']


def redrive(stack: Stack, *words: str) -> tuple[int, str]:
    told = stack.command("-m", "infra.redrive", "local", *words)
    return told.returncode, told.stdout + told.stderr


def batch(identifier: str) -> dict[str, Any]:
    """One metric line as a log subscription delivers it."""
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Dimensions": [["kind", "service"]],
                    "Metrics": [{"Name": "dead_things_total", "Unit": "Count"}],
                }
            ],
        },
        "kind": identifier,
        "service": "platform",
        "line": identifier,
        "dead_things_total": [1.0],
    }
    data = {"logEvents": [{"id": "1", "timestamp": 0, "message": json.dumps(line)}]}
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()}}


def test_what_the_collector_failed_on_is_counted_when_it_is_redriven(stack: Stack) -> None:
    identifier = uuid4().hex
    redrive(stack)  # what other tests have left
    with revoked(stack, "insert", "platform.metric_line", "groundwork_platform"):
        stack.aws("lambda").invoke(
            FunctionName=COLLECTOR, InvocationType="Event", Payload=json.dumps(batch(identifier)).encode()
        )
        eventually(lambda: waiting(stack, "platform") >= 1, seconds=60)
        status, told = redrive(stack, "--owner", "platform")
        assert status == 1, told
        assert "failed" in told
        assert waiting(stack, "platform") >= 1
    status, told = redrive(stack, "--owner", "platform", "--look")
    assert status == 0, told
    assert "waiting" in told
    assert COLLECTOR in told.replace("\n", "")
    status, told = redrive(stack, "--owner", "platform")
    assert status == 0, told
    assert "redriven" in told
    eventually(lambda: waiting(stack, "platform") == 0)
    assert counted(stack, identifier) == 1
    assert "There are no dead letters." in redrive(stack, "--owner", "platform")[1]


def counted(stack: Stack, kind: str) -> float:
    engine = create_engine(stack.database)
    asked = text("select value from platform.metric_series where labels::json ->> 'kind' = :kind")
    with engine.connect() as connection:
        value = float(connection.execute(asked, {"kind": kind}).scalar_one())
    engine.dispose()
    return value


def test_an_event_that_its_consumer_gave_up_is_dealt_with_when_it_is_redriven(
    stack: Stack, owner: Tenant
) -> None:
    with owner.http as http:
        accepted(http.post("/rules/sets", json=DISCOUNT))
        accepted(http.post("/rules/sets/discount/rules", json=rule("big", "CH", 1000, 10)))
        accepted(http.post("/rules/sets/discount/publish"))
        with revoked(stack, "insert", "rules.inbox", "groundwork_rules"):
            asked = {"rule_set": "discount", "facts": {"country": "CH", "amount": 2000}}
            place = f"/rules/evaluations/{accepted(http.post('/rules/evaluations', json=asked))['id']}"
            eventually(lambda: waiting(stack, "rules") >= 1, seconds=90)
            assert http.get(place).json()["status"] != "completed"
        status, told = redrive(stack, "--owner", "rules")
        assert status == 0, told
        assert http.get(place).json()["status"] == "completed"
        assert http.get(place).json()["outputs"] == {"percent": 10}
    assert waiting(stack, "rules") == 0
