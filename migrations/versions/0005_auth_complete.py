"""The rest of auth: clients, refresh tokens, one-time tokens, second factors, lockout, overlapping keys.

Revision: 0005
Follows: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.security import open_function, open_table, tenant_table
from migrations.shapes import JSON, MOMENT, NOTHING, NOW, TEXTS, index, primary, unique

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, columns and functions."""
    _extend_tables()
    _create_clients()
    _create_secrets()
    for table in ("clients", "revoked_tokens", "one_time_tokens", "totp", "recovery_codes"):
        tenant_table("auth", table)
    open_table("auth", "sign_in_failures")
    _create_functions()


def _extend_tables() -> None:
    index("auth.event_store", "tenant_id", "actor", "occurred_at", "id")
    index("auth.event_store", "tenant_id", "occurred_at", "id")
    for table, column in (
        ("users", sa.Column("email_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False)),
        ("users", sa.Column("locked_until", MOMENT, nullable=True)),
        ("signing_keys", sa.Column("active_at", MOMENT, server_default=NOW, nullable=False)),
        ("sessions", sa.Column("client_id", sa.Text(), server_default="groundwork", nullable=False)),
        ("sessions", sa.Column("scope", TEXTS, nullable=True)),
        ("sessions", sa.Column("methods", TEXTS, server_default=sa.text("'{pwd}'"), nullable=False)),
        ("sessions", sa.Column("idle_expires_at", MOMENT, nullable=True)),
        ("sessions", sa.Column("refreshed_at", MOMENT, nullable=True)),
        ("sessions", sa.Column("refresh_hash", sa.LargeBinary(), nullable=True)),
        ("sessions", sa.Column("previous_hash", sa.LargeBinary(), nullable=True)),
        ("sessions", sa.Column("successor_seal", sa.LargeBinary(), nullable=True)),
        ("sessions", sa.Column("version", sa.BigInteger(), server_default="1", nullable=False)),
    ):
        op.add_column(table, column, schema="auth")
    op.create_unique_constraint(
        op.f("sessions_tenant_id_id_key"), "sessions", ["tenant_id", "id"], schema="auth"
    )
    index("auth.sessions", "expires_at")
    index("auth.sessions", "expires_at", name="sessions_live_idx", where="revoked_at is null")


def _create_clients() -> None:
    op.create_table(
        "clients",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=True),
        sa.Column("grant_types", TEXTS, nullable=False),
        sa.Column("redirect_uris", TEXTS, server_default=NOTHING, nullable=False),
        sa.Column("permissions", TEXTS, nullable=False),
        sa.Column("token_alg", sa.Text(), server_default="ES256", nullable=False),
        sa.Column("authorization_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.CheckConstraint("token_alg in ('ES256', 'RS256')", name=op.f("clients_token_alg_check")),
        sa.ForeignKeyConstraint(["tenant_id"], ["auth.tenants.id"], name=op.f("clients_tenant_id_fkey")),
        primary("clients", "id"),
        unique("clients", "tenant_id", "id"),
        schema="auth",
    )
    index("auth.clients", "tenant_id", "created_at", "id")
    op.create_table(
        "revoked_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["auth.tenants.id"], name=op.f("revoked_tokens_tenant_id_fkey")
        ),
        primary("revoked_tokens", "id"),
        schema="auth",
    )
    index("auth.revoked_tokens", "expires_at")


def _create_secrets() -> None:
    op.create_table(
        "sign_in_failures",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("blocked_until", MOMENT, nullable=True),
        primary("sign_in_failures", "key"),
        schema="auth",
    )
    index("auth.sign_in_failures", "last_at")
    op.create_table(
        "one_time_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("data", JSON, server_default=NOTHING, nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "purpose in ('code', 'password', 'email')", name=op.f("one_time_tokens_purpose_check")
        ),
        _of_a_user("one_time_tokens"),
        primary("one_time_tokens", "id"),
        schema="auth",
    )
    index("auth.one_time_tokens", "expires_at")
    index("auth.one_time_tokens", "tenant_id", "user_id", "purpose")
    op.create_table(
        "totp",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        _of_a_user("totp"),
        primary("totp", "tenant_id", "user_id"),
        schema="auth",
    )
    op.create_table(
        "recovery_codes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        _of_a_user("recovery_codes"),
        primary("recovery_codes", "tenant_id", "user_id", "hash"),
        schema="auth",
    )


def _of_a_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "user_id"],
        ["auth.users.tenant_id", "auth.users.id"],
        name=op.f(f"{table}_tenant_id_user_id_fkey"),
    )


