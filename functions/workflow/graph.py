"""Workflow's part of the graph: definitions, processes, tasks, and what users and customers have of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Select, func, select

from common.errors import BadRequest
from common.operation import SELF, operation
from common.request import Request, Response
from common.subgraph import GraphQuery, Subgraph
from common.work import Work
from workflow import inbox, processes, tasks, workflows
from workflow.events import ADVANCING
from workflow.inbox import Task
from workflow.processes import Process, ProcessSummary
from workflow.tables import processes as process_rows
from workflow.tables import tasks as task_rows
from workflow.tables import workflows as workflow_rows
from workflow.workflows import DefinitionSummary

graph = Subgraph.beside(__file__)

graph.expose("Query", "definitions", workflows.list_)
graph.expose("Query", "process", processes.read)
graph.expose("Query", "processes", processes.list_)
graph.expose("Query", "task", inbox.read)
graph.expose("Query", "tasks", inbox.list_)
graph.expose("Mutation", "startProcess", processes.start)
graph.expose("Mutation", "cancelProcess", processes.cancel)
graph.expose("Mutation", "claimTask", tasks.claim)
graph.expose("Mutation", "releaseTask", tasks.release)
graph.expose("Mutation", "completeTask", tasks.complete)


@operation("POST /workflow/graphql", permission=SELF, emits=ADVANCING, memory=1024)
def query(asked: GraphQuery, request: Request, work: Work) -> Response[Any]:
    """Ask workflow's part of the federated graph; the gateway is the front door to all of it."""
    return graph.answer(asked, request, work)


@graph.entity("Definition")
def definitions_by_id(ids: list[UUID], work: Work) -> dict[UUID, DefinitionSummary]:
    """The tenant's definitions of those ids."""
    rows = work.execute(
        select(workflow_rows).where(workflow_rows.c.tenant_id == work.tenant, workflow_rows.c.id.in_(ids))
    )
    return {row.id: workflows.summary(row) for row in rows}


@graph.entity("Process")
def processes_by_id(ids: list[UUID], work: Work) -> dict[UUID, Process]:
    """The tenant's processes of those ids."""
    rows = work.execute(
        select(process_rows).where(process_rows.c.tenant_id == work.tenant, process_rows.c.id.in_(ids))
    )
    return {row.id: processes.told(row) for row in rows}


@graph.entity("Task")
def tasks_by_id(ids: list[UUID], work: Work) -> dict[UUID, Task]:
    """The tenant's tasks of those ids."""
    rows = work.execute(
        select(task_rows).where(task_rows.c.tenant_id == work.tenant, task_rows.c.id.in_(ids))
    )
    return {row.id: inbox.told(row) for row in rows}


@graph.batch("Process", "definition")
def definition_of(found: Sequence[ProcessSummary], work: Work) -> list[DefinitionSummary | None]:
    """The versions that many processes run, in one statement."""
    table = workflow_rows
    wanted = {(process.key, process.number) for process in found}
    rows = work.execute(
        select(table).where(table.c.tenant_id == work.tenant, table.c.key.in_({key for key, _ in wanted}))
    )
    known = {(row.key, row.number): workflows.summary(row) for row in rows}
    return [known.get((process.key, process.number)) for process in found]


@graph.batch("Process", "variables")
def variables_of(found: Sequence[ProcessSummary], work: Work) -> list[dict[str, Any]]:
    """The variables of many processes; a list's summaries do not hold them."""
    missing = [process.id for process in found if not isinstance(process, Process)]
    known = processes_by_id(missing, work) if missing else {}
    return [
        process.variables if isinstance(process, Process) else known[process.id].variables
        for process in found
    ]


@graph.batch("Process", "tasks")
def tasks_of(found: Sequence[ProcessSummary], work: Work) -> list[list[Task]]:
    """The open tasks of many processes, in one statement."""
    statement = (
        select(task_rows)
        .where(
            task_rows.c.tenant_id == work.tenant,
            task_rows.c.process_id.in_([process.id for process in found]),
            task_rows.c.status == "open",
        )
        .order_by(task_rows.c.id)
    )
    by_process: dict[UUID, list[Task]] = {}
    for row in work.execute(statement):
        by_process.setdefault(row.process_id, []).append(inbox.told(row))
    return [by_process.get(process.id, []) for process in found]


@graph.batch("Process", "customer")
def customer_of(found: Sequence[ProcessSummary], _work: Work) -> list[dict[str, UUID] | None]:
    """The customers that processes are about, by reference."""
    return [_reference(process.customer_id) for process in found]


@graph.batch("Process", "startedBy")
def starter_of(found: Sequence[ProcessSummary], _work: Work) -> list[dict[str, UUID] | None]:
    """The users who started processes, by reference; none where it was no user."""
    return [_reference(_user(process.started_by.removeprefix("user:"))) for process in found]


@graph.batch("Task", "process")
def process_of(found: Sequence[Task], work: Work) -> list[Process | None]:
    """The processes of many tasks, in one statement."""
    known = processes_by_id(list({task.process_id for task in found}), work)
    return [known.get(task.process_id) for task in found]


@graph.batch("Task", "assignee")
def assignee_of(found: Sequence[Task], _work: Work) -> list[dict[str, UUID] | None]:
    """The users who have tasks, by reference; none where the definition names somebody otherwise."""
    return [_reference(_user(task.assignee)) for task in found]


@graph.batch("User", "tasks")
def tasks_of_users(found: Sequence[Mapping[str, Any]], work: Work, first: int) -> list[Any]:
    """The open tasks that users have, so many of each, in one statement."""
    table, names = task_rows, [str(user["id"]) for user in found]
    theirs = select(table).where(
        table.c.tenant_id == work.tenant, table.c.assignee.in_(names), table.c.status == "open"
    )
    rows = _first(work, theirs, table.c.assignee, (table.c.priority.desc(), table.c.id), first)
    return [[inbox.told(row) for row in rows.get(name, [])] for name in names]


@graph.batch("Customer", "processes")
def processes_of_customers(found: Sequence[Mapping[str, Any]], work: Work, first: int) -> list[Any]:
    """The latest processes about customers, so many of each, in one statement."""
    table, names = process_rows, [customer["id"] for customer in found]
    theirs = select(table).where(table.c.tenant_id == work.tenant, table.c.customer_id.in_(names))
    rows = _first(work, theirs, table.c.customer_id, (table.c.id.desc(),), first)
    return [[processes.told(row) for row in rows.get(name, [])] for name in names]


def _first(
    work: Work, statement: Select[Any], owner: Column[Any], order: tuple[Any, ...], most: int
) -> dict[Any, list[Any]]:
    """The first rows of each owner, by owner."""
    if not 1 <= most <= 100:
        raise BadRequest("first is a number from 1 to 100.")
    place = func.row_number().over(partition_by=owner, order_by=order).label("place")
    ranked = statement.add_columns(place).subquery()
    asked = select(ranked).where(ranked.c.place <= most).order_by(ranked.c.place)
    grouped: dict[Any, list[Any]] = {}
    for row in work.execute(asked):
        grouped.setdefault(getattr(row, owner.name), []).append(row)
    return grouped


def _user(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _reference(identifier: UUID | None) -> dict[str, UUID] | None:
    return None if identifier is None else {"id": identifier}
