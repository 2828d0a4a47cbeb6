"""Migrations: from nothing or from any revision to head and back, and never two at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from common import settings
from common.errors import Invalid
from common.operation import PLATFORM
from common.settings import Settings
from local.migration import metadata
from local.postgres import Cluster
from migrations import runner
from migrations.handler import migrate

REVISIONS = [s.revision for s in ScriptDirectory.from_config(runner.configuration()).walk_revisions()][::-1]


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
        "head": runner.head(),
    }
    assert migrate({})["after"] == runner.head()
    assert migrate({"command": "check"})["ok"]
    assert migrate({"command": "downgrade", "revision": REVISIONS[0]})["after"] == REVISIONS[0]
    with pytest.raises(Invalid, match="Say which revision"):
        migrate({"command": "downgrade"})
    assert migrate({"command": "upgrade"})["before"] == REVISIONS[0]
