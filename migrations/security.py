"""What every revision says about schemas, logins and row-level security, said once.

Logins: one for each service, which sees its own schema only, and ``groundwork_platform`` for the relay
and the collector. None owns anything or bypasses row-level security; the migrations' own login owns all.
"""

from __future__ import annotations

import hashlib
import hmac

from alembic import op

SERVICES = "groundwork_service"
"""The group of all services' logins: what each of them may do in the ``platform`` schema."""

TENANT = "tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)"


def login(name: str) -> str:
    """The login role of a service, or of the platform."""
    return f"groundwork_{name}"


def role_password(admin_password: str, role: str) -> str:
    """A login's password on stages without IAM: derived, so that it is nowhere stored or passed on."""
    return hmac.new(admin_password.encode(), role.encode(), hashlib.sha256).hexdigest()


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


def bound(role: str) -> None:
    """Bound what one statement, one lock and one idle transaction of a login may take."""
    op.execute(f"alter role {role} set statement_timeout = '10s'")
    op.execute(f"alter role {role} set lock_timeout = '5s'")
    op.execute(f"alter role {role} set idle_in_transaction_session_timeout = '60s'")


def open_table(service: str, table: str, rights: str = "select, insert, update, delete") -> None:
    """Give a table that knows no tenant to its service's login."""
    op.execute(f"grant {rights} on {service}.{table} to {login(service)}")


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
