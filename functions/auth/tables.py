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
# The audit log's ways in: by time, and by who did it.
Index(
    "event_store_tenant_id_occurred_at_id_idx",
    event_store.c.tenant_id,
    event_store.c.occurred_at,
    event_store.c.id,
)
Index(
    "event_store_tenant_id_actor_occurred_at_id_idx",
    event_store.c.tenant_id,
    event_store.c.actor,
    event_store.c.occurred_at,
    event_store.c.id,
)

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
    Column("email_verified", Boolean, nullable=False, server_default=text("false")),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="active"),
    Column("password_hash", Text),
    timestamp("locked_until", nullable=True),
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

clients = Table(
    "clients",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary),  # SHA-256; a public client (RFC 6749, 2.1) has none
    Column("grant_types", ARRAY(Text), nullable=False),
    Column("redirect_uris", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("post_logout_redirect_uris", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("permissions", ARRAY(Text), nullable=False),
    Column("token_alg", Text, nullable=False, server_default="ES256"),
    Column("authorization_version", Integer, nullable=False, server_default="0"),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("created_at", now=True),
    Column("created_by", Text, nullable=False),
    timestamp("updated_at", now=True),
    timestamp("deleted_at", nullable=True),
    UniqueConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["auth.tenants.id"]),
    CheckConstraint("token_alg in ('ES256', 'RS256')", name="token_alg"),
    Index(None, "tenant_id", "created_at", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("client_id", Text, nullable=False, server_default="groundwork"),
    Column("scope", ARRAY(Text)),  # what the client may ask for on the user's behalf; null: all
    Column("methods", ARRAY(Text), nullable=False, server_default=text("'{pwd}'")),  # RFC 8176
    timestamp("created_at", now=True),
    timestamp("expires_at"),
    timestamp("idle_expires_at", nullable=True),
    timestamp("refreshed_at", nullable=True),
    timestamp("revoked_at", nullable=True),
    Column("refresh_hash", LargeBinary),
    Column("previous_hash", LargeBinary),
    Column("successor_seal", LargeBinary),  # the present refresh token, readable by the previous one's holder
    Column("source_ip", Text, nullable=False, server_default=""),
    Column("user_agent", Text, nullable=False, server_default=""),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("authenticated_at", nullable=True),  # when the user proved to be one, if that was before
    Column(
        "browser_id", Uuid
    ),  # the browser's session on whose strength it was begun, and with which it ends
    UniqueConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["auth.users.tenant_id", "auth.users.id"]),
    Index(None, "tenant_id", "user_id", "id"),
    Index(None, "expires_at"),
    Index("sessions_live_idx", "expires_at", postgresql_where=text("revoked_at is null")),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("id", Uuid, primary_key=True),  # a service account's token, by its ``sid``
    Column("tenant_id", Uuid, nullable=False),
    timestamp("expires_at"),
    ForeignKeyConstraint(["tenant_id"], ["auth.tenants.id"]),
    Index(None, "expires_at"),
)

one_time_tokens = Table(
    "one_time_tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("data", JSONB, nullable=False, server_default=text("'{}'")),
    timestamp("created_at", now=True),
    timestamp("expires_at"),
    timestamp("used_at", nullable=True),
    Column("session_id", Uuid),  # what the token was exchanged for
    ForeignKeyConstraint(["tenant_id", "user_id"], ["auth.users.tenant_id", "auth.users.id"]),
    CheckConstraint("purpose in ('code', 'password', 'email')", name="purpose"),
    Index(None, "tenant_id", "user_id", "purpose"),
    Index(None, "expires_at"),
)

totp = Table(
    "totp",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("secret", LargeBinary, nullable=False),  # encrypted with the stage's key
    Column("last_step", BigInteger, nullable=False, server_default="0"),  # RFC 6238, 5.2: no code twice
    timestamp("created_at", now=True),
    timestamp("confirmed_at", nullable=True),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["auth.users.tenant_id", "auth.users.id"]),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("hash", LargeBinary, primary_key=True),
    timestamp("created_at", now=True),
    timestamp("used_at", nullable=True),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["auth.users.tenant_id", "auth.users.id"]),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    # SHA-256 of an account as it was typed, or of an address: kept for those that do not exist, too
    Column("key", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    timestamp("last_at"),
    timestamp("blocked_until", nullable=True),
    Index(None, "last_at"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("alg", Text, nullable=False),
    Column("public_jwk", JSONB, nullable=False),
    Column("private_key", LargeBinary, nullable=False),
    timestamp("created_at", now=True),
    timestamp("active_at", now=True),
    timestamp("retired_at", nullable=True),
    timestamp("expires_at", nullable=True),
    CheckConstraint("alg in ('ES256', 'RS256')", name="alg"),
)
