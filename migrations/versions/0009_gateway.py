"""The gateway's registry, persisted documents and rate limits.

Revision: 0009
Follows: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import login, open_table

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FUNCTIONS = ("gateway.take(jsonb, double precision)", "gateway.forget_buckets()", "gateway.operates(text)")


def upgrade() -> None:
    """Create what the gateway stores."""
    _services()
    _documents()
    _rate_buckets()
    op.execute("""
        create function gateway.operates(p_slug text) returns boolean
        language sql stable security definer set search_path = pg_catalog, pg_temp as $$
            select exists (
                select from auth.tenants t where t.slug = p_slug
                  and t.id = nullif(current_setting('app.tenant_id', true), '')::uuid
            )
        $$
    """)
    for function in FUNCTIONS:
        op.execute(f"revoke execute on function {function} from public")
        op.execute(f"grant execute on function {function} to {login('gateway')}")


def _services() -> None:
    op.create_table(
        "services",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("health", sa.Text(), nullable=True),
        sa.Column("ready", sa.Text(), nullable=True),
        sa.Column("live", sa.Text(), nullable=True),
        sa.Column("metrics", sa.Text(), nullable=True),
        sa.Column("graph", sa.Text(), nullable=True),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("timeout_ms", sa.Integer(), nullable=False),
        sa.Column("forwards", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("labels", postgresql.JSONB, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.CheckConstraint("timeout_ms between 100 and 20000", name=op.f("services_timeout_ms_check")),
        sa.PrimaryKeyConstraint("name", name=op.f("services_pkey")),
        schema="gateway",
    )
    open_table("gateway", "services")


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("trusted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("documents_pkey")),
        schema="gateway",
    )
    op.create_index(
        op.f("documents_used_at_idx"),
        "documents",
        ["used_at"],
        unique=False,
        schema="gateway",
        postgresql_where=sa.text("not trusted"),
    )
    op.create_index(
        "documents_trusted_idx",
        "documents",
        ["id"],
        unique=False,
        schema="gateway",
        postgresql_where=sa.text("trusted"),
    )
    open_table("gateway", "documents")


def _rate_buckets() -> None:
    """Its rows are reached by function only: nobody can look at, or refill, a bucket."""
    op.create_table(
        "rate_buckets",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("refused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("refilled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("rate_buckets_pkey")),
        schema="gateway",
        prefixes=["UNLOGGED"],
        postgresql_with={"fillfactor": 50},
    )
    op.create_index(
        op.f("rate_buckets_refilled_at_idx"), "rate_buckets", ["refilled_at"], unique=False, schema="gateway"
    )
    # All buckets give, or none does. They are locked in one order, so that no two callers wait for each
    # other; what is in them is read in a statement that begins after they are locked.
    op.execute("""
        create function gateway.take(p_buckets jsonb, p_cost double precision) returns text
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        declare
            v_now timestamptz;
            v_allowed boolean;
            v_verdict jsonb;
        begin
            insert into gateway.rate_buckets (scope, key, tokens, refilled_at)
            select b.scope, b.key, b.capacity, clock_timestamp()
            from jsonb_to_recordset(p_buckets) as b(scope text, key text, capacity float8)
            order by b.scope, b.key
            on conflict do nothing;
            perform from gateway.rate_buckets r
            join jsonb_to_recordset(p_buckets) as b(scope text, key text)
              on r.scope = b.scope and r.key = b.key
            order by r.scope, r.key for no key update of r;
            v_now := clock_timestamp();
            with state as materialized (
                select r.scope, r.key, b.capacity, b.rate, r.refused,
                    least(
                        b.capacity,
                        r.tokens + b.rate * greatest(0, extract(epoch from v_now - r.refilled_at))
                    ) as available
                from gateway.rate_buckets r
                join jsonb_to_recordset(p_buckets) as b(scope text, key text, capacity float8, rate float8)
                  on r.scope = b.scope and r.key = b.key
            ), verdict as materialized (
                select bool_and(available >= p_cost) as allowed from state
            ), taken as (
                update gateway.rate_buckets r set
                    tokens = case when v.allowed then s.available - p_cost else s.available end,
                    refilled_at = greatest(r.refilled_at, v_now),
                    refused = s.available < p_cost
                from state s, verdict v
                where r.scope = s.scope and r.key = s.key
            )
            select v.allowed, jsonb_agg(jsonb_build_object(
                'scope', s.scope,
                'key', s.key,
                'capacity', s.capacity,
                'remaining', case when v.allowed then s.available - p_cost else s.available end,
                'rate', s.rate,
                'refused', s.available < p_cost,
                'first', s.available < p_cost and not s.refused
            ) order by s.scope)
            into v_allowed, v_verdict
            from state s, verdict v group by v.allowed;
            return jsonb_build_object('allowed', v_allowed, 'buckets', v_verdict)::text;
        end $$
    """)
    op.execute("""
        create function gateway.forget_buckets() returns bigint
        language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
            with gone as (
                delete from gateway.rate_buckets where refilled_at < now() - interval '1 hour' returning 1
            )
            select count(*) from gone
        $$
    """)


def downgrade() -> None:
    """Take it away."""
    for function in FUNCTIONS:
        op.execute(f"drop function {function}")
    for table in ("rate_buckets", "documents", "services"):
        op.drop_table(table, schema="gateway")
