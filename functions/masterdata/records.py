"""The common life of master records: made, read, listed, changed with optimistic concurrency, archived."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import Row, Table, select, update

from common.errors import Conflict, Invalid, NotFound
from common.etag import IfMatch
from common.identifiers import uuid7
from common.paging import Page, Paging, keyset, page
from common.work import Work
from masterdata import metrics

New = TypeVar("New", bound=msgspec.Struct)
Record = TypeVar("Record", bound=msgspec.Struct)


class Records(Generic[New, Record]):
    """The records of one entity: rows of a table, told as a struct."""

    def __init__(self, entity: str, table: Table, new: type[New], record: type[Record]) -> None:
        self.entity = entity
        self._table = table
        self._own = [field for field in new.__struct_fields__ if field in table.c]
        self._columns = [str(column.name) for column in table.columns]
        self._record = record

    def insert(self, work: Work, new: New) -> Record:
        """Create a record at version 1."""
        actor = work.principal.name
        row = {
            **self._values(new),
            "id": uuid7(),
            "tenant_id": work.tenant,
            "version": 1,
            "created_at": work.now,
            "created_by": actor,
            "updated_at": work.now,
            "updated_by": actor,
        }
        with self._timed("create"):
            made = work.execute(self._table.insert().values(row).returning(self._table)).one()
        return self._told(made)

    def get(self, work: Work, identifier: UUID) -> Record:
        """The record, archived or not; 404 if the tenant has none such."""
        with self._timed("read"):
            return self._told(self._row(work, identifier))

    def list(self, work: Work, paging: Paging, *, archived: bool = False) -> Page[Record]:
        """Records by code; without the archived ones unless asked for."""
        table = self._table
        scope = f"{self.entity}:code:{archived}"
        statement = select(table).where(table.c.tenant_id == work.tenant)
        if not archived:
            statement = statement.where(table.c.archived_at.is_(None))
        statement = keyset(statement, [(table.c.code, False)], paging.after(scope, [str]), paging.limit)
        with self._timed("list"):
            rows = work.execute(statement).all()
        return page(rows, paging.limit, scope, lambda row: [row.code], self._told)

    def replace(self, work: Work, identifier: UUID, expected: IfMatch, new: New) -> tuple[Record, Record]:
        """Replace the record's own fields; the record before and after. 412 if it has changed meanwhile."""
        with self._timed("update"):
            before = self._present(work, identifier, expected)
            return self._told(before), self._change(work, before, self._values(new))

    def archive(self, work: Work, identifier: UUID, expected: IfMatch) -> Record:
        """Archive the record: it stays readable, keeps its code, and leaves the lists."""
        with self._timed("archive"):
            before = self._present(work, identifier, expected)
            return self._change(work, before, {"archived_at": work.now})

    def _present(self, work: Work, identifier: UUID, expected: IfMatch) -> Row[Any]:
        """The row as it stands, locked by nothing: the change itself checks the version again."""
        row = self._row(work, identifier)
        expected.check(row.version)
        if row.archived_at is not None:
            raise Conflict("It is archived; restore it first.")
        return row

    def _change(self, work: Work, before: Row[Any], values: dict[str, Any]) -> Record:
        table = self._table
        statement = (
            update(table)
            .where(table.c.id == before.id, table.c.version == before.version)
            .values(**values, version=before.version + 1, updated_at=work.now, updated_by=work.principal.name)
            .returning(table)
        )
        after = work.execute(statement).one_or_none()
        if after is None:
            raise Conflict("Another change came first; read it again and repeat yours.")
        return self._told(after)

    def _row(self, work: Work, identifier: UUID) -> Row[Any]:
        table = self._table
        row = work.execute(
            select(table).where(table.c.tenant_id == work.tenant, table.c.id == identifier)
        ).one_or_none()
        if row is None:
            raise NotFound(f"There is no {self.entity} {identifier}.")
        return row

    def _values(self, new: New) -> dict[str, Any]:
        return {name: _storable(name, getattr(new, name)) for name in self._own}

    def _told(self, row: Row[Any]) -> Record:
        return msgspec.convert(dict(zip(self._columns, row, strict=True)), self._record, from_attributes=True)

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        labels = {"entity": self.entity, "operation": operation}
        metrics.query_duration_seconds.observe(time.perf_counter() - started, **labels)
        metrics.crud_operations_total.inc(1, **labels)


def _storable(name: str, value: Any) -> Any:
    """A field's value as its column takes it; an amount beyond the column's precision is refused."""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -4 or not 0 <= value < 10**14:
            raise Invalid.at(f"/{name}", "An amount is 0 or more, with at most 14 digits and 4 decimals.")
        return value
    return value if isinstance(value, (str, int, datetime)) or value is None else msgspec.to_builtins(value)
