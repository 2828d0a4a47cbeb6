"""The gateway's events of operations are kept for a month.

Revision: 0016
Follows: 0015
"""

from __future__ import annotations

from alembic import op

from migrations.security import open_function

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

FORGET = "gateway.forget_events(timestamptz, integer)"


def upgrade() -> None:
    """Let the gateway forget operations' events. Who registered and trusted what stays."""
    # An event's id is a UUIDv7: the ids before a moment are those of the events before it.
    op.execute("""
        create function gateway.forget_events(p_before timestamptz, p_most integer) returns bigint
        language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
            with old as (
                select e.id from gateway.event_store e
                where e.id < (
                    lpad(to_hex((extract(epoch from p_before) * 1000)::bigint), 12, '0')
                    || '70008000000000000000'
                )::uuid
                and e.type not like all (array['gateway.service.%', 'gateway.document.%'])
                order by e.id limit p_most
            ), gone as (
                delete from gateway.event_store e using old where e.id = old.id returning 1
            )
            select count(*) from gone
        $$
    """)
    open_function("gateway", FORGET)


def downgrade() -> None:
    """Take it away."""
    op.execute(f"drop function {FORGET}")
