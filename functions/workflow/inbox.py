"""The inbox: tasks as people see them, what waits for them first."""

from __future__ import annotations

from collections import namedtuple
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import or_, select

from common.errors import NotFound
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Paging, Selection, keyset, page
from common.work import Work
from workflow import people
from workflow.tables import assignments, tasks

Status = Literal["open", "completed", "cancelled"]


class Task(Struct, frozen=True, kw_only=True):
    """A person's work in a process."""

    id: UUID
    process_id: UUID
    key: str
    """Of the process's definition."""
    node: str
    name: str
    status: Status
    assignee: str
    """A user's id, or as the definition has it; empty: nobody's yet."""
    owner: str
    """Who delegated it, and gets it back."""
    candidate_users: list[str]
    candidate_roles: list[str]
    priority: int
    due_at: datetime | None
    form: dict[str, Any]
    """JSON Schema of what completes it."""
    variables: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    version: int


class Assignment(Struct, frozen=True, kw_only=True):
    """Who had a task, since when, and how it came."""

    id: UUID
    action: str
    assignee: str
    owner: str
    comment: str
    actor: str
    at: datetime


class Wanted(Struct, frozen=True, kw_only=True):
    """Which tasks are wanted: ``mine`` are those I have, ``groups`` those I may claim; both: either."""

    mine: bool = False
    groups: bool = False
    overdue: bool = False
    status: Status = "open"
    process_id: UUID | None = None
    assignee: str | None = None
    key: str | None = None


_LISTING = Listing("tasks", Task, by="-priority,id")


@operation("GET /workflow/tasks", permission="workflow.task.read")
def list_(wanted: Wanted, asked: Selection, work: Work) -> Page[Task]:
    """List tasks, the most urgent first, then the oldest: `mine`, those of my `groups`, those `overdue`."""
    scope = (wanted, work.principal.name if wanted.mine or wanted.groups else "")
    statement = select(tasks).where(tasks.c.tenant_id == work.tenant, tasks.c.status == wanted.status)
    if wanted.mine or wanted.groups:
        person = people.caller(work)
        which = [people.mine(person)] if wanted.mine else []
        which += [people.claimable(person)] if wanted.groups else []
        statement = statement.where(or_(*which))
    if wanted.overdue:
        statement = statement.where(tasks.c.due_at < work.now)
    for name in ("process_id", "assignee", "key"):
        if (value := getattr(wanted, name)) is not None:
            statement = statement.where(tasks.c[name] == value)
    return _LISTING.page(work, statement, asked, told, of=scope)


@operation("GET /workflow/tasks/{id}", permission="workflow.task.read")
def read(id: UUID, work: Work) -> Task:  # noqa: A002 - the path's name
    """Read a task, with its form and variables."""
    return told(row_of(work, id))


@operation("GET /workflow/tasks/{id}/assignments", permission="workflow.task.read")
def assignments_of(id: UUID, paging: Paging, work: Work) -> Page[Assignment]:  # noqa: A002
    """List who had a task, in order."""
    row_of(work, id)
    scope = f"assignments of {id}"
    statement = select(assignments).where(assignments.c.tenant_id == work.tenant, assignments.c.task_id == id)
    asked = keyset(statement, [(assignments.c.id, False)], paging.after(scope, [UUID]), paging.limit)
    rows: list[Any] = list(work.execute(asked).all())
    return page(rows, paging.limit, scope, lambda row: [row.id], _assignment)


TaskRow: Any = namedtuple("TaskRow", [*Task.__struct_fields__, "ref"])  # type: ignore[misc]
"""A task as it is told, and the engine's name for it."""

COLUMNS: Final = ", ".join(TaskRow._fields)
_READ = f"select {COLUMNS} from workflow.tasks where tenant_id = $1 and id = $2"  # noqa: S608 - names of ours


def row_of(work: Work, identifier: UUID) -> Any:
    """A task's row; 404 if the tenant has none such."""
    found = work.rows(_READ, (work.tenant, identifier))
    if not found:
        raise NotFound(f"There is no task {identifier}.")
    return TaskRow(*found[0])


def told(row: Any) -> Task:
    """A row, as it is told."""
    return Task(**{name: getattr(row, name) for name in Task.__struct_fields__})


def _assignment(row: Any) -> Assignment:
    return Assignment(**{name: getattr(row, name) for name in Assignment.__struct_fields__})
