"""Lists of rows: narrowed by a filter, in the order that is asked for, a page at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct
from sqlalchemy import Boolean, ColumnElement, Numeric, Select, String, Uuid
from sqlalchemy import types as sql

from common.errors import BadRequest
from common.listing import orders
from common.listing.conditions import condition, sort_key
from common.listing.errors import LanguageError
from common.paging import Page, Selection, keyset, page
from common.work import Work

T = TypeVar("T", bound=Struct)

_SORTABLE = (String, Numeric, sql.Integer, sql.DateTime, Uuid)
_FILTERABLE = (*_SORTABLE, Boolean)


class Listing(Generic[T]):
    """A list, declared once: what its items are, the order that nobody asked for, and what is unique.

    A filter and an order may name those members of ``told`` that are columns of what is selected. ``by`` is
    an order as a caller would write it, ``key`` the member that decides between equals.
    """

    def __init__(self, name: str, told: type[T], *, by: str, key: str = "id") -> None:
        self._name = name
        self._told = told
        self._by = by
        self._key = key

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
        found = self.rows(work, statement, asked, of=of)
        return Page([tell(row) for row in found.items], found.next)

    def rows(self, work: Work, statement: Select[Any], asked: Selection, *, of: object = "") -> Page[Any]:
        """The page as rows, for a list whose items are told together."""
        columns = self._columns(statement)
        order = self._order(columns, asked.sort or self._by)
        if asked.filter:
            statement = statement.where(condition(asked.filter, columns))
        scope = f"{self._name}\n{of}\n{asked.filter}\n{asked.sort}"
        after = asked.after(scope, [kind for _, kind, _ in order])
        width = len(statement.selected_columns)
        keys = [key.label(f"key_{place}") for place, (key, _, _) in enumerate(order)]
        ordered = [(key, descends) for key, _, descends in order]
        found = keyset(statement.add_columns(*keys), ordered, after, asked.limit)
        rows: list[Any] = list(work.execute(found).all())
        return page(rows, asked.limit, scope, lambda row: row[width:], lambda row: row)

    def _columns(self, statement: Select[Any]) -> dict[str, ColumnElement[Any]]:
        selected = statement.selected_columns
        members = (name for name in self._told.__struct_fields__ if name in selected)
        return {
            name: selected[name] for name in members if isinstance(selected[name].type, (*_SORTABLE, Boolean))
        }

    def _order(
        self, columns: dict[str, ColumnElement[Any]], source: str
    ) -> list[tuple[ColumnElement[Any], type[Any], bool]]:
        try:
            sortable = [name for name, column in columns.items() if isinstance(column.type, _SORTABLE)]
            named = orders.parse(source, sortable)
        except LanguageError as error:
            raise BadRequest(str(error), parameter="sort") from error
        if all(name != self._key for name, _ in named):
            # In the direction of the last: one direction for all is one comparison of rows for PostgreSQL.
            named.append((self._key, named[-1][1]))
        found = []
        for name, descends in named:
            key, kind = sort_key(columns[name], nullable=bool(getattr(columns[name], "nullable", True)))
            found.append((key, kind, descends))
        return found
