"""Keyset pages: a cursor says after which row the next one starts; page 10,000 costs what page 1 costs."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Select, and_, literal, or_, tuple_

from common.errors import BadRequest

T = TypeVar("T")
S = TypeVar("S")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; ``next`` is the cursor of the following one, absent on the last."""

    items: list[T]
    next: str | None = None


class Paging(msgspec.Struct, frozen=True):
    """What the caller asks of a list: how many items (1 to 200) and after which cursor."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    @classmethod
    def of(cls, limit: str | None, cursor: str | None) -> Paging:
        """From the query string; a limit that is no number from 1 to 200 is 400."""
        if limit is None:
            return cls(cursor=cursor)
        if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= MAX_LIMIT:
            raise BadRequest(f"limit is a number from 1 to {MAX_LIMIT}.", parameter="limit")
        return cls(int(limit), cursor)

    def after(self, scope: str, types: Sequence[type[Any]]) -> list[Any] | None:
        """The sort values that the cursor holds, or None on the first page.

        ``scope`` names the list with its filters and order: a cursor is good for that list only.
        """
        if self.cursor is None:
            return None
        try:
            raw = base64.b64decode(self.cursor + "=" * (-len(self.cursor) % 4), altchars=b"-_", validate=True)
            digest, *values = msgspec.json.decode(raw, type=list[Any])
            if digest != _digest(scope) or len(values) != len(types):
                raise BadRequest(
                    "The cursor belongs to another list; start at the first page.", parameter="cursor"
                )
            return [msgspec.convert(value, kind | None) for value, kind in zip(values, types, strict=True)]
        except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
            raise BadRequest(
                "The cursor is none of ours; start at the first page.", parameter="cursor"
            ) from error


class Selection(Paging, frozen=True):
    """What the caller asks of a list besides: which of its items (``filter``), in which order (``sort``)."""

    filter: str = ""
    sort: str = ""

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> Selection:
        """From the query string, whose ``filter`` and ``sort`` the list reads (:mod:`common.listing`)."""
        pages = Paging.of(query.get("limit"), query.get("cursor"))
        return cls(pages.limit, pages.cursor, query.get("filter", ""), query.get("sort", ""))


def cursor_of(scope: str, values: Iterable[Any]) -> str:
    """The cursor that continues after a row with these sort values."""
    raw = msgspec.json.encode([_digest(scope), *values])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def keyset(
    statement: Select[Any],
    order: Sequence[tuple[ColumnElement[Any], bool]],
    after: Sequence[Any] | None,
    limit: int | ColumnElement[int],
) -> Select[Any]:
    """Order a statement and start it after a row; ``order`` holds columns with whether they descend.

    The last column must be unique, the columns not null. One row more than ``limit`` is asked for: it
    tells whether a next page exists. ``after`` and ``limit`` are values, or parameters for them.
    """
    if after is not None:
        statement = statement.where(_beyond(order, after))
    return statement.order_by(*(c.desc() if d else c.asc() for c, d in order)).limit(limit + 1)


def _beyond(order: Sequence[tuple[ColumnElement[Any], bool]], after: Sequence[Any]) -> ColumnElement[bool]:
    """What comes after a row, said so that an index over the columns starts there."""
    if len({descends for _, descends in order}) == 1:
        here = tuple_(*(column for column, _ in order))
        bounds = zip(order, after, strict=True)
        there = tuple_(
            *(v if isinstance(v, ColumnElement) else literal(v, column.type) for (column, _), v in bounds)
        )
        return here < there if order[0][1] else here > there
    alternatives = []
    for place, (column, descends) in enumerate(order):
        beyond = column < after[place] if descends else column > after[place]
        equal = [c == v for (c, _), v in zip(order[:place], after[:place], strict=True)]
        alternatives.append(and_(*equal, beyond))
    # Repeats the first column's bound, which the OR hides from the index (PostgreSQL has no row
    # comparison for mixed directions).
    first, descends = order[0]
    return and_(or_(*alternatives), first <= after[0] if descends else first >= after[0])


def page(
    rows: Sequence[S], limit: int, scope: str, key: Callable[[S], Iterable[Any]], item: Callable[[S], T]
) -> Page[T]:
    """The page of rows that :func:`keyset` selected."""
    more = cursor_of(scope, key(rows[limit - 1])) if len(rows) > limit else None
    return Page([item(row) for row in rows[:limit]], more)


def _digest(scope: str) -> str:
    return hashlib.blake2s(scope.encode(), digest_size=6).hexdigest()