def _create_functions() -> None:
    # A service account's token has no session: its `sid` is its own, and its `sub` the client. It lives as
    # long as the client does and the token was not revoked.
    op.execute("""
        create or replace function platform.enter(
            p_tenant uuid, p_session uuid, p_subject uuid, p_version integer,
            out live boolean, out fresh boolean, out kids text
        ) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            perform set_config('app.tenant_id', p_tenant::text, true);
            select true, u.authorization_version = p_version into live, fresh
            from auth.sessions s join auth.users u on u.tenant_id = s.tenant_id and u.id = s.user_id
            where s.id = p_session and s.tenant_id = p_tenant and s.user_id = p_subject
              and s.revoked_at is null and s.expires_at > now() and u.status = 'active';
            if live is null then
                select true, c.authorization_version = p_version into live, fresh
                from auth.clients c
                where c.id = p_subject and c.tenant_id = p_tenant and c.deleted_at is null
                  and not exists (select from auth.revoked_tokens r where r.id = p_session);
            end if;
            live := coalesce(live, false);
            fresh := coalesce(fresh, false);
            select coalesce(string_agg(k.kid, ' '), '') into kids
            from auth.signing_keys k where k.expires_at is null or k.expires_at > now();
        end $$
    """)
    # The first round trip of a sign-in. The lock makes attempts on one account follow each other, so that
    # none is let in before the one before it was counted; an unknown account is dealt with like a known one.
    op.execute("""
        create function auth.enter_sign_in(
            p_slug text, p_account bytea, p_address bytea,
            out tenant uuid, out account_failures integer,
            out account_blocked_until timestamptz, out address_blocked_until timestamptz
        ) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            perform pg_advisory_xact_lock(hashtextextended(encode(p_account, 'hex'), 0));
            select t.id into tenant from auth.tenants t where t.slug = p_slug;
            select f.failures, f.blocked_until into account_failures, account_blocked_until
            from auth.sign_in_failures f where f.key = p_account;
            select f.blocked_until into address_blocked_until
            from auth.sign_in_failures f where f.key = p_address;
            perform set_config(
                'app.tenant_id', coalesce(tenant, '00000000-0000-0000-0000-000000000000')::text, true
            );
        end $$
    """)
    # Everything that signing in and issuing tokens needs of a user, found by id or by address. In PL/pgSQL
    # for its kept plan; volatile, so that it sees what was committed while the sign-in waited for its turn.
    op.execute("""
        create function auth.subject_of(p_tenant uuid, p_id uuid, p_email text, p_now timestamptz)
        returns table (
            id uuid, email text, email_verified boolean, name text, status text, password_hash text,
            authorization_version integer, version bigint, settings jsonb, slug text, totp_secret bytea,
            signing_key text, held text[]
        ) language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            if p_id is null then
                select u.id into p_id from auth.users u where u.tenant_id = p_tenant and u.email = p_email;
            end if;
            return query
            select u.id, u.email, u.email_verified, u.name, u.status, u.password_hash,
                   u.authorization_version, u.version, t.settings, t.slug, o.secret,
                   (select k.kid from auth.signing_keys k
                    where k.alg = 'ES256' and k.active_at <= p_now
                      and (k.retired_at is null or k.retired_at > p_now)
                    order by k.active_at desc limit 1),
                   coalesce((select array_agg(distinct g order by g)
                             from auth.user_roles a
                             join auth.roles r on r.tenant_id = a.tenant_id and r.id = a.role_id,
                                  unnest(r.permissions) as g
                             where a.tenant_id = u.tenant_id and a.user_id = u.id), '{}')
            from auth.users u
            join auth.tenants t on t.id = u.tenant_id
            left join auth.totp o
                on o.tenant_id = u.tenant_id and o.user_id = u.id and o.confirmed_at is not null
            where u.tenant_id = p_tenant and u.id = p_id;
        end $$
    """)
    # A client is known by its id alone; its tenant is read with it.
    op.execute("""
        create function auth.client_of(p_client uuid) returns setof auth.clients
        language sql stable security definer set search_path = pg_catalog, pg_temp
        as 'select * from auth.clients c where c.id = p_client and c.deleted_at is null'
    """)
    _create_sweep()
    for function in (
        "auth.enter_sign_in(text, bytea, bytea)",
        "auth.subject_of(uuid, uuid, text, timestamptz)",
        "auth.client_of(uuid)",
        "auth.sweep(timestamptz)",
    ):
        open_function("auth", function)


def _create_sweep() -> None:
    # Housekeeping over all tenants: what has expired and can do nothing any more, so many rows at a time.
    spent = {
        "one_time_tokens": ("id", "expires_at < p_now - interval '1 day'"),
        "revoked_tokens": ("id", "expires_at < p_now - interval '1 day'"),
        "sign_in_failures": ("key", "last_at < p_now - interval '2 days'"),
        "sessions": ("id", "expires_at < p_now - interval '30 days'"),
        "signing_keys": ("kid", "expires_at < p_now - interval '1 day'"),
    }
    deletions = "".join(
        f"""
            delete from auth.{table} where {key} in (
                select {key} from auth.{table} where {condition} limit 10000
            );
            get diagnostics gone = row_count;
            swept := swept + gone;
        """
        for table, (key, condition) in spent.items()
    )
    op.execute(f"""
        create function auth.sweep(p_now timestamptz, out swept bigint)
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        declare
            gone bigint;
        begin
            swept := 0;
            {deletions}
        end $$
    """)


def downgrade() -> None:
    """Take them away."""
    op.execute("drop function auth.enter_sign_in(text, bytea, bytea)")
    op.execute("drop function auth.subject_of(uuid, uuid, text, timestamptz)")
    op.execute("drop function auth.client_of(uuid)")
    op.execute("drop function auth.sweep(timestamptz)")
    op.execute("""
        create or replace function platform.enter(
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
    for table in (
        "recovery_codes",
        "totp",
        "one_time_tokens",
        "sign_in_failures",
        "revoked_tokens",
        "clients",
    ):
        op.drop_table(table, schema="auth")
    op.drop_index("sessions_live_idx", table_name="sessions", schema="auth")
    op.drop_index("sessions_expires_at_idx", table_name="sessions", schema="auth")
    op.drop_constraint(op.f("sessions_tenant_id_id_key"), "sessions", schema="auth")
    for column in (
        "version",
        "successor_seal",
        "previous_hash",
        "refresh_hash",
        "refreshed_at",
        "idle_expires_at",
        "methods",
        "scope",
        "client_id",
    ):
        op.drop_column("sessions", column, schema="auth")
    op.drop_column("signing_keys", "active_at", schema="auth")
    op.drop_column("users", "locked_until", schema="auth")
    op.drop_column("users", "email_verified", schema="auth")
    for name in (
        "event_store_tenant_id_occurred_at_id_idx",
        "event_store_tenant_id_actor_occurred_at_id_idx",
    ):
        op.drop_index(name, table_name="event_store", schema="auth")
