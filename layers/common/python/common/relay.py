"""The relay: moves committed events from the outbox to Kafka, each at least once, each stream in order.

A shard of the outbox is leased by locking its row of ``relay_shard`` for the transaction. Its rows are
read in order, produced, acknowledged, deleted, committed. Rows are never picked by a remembered position,
which would miss those that commit late, nor skipped when locked, which would reorder a stream.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, text

from common import database, logs, metrics, series
from common.background import Deadline
from common.operation import PLATFORM, Uses, every
from common.platform_metrics import relay_published_total
from common.series import canonical

BATCH = 500
"""Events of one shard published in one transaction."""
IDLE = 0.1
"""Seconds between two looks at an empty outbox."""
PAUSE = 2.0
"""Seconds after a failure, before the same events are tried again."""
MARGIN = 5.0
"""Seconds before the deadline at which a relay takes no new batch."""
SPAN = 60.0
"""Seconds that one invocation stays: until the schedule starts the next."""

_LEASE = text("""
select shard from platform.relay_shard s
where exists (select from platform.outbox o where o.shard = s.shard)
order by random() limit 1 for update skip locked
""")
_READ = text("""
select position, topic, key, payload, headers from platform.outbox
where shard = :shard order by position limit :batch
""")
_DELETE = text("delete from platform.outbox where position = any(:positions)")


@every(minutes=1, service=PLATFORM, uses={Uses.KAFKA, Uses.OUTBOX}, timeout=90, memory=256, database=False)
def relay(deadline: Deadline) -> dict[str, int]:
    """Publish the outbox for a minute; answers how many events went out."""
    ends = time.monotonic() + min(SPAN, deadline.remaining - MARGIN)
    published: Counter[str] = Counter()
    while True:
        moved = drain(database.engine(), _producer())
        published.update(moved.published)
        if moved.failed:
            _forget_producer()
        left = ends - time.monotonic()
        if left <= 0:
            break
        if moved.failed or not moved:
            time.sleep(min(PAUSE if moved.failed else IDLE, left))
    for topic, count in published.items():
        relay_published_total.inc(count, topic=topic)
    metrics.flush("")  # for CloudWatch alone: the transactions that published have counted already
    logs.RELAY_PUBLISHED(events=published.total())
    return {"published": published.total()}


@cache
def _producer() -> Any:
    from common import kafka_client

    return kafka_client.producer()


def _forget_producer() -> None:
    """Begin with a new one: an idempotent producer may never recover from what the broker answered it."""
    producer = _producer()
    _producer.cache_clear()
    producer.close(timeout=0)


@dataclass(frozen=True)
class Moved:
    """What one batch came to: how many events of which topic went out, and whether others could not."""

    published: Counter[str]
    failed: bool = False

    def __bool__(self) -> bool:
        return bool(self.published)


def drain(engine: Engine, producer: Any) -> Moved:
    """Publish one batch of one shard; nothing is moved where there is nothing to take."""
    with engine.begin() as connection:
        shard = connection.execute(_LEASE).scalar_one_or_none()
        return Moved(Counter()) if shard is None else _publish(connection, producer, shard)


def _publish(connection: Connection, producer: Any, shard: int) -> Moved:
    rows = connection.execute(_READ, {"shard": shard, "batch": BATCH}).all()
    sent = []
    for row in rows:
        headers = [(name, value.encode()) for name, value in row.headers.items()]
        sent.append(producer.send(row.topic, row.payload.encode(), key=row.key.encode(), headers=headers))
    producer.flush()
    # After a failure the later events of its stream stay too: they must not overtake it.
    blocked: set[str] = set()
    done = []
    for row, future in zip(rows, sent, strict=True):
        if row.key not in blocked and future.succeeded():
            done.append(row)
        else:
            blocked.add(row.key)
    if blocked:
        failure = next(future.exception for future in sent if future.failed())
        logs.RELAY_FAILED(exc_info=failure, shard=shard, streams=len(blocked))
    published = Counter(row.topic for row in done)
    if done:
        connection.execute(_DELETE, {"positions": [row.position for row in done]})
        series.add(connection, {_series(topic): count for topic, count in published.items()})
    return Moved(published, failed=bool(blocked))


def _series(topic: str) -> series.Series:
    return (PLATFORM, relay_published_total.name, canonical({"topic": topic}))
