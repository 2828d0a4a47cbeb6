"""Calendars: working hours, holidays, time zone, by which service levels and timers are reckoned."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import insert, select, update

from common import constraints
from common.errors import Conflict, Invalid, NotFound, PreconditionFailed
from common.etag import IfMatch
from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.work import Work
from workflow.engine.calendar import Calendar
from workflow.events import CalendarChanged
from workflow.tables import calendars

constraints.means("calendars_tenant_id_name_key", lambda: Conflict("A calendar of that name exists."))

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern="^[^/]+$")]


class NewCalendar(Struct, frozen=True, forbid_unknown_fields=True):
    """A calendar, by the name that definitions call it."""

    name: Name
    calendar: Calendar


class NamedCalendar(Struct, frozen=True, kw_only=True):
    """A calendar of the tenant."""

    id: UUID
    name: str
    calendar: Calendar
    created_at: datetime
    updated_at: datetime
    version: int


@operation(
    "POST /workflow/calendars",
    permission="workflow.calendar.create",
    status=201,
    emits=CalendarChanged,
    idempotent=True,
)
def create(new: NewCalendar, work: Work) -> NamedCalendar:
    """Create a calendar."""
    row = {
        "id": uuid7(),
        "tenant_id": work.tenant,
        "name": new.name,
        "calendar": _checked(new.calendar, "/calendar"),
        "created_at": work.now,
        "updated_at": work.now,
    }
    return _changed(work, work.execute(insert(calendars).values(row).returning(calendars)).one())


_LISTING = Listing("calendars", NamedCalendar, by="name", key="name")


@operation("GET /workflow/calendars", permission="workflow.calendar.read")
def list_(asked: Selection, work: Work) -> Page[NamedCalendar]:
    """List the calendars by name."""
    statement = select(calendars).where(calendars.c.tenant_id == work.tenant)
    return _LISTING.page(work, statement, asked, _told)


@operation("GET /workflow/calendars/{name}", permission="workflow.calendar.read")
def read(name: str, work: Work) -> NamedCalendar:
    """Read a calendar."""
    return _told(_row(work, name))


@operation("PUT /workflow/calendars/{name}", permission="workflow.calendar.update", emits=CalendarChanged)
def replace(name: str, new: Calendar, expected: IfMatch, work: Work) -> NamedCalendar:
    """Change a calendar: it counts for what is reckoned from now on; timers that are set stay."""
    row = _row(work, name)
    expected.check(row.version)
    here = (calendars.c.tenant_id == work.tenant, calendars.c.id == row.id)
    statement = (
        update(calendars)
        .where(*here, calendars.c.version == row.version)
        .values(calendar=_checked(new, ""), version=row.version + 1, updated_at=work.now)
        .returning(calendars)
    )
    after = work.execute(statement).one_or_none()
    if after is None:
        raise PreconditionFailed("Another change came first; read it again and repeat yours.")
    return _changed(work, after)


def _checked(calendar: Calendar, pointer: str) -> Any:
    if faults := calendar.faults():
        told = [{"pointer": pointer, "detail": fault} for fault in faults]
        raise Invalid(faults[0], errors=told)
    return msgspec.to_builtins(calendar)


def _changed(work: Work, row: Any) -> NamedCalendar:
    work.emit(CalendarChanged(id=row.id, name=row.name, calendar=row.calendar, version=row.version))
    return _told(row)


def _row(work: Work, name: str) -> Any:
    statement = select(calendars).where(calendars.c.tenant_id == work.tenant, calendars.c.name == name)
    row = work.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"There is no calendar {name!r}.")
    return row


def _told(row: Any) -> NamedCalendar:
    return NamedCalendar(
        id=row.id,
        name=row.name,
        calendar=msgspec.convert(row.calendar, Calendar),
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
    )
