"""What every service's tables share: columns, the event store, the idempotency record, the inbox."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
"""PostgreSQL's own names, said out loud, so that an error's constraint can be told to the caller."""

TENANT_POLICY = "tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)"
"""The row-level security predicate of every table with a ``tenant_id``."""


def schema(name: str) -> MetaData:
    """The metadata of one service's schema, with the tables that each service has."""
    metadata = MetaData(schema=name, naming_convention=NAMING)
    _event_store(metadata)
    _inbox(metadata)
    _idempotency(metadata)
    return metadata


def timestamp(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    """A ``timestamptz`` column."""
    return Column(
        name, DateTime(timezone=True), nullable=nullable, server_default=func.now() if now else None
    )


def _event_store(metadata: MetaData) -> None:
    """History, audit and optimistic concurrency in one: the key refuses a second writer of a version."""
    Table(
        "event_store",
        metadata,
        Column("tenant_id", Uuid, nullable=False),
        Column("stream", Text, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("id", Uuid, nullable=False, unique=True),
        Column("type", Text, nullable=False),
        Column("data", JSONB, nullable=False),
        Column("actor", Text, nullable=False),
        Column("correlation_id", Text, nullable=False),
        timestamp("occurred_at"),
        PrimaryKeyConstraint("tenant_id", "stream", "version"),
        Index(None, "tenant_id", "id"),
        Index(None, "tenant_id", "type", "id"),
    )


def _inbox(metadata: MetaData) -> None:
    """Events a consumer has dealt with: delivery is at least once, effect is once."""
    Table(
        "inbox",
        metadata,
        Column("consumer", Text, nullable=False),
        Column("event_id", Uuid, nullable=False),
        timestamp("received_at", now=True),
        PrimaryKeyConstraint("consumer", "event_id"),
        Index(None, "received_at"),
    )


def _idempotency(metadata: MetaData) -> None:
    """Answers given to requests with an ``Idempotency-Key``, kept a day."""
    Table(
        "idempotency",
        metadata,
        Column("tenant_id", Uuid, nullable=False),
        Column("operation", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("principal", Text, nullable=False),
        Column("fingerprint", Text, nullable=False),
        Column("status", SmallInteger),
        Column("headers", JSONB),
        Column("body", Text),
        timestamp("created_at", now=True),
        PrimaryKeyConstraint("tenant_id", "operation", "principal", "key"),
        Index(None, "created_at"),
    )


platform = MetaData(schema="platform", naming_convention=NAMING)
"""What belongs to no service: the outbox with its relay, and the collected metrics."""

outbox = Table(
    "outbox",
    platform,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("shard", SmallInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    timestamp("created_at", now=True),
    Index(None, "shard", "position"),
)

relay_shard = Table(
    "relay_shard",
    platform,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
)

metric_line = Table(
    "metric_line",
    platform,
    Column("id", Text, primary_key=True),
    timestamp("counted_at", now=True),
    Index(None, "counted_at"),
)

metric_series = Table(
    "metric_series",
    platform,
    Column("service", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("value", Double, nullable=False),
    Column("exemplar", JSONB),
    timestamp("updated_at", now=True),
    PrimaryKeyConstraint("service", "name", "labels"),
)

SHARDS = 16
"""Shards of the outbox: how many relays can publish at once. A stream stays in one shard."""
