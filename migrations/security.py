"""What every revision says about schemas, logins and row-level security, said once.

Logins: one for each service, which sees its own schema only, and ``groundwork_platform`` for the relay
and the collector. Each has a reader beside it, for operations that only read. None owns anything or
bypasses row-level security; the migrations' own login owns all.
"""

from __future__ import annotations

from alembic import op

from common.logins import login, reader, role_password

__all__ = [
    "READERS",
    "SERVICES",
    "TENANT",
    "bound",
    "create_reader",
    "create_role",
    "create_schema",
    "drop_schema",
    "forget_reader",
    "login",
    "open_function",
    "open_table",
    "reader",
    "role_password",
    "shared_tables",
    "tenant_table",
]

SERVICES = "groundwork_service"
"""The group of all services' logins: what each of them may do in the ``platform`` schema."""
READERS = "groundwork_readers"
"""The group of their readers, from revision 0011 on: what each of those may do there."""

TENANT = "tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)"


def create_role(name: str, options: str) -> None:
    """Create a role unless the cluster has it: roles outlive a database."""
    op.execute(f"""
        do $$ begin
            create role {name} {options} nosuperuser nocreatedb nocreaterole nobypassrls;
        exception when duplicate_object or unique_violation then null;
        end $$
    """)


def create_schema(service: str) -> None:
    """Create a service's schema with its login."""
    role = login(service)
    create_role(role, "login")
    op.execute(f"grant {SERVICES} to {role}")
    op.execute(f"create schema {service}")
    op.execute(f"grant usage on schema {service} to {role}")
    bound(role)


def create_reader(name: str) -> None:
    """Create the reader of a service, or of the platform: it selects what that login may, and no more."""
    role, schemas = reader(name), f"'{name}', 'platform'"
    create_role(role, "login")
    bound(role)
    op.execute(f"alter role {role} set default_transaction_read_only = on")
    op.execute(f"grant usage on schema {name} to {role}")
    op.execute(f"""
        do $$ declare readable regclass; begin
            for readable in
                select c.oid from pg_class c
                where c.relnamespace::regnamespace::text in ({schemas}) and c.relkind in ('r', 'p', 'v')
                  and has_table_privilege('{login(name)}', c.oid, 'select')
            loop
                execute format('grant select on %s to {role}', readable);
            end loop;
        end $$
    """)


def forget_reader(name: str) -> None:
    """Take from a reader what it may in this database; it stays, other databases may use it."""
    role = reader(name)
    for schema in {name, "platform"}:
        for kind in ("tables", "functions"):
            op.execute(f"revoke all on all {kind} in schema {schema} from {role}")
        op.execute(f"revoke usage on schema {schema} from {role}")


def bound(role: str) -> None:
    """Bound what one statement, one lock and one idle transaction of a login may take."""
    op.execute(f"alter role {role} set statement_timeout = '10s'")
    op.execute(f"alter role {role} set lock_timeout = '5s'")
    op.execute(f"alter role {role} set idle_in_transaction_session_timeout = '60s'")


def open_table(service: str, table: str, rights: str = "select, insert, update, delete") -> None:
    """Give a table that knows no tenant to its service's login, and its reader where there is one yet."""
    op.execute(f"grant {rights} on {service}.{table} to {login(service)}")
    if "select" in rights:
        _when_reader(service, f"grant select on {service}.{table}")


def open_function(service: str, function: str, *, reads: bool = False) -> None:
    """Give a function to its service's login alone, and with ``reads`` to its reader too."""
    op.execute(f"revoke execute on function {function} from public")
    op.execute(f"grant execute on function {function} to {login(service)}")
    if reads:
        _when_reader(service, f"grant execute on function {function}")


def _when_reader(service: str, grant: str) -> None:
    """Readers came with revision 0011, which gave them what was there: before it nobody is given anything."""
    role = reader(service)
    op.execute(f"""
        do $$ begin
            if has_schema_privilege(to_regrole('{role}'), '{service}', 'usage') then
                {grant} to {role};
            end if;
        end $$
    """)


def tenant_table(service: str, table: str, rights: str = "select, insert, update, delete") -> None:
    """Give a tenant's table to its service's login, with row-level security."""
    open_table(service, table, rights)
    op.execute(f"alter table {service}.{table} enable row level security")
    op.execute(f"create policy tenant on {service}.{table} using ({TENANT}) with check ({TENANT})")


def shared_tables(service: str) -> None:
    """Secure the tables that each service has: the event store only grows, the inbox knows no tenant."""
    tenant_table(service, "event_store", "select, insert")
    tenant_table(service, "idempotency", "select, insert, update, delete")
    open_table(service, "inbox", "select, insert, delete")


def drop_schema(service: str) -> None:
    """Take a service's schema away; its login stays, other databases of the cluster may use it."""
    op.execute(f"drop schema {service} cascade")
