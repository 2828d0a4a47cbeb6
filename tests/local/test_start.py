"""3 and 4: migrations run and services start, once or again, and say so."""

from __future__ import annotations

import json

from sqlalchemy import create_engine, text

from migrations import runner
from tests.local.stack import Stack


def test_the_database_is_at_head(stack: Stack) -> None:
    engine = create_engine(stack.database)
    with engine.connect() as connection:
        assert runner.current(connection) == runner.head()
        owners = connection.execute(
            text("select count(*) from pg_class where relowner::regrole::text like 'groundwork%'")
        )
        assert owners.scalar_one() == 0
    engine.dispose()


def test_up_is_idempotent_and_keeps_what_is_there(stack: Stack) -> None:
    before = json.loads((stack.state / "outputs.json").read_text())
    again = stack.command("-m", "local", "up")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Groundwork is up." in again.stdout
    assert json.loads((stack.state / "outputs.json").read_text()) == before


def test_everything_is_said_to_run(stack: Stack) -> None:
    status = stack.command("-m", "local", "status")
    assert status.returncode == 0, status.stdout
