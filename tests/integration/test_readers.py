"""An operation that only reads signs in as its service's reader, which PostgreSQL lets do nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from auth import me
from common import database
from common.health import ready
from common.operation import PLATFORM, SERVICES, Uses, discover_all
from masterdata import customers
from migrations.security import login, reader
from tests.integration.platform import Caller, Platform

LOGINS = (*SERVICES, PLATFORM)

TABLES = """
    select c.oid, c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm') and n.nspname = any(:schemas)
"""
FUNCTIONS = """
    select p.oid::regprocedure::text as name from pg_proc p
    where p.pronamespace::regnamespace::text = any(:schemas)
      and has_function_privilege(:role, p.oid, 'execute')
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""


@contextmanager
def _reading(platform: Platform, service: str) -> Iterator[Connection]:
    platform.use(service)
    with database.reader().connect() as connection:
        yield connection


@pytest.mark.parametrize("name", LOGINS)
def test_a_reader_selects_what_its_login_may_and_changes_nothing(platform: Platform, name: str) -> None:
    rights = platform.rows(
        "select name, has_table_privilege(:login, oid, 'select') as login, "
        "has_table_privilege(:reader, oid, 'select') as reader, "
        "has_table_privilege(:reader, oid, 'insert, update, delete, truncate, references, trigger') as more "
        f"from ({TABLES}) t",
        login=login(name),
        reader=reader(name),
        schemas=list(LOGINS),
    )
    assert any(right.reader for right in rights)
    assert [right.name for right in rights if right.login != right.reader or right.more] == []


@pytest.mark.parametrize("name", LOGINS)
def test_a_reader_executes_less_than_its_login(platform: Platform, name: str) -> None:
    may = {
        role: {row.name for row in platform.rows(FUNCTIONS, role=role, schemas=list(LOGINS))}
        for role in (login(name), reader(name))
    }
    own = may[reader(name)]
    assert own <= may[login(name)]
    volatile = platform.rows(
        "select oid::regprocedure::text as name from pg_proc "
        "where oid::regprocedure::text = any(:own) and provolatile = 'v' and prosecdef",
        own=list(own),
    )
    assert {row.name for row in volatile} <= {"platform.enter(uuid,uuid,uuid,integer)"}


def test_no_reader_is_more_than_a_reader(platform: Platform) -> None:
    risky = platform.rows("""
        select r.rolname from pg_roles r where r.rolname like 'groundwork%reader%'
          and (r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb
               or exists (select from pg_class where relowner = r.oid)
               or exists (select from pg_auth_members a join pg_roles g on g.oid = a.roleid
                          where a.member = r.oid and g.rolname <> 'groundwork_readers'))
    """)
    assert risky == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_write_as_reader_is_refused(platform: Platform, service: str) -> None:
    with _reading(platform, service) as connection:
        connection.execute(text("set transaction read write"))
        with pytest.raises(DatabaseError, match="permission denied"):
            connection.execute(text(f"delete from {service}.inbox"))


def test_a_reader_reads_only_even_where_it_could_write(platform: Platform) -> None:
    with _reading(platform, "auth") as connection:
        assert connection.execute(text("show transaction_read_only")).scalar_one() == "on"


def test_a_reader_sees_its_tenant_only(platform: Platform) -> None:
    owner, stranger = platform.register(), platform.register()
    owner.call(customers.create, {"code": "C-1", "name": "Acme"}).ok(201)
    count = text("select count(*) from masterdata.customers")
    seen = []
    for caller in (owner, stranger):
        with _reading(platform, "masterdata") as connection:
            connection.execute(
                text("select set_config('app.tenant_id', :tenant, true)"), {"tenant": caller.tenant}
            )
            seen.append(connection.execute(count).scalar_one())
    with _reading(platform, "masterdata") as connection:
        seen.append(connection.execute(count).scalar_one())
    assert seen == [1, 0, 0]


def test_each_operation_signs_in_as_its_declaration_says(platform: Platform) -> None:
    owner = platform.register()
    for configuration in platform.settings.values():
        database.engine_for(configuration).dispose()
        database.reader_for(configuration).dispose()
    owner.call(me.read).ok()
    assert _logins(platform) == {reader("auth")}
    platform.call(ready, service="rules").ok()
    assert _logins(platform) == {reader("auth"), reader("rules")}
    owner.call(customers.create, {"code": "C-2", "name": "Acme"}).ok(201)
    assert _logins(platform) == {reader("auth"), reader("rules"), login("masterdata")}


def _logins(platform: Platform) -> set[str]:
    rows = platform.rows(
        "select usename from pg_stat_activity where datname = current_database() and usename <> current_user"
    )
    return {row.usename for row in rows}


READING = [
    found
    for found in discover_all()
    if found.reads_only and found.database and Uses.INVOKE not in found.uses  # which asks other services
]


@pytest.mark.parametrize("operation", READING, ids=lambda found: found.id)
def test_every_operation_that_only_reads_can(platform: Platform, operator: Caller, operation: Any) -> None:
    answer = operator.call(operation, path=dict.fromkeys(operation.route.parameters, uuid4()))
    assert answer.status < 500, answer.text


@pytest.fixture(scope="module")
def operator(platform: Platform) -> Caller:
    """The owner of the tenant that operates the platform."""
    owner = platform.register()
    platform.configure("gateway", operator_tenant=owner.slug)
    return owner
