"""Migrations that lock under traffic, or break the release before, are refused."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script

from infra import migration_lint
from migrations import online, runner

BOUNDS = "set lock_timeout = '5s';\nset statement_timeout = '9min';\n"
TABLE = "create table auth.things (id uuid primary key, name text not null);\n"


def _refused_by(*statements: str, contract: bool = False, bounds: str = BOUNDS) -> set[str]:
    body = "".join(f"{statement};\n" for statement in statements)
    found = migration_lint.judge(f"{bounds}begin;\n{body}commit;\n", name="0099", contract=contract)
    return {finding.rule for finding in found}


@pytest.mark.parametrize("script", migration_lint.held(), ids=lambda script: script.revision)
def test_no_migration_locks_or_breaks(script: Script) -> None:
    assert [str(finding) for finding in migration_lint.findings(script)] == []


@pytest.mark.parametrize("script", migration_lint.held(), ids=lambda script: script.revision)
def test_what_a_migration_accepts_it_needs_and_says_why(script: Script) -> None:
    accepted: dict[str, str] = getattr(script.module, "accepted", {})
    found = migration_lint.judge(runner.sql(script.revision), name="", contract=runner.contracts(script))
    assert accepted.keys() <= {finding.rule for finding in found}
    assert all(reason.strip() for reason in accepted.values())


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("alter table auth.users add column x text not null", "adding-required-field"),
        ("alter table auth.users add column x uuid default gen_random_uuid()", "adding-field-with-default"),
        ("create index users_x_idx on auth.users (x)", "require-concurrent-index-creation"),
        (
            "create index concurrently users_x on auth.users (x)",
            "ban-concurrent-index-creation-in-transaction",
        ),
        ("drop index auth.users_x_idx", "require-concurrent-index-deletion"),
        ("alter table auth.users alter column x type bigint", "changing-column-type"),
        ("alter table auth.users alter column x set not null", "adding-not-nullable-field"),
        ("alter table auth.users add constraint c check (x <> '')", "constraint-missing-not-valid"),
        ("alter table auth.users add constraint u unique (x)", "disallowed-unique-constraint"),
        (
            "alter table auth.users add constraint f foreign key (x) references auth.roles (id)",
            "adding-foreign-key-constraint",
        ),
        ("alter table auth.users rename column x to y", "renaming-column"),
        ("alter table auth.users rename to people", "renaming-table"),
        ("alter table auth.users drop column x", "ban-drop-column"),
        ("drop table auth.users", "ban-drop-table"),
        ("drop function auth.client_of(uuid)", "ban-drop-function"),
        ("update auth.users set x = ''", "changes-rows"),
        ("delete from auth.users where x = ''", "changes-rows"),
        ("truncate auth.users", "changes-rows"),
        ("lock table auth.users", "locks-table"),
        ("refresh materialized view auth.totals", "locks-table"),
        ("alter table auth.users set unlogged", "locks-table"),
        ("drop policy tenant on auth.users", "breaks-security"),
        ("alter table auth.users disable row level security", "breaks-security"),
        ("revoke select on auth.users from groundwork_auth", "breaks-security"),
        ("do $$ begin alter table auth.users drop column x; end $$", "hides-statements"),
        ("/* x */ DO $body$ begin UPDATE auth.users set x = ''; end $body$", "hides-statements"),
    ],
)
def test_what_locks_or_breaks_is_refused(statement: str, rule: str) -> None:
    assert rule in _refused_by(statement)


@pytest.mark.parametrize(
    "statements",
    [
        ("alter table auth.users add column x text",),
        ("alter table auth.users add column x text default '' not null",),
        ("alter table auth.users add constraint c check (x <> '') not valid",),
        ("update platform.alembic_version set version_num = '0099'",),
        ("create function auth.f() returns void language sql as 'delete from auth.users; drop table x'",),
        ("revoke execute on function auth.f() from public", "grant execute on function auth.f() to someone"),
        ("comment on table auth.users is 'we delete; update; and drop'", "-- drop table auth.users"),
    ],
)
def test_what_does_neither_is_not(statements: tuple[str, ...]) -> None:
    assert _refused_by(*statements) == set()


def test_a_table_that_the_migration_makes_is_its_own() -> None:
    own = ("create index i on auth.things (name)", "update auth.things set name = ''")
    assert _refused_by(TABLE, *own) == set()


def test_a_contraction_may_take_away_but_not_lock_or_rename() -> None:
    taken = ("drop table auth.roles", "revoke select on auth.users from groundwork_auth")
    assert _refused_by("alter table auth.users drop column x", *taken, contract=True) == set()
    renamed = _refused_by("alter table auth.users rename column x to y", contract=True)
    assert renamed == {"renaming-column"}
    locked = _refused_by("create index i on auth.users (x)", contract=True)
    assert locked == {"require-concurrent-index-creation"}


def test_locks_and_statements_must_be_bounded() -> None:
    refused = _refused_by("alter table auth.users add column x text", bounds="")
    assert refused == {"require-lock-timeout", "require-statement-timeout"}


def _printed(revision: Callable[[], None]) -> str:
    output = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql",
        opts={"as_sql": True, "output_buffer": output, "transaction_per_migration": True},
    )
    with Operations.context(context), context.begin_transaction(_per_migration=True):
        revision()
    return BOUNDS + output.getvalue()


def test_what_is_built_beside_the_traffic_passes() -> None:
    def revision() -> None:
        online.create_index("auth", "users", "users_name_idx", ["tenant_id", "name"])
        online.validate_constraint("auth", "users", "users_name_check")

    assert [str(finding) for finding in migration_lint.judge(_printed(revision), name="0099")] == []
