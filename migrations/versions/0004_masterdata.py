"""Customers.

Revision: 0004
Follows: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import tenant_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the customers."""
    op.create_table(
        "customers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("addresses", postgresql.JSONB, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("contacts", postgresql.JSONB, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("payment_terms_days", sa.Integer(), nullable=True),
        sa.Column("credit_limit", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("attributes", postgresql.JSONB, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("credit_limit >= 0", name=op.f("customers_credit_limit_check")),
        sa.CheckConstraint(
            "payment_terms_days between 0 and 365", name=op.f("customers_payment_terms_days_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("customers_pkey")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("customers_tenant_id_code_key")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("customers_tenant_id_id_key")),
        schema="masterdata",
    )
    op.create_index(
        op.f("customers_tenant_id_name_id_idx"),
        "customers",
        ["tenant_id", "name", "id"],
        unique=False,
        schema="masterdata",
    )
    op.create_index(
        op.f("customers_tenant_id_updated_at_id_idx"),
        "customers",
        ["tenant_id", "updated_at", "id"],
        unique=False,
        schema="masterdata",
    )
    tenant_table("masterdata", "customers")


def downgrade() -> None:
    """Take the customers away."""
    op.drop_table("customers", schema="masterdata")
