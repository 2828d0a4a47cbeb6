"""What a revision does beside the traffic: outside a transaction, so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from alembic import op


@contextmanager
def concurrently() -> Iterator[None]:
    """Commit what the revision did so far, and run each statement of the block by itself.

    Such a statement waits for the transactions that began before it, and nobody for it: it is given time.
    """
    context = op.get_context()
    with context.autocommit_block():
        if not context.as_sql:
            # pg8000 has begun a transaction when Alembic asked which isolation level to come back to.
            driver: Any = op.get_bind().connection.driver_connection
            driver.rollback()
        op.execute("set lock_timeout = '5min'")
        yield
        op.execute("set lock_timeout = '5s'")


def create_index(schema: str, table: str, name: str, columns: Sequence[str], *, unique: bool = False) -> None:
    """Build an index on a table that is in use; what is left of a build that failed is removed first."""
    with concurrently():
        op.drop_index(name, table, schema=schema, if_exists=True, postgresql_concurrently=True)
        op.create_index(
            name, table, list(columns), schema=schema, unique=unique, postgresql_concurrently=True
        )


def validate_constraint(schema: str, table: str, name: str) -> None:
    """Check the rows that were there before a constraint was added as ``not valid``."""
    with concurrently():
        op.execute(f"alter table {schema}.{table} validate constraint {name}")
