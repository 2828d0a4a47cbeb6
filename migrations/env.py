"""Alembic's environment: runs over the connection that the caller opened, in its transaction."""

from __future__ import annotations

import re
from typing import Any

from alembic import context

VERSION_SCHEMA = "platform"

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
    """Run the migrations asked for, all in one transaction."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=_metadata() or None,
        version_table_schema=VERSION_SCHEMA,
        include_schemas=True,
        include_name=include_name,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
