"""Events once more, from the event stores to the broker: for a new cluster, which holds nothing of the past.

They go out by stream and version, thus each stream in its order, with the ids, times and headers that they
had (all but the trace, which is not stored). Consumers know by its id what they dealt with before.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Engine, text

from common import database, logs, manifest
from common.background import Deadline
from common.events import Envelope
from common.operation import PLATFORM, SERVICES, Uses, on_command

BATCH = 500
"""Events read, and acknowledged by the broker, at a time."""
MARGIN = 30.0
"""Seconds before the deadline at which no further batch is begun: a broker that is slow takes its time."""
SPAN = 60.0
"""Seconds that one invocation goes on, so that who asked sees how far it is."""

_READ = text("""
select * from platform.stored_events(:service, :tenant, :stream, :version, :since, :batch)
""")


class Place(msgspec.Struct, frozen=True):
    """How far a replay has come: the last event that the broker acknowledged."""

    service: str
    tenant: UUID = UUID(int=0)
    stream: str = ""
    version: int = 0


class Replay(msgspec.Struct, frozen=True):
    """Which services' events, from which time on, and after which place to go on."""

    services: list[str] = msgspec.field(default_factory=lambda: list(SERVICES))
    since: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    after: Place | None = None


class Replayed(msgspec.Struct, frozen=True):
    """What one invocation published, and the place to go on from: none when all is done.

    Not ``ok``: the broker did not take the batch after the place. ``unknown`` are topics no longer declared,
    whose events stay where they are.
    """

    ok: bool
    published: dict[str, int]
    unknown: dict[str, int]
    after: Place | None
    detail: str = ""


@on_command(
    "replay",
    service=PLATFORM,
    uses={Uses.KAFKA, Uses.OUTBOX},
    timeout=300,
    memory=512,
    database=False,
)
def replay(event: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Publish stored events again. Asked as :class:`Replay` says, answers as :class:`Replayed` does."""
    from common import kafka_client

    asked = msgspec.convert(event, Replay)
    declared = {topic.name for topic in manifest.read().topics}
    producer = kafka_client.producer()
    try:
        ends = time.monotonic() + min(SPAN, deadline.remaining - MARGIN)
        replayed = publish(database.engine(), producer, asked, declared, ends)
    finally:
        producer.close(timeout=0)
    logs.EVENTS_REPLAYED(events=sum(replayed.published.values()), ok=replayed.ok)
    told: dict[str, Any] = msgspec.to_builtins(replayed)
    return told


def publish(engine: Engine, producer: Any, asked: Replay, declared: set[str], ends: float) -> Replayed:
    """Publish until all is done, a batch fails, or the monotonic clock says ``ends``."""
    published: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    place = asked.after or Place(asked.services[0])
    waiting = asked.services[asked.services.index(place.service) + 1 :]
    while True:
        rows = _batch(engine, place, asked.since)
        known = [row for row in rows if row.type in declared]
        failure = _send(producer, place.service, known)
        if failure is not None:
            return Replayed(False, dict(published), dict(unknown), place, repr(failure))
        published.update(row.type for row in known)
        unknown.update(row.type for row in rows if row.type not in declared)
        if len(rows) == BATCH:
            place = Place(place.service, rows[-1].tenant_id, rows[-1].stream, rows[-1].version)
        elif waiting:
            place = Place(waiting.pop(0))
        else:
            return Replayed(True, dict(published), dict(unknown), None)
        if time.monotonic() >= ends:
            return Replayed(True, dict(published), dict(unknown), place)


def _batch(engine: Engine, place: Place, since: datetime) -> Sequence[Any]:
    parameters = msgspec.structs.asdict(place) | {"since": since, "batch": BATCH}
    with engine.begin() as connection:
        return connection.execute(_READ, parameters).all()


def _send(producer: Any, service: str, rows: Sequence[Any]) -> BaseException | None:
    """Send a batch and wait for its acknowledgement; what went wrong with the first that failed."""
    sent = []
    for row in rows:
        envelope = _envelope(service, row)
        headers = [(name, value.encode()) for name, value in envelope.headers().items()]
        sent.append(
            producer.send(
                row.type,
                bytes(envelope.data),
                key=row.stream.encode(),
                headers=headers,
                # The topic's retention goes by it: what had gone from the old cluster goes from the new one.
                timestamp_ms=int(row.occurred_at.timestamp() * 1000),
            )
        )
    producer.flush()
    return next((future.exception for future in sent if future.failed()), None)


def _envelope(service: str, row: Any) -> Envelope:
    return Envelope(
        id=row.id,
        type=row.type,
        source=f"/{service}",
        subject=row.stream,
        time=row.occurred_at,
        tenant=row.tenant_id,
        version=row.version,
        actor=row.actor,
        correlation=row.correlation_id,
        data=msgspec.Raw(row.data.encode()),
    )
