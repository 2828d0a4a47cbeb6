"""Alembic over one connection, one at a time: what the migration Lambda, the laptop and the tests call.

A revision expands what there is, which releases before and after it both can live with; or it contracts it,
which only those after it can: ``contracts = True`` in its file. A release's contracting revisions follow its
expanding ones. They run when no release is left that needs what they take away.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from common import database

LOCK = 0x67726F756E64  # "ground": the advisory lock that keeps two migrations apart
LOOK = 0.2
"""Seconds between two looks whether the lock is free."""
PAUSES = (1, 2, 4, 8)
"""Seconds between attempts of a revision that did not get its table's lock in time."""
_LOCK_NOT_AVAILABLE = "55P03"


class OrderError(Exception):
    """The database is not where this release can go on from; the message says what to do."""


def configuration(
    connection: Connection | None = None, metadata: Sequence[Any] = (), output: io.StringIO | None = None
) -> Config:
    """Alembic's configuration, without a file."""
    config = Config(output_buffer=output) if output is not None else Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config


def revisions() -> list[Script]:
    """Every revision that this code has, the oldest first."""
    return list(ScriptDirectory.from_config(configuration()).walk_revisions())[::-1]


def contracts(revision: Script) -> bool:
    """Whether it takes away what releases before it may need."""
    return bool(getattr(revision.module, "contracts", False))


def head() -> str:
    """The newest revision that this code has."""
    return revisions()[-1].revision


def expand_head() -> str:
    """The newest revision that this code needs: those after it only take away."""
    return next(script.revision for script in reversed(revisions()) if not contracts(script))


def expand_target(present: str | None) -> str:
    """How far the database that is at ``present`` may be expanded: not over a contraction yet to come."""
    if present is None:
        return expand_head()
    known = [script.revision for script in revisions()]
    if present not in known:
        raise OrderError(
            f"The database is at {present}, which this release does not know: deploy a newer one."
        )
    target = present
    contraction = ""
    for script in revisions()[known.index(present) + 1 :]:
        if contracts(script):
            contraction = contraction or script.revision
        elif contraction:
            raise OrderError(
                f"{script.revision} comes after {contraction}, which takes away and did not run yet: deploy "
                f"the release that ends with {contraction} first."
            )
        else:
            target = script.revision
    return target


def sql(revision: str) -> str:
    """The SQL of one revision's upgrade, with the transaction around it."""
    script = next(script for script in revisions() if script.revision == revision)
    printed = io.StringIO()
    command.upgrade(configuration(output=printed), f"{script.down_revision or 'base'}:{revision}", sql=True)
    return printed.getvalue()


@contextmanager
def locked(engine: Engine) -> Iterator[Connection]:
    """A connection that holds the migration lock; a second caller waits for the first to end.

    It looks now and then: waiting in a statement would hold back an index that the first builds concurrently.
    """
    with engine.connect() as connection:
        while not connection.execute(text("select pg_try_advisory_lock(:lock)"), {"lock": LOCK}).scalar_one():
            connection.commit()
            time.sleep(LOOK)
        connection.commit()
        try:
            yield connection
        finally:
            connection.rollback()
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": LOCK})
            connection.commit()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the database to a revision, each step in a transaction; an empty one is welcome.

    A step that does not get a lock under the traffic there is gives way to it, and is tried again.
    """
    connection.execute(text("create schema if not exists platform"))
    connection.commit()
    for pause in (*PAUSES, None):
        try:
            command.upgrade(configuration(connection), revision)
            connection.commit()
        except DBAPIError as error:
            if pause is None or database.sqlstate(error) != _LOCK_NOT_AVAILABLE:
                raise
            connection.rollback()
            time.sleep(pause)
        else:
            return


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
