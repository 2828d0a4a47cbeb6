"""The life of records: made, read, changed with optimistic concurrency, archived, restored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import cache as cached
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.sql.selectable import AliasedReturnsRows

from common.constraints import means
from common.errors import Conflict, NotFound
from common.etag import IfMatch
from common.identifiers import uuid7
from common.work import Work
from masterdata import metrics, patching
from masterdata.cache import RecordCache
from masterdata.entity import Entity
from masterdata.errors import Archived, CodeTaken, Merged
from masterdata.events import telling
from masterdata.statements import Prepared
from masterdata.tables import event_store
from masterdata.types import Kept, New

N = TypeVar("N", bound=New)
R = TypeVar("R", bound=Kept)

_TRANSACTION = cast(func.pg_current_xact_id(), Text)
"""The id of the transaction, told by what writes in it."""


class Records(Generic[N, R]):
    """The records of one entity: rows of a table, told as a struct.

    The database tells a row as JSON, which is read straight into the struct: one value to fetch instead of
    one for each column. It is the whole row of a subquery that becomes JSON: building an object from named
    columns costs PostgreSQL six times as much.
    """

    def __init__(self, entity: Entity[N, R]) -> None:
        self.entity = entity
        taken = f"Another {entity.one}, perhaps an archived one, has it."
        means(f"{entity.many}_tenant_id_code_key", lambda: CodeTaken(taken))
        self._cache: RecordCache[R] = RecordCache()
        table = entity.table
        self.columns: list[ColumnElement[Any]] = [table.c[name] for name in entity.told]
        here = (table.c.tenant_id == bindparam("tenant"), table.c.id == bindparam("identifier"))
        row = select(*self.columns).where(*here).subquery("r")
        body = case((row.c.version == bindparam("known"), null()), else_=as_json(row))
        self._read = cached(lambda: Prepared(select(row.c.version, body.label("body"))))
        self._insertion = cached(self._insertion_of)
        self._update = cached(self._update_of)

    def create(self, work: Work, new: N) -> R:
        """Create a record at version 1, and say so."""
        entity = self.entity
        new = entity.rules.check(new)
        with timed(entity.one, "create"):
            entity.rules.before_write(work, None, new)
            row = self.row(new) | self.birth(work)
            [[body, work.transaction]] = self._insertion(tuple(row)).rows(work, _bound(row))
            record = self.told(body)
        work.emit(telling(entity.events.created, record))
        return record

    def get(self, work: Work, identifier: UUID) -> R:
        """The record, archived or not; 404 if the tenant has none such.

        One round trip in any case: it asks for the version, and for the rest only if that is not the one of
        the record at hand.
        """
        held = self._cache.get(work.tenant, identifier)
        with timed(self.entity.one, "read"):
            known = held.version if held else 0
            found = self._read().rows(work, {"tenant": work.tenant, "identifier": identifier, "known": known})
        if not found:
            raise self.missing(identifier)
        [[_, body]] = found
        if held is not None and body is None:
            metrics.cache_hits_total.inc()
            return held
        metrics.cache_misses_total.inc()
        record = self.told(body)
        self._cache.put(work.tenant, record, len(body))
        return record

    def as_of(self, work: Work, identifier: UUID, moment: datetime) -> R:
        """The record as it was at a moment; 404 if it was not yet."""
        table = event_store
        statement = (
            select(cast(table.c.data, Text))
            .where(
                table.c.tenant_id == work.tenant,
                table.c.stream == self.entity.stream(identifier),
                table.c.occurred_at <= moment,
            )
            .order_by(table.c.version.desc())
            .limit(1)
        )
        with timed(self.entity.one, "read_as_of"):
            data = work.execute(statement).scalar()
        if data is None:
            raise NotFound(f"There was no {self.entity.one} {identifier} at {moment.isoformat()}.")
        return self.told(data)

    def many(self, work: Work, identifiers: list[UUID]) -> dict[UUID, R]:
        """Those of the records that the tenant has."""
        table = self.entity.table
        rows = select(*self.columns).where(table.c.tenant_id == work.tenant, table.c.id.in_(identifiers))
        statement = told_rows(rows.subquery("r"))
        with timed(self.entity.one, "read"):
            found = [self.told(body) for body in work.execute(statement).scalars()]
        return {record.id: record for record in found}

    def replace(self, work: Work, identifier: UUID, expected: IfMatch, new: N) -> R:
        """Replace what the caller may write of a record. 412 if it has changed meanwhile."""
        return self.change(work, self.present(work, identifier, expected), expected, new)

    def patch(self, work: Work, identifier: UUID, expected: IfMatch, patch: msgspec.Struct) -> R:
        """Change some fields of a record (RFC 7396). 412 if it has changed meanwhile."""
        before = self.present(work, identifier, expected)
        return self.change(work, before, expected, patching.apply(patch, self.entity.as_written(before)))

    def change(self, work: Work, before: R, expected: IfMatch, new: N) -> R:
        """Write a record over the one that was read, and say so."""
        entity = self.entity
        new = entity.rules.check(new)
        with timed(entity.one, "update"):
            entity.rules.before_write(work, before, new)
            after = self.write(work, before, expected, self.row(new))
        work.emit(telling(entity.events.updated, after))
        return after

    def archive(self, work: Work, identifier: UUID, expected: IfMatch) -> R:
        """Archive a record: it stays readable, keeps its code, and leaves the lists."""
        before = self.present(work, identifier, expected)
        with timed(self.entity.one, "archive"):
            self.entity.rules.before_archive(work, before)
            after = self.write(work, before, expected, {"archived_at": work.now})
        work.emit(telling(self.entity.events.archived, after))
        return after

    def restore(self, work: Work, identifier: UUID, expected: IfMatch) -> R:
        """Bring an archived record back."""
        before = self.current(work, identifier, expected)
        if (survivor := getattr(before, "merged_into", None)) is not None:
            raise Merged(f"It lives on as {survivor}.", merged_into=str(survivor))
        if before.archived_at is None:
            raise Conflict("It is not archived.")
        with timed(self.entity.one, "restore"):
            self.entity.rules.before_restore(work, before)
            after = self.write(work, before, expected, {"archived_at": None})
        work.emit(telling(self.entity.events.restored, after))
        return after

    def current(self, work: Work, identifier: UUID, expected: IfMatch) -> R:
        """The record at a version that the caller accepts; locked by nothing, the change checks again."""
        record = self.get(work, identifier)
        expected.check(record.version)
        return record

    def present(self, work: Work, identifier: UUID, expected: IfMatch) -> R:
        """The record at a version that the caller accepts, and not archived."""
        record = self.current(work, identifier, expected)
        if record.archived_at is not None:
            survivor = getattr(record, "merged_into", None)
            raise Merged(f"It lives on as {survivor}.") if survivor else Archived("Restore it first.")
        return record

    def write(self, work: Work, before: R, expected: IfMatch, values: dict[str, Any]) -> R:
        """The next version of a record; refused if another one came between."""
        after = {"version": before.version + 1, "updated_at": work.now, "updated_by": work.principal.name}
        place = {"tenant": work.tenant, "identifier": before.id, "known": before.version}
        written = self._update((*values, *after)).rows(work, place | _bound(values | after))
        if not written:
            expected.check(self.get(work, before.id).version)
            raise Conflict("Another change came first; read it again and repeat yours.")
        [[body, work.transaction]] = written
        return self.told(body)

    def _insertion_of(self, names: tuple[str, ...]) -> Prepared:
        """The statement that inserts these columns and tells the record."""
        insertion = self.entity.table.insert().values(self._parameters(names)).returning(*self.columns)
        return Prepared(told_rows(insertion.cte("r"), _TRANSACTION))

    def _update_of(self, names: tuple[str, ...]) -> Prepared:
        """The statement that changes these columns of one version and tells the record."""
        table = self.entity.table
        change = (
            update(table)
            .where(
                table.c.tenant_id == bindparam("tenant"),
                table.c.id == bindparam("identifier"),
                table.c.version == bindparam("known"),
            )
            .values(self._parameters(names))
            .returning(*self.columns)
        )
        return Prepared(told_rows(change.cte("r"), _TRANSACTION))

    def _parameters(self, names: tuple[str, ...]) -> dict[str, BindParameter[Any]]:
        columns = self.entity.table.c
        return {name: bindparam(f"new_{name}", type_=columns[name].type) for name in names}

    def row(self, new: N) -> dict[str, Any]:
        """The columns of what the caller wrote, with those that follow from it."""
        columns = self.entity.table.c
        own = {n: storable(getattr(new, n)) for n in new.__struct_fields__ if n in columns}
        return own | self.entity.rules.derive(new)

    @staticmethod
    def birth(work: Work) -> dict[str, Any]:
        """The columns that every record is born with."""
        actor = work.principal.name
        return {
            "id": uuid7(),
            "tenant_id": work.tenant,
            "version": 1,
            "created_at": work.now,
            "created_by": actor,
            "updated_at": work.now,
            "updated_by": actor,
        }

    def told(self, body: str) -> R:
        """A record from the JSON that the database tells."""
        return self.entity.from_json.decode(body)

    def missing(self, identifier: UUID) -> NotFound:
        """The refusal for a record that the tenant does not have."""
        return NotFound(f"There is no {self.entity.one} {identifier}.")


def _bound(values: dict[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}


def as_json(rows: FromClause) -> ColumnElement[str]:
    """A whole row of a named subquery, as JSON text."""
    assert isinstance(rows, AliasedReturnsRows)
    return cast(func.row_to_json(literal_column(rows.name)), Text)


def told_rows(rows: FromClause, *besides: ColumnElement[Any]) -> Select[Any]:
    """The rows of a named subquery, each as JSON text with some of its columns besides."""
    return select(as_json(rows).label("body"), *besides).select_from(rows)


def storable(value: Any) -> Any:
    """A field's value as the driver takes it: lists and objects are JSON."""
    if value is None or isinstance(value, (str, int, Decimal, UUID)):
        return value
    return msgspec.json.encode(value).decode()


@contextmanager
def timed(entity: str, operation: str) -> Iterator[None]:
    """Count an operation on an entity, and the time it takes in the database."""
    started = time.perf_counter()
    yield
    labels = {"entity": entity, "operation": operation}
    metrics.query_duration_seconds.observe(time.perf_counter() - started, **labels)
    metrics.crud_operations_total.inc(1, **labels)
