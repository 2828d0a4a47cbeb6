"""One request, followed: from its headers through outbox and Kafka to the lines of a consumer, and on."""

from __future__ import annotations

import json
import logging
from typing import Any
from uuid import UUID

import pytest
from kafka import KafkaConsumer, TopicPartition

from common import database, kafka_client, logs, relay
from common.events import declared
from common.operation import INTERNAL, PLATFORM, Operation, Topic
from common.work import Work
from local.event_source import event as kafka_event
from masterdata import customers
from tests.integration.platform import Platform

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CORRELATION = "from-the-caller"
CREATED = "masterdata.customer.created"
CustomerCreated = declared[CREATED].struct
NOTICED = logs.Line("TEST1", logging.INFO, "The consumer noticed")


def notice(created: CustomerCreated, work: Work) -> None:  # type: ignore[valid-type]
    """A consumer that says so, and tells others."""
    NOTICED(customer=str(created.id))  # type: ignore[attr-defined]
    work.emit(created)


CONSUMER: Operation[..., Any] = Operation(notice, "masterdata", Topic(CREATED), INTERNAL)


def published(platform: Platform) -> list[Any]:
    """The records of the topic after the relay has run."""
    platform.use(PLATFORM)
    producer = kafka_client.producer()
    try:
        while relay.drain(database.engine(), producer):
            pass
    finally:
        producer.close()
    consumer = KafkaConsumer(bootstrap_servers=platform.kafka, auto_offset_reset="earliest")
    try:
        partitions = [TopicPartition(CREATED, n) for n in consumer.partitions_for_topic(CREATED) or ()]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        found: list[Any] = []
        while any(consumer.position(p) < ends[p] for p in partitions):
            for records in consumer.poll(timeout_ms=500).values():
                found += records
        return found
    finally:
        consumer.close()


def test_a_request_is_followed_to_its_consumers_lines(
    platform_with_kafka: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    platform = platform_with_kafka
    owner = platform.register()
    headers = {"X-Correlation-Id": CORRELATION, "traceparent": f"00-{TRACE}-{SPAN}-01"}
    answer = owner.call(customers.create, {"code": "C-1", "name": "x"}, headers=headers)
    assert answer.headers["X-Correlation-Id"] == CORRELATION
    customer = answer.ok(201)["id"]

    mine = ("ce_tenantid", owner.tenant.encode())
    (record,) = [each for each in published(platform) if mine in each.headers]
    told = {name: value.decode() for name, value in record.headers}
    assert told["ce_correlationid"] == CORRELATION
    assert told["ce_traceparent"].split("-")[1:2] == [TRACE]
    assert told["ce_traceparent"].split("-")[2] != SPAN

    caplog.clear()
    platform.rows(
        "delete from masterdata.event_store returning id"
    )  # so that the consumer's own event has a place
    platform.use("masterdata")
    with caplog.at_level(logging.INFO):
        CONSUMER(kafka_event([record], platform.kafka), None)
    (line,) = [each for each in caplog.records if getattr(each, "code", "") == "TEST1"]
    formatted = json.loads(logs.logger().handlers[0].format(line))
    expected = {
        "customer": customer,
        "correlation_id": CORRELATION,
        "trace_id": TRACE,
        "event_id": told["ce_id"],
    }
    assert formatted | expected == formatted

    (onward,) = platform.rows("select headers from platform.outbox where id <> :id", id=UUID(told["ce_id"]))
    assert onward.headers["ce_correlationid"] == CORRELATION
    assert onward.headers["ce_traceparent"].split("-")[1] == TRACE
    assert onward.headers["ce_traceparent"] != told["ce_traceparent"]
