"""The rest of masterdata.

Revision: 0006
Follows: 0005
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import tenant_table

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "masterdata"
ROLE = "groundwork_masterdata"
ENTITIES = ("customers", "vendors", "products", "accounts")
PARTNERS = ("customers", "vendors")


def upgrade() -> None:
    """Create vendors, products, accounts, jobs and search; complete the customers."""
    op.execute("create extension if not exists pg_trgm with schema platform")
    op.execute("create extension if not exists btree_gin with schema platform")
    op.execute(f"grant usage on schema platform to {ROLE}")
    _complete_customers()
    _create_vendors()
    _create_products()
    _create_accounts()
    _create_match_keys()
    _create_imports()
    _create_exports()
    _create_functions()


def _created_indexes(table: str) -> None:
    for column in ("created_at", "created_by"):
        op.create_index(
            op.f(f"{table}_tenant_id_{column}_id_idx"), table, ["tenant_id", column, "id"], schema=SCHEMA
        )


def _search_index(table: str) -> None:
    op.create_index(
        op.f(f"{table}_tenant_id_search_idx"),
        table,
        ["tenant_id", "search"],
        schema=SCHEMA,
        postgresql_using="gin",
        postgresql_ops={"search": "platform.gin_trgm_ops"},
        postgresql_with={"gin_pending_list_limit": "512"},
    )


def _complete_customers() -> None:
    op.add_column("customers", sa.Column("iban", sa.Text(), nullable=True), schema=SCHEMA)
    op.add_column("customers", sa.Column("merged_into", sa.Uuid(), nullable=True), schema=SCHEMA)
    op.add_column(
        "customers",
        sa.Column("match_keys", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        schema=SCHEMA,
    )
    op.add_column(
        "customers", sa.Column("search", sa.Text(), server_default="", nullable=False), schema=SCHEMA
    )
    # Good enough to find those that exist until their next change folds them in full.
    op.execute("""
        update masterdata.customers
        set search = ' ' || trim(lower(regexp_replace(code || ' ' || name, '[^[:alnum:]]+', ' ', 'g'))) || ' '
    """)
    _merged_into("customers")
    _created_indexes("customers")
    _search_index("customers")


def _merged_into(table: str) -> None:
    op.create_foreign_key(
        op.f(f"{table}_tenant_id_merged_into_fkey"),
        table,
        table,
        ["tenant_id", "merged_into"],
        ["tenant_id", "id"],
        source_schema=SCHEMA,
        referent_schema=SCHEMA,
    )


def _create_records(name: str, *own: Any) -> None:
    """A table of records: the base columns and the indexes that all master data shares, and its own."""
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *own,
        sa.Column("attributes", postgresql.JSONB, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"{name}_pkey")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f(f"{name}_tenant_id_code_key")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f(f"{name}_tenant_id_id_key")),
        schema=SCHEMA,
    )
    for column in ("name", "updated_at"):
        op.create_index(
            op.f(f"{name}_tenant_id_{column}_id_idx"), name, ["tenant_id", column, "id"], schema=SCHEMA
        )
    _created_indexes(name)
    _search_index(name)
    tenant_table(SCHEMA, name)


def _create_vendors() -> None:
    _create_records(
        "vendors",
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("addresses", postgresql.JSONB, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("contacts", postgresql.JSONB, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("payment_terms_days", sa.Integer(), nullable=True),
        sa.Column("credit_limit", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("iban", sa.Text(), nullable=True),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("match_keys", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("credit_limit >= 0", name=op.f("vendors_credit_limit_check")),
        sa.CheckConstraint(
            "payment_terms_days between 0 and 365", name=op.f("vendors_payment_terms_days_check")
        ),
    )
    _merged_into("vendors")


def _create_products() -> None:
    _create_records(
        "products",
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("unit", sa.Text(), server_default="C62", nullable=False),
        sa.Column("price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("cost", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("tax_class", sa.Text(), server_default="standard", nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("barcode", sa.Text(), nullable=True),
        sa.CheckConstraint("price >= 0", name=op.f("products_price_check")),
        sa.CheckConstraint("cost >= 0", name=op.f("products_cost_check")),
        sa.UniqueConstraint("tenant_id", "sku", name=op.f("products_tenant_id_sku_key")),
    )
    op.create_index(
        "products_tenant_id_barcode_key", "products", ["tenant_id", "barcode"], unique=True, schema=SCHEMA
    )
    op.create_index(
        op.f("products_tenant_id_category_id_idx"), "products", ["tenant_id", "category", "id"], schema=SCHEMA
    )


def _create_accounts() -> None:
    _create_records(
        "accounts",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("postable", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("posted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "type in ('asset', 'liability', 'equity', 'income', 'expense')", name=op.f("accounts_type_check")
        ),
        sa.CheckConstraint("parent_id <> id", name=op.f("accounts_parent_id_check")),
    )
    op.create_foreign_key(
        op.f("accounts_tenant_id_parent_id_fkey"),
        "accounts",
        "accounts",
        ["tenant_id", "parent_id"],
        ["tenant_id", "id"],
        source_schema=SCHEMA,
        referent_schema=SCHEMA,
    )
    op.create_index(
        op.f("accounts_tenant_id_parent_id_code_idx"),
        "accounts",
        ["tenant_id", "parent_id", "code"],
        schema=SCHEMA,
    )


def _create_match_keys() -> None:
    op.create_table(
        "match_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "entity", "key", "record_id", name=op.f("match_keys_pkey")),
        schema=SCHEMA,
    )
    op.create_index(
        op.f("match_keys_tenant_id_record_id_idx"), "match_keys", ["tenant_id", "record_id"], schema=SCHEMA
    )
    tenant_table(SCHEMA, "match_keys")
    # By statement, so that a batch of rows costs one insertion of keys.
    op.execute("""
        create function masterdata.keep_match_keys() returns trigger
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            if tg_op = 'UPDATE' then
                delete from masterdata.match_keys k using before b join after a on a.id = b.id
                where k.tenant_id = b.tenant_id and k.record_id = b.id
                  and (a.match_keys, a.archived_at is null)
                      is distinct from (b.match_keys, b.archived_at is null);
            end if;
            insert into masterdata.match_keys (tenant_id, entity, key, record_id)
            select a.tenant_id, tg_table_name, k.key, a.id
            from after a cross join lateral unnest(a.match_keys) as k(key)
            where a.archived_at is null
            on conflict do nothing;
            return null;
        end $$
    """)
    for table in PARTNERS:
        for event, transition in (
            ("insert", "new table as after"),
            ("update", "old table as before new table as after"),
        ):
            op.execute(f"""
                create trigger {table}_match_keys_{event} after {event} on masterdata.{table}
                referencing {transition} for each statement execute function masterdata.keep_match_keys()
            """)


def _job_columns() -> list[Any]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
    ]


def _create_jobs(name: str, statuses: str, *own: Any) -> None:
    op.create_table(
        name,
        *_job_columns(),
        *own,
        sa.CheckConstraint(f"status in ({statuses})", name=op.f(f"{name}_status_check")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"{name}_pkey")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f(f"{name}_tenant_id_id_key")),
        schema=SCHEMA,
    )
    op.create_index(
        f"{name}_unfinished_idx",
        name,
        ["status", "lease_until"],
        schema=SCHEMA,
        postgresql_where=sa.text("finished_at is null"),
    )
    tenant_table(SCHEMA, name, "select, insert, update")


def _create_imports() -> None:
    counts = ("position", "seen", "created", "updated", "unchanged", "failed")
    _create_jobs(
        "imports",
        "'awaiting_upload', 'running', 'completed', 'failed', 'expired'",
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        *(sa.Column(count, sa.BigInteger(), server_default="0", nullable=False) for count in counts),
    )
    op.create_table(
        "import_errors",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("errors", postgresql.JSONB, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "import_id"],
            ["masterdata.imports.tenant_id", "masterdata.imports.id"],
            name=op.f("import_errors_tenant_id_import_id_fkey"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "import_id", "row", name=op.f("import_errors_pkey")),
        schema=SCHEMA,
    )
    tenant_table(SCHEMA, "import_errors", "select, insert, delete")


def _create_exports() -> None:
    _create_jobs(
        "exports",
        "'queued', 'running', 'completed', 'failed'",
        sa.Column("filter", sa.Text(), server_default="", nullable=False),
        sa.Column("archived", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def _create_functions() -> None:
    # Trigram operators are not leakproof, so row-level security would keep them from the index. The owner
    # searches instead, within the tenant that the transaction has entered and no other. Where no word is
    # found as it is written, words like it are.
    op.execute("""
        create function masterdata.search(p_entity text, p_patterns text[], p_query text)
        returns table (id uuid, rank bigint)
        language plpgsql stable security definer rows 100 set search_path = pg_catalog, pg_temp as $$
        declare
            v_tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
            v_matches text;
            v_select text;
        begin
            if v_tenant is null or coalesce(cardinality(p_patterns), 0) = 0 then
                return;
            end if;
            if p_entity not in ('customers', 'vendors', 'products', 'accounts') then
                raise exception 'there are no % to search', p_entity;
            end if;
            v_select := format(
                'select r.id, (1000 * platform.word_similarity($3, r.search))::bigint from masterdata.%I r '
                'where r.tenant_id = $1 and ', p_entity);
            select string_agg(format('r.search like $2[%s]', i), ' and ') into v_matches
            from generate_subscripts(p_patterns, 1) i;
            return query execute v_select || v_matches using v_tenant, p_patterns, p_query;
            if not found then
                return query execute v_select || '$3 operator(platform.<%) r.search'
                using v_tenant, p_patterns, p_query;
            end if;
        end $$
    """)
    # Which jobs wait for a worker, whoever's they are: identifiers only.
    op.execute("""
        create function masterdata.waiting_jobs(p_limit integer)
        returns table (kind text, tenant_id uuid, id uuid)
        language sql stable security definer set search_path = pg_catalog, pg_temp as $$
            (select 'import', i.tenant_id, i.id from masterdata.imports i
             where i.finished_at is null
               and (i.status = 'running' and i.lease_until < now()
                    or i.status = 'awaiting_upload' and i.created_at < now() - interval '2 minutes')
             order by i.id limit p_limit)
            union all
            (select 'export', e.tenant_id, e.id from masterdata.exports e
             where e.finished_at is null
               and (e.status = 'running' and e.lease_until < now()
                    or e.status = 'queued' and e.created_at < now() - interval '1 minute')
             order by e.id limit p_limit)
        $$
    """)
    for function in ("search(text, text[], text)", "waiting_jobs(integer)"):
        op.execute(f"revoke execute on function masterdata.{function} from public")
        op.execute(f"grant execute on function masterdata.{function} to {ROLE}")


def downgrade() -> None:
    """Take away all but the customers as they were. The extensions stay: others may use them by then."""
    op.execute("drop function masterdata.search(text, text[], text)")
    op.execute("drop function masterdata.waiting_jobs(integer)")
    for table in ("import_errors", "imports", "exports", "accounts", "products", "vendors"):
        op.drop_table(table, schema=SCHEMA)
    for event in ("insert", "update"):
        op.execute(f"drop trigger customers_match_keys_{event} on masterdata.customers")
    op.execute("drop function masterdata.keep_match_keys()")
    op.drop_table("match_keys", schema=SCHEMA)
    op.drop_index(op.f("customers_tenant_id_search_idx"), table_name="customers", schema=SCHEMA)
    for column in ("created_at", "created_by"):
        index = op.f(f"customers_tenant_id_{column}_id_idx")
        op.drop_index(index, table_name="customers", schema=SCHEMA)
    op.drop_constraint(op.f("customers_tenant_id_merged_into_fkey"), "customers", schema=SCHEMA)
    for column in ("iban", "merged_into", "match_keys", "search"):
        op.drop_column("customers", column, schema=SCHEMA)
