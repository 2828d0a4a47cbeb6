"""Alembic's environment: over the connection that the caller opened, or to print the SQL for one.

Each revision is a transaction of its own, so that none holds another's locks; and none waits longer for a
lock than its callers' requests can wait behind it.
"""

from __future__ import annotations

import re
from typing import Any

from alembic import context

VERSION_SCHEMA = "platform"

BOUNDS = ("set lock_timeout = '5s'", "set statement_timeout = '9min'")
"""A statement ends before the Lambda that waits for it does (ten minutes)."""

_UNMANAGED = re.compile(r"^alembic_version$|_p(\d{6}|default)$")
"""Alembic's own table, and partitions, which come and go with the months."""


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Autogenerate looks at the services' schemas only."""
    if kind == "schema":
        return name in {table.schema for metadata in _metadata() for table in metadata.tables.values()}
    return not (kind == "table" and name is not None and _UNMANAGED.search(name))


def _metadata() -> list[Any]:
    metadata = context.config.attributes.get("metadata")
    return list(metadata) if metadata else []


def run() -> None:
    """Run the migrations asked for, or print them."""
    connection = context.config.attributes["connection"]
    if connection is not None:
        for bound in BOUNDS:
            connection.exec_driver_sql(bound)
        connection.commit()
    context.configure(
        connection=connection,
        dialect_name=None if connection is not None else "postgresql",
        literal_binds=connection is None,
        target_metadata=_metadata() or None,
        version_table_schema=VERSION_SCHEMA,
        include_schemas=True,
        include_name=include_name,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    if connection is None:
        for bound in BOUNDS:
            context.execute(bound)
    with context.begin_transaction():
        context.run_migrations()


run()
