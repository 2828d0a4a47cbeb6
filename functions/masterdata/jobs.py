"""Jobs that a worker takes, does a batch at a time, and that another one takes over if it falls silent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal
from urllib.parse import unquote_plus
from uuid import UUID

import msgspec
from sqlalchemy import Row, Table, or_, select, update

from common import database
from common.errors import Forbidden
from common.principal import Kind, Principal
from common.settings import settings
from common.work import Work
from masterdata.entity import Entity

Format = Literal["csv", "ndjson"]

MEDIA_TYPES: dict[str, str] = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
LEASE = timedelta(minutes=2)
"""How long a worker may be silent before its job is another one's."""
ATTEMPTS = 5
"""How often a job is taken without progress before it has failed."""
RESERVE = 45
"""Seconds that a worker leaves itself to finish the batch at hand."""


class LostLeaseError(Exception):
    """Another worker has taken the job over; this one stops."""


class Reference(msgspec.Struct, frozen=True):
    """Which job, of which tenant."""

    tenant: UUID
    id: UUID


def uploaded(event: dict[str, Any]) -> list[Reference]:
    """The jobs that an S3 event is about: its keys end in ``<tenant>/<job>``."""
    found = []
    for record in event.get("Records", ()):
        *_, tenant, job = unquote_plus(record["s3"]["object"]["key"]).split("/")
        found.append(Reference(UUID(tenant), UUID(job)))
    return found


def work_of(job: Reference, actor: str = "system") -> Work:
    """A unit of work in a job's tenant, on behalf of who asked for the job."""
    kind, _, identifier = actor.partition(":")
    named: Kind = "user" if kind == "user" else "client" if kind == "client" else "system"
    principal = Principal(named, UUID(identifier) if identifier else None, job.tenant)
    return Work(database.engine(), settings().service, principal=principal, correlation=str(job.id))


def claim(work: Work, table: Table, job: Reference) -> Row[Any] | None:
    """Take a job that is not finished and that no other worker holds."""
    c = table.c
    free = or_(c.lease_until.is_(None), c.lease_until < work.now)
    statement = (
        update(table)
        .where(c.tenant_id == job.tenant, c.id == job.id, c.finished_at.is_(None), free)
        .values(lease_until=work.now + LEASE, attempts=c.attempts + 1)
        .returning(table)
    )
    return work.execute(statement).one_or_none()


def find(work: Work, table: Table, identifier: UUID) -> Row[Any] | None:
    """A job of the tenant."""
    statement = select(table).where(table.c.tenant_id == work.tenant, table.c.id == identifier)
    return work.execute(statement).one_or_none()


def demand(work: Work, entity: Entity[Any, Any], *verbs: str) -> None:
    """Refuse who may not do to single records what the job does to many."""
    for verb in verbs:
        permission = entity.permission(verb)
        if not work.principal.may(permission):
            raise Forbidden(f"This needs the permission {permission}.", permission=permission)
