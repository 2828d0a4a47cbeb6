"""Alembic over one connection, one at a time: what the migration Lambda, the laptop and the tests call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

LOCK = 0x67726F756E64  # "ground": the advisory lock that keeps two migrations apart


def configuration(connection: Connection | None = None, metadata: Sequence[Any] = ()) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config


def head() -> str:
    """The newest revision that this code has."""
    revision = ScriptDirectory.from_config(configuration()).get_current_head()
    assert revision is not None
    return revision


@contextmanager
def locked(engine: Engine) -> Iterator[Connection]:
    """A connection that holds the migration lock; a second caller waits for the first to end."""
    with engine.connect() as connection:
        connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
        try:
            yield connection
        finally:
            connection.rollback()
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": LOCK})
            connection.commit()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the database to a revision, all steps in one transaction; an empty one is welcome."""
    connection.execute(text("create schema if not exists platform"))
    connection.commit()
    command.upgrade(configuration(connection), revision)
    connection.commit()


def downgrade(connection: Connection, revision: str) -> None:
    """Take the database back to a revision, ``base`` for none."""
    command.downgrade(configuration(connection), revision)
    connection.commit()


def current(connection: Connection) -> str | None:
    """The revision that the database is at."""
    if connection.execute(text("select to_regclass('platform.alembic_version')")).scalar_one() is None:
        return None
    revision: str | None = connection.execute(
        text("select version_num from platform.alembic_version")
    ).scalar_one_or_none()
    return revision
