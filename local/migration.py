"""`make migration m="..."`: a new revision, from what the tables say and the migrations do not yet."""

import sys
from importlib import import_module
from typing import Any

from alembic import command
from sqlalchemy import create_engine

from common.operation import SERVICES
from common.tables import platform
from local.postgres import Cluster
from migrations import runner


def metadata() -> list[Any]:
    """The tables of every service and of the platform."""
    found = [platform]
    for service in SERVICES:
        try:
            found.append(import_module(f"{service}.tables").metadata)
        except ModuleNotFoundError as error:
            if error.name != f"{service}.tables":
                raise
    return found


def revise(message: str) -> None:
    """Migrate an empty database, compare it with the tables, write the difference as a revision."""
    with Cluster.temporary() as cluster:
        engine = create_engine(cluster.url())
        with runner.locked(engine) as connection:
            runner.upgrade(connection)
            command.revision(runner.configuration(connection, metadata()), message, autogenerate=True)
        engine.dispose()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        sys.exit('Say what the migration does: make migration m="add vendors"')
    revise(sys.argv[1])
