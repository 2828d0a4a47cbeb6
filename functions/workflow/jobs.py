"""Jobs for external workers: leased, completed, failed. A lease that ends unanswered frees its job."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import func, or_, select, update

from common.errors import NotFound
from common.operation import operation
from common.work import Work
from workflow.engine import triggers as on
from workflow.errors import LeaseLost, Over
from workflow.events import ADVANCING
from workflow.moving import Mover
from workflow.tables import jobs, processes

BUILT_IN = ("http", "lambda")
"""Types of jobs that workers of the platform itself do."""

Type = Annotated[str, Meta(min_length=1, max_length=255)]


class Request(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a worker can do: which types of jobs, how many now, and for how many seconds it wants them."""

    worker: Annotated[str, Meta(min_length=1, max_length=255)]
    types: Annotated[list[Type], Meta(min_length=1, max_length=100)]
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    seconds: Annotated[int, Meta(ge=1, le=3600)] = 60


class Job(Struct, frozen=True, kw_only=True):
    """Work for a worker."""

    id: UUID
    lease: UUID
    """Proves that the worker has the job; sent along when it is completed or has failed."""
    type: str
    process_id: UUID
    node: str
    attempt: int
    settings: dict[str, Any]
    variables: dict[str, Any]
    leased_until: datetime


class Leased(Struct, frozen=True):
    """Jobs that the worker has now; none if there is nothing to do."""

    items: list[Job]


class Result(Struct, frozen=True, forbid_unknown_fields=True):
    """What a job gave."""

    lease: UUID
    variables: dict[str, Any] = {}


class Failure(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why a job failed.

    With an ``error`` code it is an error that the model may catch, and is not tried again; ``final`` says
    that trying again is of no use, so that it becomes an incident at once.
    """

    lease: UUID
    message: Annotated[str, Meta(min_length=1, max_length=4000)]
    error: Annotated[str, Meta(max_length=255)] = ""
    final: bool = False
    variables: dict[str, Any] = {}


class Settled(Struct, frozen=True):
    """What became of a job: ``completed``, ``failed``, or ``open`` if it is tried again."""

    id: UUID
    status: str
    attempt: int
    due_at: datetime


@operation("POST /workflow/jobs/lease", permission="workflow.job.work")
def lease(request: Request, work: Work) -> Leased:
    """Lease jobs that are due, the longest due first. No other worker gets them while the lease lasts."""
    due = (
        select(jobs.c.id)
        .join(processes, processes.c.id == jobs.c.process_id)
        .where(
            jobs.c.tenant_id == work.tenant,
            jobs.c.type.in_(request.types),
            jobs.c.status == "open",
            jobs.c.due_at <= work.now,
            or_(jobs.c.leased_until.is_(None), jobs.c.leased_until <= work.now),
            processes.c.status == "active",
        )
        .order_by(jobs.c.due_at, jobs.c.id)
        .limit(request.limit)
        .with_for_update(of=jobs, skip_locked=True)
    )
    taken = (
        update(jobs)
        .where(jobs.c.tenant_id == work.tenant, jobs.c.id.in_(due))
        .values(
            worker=request.worker,
            lease=func.gen_random_uuid(),
            leased_until=work.now + timedelta(seconds=request.seconds),
        )
        .returning(jobs)
    )
    found = sorted(work.execute(taken).all(), key=lambda row: (row.due_at, row.id))
    return Leased([told(row) for row in found])


@operation("POST /workflow/jobs/{id}/complete", permission="workflow.job.work", emits=ADVANCING)
def complete(id: UUID, result: Result, work: Work) -> Settled:  # noqa: A002 - the path's name
    """Complete a job; its process goes on with the variables."""
    row = _held(work, id, result.lease)
    trigger = on.JobCompleted(at=work.now, job=row.ref, variables=result.variables)
    Mover(work).send(row.process_id, trigger)
    return _settled(row_of(work, id))


@operation("POST /workflow/jobs/{id}/fail", permission="workflow.job.work", emits=ADVANCING)
def fail(id: UUID, failure: Failure, work: Work) -> Settled:  # noqa: A002
    """Say that a job failed: it is tried again after a backoff, or an incident, or an error in the model."""
    row = _held(work, id, failure.lease)
    trigger = on.JobFailed(
        at=work.now,
        job=row.ref,
        message=failure.message,
        error=failure.error,
        final=failure.final,
        variables=failure.variables,
    )
    Mover(work).send(row.process_id, trigger)
    return _settled(row_of(work, id))


def row_of(work: Work, identifier: UUID) -> Any:
    """A job's row; 404 if the tenant has none such."""
    statement = select(jobs).where(jobs.c.tenant_id == work.tenant, jobs.c.id == identifier)
    row = work.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"There is no job {identifier}.")
    return row


def _held(work: Work, identifier: UUID, held: UUID) -> Any:
    """The job, if the lease is still the last one: one that ended counts until somebody else has the job."""
    row = row_of(work, identifier)
    if row.status != "open":
        raise Over("job", row.status)
    if row.lease != held:
        raise LeaseLost
    return row


def told(row: Any) -> Job:
    """A leased row, as a worker is told of it."""
    return Job(**{name: getattr(row, name) for name in Job.__struct_fields__})


def _settled(row: Any) -> Settled:
    return Settled(row.id, row.status, row.attempt, row.due_at)
