"""The history of a record: who changed what, field by field, read from the event store."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, cast, select

from common.paging import Page, Paging, cursor_of
from common.work import Work
from masterdata.entity import Entity
from masterdata.records import Records, timed
from masterdata.tables import event_store

_UNTOLD = frozenset(("version", "created_at", "created_by", "updated_at", "updated_by"))
"""Fields that every change changes, or none."""


class FieldChange(msgspec.Struct, frozen=True):
    """A field, as it was and as it became; ``attributes.colour`` is one attribute."""

    field: str
    before: Any
    after: Any


class Change(msgspec.Struct, frozen=True):
    """One step in a record's life."""

    version: int
    happened: str
    """``created``, ``updated``, ``archived``, ``restored`` or ``merged``"""
    at: datetime
    actor: str
    """``user:<id>``, ``client:<id>`` or ``system``"""
    correlation_id: str
    changes: list[FieldChange]


def history(records: Records[Any, Any], work: Work, identifier: UUID, paging: Paging) -> Page[Change]:
    """A record's changes, the last one first."""
    entity: Entity[Any, Any] = records.entity
    table, scope = event_store, f"history of {entity.stream(identifier)}"
    statement = select(
        table.c.version,
        table.c.type,
        table.c.occurred_at,
        table.c.actor,
        table.c.correlation_id,
        cast(table.c.data, Text).label("data"),
    ).where(table.c.tenant_id == work.tenant, table.c.stream == entity.stream(identifier))
    after = paging.after(scope, [int])
    if after:
        statement = statement.where(table.c.version < after[0])
    with timed(entity.one, "history"):
        rows = work.execute(statement.order_by(table.c.version.desc()).limit(paging.limit + 1)).all()
    if not rows and after is None:
        records.get(work, identifier)
    states = [msgspec.json.decode(row.data) for row in rows] + [{}]
    # The row beyond the page is the state before its last change, or else the record began there.
    items = [_change(row, states[n + 1], states[n]) for n, row in enumerate(rows[: paging.limit])]
    more = cursor_of(scope, [items[-1].version]) if len(rows) > paging.limit else None
    return Page(items, more)


def _change(row: Any, before: dict[str, Any], after: dict[str, Any]) -> Change:
    happened = row.type.rsplit(".", 1)[-1]
    return Change(
        row.version, happened, row.occurred_at, row.actor, row.correlation_id, differences(before, after)
    )


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[FieldChange]:
    """The fields in which two states of a record differ, in the order of its struct."""
    found = []
    for name in dict.fromkeys([*after, *before]):
        if name in _UNTOLD:
            continue
        old, new = before.get(name), after.get(name)
        if name == "attributes":
            found += [
                FieldChange(f"attributes.{key}", (old or {}).get(key), (new or {}).get(key))
                for key in dict.fromkeys([*(old or {}), *(new or {})])
                if (old or {}).get(key) != (new or {}).get(key)
            ]
        elif old != new:
            found.append(FieldChange(name, old, new))
    return found
