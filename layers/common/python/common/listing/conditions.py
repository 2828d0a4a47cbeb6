"""Filters and orders as SQL over a table's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    Boolean,
    ColumnElement,
    DateTime,
    Numeric,
    String,
    Uuid,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    or_,
)
from sqlalchemy import types as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from common.errors import BadRequest
from common.listing import filters
from common.listing.errors import LanguageError

Columns = Mapping[str, ColumnElement[Any]]
"""What a filter may name. ``attributes``, where it is there, is a JSON object whose members it may name."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]

_TEXT_ONLY = ("co", "sw", "ew")
_KINDS: tuple[tuple[type[sql.TypeEngine[Any]], str], ...] = (
    (Boolean, "true or false"),
    (Numeric, "a number"),
    (sql.Integer, "a number"),
    (DateTime, "a date and time with its offset"),
    (Uuid, "a UUID"),
    (String, "a string"),
)


def condition(source: str, columns: Columns) -> ColumnElement[bool]:
    """The SQL condition of a filter; 400 where the filter or a value in it is wrong."""
    try:
        return _condition(filters.parse(source), columns)
    except LanguageError as error:
        raise BadRequest(str(error), parameter="filter") from error


def sort_key(column: ColumnElement[Any], *, nullable: bool) -> tuple[ColumnElement[Any], type[Any]]:
    """What to sort by for a column; never null, so that a cursor can hold it: nothing comes first."""
    kind = column.type
    if isinstance(kind, DateTime):
        return (func.coalesce(column, literal(_LONG_AGO, kind)) if nullable else column), datetime
    if isinstance(kind, Uuid):
        return (func.coalesce(column, literal(UUID(int=0), kind)) if nullable else column), UUID
    if isinstance(kind, (Numeric, sql.Integer)):
        of: type[Any] = Decimal if isinstance(kind, Numeric) else int
        return (func.coalesce(column, literal(-1, kind)) if nullable else column), of
    return (func.coalesce(column, "") if nullable else column), str


def _condition(term: filters.Filter, columns: Columns) -> ColumnElement[bool]:
    match term:
        case filters.All(terms):
            return and_(*(_condition(inner, columns) for inner in terms))
        case filters.Any(terms):
            return or_(*(_condition(inner, columns) for inner in terms))
        case filters.Not(inner):
            return not_(func.coalesce(_condition(inner, columns), False))
        case filters.Present(field):
            if (path := _attribute(field, columns)) is not None:
                value = _json(columns, path)
                return and_(value.is_not(None), func.jsonb_typeof(value) != "null")
            return _column(field, columns).is_not(None)
        case filters.Comparison(field, operator, value):
            if (path := _attribute(field, columns)) is not None:
                return _compare_attribute(columns, path, operator, value)
            column = _column(field, columns)
            if value is None:
                return _compare_null(column, operator)
            return _compare(column, operator, _converted(field, column, operator, value))


def _attribute(field: str, columns: Columns) -> list[str] | None:
    head, *path = field.split(".")
    return path if head == "attributes" and path and head in columns else None


def _column(field: str, columns: Columns) -> ColumnElement[Any]:
    if field not in columns or field == "attributes":
        known = ", ".join(sorted(name if name != "attributes" else "attributes.<name>" for name in columns))
        raise LanguageError(f"There is no field {field[:60]!r}; there are {known}.")
    return columns[field]


def _converted(field: str, column: ColumnElement[Any], operator: str, value: filters.Value) -> Any:
    kind = column.type
    if operator in _TEXT_ONLY and not isinstance(kind, String):
        raise LanguageError(f"{operator} compares strings, and {field} is none.")
    if isinstance(kind, String) and isinstance(value, str):
        return value
    if isinstance(kind, Boolean) and isinstance(value, bool) and operator in ("eq", "ne"):
        return value
    if isinstance(kind, (Numeric, sql.Integer)) and isinstance(value, (Decimal, str)):
        try:
            # Compared as numeric whatever the column: 1.5 is a fair bound for whole numbers.
            return literal(msgspec.convert(str(value), Decimal), Numeric)
        except msgspec.ValidationError:
            pass
    if isinstance(value, str) and isinstance(kind, (DateTime, Uuid)):
        try:
            return msgspec.convert(value, UUID if isinstance(kind, Uuid) else _Moment)
        except msgspec.ValidationError:
            pass
    wanted = next(words for of, words in _KINDS if isinstance(kind, of))
    raise LanguageError(f"{field} is compared with {wanted} by {operator}; {value!r:.40} is none.")


def _compare_null(column: ColumnElement[Any], operator: str) -> ColumnElement[bool]:
    if operator == "eq":
        return column.is_(None)
    if operator == "ne":
        return column.is_not(None)
    raise LanguageError(f"null is compared by eq and ne, not by {operator}.")


_COMPARISONS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column.is_distinct_from(value),
    "co": lambda column, value: column.icontains(value, autoescape=True),
    "sw": lambda column, value: column.istartswith(value, autoescape=True),
    "ew": lambda column, value: column.iendswith(value, autoescape=True),
    "gt": lambda column, value: column > value,
    "ge": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "le": lambda column, value: column <= value,
}


def _compare(column: ColumnElement[Any], operator: str, value: Any) -> ColumnElement[bool]:
    return _COMPARISONS[operator](column, value)


def _json(columns: Columns, path: list[str]) -> ColumnElement[Any]:
    return columns["attributes"].op("#>", return_type=JSONB())(
        cast(literal(path, ARRAY(sql.Text)), ARRAY(sql.Text))
    )


def _compare_attribute(
    columns: Columns, path: list[str], operator: str, value: filters.Value
) -> ColumnElement[bool]:
    """Compare a member of the attributes; a member of another JSON type than the value never holds."""
    member = _json(columns, path)
    if value is None:
        absent = or_(member.is_(None), func.jsonb_typeof(member) == "null")
        return _compare_null_attribute(absent, operator)
    if isinstance(value, bool):
        if operator not in ("eq", "ne"):
            raise LanguageError(f"true and false are compared by eq and ne, not by {operator}.")
        same: ColumnElement[bool] = member.op("=", is_comparison=True)(func.to_jsonb(literal(value, Boolean)))
        return same if operator == "eq" else not_(func.coalesce(same, False))
    text = member.op("#>>", return_type=sql.Text())(cast(literal([], ARRAY(sql.Text)), ARRAY(sql.Text)))
    if isinstance(value, Decimal):
        if operator in _TEXT_ONLY:
            raise LanguageError(f"{operator} compares strings; {value} is none.")
        number = case((func.jsonb_typeof(member) == "number", cast(text, Numeric)), else_=None)
        return _compare(number, operator, literal(value, Numeric))
    string = case((func.jsonb_typeof(member) == "string", text), else_=None)
    return _compare(string, operator, value)


def _compare_null_attribute(absent: ColumnElement[bool], operator: str) -> ColumnElement[bool]:
    if operator == "eq":
        return absent
    if operator == "ne":
        return not_(absent)
    raise LanguageError(f"null is compared by eq and ne, not by {operator}.")
