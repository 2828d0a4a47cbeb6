"""Rule sets, their rules as rows, published versions, tests, and evaluations by month.

Revision: 0007
Follows: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import TENANT, login, tenant_table

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OWNED = ("rule_sets", "rules", "conditions", "actions", "rule_set_versions", "rule_tests", "evaluations")


def upgrade() -> None:
    """Create the tables, and the function that keeps the evaluations' partitions."""
    _create_tables()
    for table in OWNED:
        rights = "select, insert" if table == "rule_set_versions" else "select, insert, update, delete"
        tenant_table("rules", table, rights)
    _create_partitioning()


def _create_tables() -> None:
    op.create_table(
        "evaluations",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("set_version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB, nullable=False),
        sa.Column("moment", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outputs", postgresql.JSONB, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("fired", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("errors", postgresql.JSONB, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("reply_to", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("status in ('pending', 'completed', 'refused')", name="evaluations_status_check"),
        sa.PrimaryKeyConstraint("tenant_id", "id", "evaluated_at", name="evaluations_pkey"),
        schema="rules",
        postgresql_partition_by="RANGE (evaluated_at)",
    )
    op.create_index(
        "evaluations_tenant_id_set_id_evaluated_at_id_idx",
        "evaluations",
        ["tenant_id", "set_id", "evaluated_at", "id"],
        unique=False,
        schema="rules",
    )
    op.create_index(
        "evaluations_reply_to_idx",
        "evaluations",
        ["tenant_id", "reply_to"],
        unique=False,
        schema="rules",
        postgresql_ops={"reply_to": "text_pattern_ops"},
        postgresql_where=sa.text("reply_to <> ''"),
    )
    op.create_table(
        "rule_sets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("declaration", postgresql.JSONB, nullable=False),
        sa.Column("published", sa.Integer(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="rule_sets_pkey"),
        sa.UniqueConstraint("tenant_id", "id", name="rule_sets_tenant_id_id_key"),
        sa.UniqueConstraint("tenant_id", "key", name="rule_sets_tenant_id_key_key"),
        schema="rules",
    )
    op.create_table(
        "rule_set_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", postgresql.JSONB, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "set_id"],
            ["rules.rule_sets.tenant_id", "rules.rule_sets.id"],
            name="rule_set_versions_tenant_id_set_id_fkey",
        ),
        sa.PrimaryKeyConstraint("id", name="rule_set_versions_pkey"),
        sa.UniqueConstraint(
            "tenant_id", "set_id", "number", name="rule_set_versions_tenant_id_set_id_number_key"
        ),
        schema="rules",
    )
    op.create_table(
        "rule_tests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB, nullable=False),
        sa.Column("moment", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outputs", postgresql.JSONB, nullable=False),
        sa.Column("fired", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "set_id"],
            ["rules.rule_sets.tenant_id", "rules.rule_sets.id"],
            name="rule_tests_tenant_id_set_id_fkey",
        ),
        sa.PrimaryKeyConstraint("id", name="rule_tests_pkey"),
        sa.UniqueConstraint("tenant_id", "set_id", "name", name="rule_tests_tenant_id_set_id_name_key"),
        schema="rules",
    )
    op.create_table(
        "rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("set_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "set_id"],
            ["rules.rule_sets.tenant_id", "rules.rule_sets.id"],
            name="rules_tenant_id_set_id_fkey",
        ),
        sa.PrimaryKeyConstraint("id", name="rules_pkey"),
        sa.UniqueConstraint("tenant_id", "id", name="rules_tenant_id_id_key"),
        sa.UniqueConstraint("tenant_id", "set_id", "key", name="rules_tenant_id_set_id_key_key"),
        schema="rules",
    )
    op.create_table(
        "actions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("spec", postgresql.JSONB, nullable=False),
        sa.CheckConstraint("type in ('set', 'add', 'emit', 'call', 'stop')", name="actions_type_check"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "rule_id"],
            ["rules.rules.tenant_id", "rules.rules.id"],
            name="actions_tenant_id_rule_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "rule_id", "position", name="actions_pkey"),
        schema="rules",
    )
    op.create_table(
        "conditions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("operator", sa.Text(), nullable=True),
        sa.Column("value", postgresql.JSONB, nullable=True),
        sa.Column("cel", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind in ('row', 'expression', 'all', 'any', 'not')", name="conditions_kind_check"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "rule_id"],
            ["rules.rules.tenant_id", "rules.rules.id"],
            name="conditions_tenant_id_rule_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "rule_id", "place", name="conditions_pkey"),
        schema="rules",
    )
    op.create_index(
        "conditions_tenant_id_field_idx", "conditions", ["tenant_id", "field"], unique=False, schema="rules"
    )


def _create_partitioning() -> None:
    # A partition is a table with a policy of its own; the service's login reaches it through its parent only.
    op.execute(f"""
        create function rules.keep_partitions(p_months integer, out made text[], out dropped text[])
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        declare
            v_month timestamptz;
            v_name text;
        begin
            made := '{{}}';
            dropped := '{{}}';
            perform pg_advisory_xact_lock(hashtextextended('rules.keep_partitions', 0));
            for n in 0..2 loop
                v_month := date_trunc('month', now() at time zone 'UTC') at time zone 'UTC';
                v_month := (v_month at time zone 'UTC' + make_interval(months => n)) at time zone 'UTC';
                v_name := 'evaluations_p' || to_char(v_month at time zone 'UTC', 'YYYYMM');
                if to_regclass('rules.' || v_name) is null then
                    execute format(
                        'create table rules.%I partition of rules.evaluations for values from (%L) to (%L)',
                        v_name, v_month, (v_month at time zone 'UTC' + interval '1 month') at time zone 'UTC'
                    );
                    execute format('alter table rules.%I enable row level security', v_name);
                    execute format(
                        'create policy tenant on rules.%I using (%s) with check (%s)', v_name,
                        $policy${TENANT}$policy$, $policy${TENANT}$policy$
                    );
                    made := made || v_name;
                end if;
            end loop;
            for v_name in
                select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
                where i.inhparent = 'rules.evaluations'::regclass and c.relname ~ '^evaluations_p[0-9]{{6}}$'
                  and c.relname < 'evaluations_p'
                      || to_char((now() at time zone 'UTC') - make_interval(months => p_months), 'YYYYMM')
            loop
                execute format('drop table rules.%I', v_name);
                dropped := dropped || v_name;
            end loop;
        end $$
    """)
    op.execute("revoke execute on function rules.keep_partitions(integer) from public")
    op.execute(f"grant execute on function rules.keep_partitions(integer) to {login('rules')}")
    op.execute("create table rules.evaluations_pdefault partition of rules.evaluations default")
    op.execute("alter table rules.evaluations_pdefault enable row level security")
    op.execute(f"create policy tenant on rules.evaluations_pdefault using ({TENANT}) with check ({TENANT})")
    op.execute("select rules.keep_partitions(1200)")


def downgrade() -> None:
    """Take it all away."""
    op.execute("drop function rules.keep_partitions(integer)")
    for table in reversed(OWNED):
        op.execute(f"drop table rules.{table} cascade")
