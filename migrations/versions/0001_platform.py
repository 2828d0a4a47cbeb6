"""The platform schema: outbox and relay, collected metrics, and how an operation enters a transaction.

Revision: 0001
Follows:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import SERVICES, bound, create_role, login

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SHARDS = 16
PLATFORM = login("platform")


def upgrade() -> None:
    """Create the shared tables, and the roles that use them."""
    create_role(SERVICES, "nologin")
    create_role(PLATFORM, "login")
    bound(PLATFORM)
    op.execute(f"grant usage on schema platform to {SERVICES}, {PLATFORM}")
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("shard", sa.SmallInteger, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("headers", postgresql.JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("position", name="outbox_pkey"),
        schema="platform",
    )
    op.create_index("outbox_shard_position_idx", "outbox", ["shard", "position"], schema="platform")
    op.create_table(
        "relay_shard",
        sa.Column("shard", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("shard", name="relay_shard_pkey"),
        schema="platform",
    )
    op.execute(f"insert into platform.relay_shard select generate_series(0, {SHARDS - 1})")
    op.create_table(
        "metric_line",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="metric_line_pkey"),
        schema="platform",
    )
    op.create_index("metric_line_counted_at_idx", "metric_line", ["counted_at"], schema="platform")
    op.create_table(
        "metric_series",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("service", "name", "labels", name="metric_series_pkey"),
        schema="platform",
    )
    op.execute(f"grant insert on platform.outbox to {SERVICES}")
    op.execute(f"grant select on platform.metric_series to {SERVICES}, {PLATFORM}")
    op.execute(f"grant select, delete on platform.outbox to {PLATFORM}")
    op.execute(f"grant select, update on platform.relay_shard to {PLATFORM}")
    op.execute(f"grant select, insert, delete on platform.metric_line to {PLATFORM}")
    op.execute(f"grant insert, update on platform.metric_series to {PLATFORM}")
    _revision_function()


def _revision_function() -> None:
    op.execute("""
        create function platform.migration_revision() returns text
        language sql stable security definer set search_path = pg_catalog, pg_temp
        as 'select version_num from platform.alembic_version'
    """)
    op.execute("revoke execute on function platform.migration_revision() from public")
    op.execute(f"grant execute on function platform.migration_revision() to {SERVICES}, {PLATFORM}")


def downgrade() -> None:
    """Take the shared tables away. The roles stay: other databases of the cluster may use them."""
    op.execute("drop function platform.migration_revision()")
    for table in ("metric_series", "metric_line", "relay_shard", "outbox"):
        op.drop_table(table, schema="platform")
    op.execute(f"revoke usage on schema platform from {SERVICES}, {PLATFORM}")
