"""Lists of a table's rows: narrowed by a filter, in the order that is asked for, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Numeric, Select, String, Uuid
from sqlalchemy import types as sql

from common.errors import BadRequest
from common.listing import orders
from common.listing.conditions import condition, sort_key
from common.listing.errors import LanguageError
from common.paging import Page, Selection, keyset, page
from common.work import Work

T = TypeVar("T")

_SORTABLE = (String, Numeric, sql.Integer, sql.DateTime, Uuid)


class Listing:
    """A list, declared once: what a filter and an order may name, and the order that nobody asked for.

    ``columns`` are those of the table by their names in the answer. ``by`` is an order as a caller would
    write it, ``key`` the unique column that decides between equals.
    """

    def __init__(
        self, name: str, columns: Mapping[str, ColumnElement[Any]], *, by: str, key: ColumnElement[Any]
    ) -> None:
        self._name = name
        self._columns = columns
        self._by = by
        self._key = key
        self._sortable = [name for name, column in columns.items() if isinstance(column.type, _SORTABLE)]

    def page(
        self,
        work: Work,
        statement: Select[Any],
        asked: Selection,
        tell: Callable[[Any], T],
        *,
        of: object = "",
    ) -> Page[T]:
        """The page of ``statement``'s rows that is asked for; 400 where its filter or order is wrong.

        ``of`` is whatever else narrows the list: a cursor holds for no other.
        """
        order = self._order(asked.sort or self._by)
        if asked.filter:
            statement = statement.where(condition(asked.filter, self._columns))
        scope = f"{self._name}\n{of}\n{asked.filter}\n{asked.sort}"
        after = asked.after(scope, [kind for _, kind, _ in order])
        width = len(statement.selected_columns)
        keys = [key.label(f"key_{place}") for place, (key, _, _) in enumerate(order)]
        ordered = [(key, descends) for key, _, descends in order]
        found = keyset(statement.add_columns(*keys), ordered, after, asked.limit)
        rows: list[Any] = list(work.execute(found).all())
        return page(rows, asked.limit, scope, lambda row: row[width:], tell)

    def _order(self, source: str) -> list[tuple[ColumnElement[Any], type[Any], bool]]:
        try:
            named = orders.parse(source, self._sortable)
        except LanguageError as error:
            raise BadRequest(str(error), parameter="sort") from error
        found = []
        for name, descends in named:
            column = self._columns[name]
            key, kind = sort_key(column, nullable=bool(getattr(column, "nullable", True)))
            found.append((key, kind, descends))
        if all(self._columns[name] is not self._key for name, _ in named):
            # In the direction of the last: one direction for all is one comparison of rows for PostgreSQL.
            key, kind = sort_key(self._key, nullable=False)
            found.append((key, kind, named[-1][1]))
        return found
