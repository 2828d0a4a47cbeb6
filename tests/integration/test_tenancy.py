"""Row-level security: as the application's own login, one tenant's rows are all there is."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from common.operation import SERVICES
from masterdata import customers
from tests.integration.platform import Platform


def test_every_table_with_a_tenant_has_its_policy(platform: Platform) -> None:
    unprotected = platform.rows("""
        select c.oid::regclass::text as name from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
          and (not c.relrowsecurity or not exists (select from pg_policy p where p.polrelid = c.oid))
    """)
    assert unprotected == []


def test_no_login_owns_anything_or_bypasses_security(platform: Platform) -> None:
    risky = platform.rows("""
        select rolname from pg_roles where rolname like 'groundwork%'
          and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb
               or exists (select from pg_class where relowner = pg_roles.oid))
    """)
    assert risky == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_sees_no_other_service(platform: Platform, service: str) -> None:
    for other in SERVICES:
        if other == service:
            continue
        seen = platform.rows(
            "select count(*) as n from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname = :other and c.relkind in ('r', 'p') and "
            "has_table_privilege(:role, c.oid, 'select, insert, update, delete')",
            other=other,
            role=f"groundwork_{service}",
        )
        assert seen[0].n == 0


def test_sql_as_the_application_sees_its_tenant_only(platform: Platform) -> None:
    owner, stranger = platform.register(), platform.register()
    owner.call(customers.create, {"code": "C-1", "name": "x"}).ok(201)
    engine = create_engine(platform.settings["masterdata"].database_url)
    count = text("select count(*) from masterdata.customers")
    insert = text(
        "insert into masterdata.customers "
        "(id, tenant_id, code, name, created_at, created_by, updated_at, updated_by) "
        "values (gen_random_uuid(), :tenant, 'x', 'x', now(), '', now(), '')"
    )
    enter = text("select set_config('app.tenant_id', :tenant, true)")
    try:
        with engine.begin() as connection:
            assert connection.execute(count).scalar_one() == 0
        for caller, visible in ((owner, 1), (stranger, 0)):
            with engine.begin() as connection:
                connection.execute(enter, {"tenant": caller.tenant})
                assert connection.execute(count).scalar_one() == visible
        with engine.connect() as connection:
            connection.execute(enter, {"tenant": stranger.tenant})
            with pytest.raises(ProgrammingError, match="row-level security"):
                connection.execute(insert, {"tenant": owner.tenant})
    finally:
        engine.dispose()


def test_the_event_store_only_grows(platform: Platform) -> None:
    for service in SERVICES:
        rights = platform.rows(
            "select has_table_privilege(:role, :table, 'update, delete, truncate') as may",
            role=f"groundwork_{service}",
            table=f"{service}.event_store",
        )
        assert not rights[0].may
