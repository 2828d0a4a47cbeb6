"""The audit log: everything that happened in auth, as its event store holds it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import Row, select

from auth.tables import event_store as table
from common.errors import BadRequest
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.work import Work

Text = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")]


class EventFilter(Struct, frozen=True, kw_only=True):
    """Which events: of a stream (``user:<id>``), a type, by an actor, from ``since`` until ``until``."""

    stream: Text | None = None
    type: Text | None = None
    actor: Text | None = None
    since: datetime | None = None
    until: datetime | None = None


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened, who did it, and what goes with it."""

    id: UUID
    type: str
    stream: str
    version: int
    actor: str
    correlation_id: str
    occurred_at: datetime
    data: dict[str, Any]


_LISTING = Listing("events", Event, by="-occurred_at")


@operation("GET /auth/events", permission="auth.event.read")
def list_(wanted: EventFilter, asked: Selection, work: Work) -> Page[Event]:
    """List what happened, the latest first."""
    for name in ("since", "until"):
        moment = getattr(wanted, name)
        if moment is not None and moment.tzinfo is None:
            raise BadRequest(f"{name} needs an offset from UTC, such as Z.", parameter=name)
    statement = select(table).where(table.c.tenant_id == work.tenant)
    for condition in (
        None if wanted.stream is None else table.c.stream == wanted.stream,
        None if wanted.type is None else table.c.type == wanted.type,
        None if wanted.actor is None else table.c.actor == wanted.actor,
        None if wanted.since is None else table.c.occurred_at >= wanted.since,
        None if wanted.until is None else table.c.occurred_at < wanted.until,
    ):
        if condition is not None:
            statement = statement.where(condition)
    return _LISTING.page(work, statement, asked, _told, of=wanted)


def _told(row: Row[Any]) -> Event:
    return Event(
        id=row.id,
        type=row.type,
        stream=row.stream,
        version=row.version,
        actor=row.actor,
        correlation_id=row.correlation_id,
        occurred_at=row.occurred_at,
        data=row.data,
    )
