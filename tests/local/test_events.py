"""5: events flow: an outside consumer reads a change from Kafka within two seconds."""

from __future__ import annotations

import json
import time
from uuid import uuid4

from kafka import KafkaConsumer

from tests.local.stack import ROOT, Stack, Tenant, eventually

TOPIC = "masterdata.customer.created"


def test_a_change_is_on_its_topic_within_two_seconds(stack: Stack, owner: Tenant) -> None:
    consumer = KafkaConsumer(
        TOPIC,
        bootstrap_servers=stack.kafka,
        group_id=f"test-{uuid4()}",
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        heartbeat_interval_ms=2000,
    )
    try:
        eventually(lambda: consumer.poll(timeout_ms=100) or consumer.assignment(), seconds=30)
        with owner.http as http:
            warm = http.post("/masterdata/customers", json={"code": "WARM", "name": "x"})
            assert warm.status_code == 201
            started = time.monotonic()
            made = http.post("/masterdata/customers", json={"code": "C-1", "name": "Café"})
            assert made.status_code == 201, made.text
        key = f"customer:{made.json()['id']}".encode()
        record = None
        while record is None and time.monotonic() < started + 20:
            for batch in consumer.poll(timeout_ms=100).values():
                record = next((r for r in batch if r.key == key), record)
        took = time.monotonic() - started
        assert record is not None
        assert took < 2, f"{took:.2f} s"
        headers = {name: value.decode() for name, value in record.headers}
        assert headers["ce_type"] == TOPIC
        assert headers["ce_tenantid"] == owner.id
        assert headers["ce_correlationid"] == made.headers["x-correlation-id"]
        assert json.loads(record.value)["name"] == "Café"
    finally:
        consumer.close()


def test_every_declared_topic_exists(stack: Stack) -> None:
    consumer = KafkaConsumer(bootstrap_servers=stack.kafka)
    try:
        channels = json.loads((ROOT / "docs/asyncapi.json").read_text())["channels"]
        assert set(channels) <= consumer.topics()
    finally:
        consumer.close()
