"""Incidents: what failed for good and waits for somebody to help and retry."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select

from common.errors import NotFound
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.work import Work
from workflow.engine import triggers as on
from workflow.errors import Over
from workflow.events import ADVANCING
from workflow.moving import Mover
from workflow.tables import incidents


class Incident(Struct, frozen=True, kw_only=True):
    """Something that failed; nothing of it has happened."""

    id: UUID
    process_id: UUID
    node: str
    kind: str
    message: str
    resolved: bool
    created_at: datetime
    resolved_at: datetime | None
    version: int


class Wanted(Struct, frozen=True, kw_only=True):
    """Which incidents are wanted."""

    resolved: bool = False
    process_id: UUID | None = None
    kind: str | None = None


class Retry(Struct, frozen=True, forbid_unknown_fields=True):
    """Variables that are set before it is tried again."""

    variables: dict[str, Any] = {}


_LISTING = Listing("incidents", Incident, by="-id")


@operation("GET /workflow/incidents", permission="workflow.incident.read")
def list_(wanted: Wanted, asked: Selection, work: Work) -> Page[Incident]:
    """List incidents, the last raised first: open ones, or those `resolved`."""
    table = incidents
    statement = select(table).where(table.c.tenant_id == work.tenant, table.c.resolved == wanted.resolved)
    for name in ("process_id", "kind"):
        if (value := getattr(wanted, name)) is not None:
            statement = statement.where(table.c[name] == value)
    return _LISTING.page(work, statement, asked, _told, of=wanted)


@operation("GET /workflow/incidents/{id}", permission="workflow.incident.read")
def read(id: UUID, work: Work) -> Incident:  # noqa: A002 - the path's name
    """Read an incident."""
    return _told(_row(work, id))


@operation("POST /workflow/incidents/{id}/retry", permission="workflow.incident.retry", emits=ADVANCING)
def retry(id: UUID, change: Retry, work: Work) -> Incident:  # noqa: A002
    """Try again what failed, after setting variables. If it fails again, that is a new incident."""
    row = _row(work, id)
    if row.resolved:
        raise Over("incident", "resolved")
    trigger = on.IncidentRetried(at=work.now, incident=row.ref, variables=change.variables)
    Mover(work).send(row.process_id, trigger)
    return _told(_row(work, id))


def _row(work: Work, identifier: UUID) -> Any:
    statement = select(incidents).where(incidents.c.tenant_id == work.tenant, incidents.c.id == identifier)
    row = work.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"There is no incident {identifier}.")
    return row


def _told(row: Any) -> Incident:
    return Incident(**{name: getattr(row, name) for name in Incident.__struct_fields__})
