"""Kafka clients for the stage: plain on a laptop, IAM over TLS on MSK. Imported only where they are used."""

from __future__ import annotations

import time
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from common.settings import settings


def _connection() -> dict[str, Any]:
    configuration = settings()
    options: dict[str, Any] = {"bootstrap_servers": configuration.kafka_bootstrap_servers.split(",")}
    if configuration.kafka_iam:
        options |= {"security_protocol": "SASL_SSL", "sasl_mechanism": "AWS_MSK_IAM"}
    return options


def producer(*, delivery_timeout_ms: int = 20_000, request_timeout_ms: int = 10_000) -> Any:
    """An idempotent producer that waits for every in-sync replica, and gives an event up after a while."""
    return KafkaProducer(
        **_connection(),
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        request_timeout_ms=request_timeout_ms,
        delivery_timeout_ms=delivery_timeout_ms,
        max_block_ms=request_timeout_ms,
    )


def admin(timeout_ms: int = 5_000) -> Any:
    """An admin client that gives up after ``timeout_ms``."""
    return KafkaAdminClient(**_connection(), request_timeout_ms=timeout_ms, bootstrap_timeout_ms=timeout_ms)


def reader(timeout_ms: int = 10_000) -> Any:
    """A consumer of no group, for looking at what is there."""
    return KafkaConsumer(
        **_connection(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=timeout_ms,
        bootstrap_timeout_ms=timeout_ms,
    )


def read(consumer: Any, place: str, first: int, last: int, *, seconds: float = 30) -> list[Any]:
    """The records of ``<topic>-<partition>`` between two offsets, both included, as far as they are kept."""
    topic, _, number = place.rpartition("-")
    partition = TopicPartition(topic, int(number))
    consumer.assign([partition])
    consumer.seek(partition, max(first, consumer.beginning_offsets([partition])[partition]))
    end = min(last + 1, consumer.end_offsets([partition])[partition])
    found: list[Any] = []
    deadline = time.monotonic() + seconds
    while consumer.position(partition) < end and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=500).values():
            found += [record for record in records if record.offset <= last]
    return found


def has_key(consumer: Any, topic: str, key: bytes, *, minutes: int) -> bool:
    """Whether one of the topic's latest records has the key."""
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    if not partitions:
        return False
    consumer.assign(partitions)
    since = int((time.time() - minutes * 60) * 1000)
    starts = consumer.offsets_for_times(dict.fromkeys(partitions, since))
    ends = consumer.end_offsets(partitions)
    for partition in partitions:
        start = starts.get(partition)
        consumer.seek(partition, ends[partition] if start is None else start.offset)
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        polled = consumer.poll(timeout_ms=1000)
        if any(record.key == key for records in polled.values() for record in records):
            return True
        if not polled:
            return False
    return False
