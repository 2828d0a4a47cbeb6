"""From the commit to Kafka: nothing lost, nothing reordered, nothing published that was not committed."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from kafka import KafkaConsumer, TopicPartition

from common import asyncapi, database, kafka_client, relay, topics
from common.background import Deadline
from common.events import declared
from common.operation import PLATFORM
from common.topics import TopicSpec
from local.kafka import Broker
from masterdata import customers
from tests.integration.platform import Caller, Platform

CREATED = "masterdata.customer.created"
UPDATED = "masterdata.customer.updated"


@pytest.fixture
def platform(platform_with_kafka: Platform) -> Platform:
    return platform_with_kafka


@pytest.fixture
def owner(platform: Platform) -> Caller:
    return platform.register()


@contextmanager
def publishing(platform: Platform) -> Iterator[Any]:
    """A producer to the platform's broker; and the process stands for the relay."""
    platform.use(PLATFORM)
    producer = kafka_client.producer()
    try:
        yield producer
    finally:
        producer.close()


def outbox(platform: Platform) -> int:
    (row,) = platform.rows("select count(*) as n from platform.outbox")
    return int(row.n)


def drain(platform: Platform) -> int:
    """Run the relay until the outbox is empty."""
    with publishing(platform) as producer:
        total = 0
        while moved := relay.drain(database.engine(), producer):
            total += moved.published.total()
        return total


def read(platform: Platform, topic: str, tenant: str) -> list[Any]:
    """All of a tenant's records of a topic, as an outside consumer reads them."""
    consumer = KafkaConsumer(bootstrap_servers=platform.kafka, auto_offset_reset="earliest")
    try:
        partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        records: list[Any] = []
        deadline = time.monotonic() + 10
        while any(consumer.position(p) < ends[p] for p in partitions):
            assert time.monotonic() < deadline
            for batch in consumer.poll(timeout_ms=200).values():
                records += batch
        mine = ("ce_tenantid", tenant.encode())
        return [record for record in records if mine in record.headers]
    finally:
        consumer.close()


def provision(platform: Platform) -> None:
    platform.use(PLATFORM)
    wanted = [{"name": name, "partitions": 3, "retention_days": 30} for name in declared]
    assert topics.provision({"topics": wanted}, None)["ok"]


def test_an_event_reaches_kafka_as_the_document_says(platform: Platform, owner: Caller) -> None:
    provision(platform)
    made = owner.call(
        customers.create, {"code": "C-1", "name": "Café"}, headers={"X-Correlation-Id": "from-the-caller"}
    ).ok(201)
    waiting = outbox(platform)
    assert drain(platform) == waiting
    (record,) = read(platform, CREATED, owner.tenant)
    headers = {name: value.decode() for name, value in record.headers}
    assert record.key == f"customer:{made['id']}".encode()
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == CREATED
    assert headers["ce_source"] == "/masterdata"
    assert headers["ce_subject"] == f"customer:{made['id']}"
    assert headers["ce_streamversion"] == "1"
    assert headers["ce_actor"] == f"user:{owner.user}"
    assert headers["ce_correlationid"] == "from-the-caller"
    assert UUID(headers["ce_id"]).version == 7

    document = asyncapi.document([declared[CREATED]], "1")
    schema = document["components"]["schemas"]["CustomerCreated"]
    data = json.loads(record.value)
    assert set(data) == set(schema["properties"])
    assert data["name"] == "Café"
    assert set(document["components"]["schemas"]["CloudEventHeaders"]["required"]) <= set(headers)


def test_what_is_not_committed_is_not_published(platform: Platform, owner: Caller) -> None:
    owner.call(customers.create, {"code": "C-1", "name": "x"}).ok(201)
    owner.call(customers.create, {"code": "C-1", "name": "y"}).problem(409)
    drain(platform)
    assert len(read(platform, CREATED, owner.tenant)) == 1


def test_concurrent_writers_lose_and_reorder_nothing(platform: Platform, owner: Caller) -> None:
    provision(platform)
    made = [owner.call(customers.create, {"code": f"C-{n}", "name": "0"}).ok(201) for n in range(6)]
    changes = 12
    stop = threading.Event()

    def relaying() -> None:
        while not stop.is_set():
            relay.drain(engine, producer)

    with publishing(platform) as producer:
        engine = database.engine_for(platform.settings[PLATFORM])
        runner = threading.Thread(target=relaying)
        runner.start()
        platform.use("masterdata")
        try:
            for change in range(1, changes + 1):
                for customer in made:
                    owner.call(
                        customers.replace,
                        {"code": customer["code"], "name": str(change)},
                        path={"id": customer["id"]},
                        headers={"If-Match": f'"{change}"'},
                    ).ok()
        finally:
            stop.set()
            runner.join()
    drain(platform)
    assert platform.rows("select count(*) as n from platform.outbox")[0].n == 0
    seen: dict[bytes, list[int]] = defaultdict(list)
    for record in read(platform, UPDATED, owner.tenant):
        seen[record.key].append(json.loads(record.value)["version"])
    assert seen == {f"customer:{c['id']}".encode(): list(range(2, changes + 2)) for c in made}


