"""Events on their way out: appended to the event store and the outbox in the transaction of the change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID
from zlib import crc32

import msgspec
from sqlalchemy import Connection, TextClause, text

from common.errors import BadRequest
from common.events import MAX_SIZE, Envelope
from common.tables import SHARDS

_APPEND = """
with recorded as (
    select * from json_to_recordset(cast(:records as json)) as r(
        tenant_id uuid, stream text, version bigint, id uuid, type text, data jsonb, actor text,
        correlation_id text, occurred_at timestamptz, shard smallint, payload text, headers jsonb
    )
), stored as (
    insert into {schema}.event_store
        (tenant_id, stream, version, id, type, data, actor, correlation_id, occurred_at)
    select tenant_id, stream, version, id, type, data, actor, correlation_id, occurred_at from recorded
)
insert into platform.outbox (id, shard, topic, key, payload, headers)
select id, shard, type, stream, payload, headers from recorded order by version
returning pg_current_xact_id()::text
"""


_LOCK = "select pg_advisory_xact_lock(hashtextextended(:tenant || :stream, 0))"
_LAST = """
select coalesce(max(version), 0) from {schema}.event_store where tenant_id = :tenant and stream = :stream
"""


class _Record(msgspec.Struct):
    tenant_id: UUID | None
    stream: str
    version: int
    id: UUID
    type: str
    data: msgspec.Raw
    actor: str
    correlation_id: str
    occurred_at: Any
    shard: int
    payload: str
    headers: dict[str, str]


def shard_of(stream: str) -> int:
    """The shard a stream always goes to, so that one relay at a time publishes it, in order."""
    return crc32(stream.encode()) % SHARDS


def next_version(connection: Connection, schema: str, tenant: UUID, stream: str) -> int:
    """The version after the stream's last, for streams whose events do not carry one.

    Takes the stream's advisory lock first, in a statement of its own: what a
    statement sees was fixed when it began, so the one that counts must begin after the lock is held.
    """
    place = {"tenant": tenant, "stream": stream}
    connection.execute(text(_LOCK), {"tenant": str(tenant), "stream": stream})
    return int(connection.execute(text(_LAST.format(schema=schema)), place).scalar_one()) + 1


def records(envelopes: Sequence[Envelope]) -> str:
    """The events as the statement takes them; one that is too large is refused (400)."""
    found = []
    for envelope in envelopes:
        payload = bytes(envelope.data)
        if len(payload) > MAX_SIZE:
            raise BadRequest(f"The change makes an event of {len(payload)} bytes; {MAX_SIZE} are the limit.")
        found.append(
            _Record(
                envelope.tenant,
                envelope.subject,
                envelope.version,
                envelope.id,
                envelope.type,
                envelope.data,
                envelope.actor,
                envelope.correlation,
                envelope.time,
                shard_of(envelope.subject),
                payload.decode(),
                envelope.headers(),
            )
        )
    return msgspec.json.encode(found).decode()


def append(connection: Connection, schema: str, appended: str) -> str:
    """Store and queue :func:`records` for the relay: one statement for all. Gives the transaction's id."""
    found = connection.execute(_append_to(schema), {"records": appended})
    return str(found.scalars().first())


def append_and_commit(connection: Connection, schema: str, appended: str) -> None:
    """Store and queue :func:`records`, and end the transaction with them, in one round trip."""
    driver: Any = connection.connection.driver_connection
    driver.execute_and_commit(_APPEND.format(schema=schema).replace(":records", "$1"), [appended])


@cache
def _append_to(schema: str) -> TextClause:
    return text(_APPEND.format(schema=schema))
