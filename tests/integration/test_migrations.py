"""Migrations: from nothing or from any revision to head and back, and never two at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Engine, create_engine, make_url, text

from common import database, settings
from common.errors import Invalid
from common.operation import PLATFORM
from common.settings import Settings
from local.migration import metadata
from local.postgres import Cluster
from migrations import online, runner
from migrations.handler import migrate

REVISIONS = [script.revision for script in runner.revisions()]


@pytest.fixture
def empty(cluster: Cluster) -> str:
    return cluster.create_database(f"empty_{uuid4().hex[:8]}")


def test_the_tables_and_the_migrations_agree(empty: str) -> None:
    engine = create_engine(empty)
    with runner.locked(engine) as connection:
        runner.upgrade(connection)
        command.check(runner.configuration(connection, metadata()))
    engine.dispose()


def test_each_revision_leads_to_head_and_back(empty: str) -> None:
    engine = create_engine(empty)
    with runner.locked(engine) as connection:
        for revision in REVISIONS:
            runner.upgrade(connection, revision)
            assert runner.current(connection) == revision
            runner.upgrade(connection)
            runner.downgrade(connection, revision)
            assert runner.current(connection) == revision
        runner.downgrade(connection, "base")
        assert runner.current(connection) is None
        runner.upgrade(connection)
        assert runner.current(connection) == runner.head()
    engine.dispose()


def test_two_at_once_do_not_collide(empty: str) -> None:
    settings.use(Settings(database_url=empty, service=PLATFORM))

    with ThreadPoolExecutor(2) as pool:
        engines = [create_engine(empty) for _ in range(2)]

        def upgrade(place: int) -> str | None:
            with runner.locked(engines[place]) as connection:
                runner.upgrade(connection)
                return runner.current(connection)

        assert list(pool.map(upgrade, range(2))) == [runner.head()] * 2
        for engine in engines:
            engine.dispose()


def test_the_lambda_answers_for_each_command(empty: str) -> None:
    settings.use(Settings(database_url=empty, service=PLATFORM))
    assert migrate({"command": "check"}) == {
        "ok": False,
        "before": None,
        "after": None,
        "expanded": runner.expand_head(),
        "head": runner.head(),
    }
    assert migrate({})["after"] == runner.head()
    assert migrate({"command": "check"})["ok"]
    assert migrate({"command": "downgrade", "revision": REVISIONS[0]})["after"] == REVISIONS[0]
    with pytest.raises(Invalid, match="Say which revision"):
        migrate({"command": "downgrade"})
    assert migrate({"command": "upgrade"})["before"] == REVISIONS[0]


@pytest.fixture
def contracting(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Revisions that take something away, in place of those whose files say so."""
    found: set[str] = set()
    monkeypatch.setattr(runner, "contracts", lambda script: script.revision in found)
    return found


def test_a_release_expands_first_and_contracts_at_last(empty: str, contracting: set[str]) -> None:
    settings.use(Settings(database_url=empty, service=PLATFORM))
    *_, former, needed, last = REVISIONS
    migrate({"revision": former})
    contracting.add(last)
    with pytest.raises(runner.OrderError, match=f"expand it to {needed} first"):
        migrate({"command": "contract"})
    expanded = migrate({"command": "expand"})
    assert (expanded["after"], expanded["expanded"], expanded["head"]) == (needed, needed, last)
    assert migrate({"command": "expand"})["after"] == needed
    assert migrate({"command": "contract"})["after"] == last
    assert migrate({"command": "expand"})["after"] == last


def test_no_release_is_expanded_over_a_contraction_that_did_not_run(
    empty: str, contracting: set[str]
) -> None:
    settings.use(Settings(database_url=empty, service=PLATFORM))
    former, skipped = REVISIONS[-3:-1]
    migrate({"revision": former})
    contracting.add(skipped)
    with pytest.raises(runner.OrderError, match=f"deploy the release that ends with {skipped} first"):
        migrate({"command": "expand"})
    assert migrate({"command": "current"})["after"] == former


def test_an_empty_database_has_nobody_to_break(empty: str, contracting: set[str]) -> None:
    settings.use(Settings(database_url=empty, service=PLATFORM))
    contracting.add(REVISIONS[-2])
    assert migrate({"command": "expand"})["after"] == REVISIONS[-1]


def test_a_release_does_not_touch_what_a_newer_one_made(empty: str) -> None:
    settings.use(Settings(database_url=empty, service=PLATFORM))
    migrate({})
    engine = create_engine(empty)
    with engine.begin() as connection:
        connection.execute(text("update platform.alembic_version set version_num = '9999'"))
    engine.dispose()
    with pytest.raises(runner.OrderError, match="at 9999, which this release does not know"):
        migrate({"command": "expand"})


def test_a_step_gives_way_to_who_holds_its_table(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = create_engine(empty)
    with runner.locked(engine) as connection:
        runner.upgrade(connection, REVISIONS[8])
        monkeypatch.setattr(runner, "PAUSES", (0.1, 0.1))
        holder = create_engine(empty)
        held = holder.connect()
        held.execute(text("lock table platform.metric_series in access share mode"))
        paused: list[float] = []

        def release(seconds: float) -> None:
            paused.append(seconds)
            held.close()

        monkeypatch.setattr(time, "sleep", release)
        runner.upgrade(connection, REVISIONS[9])
        assert paused == [0.1]
        assert runner.current(connection) == REVISIONS[9]
        holder.dispose()
    engine.dispose()


def test_an_index_is_built_while_another_migration_waits(empty: str) -> None:
    engines = [database.open_engine(make_url(empty)) for _ in range(2)]
    with ThreadPoolExecutor(1) as pool:
        with runner.locked(engines[0]) as connection:
            connection.execute(text("create schema auth"))
            connection.execute(text("create table auth.users (name text)"))
            connection.commit()
            waiting = pool.submit(_lock_and_leave, engines[1])
            context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
            with Operations.context(context), context.begin_transaction(_per_migration=True):
                online.create_index("auth", "users", "users_name_idx", ["name"])
            valid = connection.execute(
                text("select indisvalid from pg_index where indexrelid = 'auth.users_name_idx'::regclass")
            )
            assert valid.scalar_one()
            assert not waiting.done()
        assert waiting.result(timeout=10)
    for engine in engines:
        engine.dispose()


def _lock_and_leave(engine: Engine) -> bool:
    with runner.locked(engine):
        return True
