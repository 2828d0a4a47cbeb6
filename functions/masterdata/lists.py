"""Lists of records: narrowed by a filter or a search, in any order, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
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
from masterdata.statements import Prepared
from masterdata.tables import event_store
from masterdata.types import Kept, New

N = TypeVar("N", bound=New)
R = TypeVar("R", bound=Kept)

_RANK = "rank"
_SEARCHES = "what is asked"
"""In place of a search's words, where only the shape of the statement counts."""


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


@dataclass(frozen=True)
class _Plan:
    """A list's statement, for any page of it but for whether it is the first; and what its cursors hold."""

    statement: Select[Any]
    kinds: list[type[Any]]


def listed(records: Records[N, R], work: Work, paging: Paging, wanted: Wanted) -> Page[R]:
    """The records that are wanted, by code unless told otherwise, a search by its rank."""
    if wanted.q and not patterns(wanted.q):
        return Page([])
    entity = records.entity
    # A filter's values are in its statement; any other list differs from its like by parameters only.
    plan_of = _plan if wanted.filter else _kept_plan
    shape = replace(wanted, q=_SEARCHES if wanted.q else "")
    scope = f"{entity.many}\n{wanted.scope}"
    plan = plan_of(records, shape, paging.cursor is not None)
    after = paging.after(scope, plan.kinds) or []
    values = {"tenant": work.tenant, "limit": paging.limit}
    values |= {f"after_{place}": value for place, value in enumerate(after)}
    if wanted.q:
        values |= {"patterns": patterns(wanted.q), "query": fold(wanted.q)}
    with timed(entity.one, "search" if wanted.q else "list"):
        if wanted.filter:
            rows: list[Any] = list(work.execute(plan.statement, values).all())
        else:
            rows = _prepared(records, shape, paging.cursor is not None).rows(work, values)
    return page(rows, paging.limit, scope, lambda row: row[1:], lambda row: records.told(row[0]))


def _plan(records: Records[Any, Any], wanted: Wanted, continues: bool) -> _Plan:
    """The statement of a list, ``continues`` from the row that its parameters name."""
    entity = records.entity
    table = entity.table
    statement: Select[Any] = select(*records.columns).where(table.c.tenant_id == bindparam("tenant"))
    order = _order(records, wanted)
    if wanted.q:
        statement, rank = _searched(statement, entity.many, table.c.id)
        order = order or [(rank, int, True)]
    order = order or [(table.c.code, str, False)]
    if order[-1][0] is not table.c.code:
        order.append((table.c.id, UUID, False))
    if not wanted.archived:
        statement = statement.where(table.c.archived_at.is_(None))
    if wanted.filter:
        columns = {**entity.searchable, "attributes": table.c.attributes}
        statement = statement.where(condition(wanted.filter, columns))
    keys = [key.label(f"key_{n}") for n, (key, _, _) in enumerate(order)]
    after = [bindparam(f"after_{n}", type_=key.type) for n, (key, _, _) in enumerate(order)]
    found = keyset(
        statement.add_columns(*keys),
        [(key, descends) for key, _, descends in order],
        after if continues else None,
        bindparam("limit", type_=Integer),
    ).subquery("r")
    told = [found.c[key.name] for key in keys]
    ordered = [key.desc() if falls else key for key, (_, _, falls) in zip(told, order, strict=True)]
    return _Plan(told_rows(found, *told).order_by(*ordered), [kind for _, kind, _ in order])


_kept_plan = lru_cache(maxsize=256)(_plan)


@lru_cache(maxsize=256)
def _prepared(records: Records[Any, Any], wanted: Wanted, continues: bool) -> Prepared:
    return Prepared(_kept_plan(records, wanted, continues).statement)


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
    statement: Select[Any], many: str, identifier: ColumnElement[Any]
) -> tuple[Select[Any], ColumnElement[Any]]:
    """Join with what the search finds.

    Row-level security keeps what is not leakproof from an index; so a function of the database's owner
    searches, within the tenant that the transaction has entered.
    """
    found = func.masterdata.search(
        many,
        cast(bindparam("patterns", type_=ARRAY(Text)), ARRAY(Text)),
        bindparam("query", type_=Text),
    ).table_valued(column("id", Uuid), column(_RANK, BigInteger))
    found = found.alias("found")
    return statement.join_from(
        statement.columns_clause_froms[0], found, found.c.id == identifier
    ), found.c.rank