def test_a_broker_that_dies_in_mid_batch_loses_and_reorders_nothing(
    platform: Platform, owner: Caller
) -> None:
    provision(platform)
    made = owner.call(customers.create, {"code": "C-1", "name": "0"}).ok(201)
    for change in range(1, 16):
        owner.call(
            customers.replace,
            {"code": "C-1", "name": str(change)},
            path={"id": made["id"]},
            headers={"If-Match": f'"{change}"'},
        ).ok()
    (waiting,) = platform.rows("select count(*) as n from platform.outbox")[0]
    with Broker.temporary() as dying:
        platform.configure(PLATFORM, kafka_bootstrap_servers=dying.bootstrap)
        provision(platform)
        drained_by_a_dying_broker(platform, dying, after=9)
    (left,) = platform.rows("select count(*) as n from platform.outbox")[0]
    assert 0 < left < waiting
    platform.configure(PLATFORM, kafka_bootstrap_servers=platform.kafka)
    assert drain(platform) == left
    versions = [json.loads(r.value)["version"] for r in read(platform, UPDATED, owner.tenant)]
    assert versions == sorted(versions)
    assert versions[-1] == 16


def drained_by_a_dying_broker(platform: Platform, broker: Broker, *, after: int) -> None:
    """Run the relay until the outbox is empty or the broker, which dies after some sends, takes no more."""
    platform.use(PLATFORM)
    producer = kafka_client.producer(delivery_timeout_ms=2_000, request_timeout_ms=1_000)
    sent, send = [0], producer.send

    def dying(*args: Any, **options: Any) -> Any:
        if sent[0] == after:
            producer.flush()
            broker.stop()
        sent[0] += 1
        return send(*args, **options)

    producer.send = dying
    while relay.drain(database.engine(), producer):
        pass
    producer.close(timeout=0)


def test_a_relay_killed_between_ack_and_commit_publishes_again_and_in_order(
    platform: Platform, owner: Caller
) -> None:
    provision(platform)
    made = owner.call(customers.create, {"code": "C-1", "name": "0"}).ok(201)
    for change in range(1, 5):
        owner.call(
            customers.replace,
            {"code": "C-1", "name": str(change)},
            path={"id": made["id"]},
            headers={"If-Match": f'"{change}"'},
        ).ok()

    waiting = outbox(platform)
    with publishing(platform) as producer:
        engine = database.engine()
        with engine.connect() as connection:
            for shard in range(16):
                relay._publish(connection, producer, shard)
            connection.rollback()  # the relay dies here
    assert drain(platform) == waiting
    identifiers = [dict(r.headers)["ce_id"] for r in read(platform, UPDATED, owner.tenant)]
    assert identifiers == identifiers[:4] * 2
    assert len(set(identifiers)) == 4


def test_the_relay_publishes_while_it_runs(platform: Platform, owner: Caller) -> None:
    provision(platform)
    waiting = outbox(platform)
    platform.use(PLATFORM)
    relay._producer.cache_clear()
    try:
        result = relay.relay.function(Deadline(time.monotonic() + relay.MARGIN + 4))
    finally:
        relay._producer().close()
        relay._producer.cache_clear()
    assert result == {"published": waiting}
    assert owner.tenant


def test_topics_are_created_and_retimed_never_deleted(platform: Platform) -> None:
    name = f"test.topic.t{uuid4().hex[:8]}"
    platform.use(PLATFORM)

    def given(partitions: int, days: int) -> dict[str, Any]:
        spec = TopicSpec(name, partitions, days)
        event = {"topics": [{"name": spec.name, "partitions": partitions, "retention_days": days}]}
        answer: dict[str, Any] = topics.provision(event, None)
        return answer

    assert given(2, 7)["created"] == [name]
    assert given(2, 7)["unchanged"] == [name]
    assert given(2, 8)["altered"] == [name]
    assert given(1, 8)["unchanged"] == [name]
    assert given(3, 8)["narrow"] == [name]  # this broker cannot add partitions, and says so
    client = kafka_client.admin()
    try:
        (described,) = client.describe_topics([name])
    finally:
        client.close()
    assert len(described["partitions"]) == 2
