"""Lists of records: narrowed by a filter or a search, in any order, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from common.errors import BadRequest
from common.listing import orders
from common.listing.conditions import condition, sort_key
from common.listing.errors import LanguageError
from common.paging import Page, Paging, keyset, page
from common.work import Work
from masterdata.matching.folding import fold, patterns
from masterdata.records import Records, timed, told_rows
from masterdata.tables import event_store
from masterdata.types import Kept, New

N = TypeVar("N", bound=New)
R = TypeVar("R", bound=Kept)

_RANK = "rank"


@dataclass(frozen=True)
class Wanted:
    """What the caller wants of a list."""

    q: str = ""
    filter: str = ""
    sort: str = ""
    archived: bool = False

    @property
    def scope(self) -> str:
        """What a cursor belongs to."""
        return f"{self.archived}\n{self.q}\n{self.filter}\n{self.sort}"


def listed(records: Records[N, R], work: Work, paging: Paging, wanted: Wanted) -> Page[R]:
    """The records that are wanted, by code unless told otherwise, a search by its rank."""
    if wanted.q and not patterns(wanted.q):
        return Page([])
    entity = records.entity
    table = entity.table
    statement: Select[Any] = select(*records.columns).where(table.c.tenant_id == work.tenant)
    order = _order(records, wanted)
    if wanted.q:
        statement, rank = _searched(statement, entity.many, table.c.id, wanted.q)
        order = order or [(rank, int, True)]
    order = order or [(table.c.code, str, False)]
    if order[-1][0] is not table.c.code:
        order.append((table.c.id, UUID, False))
    if not wanted.archived:
        statement = statement.where(table.c.archived_at.is_(None))
    if wanted.filter:
        columns = {**entity.searchable, "attributes": table.c.attributes}
        statement = statement.where(condition(wanted.filter, columns))
    scope = f"{entity.many}\n{wanted.scope}"
    after = paging.after(scope, [kind for _, kind, _ in order])
    keys = [key.label(f"key_{n}") for n, (key, _, _) in enumerate(order)]
    statement = statement.add_columns(*keys)
    found = keyset(statement, [(key, descends) for key, _, descends in order], after, paging.limit).subquery(
        "r"
    )
    told = [found.c[key.name] for key in keys]
    ordered = [key.desc() if falls else key for key, (_, _, falls) in zip(told, order, strict=True)]
    with timed(entity.one, "search" if wanted.q else "list"):
        rows: list[Any] = list(work.execute(told_rows(found, *told).order_by(*ordered)).all())
    return page(rows, paging.limit, scope, lambda row: row[1:], lambda row: records.told(row[0]))


def listed_as_of(
    records: Records[N, R], work: Work, paging: Paging, moment: datetime, *, archived: bool
) -> Page[R]:
    """The records as they were at a moment, in the order of their making."""
    entity, table = records.entity, records.entity.table
    past = (
        select(event_store.c.data)
        .where(
            event_store.c.tenant_id == work.tenant,
            event_store.c.stream == func.concat(f"{entity.one}:", table.c.id),
            event_store.c.occurred_at <= moment,
        )
        .order_by(event_store.c.version.desc())
        .limit(1)
        .lateral("past")
    )
    statement: Select[Any] = select(cast(past.c.data, Text), table.c.id).where(
        table.c.tenant_id == work.tenant, table.c.created_at <= moment
    )
    statement = statement.join_from(table, past, literal(True))
    if not archived:
        statement = statement.where(past.c.data["archived_at"].astext.is_(None))
    scope = f"{entity.many}\nas of {moment.isoformat()} {archived}"
    statement = keyset(statement, [(table.c.id, False)], paging.after(scope, [UUID]), paging.limit)
    with timed(entity.one, "list_as_of"):
        rows: list[Any] = list(work.execute(statement).all())
    return page(rows, paging.limit, scope, lambda row: [row[1]], lambda row: records.told(row[0]))


def _order(records: Records[N, R], wanted: Wanted) -> list[tuple[ColumnElement[Any], type[Any], bool]]:
    if not wanted.sort:
        return []
    table = records.entity.table
    try:
        named = orders.parse(wanted.sort, records.entity.sortable)
    except LanguageError as error:
        raise BadRequest(str(error), parameter="sort") from error
    found = []
    for name, descends in named:
        key, kind = sort_key(table.c[name], nullable=bool(table.c[name].nullable))
        found.append((key, kind, descends))
    return found


def _searched(
    statement: Select[Any], many: str, identifier: ColumnElement[Any], query: str
) -> tuple[Select[Any], ColumnElement[Any]]:
    """Join with what the search finds.

    Row-level security keeps what is not leakproof from an index; so a function of the database's owner
    searches, within the tenant that the transaction has entered.
    """
    found = func.masterdata.search(
        many,
        cast(bindparam("patterns", patterns(query), ARRAY(Text)), ARRAY(Text)),
        fold(query),
    ).table_valued(column("id", Uuid), column(_RANK, BigInteger))
    found = found.alias("found")
    return statement.join_from(
        statement.columns_clause_froms[0], found, found.c.id == identifier
    ), found.c.rank
