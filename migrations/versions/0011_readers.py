"""For each service a login that only reads; and what is mended with after a disaster.

Revision: 0011
Follows: 0010
"""

from __future__ import annotations

from alembic import op

from migrations.security import READERS, create_reader, create_role, forget_reader, open_function, reader

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SERVICES = ("auth", "masterdata", "workflow", "rules", "gateway")
PLATFORM = "platform"

SHARED = (
    "platform.enter(uuid, uuid, uuid, integer)",
    "platform.verification_keys()",
    "platform.migration_revision()",
)
"""What every operation asks that opens a transaction, knows its caller or tells its health."""

FUNCTIONS = {
    "auth": (
        "auth.client_of(uuid)",
        "auth.live_sessions()",
        "auth.subject_of(uuid, uuid, text, timestamptz)",
    ),
    "masterdata": ("masterdata.search(text, text[], text)",),
    "workflow": ("workflow.member(uuid)",),
    "gateway": ("gateway.operates(text)",),
}
"""What reads besides tables."""

STORED_EVENTS = "platform.stored_events(text, uuid, text, bigint, timestamptz, integer)"
RESEALING = ("auth.sealed_factors(uuid, integer)", "auth.reseal_factor(uuid, bytea, bytea)")


def upgrade() -> None:
    """Create the readers, with what their services' logins may select."""
    create_role(READERS, "nologin")
    op.execute(f"grant usage on schema platform to {READERS}")
    for function in SHARED:
        op.execute(f"grant execute on function {function} to {READERS}")
    for service in SERVICES:
        create_reader(service)
        op.execute(f"grant {READERS} to {reader(service)}")
    create_reader(PLATFORM)
    for service, functions in FUNCTIONS.items():
        for function in functions:
            open_function(service, function, reads=True)
    _create_stored_events()
    _create_resealing()


def _create_stored_events() -> None:
    # What the platform's login may not select, for it to publish again: by stream, in order, in batches.
    op.execute(f"""
        create function platform.stored_events(
            p_service text, p_tenant uuid, p_stream text, p_version bigint,
            p_since timestamptz, p_limit integer
        ) returns table (
            tenant_id uuid, stream text, version bigint, id uuid, type text, data text, actor text,
            correlation_id text, occurred_at timestamptz
        ) language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
        begin
            if p_service <> all ('{{{",".join(SERVICES)}}}') then
                raise exception 'there is no service %', p_service;
            end if;
            return query execute format(
                'select e.tenant_id, e.stream, e.version, e.id, e.type, e.data::text, e.actor, '
                'e.correlation_id, e.occurred_at from %I.event_store e '
                'where (e.tenant_id, e.stream, e.version) > ($1, $2, $3) and e.occurred_at >= $4 '
                'order by e.tenant_id, e.stream, e.version limit $5', p_service
            ) using p_tenant, p_stream, p_version, p_since, p_limit;
        end $$
    """)
    open_function(PLATFORM, STORED_EVENTS)


def _create_resealing() -> None:
    # The second factors of all tenants, to be encrypted anew; replaced only if nobody did meanwhile.
    op.execute("""
        create function auth.sealed_factors(p_after uuid, p_limit integer)
        returns table (user_id uuid, secret bytea)
        language sql stable security definer set search_path = pg_catalog, pg_temp as $$
            select t.user_id, t.secret from auth.totp t where t.user_id > p_after
            order by t.user_id limit p_limit
        $$
    """)
    op.execute("""
        create function auth.reseal_factor(p_user uuid, p_old bytea, p_new bytea) returns boolean
        language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
            with resealed as (
                update auth.totp t set secret = p_new
                where t.user_id = p_user and t.secret = p_old returning 1
            )
            select exists (select from resealed)
        $$
    """)
    for function in RESEALING:
        open_function("auth", function)


def downgrade() -> None:
    """Take from the readers what they may; they stay, other databases of the cluster may use them."""
    for function in (STORED_EVENTS, *RESEALING):
        op.execute(f"drop function {function}")
    for name in (*SERVICES, PLATFORM):
        forget_reader(name)
    for function in SHARED:
        op.execute(f"revoke execute on function {function} from {READERS}")
    op.execute(f"revoke usage on schema platform from {READERS}")
