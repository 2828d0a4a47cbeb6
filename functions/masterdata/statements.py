"""Statements that are compiled once: what SQLAlchemy makes of them is kept as the driver takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ClauseElement, Dialect
from sqlalchemy.dialects.postgresql.pg8000 import PGDialect_pg8000

from common.work import Work

_DIALECT: Dialect = PGDialect_pg8000(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class Prepared:
    """A statement whose every execution spares building it, looking it up and binding its values by type."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT)
        self._text = str(compiled)
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._names: list[str] = compiled.positiontup or []

    def rows(self, work: Work, values: Mapping[str, Any]) -> list[list[Any]]:
        """Run it with values as the driver takes them: JSON is text."""
        given = {**self._constants, **values} if self._constants else values
        return work.rows(self._text, [given[name] for name in self._names])
