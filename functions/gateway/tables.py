"""What the gateway stores. None of it is a tenant's: the registry and the documents are the platform's, and
of the buckets nobody but the function `gateway.take` sees anything.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from common.tables import schema, timestamp

metadata = schema("gateway")

services = Table(
    "services",
    metadata,
    Column("name", Text, primary_key=True),
    Column("description", Text, nullable=False, server_default=""),
    Column("url", Text, nullable=False),
    Column("health", Text),
    Column("ready", Text),
    Column("live", Text),
    Column("metrics", Text),
    Column("graph", Text),
    Column("required", Boolean, nullable=False),
    Column("timeout_ms", Integer, nullable=False),
    Column("forwards", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("labels", JSONB, nullable=False, server_default=text("'{}'")),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("created_at"),
    Column("created_by", Text, nullable=False),
    timestamp("updated_at"),
    Column("updated_by", Text, nullable=False),
    CheckConstraint("timeout_ms between 100 and 20000", name="timeout_ms"),
)
"""The platform's other services, by name."""

documents = Table(
    "documents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("trusted", Boolean, nullable=False, server_default=text("false")),
    timestamp("created_at", now=True),
    timestamp("used_at", now=True),
    Index(None, "used_at", postgresql_where=text("not trusted")),
    Index("documents_trusted_idx", "id", postgresql_where=text("trusted")),
)
"""GraphQL documents by their SHA-256 in hexadecimal: those clients registered by sending them (automatic
persisted queries), and those an operator trusts (the safelist)."""

rate_buckets = Table(
    "rate_buckets",
    metadata,
    Column("scope", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("tokens", Double, nullable=False),
    Column("refused", Boolean, nullable=False, server_default=text("false")),
    timestamp("refilled_at"),
    PrimaryKeyConstraint("scope", "key"),
    Index(None, "refilled_at"),
    prefixes=["UNLOGGED"],
    postgresql_with={"fillfactor": 50},
)
"""Token buckets: how much of its quota each tenant, user, client and address has left. Unlogged: after a
crash everybody starts with a full one."""
