"""Tenants, users, roles, sessions, signing keys; how an operation enters a transaction.

Revision: 0003
Follows: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.security import SERVICES, open_table, tenant_table
from migrations.shapes import JSON, MOMENT, NOTHING, NOW, TEXTS, index, primary, reference, unique

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create auth's tables and the functions by which every service knows a caller."""
    _create_tables()
    for table in ("users", "roles", "user_roles", "sessions"):
        tenant_table("auth", table)
    open_table("auth", "permissions", "select")
    open_table("auth", "signing_keys", "select, insert, update, delete")
    _secure_tenants()
    _create_functions()


def _create_tables() -> None:
    op.create_table(
        "permissions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        primary("permissions", "name"),
        schema="auth",
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("alg", sa.Text(), nullable=False),
        sa.Column("public_jwk", JSON, nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("retired_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.CheckConstraint("alg in ('ES256', 'RS256')", name=op.f("signing_keys_alg_check")),
        primary("signing_keys", "kid"),
        schema="auth",
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", JSON, server_default=NOTHING, nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("updated_at", MOMENT, server_default=NOW, nullable=False),
        primary("tenants", "id"),
        unique("tenants", "slug"),
        schema="auth",
    )
    op.create_table(
        "roles",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("permissions", TEXTS, nullable=False),
        sa.Column("built_in", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("updated_at", MOMENT, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["auth.tenants.id"], name=op.f("roles_tenant_id_fkey")),
        primary("roles", "id"),
        unique("roles", "tenant_id", "id"),
        unique("roles", "tenant_id", "name"),
        schema="auth",
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("authorization_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("updated_at", MOMENT, server_default=NOW, nullable=False),
        sa.CheckConstraint("status in ('active', 'deactivated')", name=op.f("users_status_check")),
        sa.ForeignKeyConstraint(["tenant_id"], ["auth.tenants.id"], name=op.f("users_tenant_id_fkey")),
        primary("users", "id"),
        unique("users", "tenant_id", "email"),
        unique("users", "tenant_id", "id"),
        schema="auth",
    )
    index("auth.users", "tenant_id", "created_at", "id")
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("source_ip", sa.Text(), server_default="", nullable=False),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        reference("sessions", "user_id", "auth.users"),
        primary("sessions", "id"),
        schema="auth",
    )
    index("auth.sessions", "tenant_id", "user_id", "id")
    op.create_table(
        "user_roles",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        reference("user_roles", "role_id", "auth.roles"),
        reference("user_roles", "user_id", "auth.users"),
        primary("user_roles", "tenant_id", "user_id", "role_id"),
        schema="auth",
    )
    index("auth.user_roles", "tenant_id", "role_id")


def _secure_tenants() -> None:
    open_table("auth", "tenants", "select, insert, update")
    op.execute("alter table auth.tenants enable row level security")
    own = "id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)"
    op.execute(f"create policy tenant on auth.tenants using ({own}) with check ({own})")


def _create_functions() -> None:
    # One round trip opens a transaction, sets its tenant, and says whether the caller may still act:
    # the session lives, the permissions in the token are the present ones, the signing key is not withdrawn.
    op.execute("""
        create function platform.enter(
            p_tenant uuid, p_session uuid, p_subject uuid, p_version integer,
            out live boolean, out fresh boolean, out kids text
        ) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            perform set_config('app.tenant_id', p_tenant::text, true);
            select true, u.authorization_version = p_version into live, fresh
            from auth.sessions s join auth.users u on u.tenant_id = s.tenant_id and u.id = s.user_id
            where s.id = p_session and s.tenant_id = p_tenant and s.user_id = p_subject
              and s.revoked_at is null and s.expires_at > now() and u.status = 'active';
            live := coalesce(live, false);
            fresh := coalesce(fresh, false);
            select coalesce(string_agg(k.kid, ' '), '') into kids
            from auth.signing_keys k where k.expires_at is null or k.expires_at > now();
        end $$
    """)
    op.execute("""
        create function platform.verification_keys() returns jsonb
        language sql stable security definer set search_path = pg_catalog, pg_temp as $$
            select coalesce(jsonb_agg(k.public_jwk), '[]') from auth.signing_keys k
            where k.expires_at is null or k.expires_at > now()
        $$
    """)
    op.execute("""
        create function auth.tenant_of(p_slug text) returns uuid
        language sql stable security definer set search_path = pg_catalog, pg_temp
        as 'select t.id from auth.tenants t where t.slug = p_slug'
    """)
    # A gauge over all tenants, for the scraper: a number, no rows.
    op.execute("""
        create function auth.live_sessions() returns bigint
        language sql stable security definer set search_path = pg_catalog, pg_temp
        as 'select count(*) from auth.sessions s where s.revoked_at is null and s.expires_at > now()'
    """)
    for function, grantees in (
        ("platform.enter(uuid, uuid, uuid, integer)", SERVICES),
        ("platform.verification_keys()", SERVICES),
        ("auth.tenant_of(text)", "groundwork_auth"),
        ("auth.live_sessions()", "groundwork_auth"),
    ):
        op.execute(f"revoke execute on function {function} from public")
        op.execute(f"grant execute on function {function} to {grantees}")


def downgrade() -> None:
    """Take auth's tables and functions away."""
    op.execute("drop function platform.enter(uuid, uuid, uuid, integer)")
    op.execute("drop function platform.verification_keys()")
    op.execute("drop function auth.tenant_of(text)")
    op.execute("drop function auth.live_sessions()")
    for table in ("user_roles", "sessions", "roles", "users", "tenants", "permissions", "signing_keys"):
        op.drop_table(table, schema="auth")
