"""What people do with tasks: claim, release, assign, delegate, complete, escalate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import update

from common.errors import Conflict
from common.identifiers import uuid7
from common.operation import operation
from common.work import Work
from workflow import forms, metrics, people
from workflow import tables as rows
from workflow.engine import triggers as on
from workflow.errors import FormInvalid, NotYours, Over, Taken
from workflow.events import ADVANCING, TaskAssigned, TaskEscalated
from workflow.inbox import COLUMNS, Task, TaskRow, row_of, told
from workflow.moving import Mover
from workflow.people import Person

ASSIGN = "workflow.task.assign"
ATTEMPTS = 5

_RECORD = f"""
with recorded as (
    insert into workflow.assignments
        (id, tenant_id, process_id, task_id, action, assignee, owner, comment, actor, at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
)
select {COLUMNS} from workflow.tasks where tenant_id = $2 and id = $4
"""  # noqa: S608 - names of ours

Comment = Annotated[str, Meta(max_length=2000)]


class Assignee(Struct, frozen=True, forbid_unknown_fields=True):
    """To whom a task is given: a user of the tenant."""

    assignee: UUID
    comment: Comment = ""


class Completion(Struct, frozen=True, forbid_unknown_fields=True):
    """What a task gave: variables that fit its form."""

    variables: dict[str, Any] = {}


class Escalation(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a task is escalated: the ``code`` that the model catches, and words for people."""

    code: Annotated[str, Meta(max_length=255)] = ""
    comment: Comment = ""


class _Change(Struct, frozen=True):
    """What becomes of a task's holder; nothing if all is as wanted already."""

    action: str
    assignee: str
    owner: str = ""
    comment: str = ""


@operation("POST /workflow/tasks/{id}/claim", permission="workflow.task.complete", emits=TaskAssigned)
def claim(id: UUID, work: Work) -> Task:  # noqa: A002 - the path's name
    """Take a task that one may have. Of two who do, one gets it; the other gets 409 with who has it."""
    me = people.caller(work)

    def decide(row: Any) -> _Change | None:
        if me.holds(row.assignee):
            return None
        if row.assignee:
            raise Taken(row.assignee)
        _demand_candidate(row, me)
        return _Change("claimed", me.id)

    return _change(work, id, decide)


@operation("POST /workflow/tasks/{id}/release", permission="workflow.task.complete", emits=TaskAssigned)
def release(id: UUID, work: Work) -> Task:  # noqa: A002
    """Give a task back: to whom it was delegated by, or else to all its candidates."""
    me = people.caller(work)

    def decide(row: Any) -> _Change | None:
        if not row.assignee:
            return None
        _demand_holder(row, me, work)
        return _Change("returned", row.owner) if row.owner else _Change("released", "")

    return _change(work, id, decide)


@operation("POST /workflow/tasks/{id}/assign", permission=ASSIGN, emits=TaskAssigned)
def assign(id: UUID, new: Assignee, work: Work) -> Task:  # noqa: A002
    """Give a task to a user, whoever has it now."""
    person = people.somebody(work, new.assignee, "/assignee")
    return _change(work, id, lambda _: _Change("assigned", person.id, comment=new.comment))


@operation("POST /workflow/tasks/{id}/delegate", permission="workflow.task.complete", emits=TaskAssigned)
def delegate(id: UUID, new: Assignee, work: Work) -> Task:  # noqa: A002
    """Let somebody else do a task that one has; a release brings it back."""
    me = people.caller(work)
    person = people.somebody(work, new.assignee, "/assignee")

    def decide(row: Any) -> _Change:
        _demand_holder(row, me, work)
        if person.holds(row.assignee):
            raise Conflict("The task is theirs already.")
        return _Change("delegated", person.id, row.owner or row.assignee, new.comment)

    return _change(work, id, decide)


@operation("POST /workflow/tasks/{id}/complete", permission="workflow.task.complete", emits=ADVANCING)
def complete(id: UUID, done: Completion, work: Work) -> Task:  # noqa: A002
    """Complete a task that one has, or may claim; the variables must fit its form."""
    row, me = _open(work, id), people.caller(work)
    if row.assignee and not me.holds(row.assignee):
        raise Taken(row.assignee)
    if not row.assignee:
        _demand_candidate(row, me)
    if row.form and (errors := forms.check(row.form, done.variables)):
        raise FormInvalid([(f"/variables{pointer}", detail) for pointer, detail in errors])
    trigger = on.TaskCompleted(at=work.now, task=row.ref, variables=done.variables)
    Mover(work).send(row.process_id, trigger, holder=row.assignee or me.id)
    return told(_record(work, row, _Change("completed", row.assignee or me.id, row.owner)))


@operation(
    "POST /workflow/tasks/{id}/escalate",
    permission="workflow.task.complete",
    emits=(TaskEscalated, *ADVANCING),
)
def escalate(id: UUID, why: Escalation, work: Work) -> Task:  # noqa: A002
    """Escalate a task: the model may catch it, at the task's boundary or around it, and go another way."""
    row, me = _open(work, id), people.caller(work)
    if row.assignee:
        _demand_holder(row, me, work)
    else:
        _demand_candidate(row, me)
    Mover(work).send(row.process_id, on.TaskEscalated(at=work.now, task=row.ref, code=why.code))
    here = (rows.tasks.c.tenant_id == work.tenant, rows.tasks.c.id == id)
    counted = update(rows.tasks).where(*here).values(version=rows.tasks.c.version + 1).returning(rows.tasks)
    after = work.execute(counted).one()
    _record(work, row, _Change("escalated", row.assignee, row.owner, why.comment))
    work.emit(TaskEscalated(**_identity(after), code=why.code, comment=why.comment))
    return told(after)


def _change(work: Work, identifier: UUID, decide: Callable[[Any], _Change | None]) -> Task:
    """Changes who has a task, if it still is as it was when that was decided."""
    table = rows.tasks
    for _ in range(ATTEMPTS):
        row = _open(work, identifier)
        change = decide(row)
        if change is None:
            return told(row)
        here = (table.c.tenant_id == work.tenant, table.c.id == identifier)
        statement = (
            update(table)
            .where(*here, table.c.status == "open", table.c.version == row.version)
            .values(
                assignee=change.assignee,
                owner=change.owner,
                version=row.version + 1,
                updated_at=work.now,
            )
            .returning(table)
        )
        after = work.execute(statement).one_or_none()
        if after is not None:
            _record(work, after, change)
            _tell(work, after, change)
            return told(after)
    raise Conflict("Others change this task again and again; read it and repeat yours.")


def _open(work: Work, identifier: UUID) -> Any:
    row = row_of(work, identifier)
    if row.status != "open":
        raise Over("task", row.status)
    return row


def _demand_candidate(row: Any, me: Person) -> None:
    if not me.is_candidate(row.candidate_users, row.candidate_roles):
        wanted = ", ".join([*row.candidate_users, *row.candidate_roles])
        raise NotYours(f"The task is for {wanted}; have it assigned to you.")


def _demand_holder(row: Any, me: Person, work: Work) -> None:
    if me.holds(row.assignee) or work.principal.may(ASSIGN):
        return
    if row.assignee:
        raise Taken(row.assignee)
    raise NotYours("Claim the task first.")


def _record(work: Work, row: Any, change: _Change) -> Any:
    """Enters in a task's history what was done with it; the task as it is now."""
    said = (change.action, change.assignee, change.owner, change.comment, work.principal.name, work.now)
    values = (uuid7(), work.tenant, row.process_id, row.id, *said)
    return TaskRow(*work.rows(_RECORD, values)[0])


def _tell(work: Work, row: Any, change: _Change) -> None:
    if change.assignee:
        metrics.task_assignments_total.inc()
    work.emit(
        TaskAssigned(
            **_identity(row),
            assignee=change.assignee or None,
            candidate_users=row.candidate_users,
            candidate_roles=row.candidate_roles,
            due_at=row.due_at,
            action=change.action,
        )
    )


def _identity(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "process_id": row.process_id,
        "key": row.key,
        "node": row.node,
        "name": row.name,
        "version": row.version,
    }
