"""The unit of work past SQLAlchemy: its transaction, tenant and errors are those of every statement."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common import database
from common.principal import Principal
from common.work import Work
from tests.integration.platform import Caller, Platform


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    return platform.register()


def work_of(platform: Platform, tenant: str) -> Work:
    platform.use("workflow")
    return Work(database.engine(), "workflow", principal=Principal("system", None, UUID(tenant)))


def test_rows_begin_the_transaction_of_the_tenant(platform: Platform, owner: Caller) -> None:
    work = work_of(platform, owner.tenant)
    setting = "select current_setting('app.tenant_id'), $1::int"
    assert work.rows(setting, [7]) == [[owner.tenant, 7]]
    assert work.execute(text("select current_setting('app.tenant_id')")).scalar_one() == owner.tenant
    assert work.rows(setting, [8]) == [[owner.tenant, 8]]
    work.rollback()
    assert work.rows(setting, [9]) == [[owner.tenant, 9]]
    work.rollback()


def test_an_error_is_told_as_sqlalchemy_does_without_the_values(platform: Platform, owner: Caller) -> None:
    work = work_of(platform, owner.tenant)
    with pytest.raises(DBAPIError) as first:
        work.rows("select 1 / $1::int", [0])
    assert database.sqlstate(first.value) == "22012"
    work.rollback()
    work.rows("select $1::text", ["begins"])
    with pytest.raises(DBAPIError) as later:
        work.rows("select $1::text::int", ["a secret"])
    assert not database.is_disconnect(later.value)
    assert database.sqlstate(later.value) == "22P02"
    assert later.value.params is None
    work.rollback()
    assert work.rows("select $1::int", [2]) == [[2]]
    work.rollback()
