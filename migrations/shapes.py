"""Keys, references and indexes as every table has them, named as ``common.tables`` names them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

MOMENT = sa.DateTime(timezone=True)
JSON = postgresql.JSONB
TEXTS = postgresql.ARRAY(sa.Text())
NOW = sa.text("now()")
NOTHING = sa.text("'{}'")
"""The default of an empty object, or an empty array."""


def primary(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    """A table's primary key."""
    return sa.PrimaryKeyConstraint(*columns, name=f"{table}_pkey")


def unique(table: str, *columns: str) -> sa.UniqueConstraint:
    """A key beside the primary one."""
    return sa.UniqueConstraint(*columns, name=f"{table}_{'_'.join(columns)}_key")


def reference(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    """What a row of a tenant belongs to, of the same tenant; ``to`` is ``schema.table``."""
    name = f"{table}_tenant_id_{column}_fkey"
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{to}.tenant_id", f"{to}.id"], name=name)


def index(table: str, *columns: str, name: str = "", where: str = "", unique: bool = False) -> None:
    """Index a table, ``schema.table``, that nobody uses yet; ``online.create_index`` does one in use."""
    schema, _, own = table.partition(".")
    options: dict[str, Any] = {"postgresql_where": sa.text(where)} if where else {}
    name = name or f"{own}_{'_'.join(columns)}_idx"
    op.create_index(name, own, list(columns), unique=unique, schema=schema, **options)
