"""What auth stores."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from common.tables import schema, timestamp

metadata = schema("auth")

event_store = metadata.tables["auth.event_store"]

tenants = Table(
    "tenants",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("settings", JSONB, nullable=False, server_default=text("'{}'")),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("created_at", now=True),
    timestamp("updated_at", now=True),
    UniqueConstraint("slug"),
)

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="active"),
    Column("password_hash", Text),
    Column("authorization_version", Integer, nullable=False, server_default="0"),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("created_at", now=True),
    timestamp("updated_at", now=True),
    UniqueConstraint("tenant_id", "email"),
    UniqueConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["auth.tenants.id"]),
    CheckConstraint("status in ('active', 'deactivated')", name="status"),
    Index(None, "tenant_id", "created_at", "id"),
)

permissions = Table(
    "permissions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("description", Text, nullable=False),
)

roles = Table(
    "roles",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("permissions", ARRAY(Text), nullable=False),
    Column("built_in", Boolean, nullable=False, server_default=text("false")),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("created_at", now=True),
    timestamp("updated_at", now=True),
    UniqueConstraint("tenant_id", "name"),
    UniqueConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["auth.tenants.id"]),
)

user_roles = Table(
    "user_roles",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("role_id", Uuid, primary_key=True),
    timestamp("assigned_at", now=True),
    Column("assigned_by", Text, nullable=False),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["auth.users.tenant_id", "auth.users.id"]),
    ForeignKeyConstraint(["tenant_id", "role_id"], ["auth.roles.tenant_id", "auth.roles.id"]),
    Index(None, "tenant_id", "role_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    timestamp("created_at", now=True),
    timestamp("expires_at"),
    timestamp("revoked_at", nullable=True),
    Column("source_ip", Text, nullable=False, server_default=""),
    Column("user_agent", Text, nullable=False, server_default=""),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["auth.users.tenant_id", "auth.users.id"]),
    Index(None, "tenant_id", "user_id", "id"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("alg", Text, nullable=False),
    Column("public_jwk", JSONB, nullable=False),
    Column("private_key", LargeBinary, nullable=False),
    timestamp("created_at", now=True),
    timestamp("retired_at", nullable=True),
    timestamp("expires_at", nullable=True),
    CheckConstraint("alg in ('ES256', 'RS256')", name="alg"),
)
