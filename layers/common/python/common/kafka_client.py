"""Kafka clients for the stage: plain on a laptop, IAM over TLS on MSK. Imported only where they are used."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient, KafkaProducer

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
