"""What the platform counts of itself, at ``GET /platform/metrics``: outbox, relay, dead letters."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from sqlalchemy import text

from common import dead_letters
from common.metrics import counter, gauge
from common.operation import PLATFORM

relay_published_total = counter(
    PLATFORM,
    "relay_published_total",
    "Events moved from the outbox to Kafka; counted in the transaction that takes them out.",
    "topic",
)


@gauge(PLATFORM, "outbox_depth", "Events that are committed and not yet on Kafka.")
def outbox_depth(connection: Any) -> float:
    """Rows of the outbox."""
    return float(connection.execute(text("select count(*) from platform.outbox")).scalar_one())


@gauge(
    PLATFORM,
    "outbox_oldest_age_seconds",
    "Age of the oldest event that is not yet on Kafka; 0 when there is none.",
    unit=MetricUnit.Seconds,
)
def outbox_oldest_age_seconds(connection: Any) -> float:
    """The first row's age; positions follow the order of the inserts, so it is the oldest or near."""
    age = text("""
        select extract(epoch from clock_timestamp() - created_at)
        from platform.outbox order by position limit 1
    """)
    return float(connection.execute(age).scalar_one_or_none() or 0)


@gauge(
    PLATFORM,
    "dead_letters",
    "Dead letters: invocations that failed for good and wait to be redriven.",
    "queue",
)
def waiting_dead_letters(_connection: Any) -> dict[tuple[str, ...], float]:
    """Messages of each service's dead-letter queue."""
    return {(service,): float(count) for service, count in dead_letters.waiting().items()}
