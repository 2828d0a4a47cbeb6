"""Documents of definitions as they were sent, signals that are still on their way, timers in order.

Revision: 0015
Follows: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.online import concurrently, create_index
from migrations.security import open_function, tenant_table

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None

TAKE = "workflow.take_broadcast()"


def upgrade() -> None:
    """Keep documents; keep signals until all who waited for them have heard; order timers by their index."""
    # Timers that are due at the same moment, thousands of them at midnight, come in order without a sort.
    create_index("workflow", "timers", "timers_due_at_id_idx", ["due_at", "id"])
    _drop_index("timers_due_at_idx")
    _create_documents()
    _create_broadcasts()


def _drop_index(name: str) -> None:
    with concurrently():
        op.drop_index(name, "timers", schema="workflow", if_exists=True, postgresql_concurrently=True)


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("documents_pkey")),
        schema="workflow",
    )
    tenant_table("workflow", "documents", "select, insert")
    op.add_column("workflows", sa.Column("document_id", sa.Uuid(), nullable=True), schema="workflow")


def _create_broadcasts() -> None:
    op.create_table(
        "broadcasts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "variables",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("sender", sa.Uuid(), nullable=True),
        sa.Column("told", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("broadcasts_pkey")),
        schema="workflow",
    )
    tenant_table("workflow", "broadcasts")
    op.execute("""
        create function workflow.take_broadcast() returns table (tenant_id uuid, id uuid)
        language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
            select b.tenant_id, b.id from workflow.broadcasts b
            order by b.id limit 1 for update skip locked
        $$
    """)
    open_function("workflow", TAKE)


def downgrade() -> None:
    """Take it away."""
    create_index("workflow", "timers", "timers_due_at_idx", ["due_at"])
    _drop_index("timers_due_at_id_idx")
    op.execute(f"drop function {TAKE}")
    op.drop_table("broadcasts", schema="workflow")
    op.drop_column("workflows", "document_id", schema="workflow")
    op.drop_table("documents", schema="workflow")
