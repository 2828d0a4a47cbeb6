"""Each service's schema and login, with the tables that every service has.

Revision: 0002
Follows: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import create_schema, drop_schema, shared_tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


SERVICES = ("auth", "masterdata", "workflow", "rules", "gateway")


def upgrade() -> None:
    """Create the five schemas."""
    for service in SERVICES:
        create_schema(service)
        _create_tables(service)
        shared_tables(service)


def _create_tables(service: str) -> None:
    op.create_table(
        "event_store",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "stream", "version", name=op.f("event_store_pkey")),
        sa.UniqueConstraint("id", name=op.f("event_store_id_key")),
        schema=service,
    )
    op.create_index(
        op.f("event_store_tenant_id_id_idx"), "event_store", ["tenant_id", "id"], unique=False, schema=service
    )
    op.create_index(
        op.f("event_store_tenant_id_type_id_idx"),
        "event_store",
        ["tenant_id", "type", "id"],
        unique=False,
        schema=service,
    )
    op.create_table(
        "idempotency",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", postgresql.JSONB, nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "operation", "principal", "key", name=op.f("idempotency_pkey")),
        schema=service,
    )
    op.create_index(
        op.f("idempotency_created_at_idx"), "idempotency", ["created_at"], unique=False, schema=service
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("inbox_pkey")),
        schema=service,
    )
    op.create_index(op.f("inbox_received_at_idx"), "inbox", ["received_at"], unique=False, schema=service)


def downgrade() -> None:
    """Take the five schemas away."""
    for service in reversed(SERVICES):
        drop_schema(service)
