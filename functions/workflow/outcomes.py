"""From an advance's effects to rows, events and what follows from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from common.decisions import EvaluationRequested
from common.identifiers import uuid7
from common.work import Work
from workflow import events, metrics
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.storing import Changes, Stored, uuid_of


@dataclass
class Outcome:
    """What an advance means: rows to write, events to tell once they are written, and what follows then."""

    changes: Changes = field(default_factory=Changes)
    events: list[Callable[[Context], Any]] = field(default_factory=list)
    follow: deque[out.AnyEffect] = field(default_factory=deque)
    created_tasks: dict[str, tuple[UUID, out.CreateTask]] = field(default_factory=dict)
    requested: list[EvaluationRequested] = field(default_factory=list)
    recorded: int = 0


@dataclass
class Context:
    """The process that an event is about, as it is after the advance."""

    id: UUID
    key: str
    number: int
    business_key: str
    customer: UUID | None
    parent: UUID | None
    actor: str
    variables: dict[str, Any]
    told: int
    reason: str = ""

    def identity(self) -> dict[str, Any]:
        """What every event of the process says; each takes the next version."""
        self.told += 1
        return {
            "id": self.id,
            "key": self.key,
            "number": self.number,
            "business_key": self.business_key,
            "version": self.told,
        }


def close(outcome: Outcome, trigger: on.AnyTrigger, holder: str | None) -> None:
    """What a trigger uses up: its job, timer or decision. Effects may bring it back."""
    changes = outcome.changes
    match trigger:
        case on.JobCompleted():
            changes.ended_jobs[trigger.job] = {"ref": trigger.job, "status": "completed"}
        case on.JobFailed():
            changes.ended_jobs[trigger.job] = {"ref": trigger.job, "status": "failed"}
        case on.TimerFired():
            changes.timers_gone.add(trigger.timer)
        case on.DecisionCompleted() | on.DecisionFailed():
            changes.decisions_gone.add(trigger.decision)
        case on.TaskCompleted():
            changes.ended_tasks[trigger.task] = _ended(trigger.task, "completed", holder)
        case on.Suspended():
            outcome.events.append(lambda of: events.ProcessSuspended(**of.identity()))
        case on.Resumed():
            outcome.events.append(lambda of: events.ProcessResumed(**of.identity()))
        case _:
            pass


def read(outcome: Outcome, effects: list[out.AnyEffect], process: UUID, recorded: int) -> None:
    """Sorts an advance's effects."""
    outcome.recorded = recorded
    for effect in effects:
        _read(outcome, effect, process)


def _read(outcome: Outcome, effect: out.AnyEffect, process: UUID) -> None:
    changes = outcome.changes
    match effect:
        case out.Transition():
            outcome.recorded += 1
            changes.transitions.append(_transition(effect, outcome.recorded))
        case out.CreateTask():
            _create_task(outcome, effect)
        case out.CancelTask():
            if effect.task in changes.tasks:
                del changes.tasks[effect.task], outcome.created_tasks[effect.task]
            else:
                changes.reassigned_tasks.pop(effect.task, None)
                changes.ended_tasks[effect.task] = _ended(effect.task, "cancelled", None)
        case out.ReassignTask():
            row = {"ref": effect.task, "candidate_roles": effect.candidate_roles}
            changes.reassigned_tasks[effect.task] = row
        case out.CreateJob():
            changes.ended_jobs.pop(effect.job, None)
            changes.jobs[effect.job] = _row(
                effect.job, effect, "node", "attempt", "settings", "variables", type="job_type", due_at="due"
            )
        case out.CancelJob():
            changes.jobs.pop(effect.job, None)
            changes.ended_jobs[effect.job] = {"ref": effect.job, "status": "cancelled"}
        case out.SetTimer():
            changes.timers_gone.discard(effect.timer)
            changes.timers[effect.timer] = _row(effect.timer, effect, "node", "purpose", due_at="due")
        case out.CancelTimer():
            changes.timers.pop(effect.timer, None)
            changes.timers_gone.add(effect.timer)
        case out.OpenSubscription():
            row = _row(effect.subscription, effect, "node", "kind", "name", "key")
            changes.subscriptions[effect.subscription] = row
            if effect.kind == "message":
                outcome.follow.append(effect)
        case out.CloseSubscription():
            changes.subscriptions.pop(effect.subscription, None)
            changes.subscriptions_gone.add(effect.subscription)
        case out.RaiseIncident():
            row = _row(effect.incident, effect, "node", "kind", "message", "token")
            changes.incidents[effect.incident] = row
        case out.ResolveIncident():
            if changes.incidents.pop(effect.incident, None) is None:
                changes.resolved.add(effect.incident)
        case out.EvaluateRules():
            _evaluate(outcome, effect, process)
        case out.CancelDecision():
            changes.decisions.pop(effect.decision, None)
            changes.decisions_gone.add(effect.decision)
        case out.MoveToken():
            changes.moves[effect.token] = {"ref": effect.token, "node": effect.node}
        case out.PublishEvent():
            _publish(outcome, effect)
        case out.CompleteTask():
            pass  # told of by the trigger, which knows who completed it
        case _:
            outcome.follow.append(effect)


def _create_task(outcome: Outcome, effect: out.CreateTask) -> None:
    people = ("assignee", "candidate_users", "candidate_roles")
    row = _row(effect.task, effect, "node", "name", *people, "priority", "form", "variables", due_at="due")
    outcome.created_tasks[effect.task] = (row["id"], effect)
    outcome.changes.tasks[effect.task] = row
    if effect.assignee:
        assigned = {"id": uuid7(), "task_id": row["id"], "assignee": effect.assignee}
        outcome.changes.assignments.append(assigned)


def _evaluate(outcome: Outcome, effect: out.EvaluateRules, process: UUID) -> None:
    request = EvaluationRequested(
        id=uuid7(),
        rule_set=effect.rules,
        facts=effect.facts,
        reply_to=f"workflow/processes/{process}/decisions/{effect.decision}",
    )
    outcome.changes.decisions_gone.discard(effect.decision)
    outcome.changes.decisions[effect.decision] = {
        "id": request.id,
        "ref": effect.decision,
        "node": effect.node,
        "rules": effect.rules,
    }
    outcome.requested.append(request)


def _publish(outcome: Outcome, effect: out.PublishEvent) -> None:
    data = effect.data
    match effect.event:
        case "workflow.process.started":
            outcome.events.append(_started)
        case "workflow.process.completed":
            outcome.events.append(
                lambda of: events.ProcessCompleted(
                    **of.identity(), outcome=data["outcome"], error=data["error"], variables=of.variables
                )
            )
        case "workflow.process.cancelled":
            outcome.events.append(lambda of: events.ProcessCancelled(**of.identity(), reason=of.reason))
        case "workflow.sla.breached":
            outcome.events.append(
                lambda of: events.SlaBreached(**of.identity(), node=effect.node, target=data["target"])
            )
        case "workflow.sla.warned":
            outcome.events.append(
                lambda of: events.SlaWarned(**of.identity(), node=effect.node, target=data["target"])
            )
        case _:
            pass  # incidents are told of from their rows, which have the ids


def _started(of: Context) -> events.ProcessStarted:
    return events.ProcessStarted(
        **of.identity(),
        started_by=of.actor,
        parent_id=of.parent,
        customer_id=of.customer,
        variables=of.variables,
    )


def tell(work: Work, outcome: Outcome, stored: Stored, of: Context, trigger: on.AnyTrigger) -> None:
    """Emits what an advance says, once it is written."""
    for make in outcome.events:
        made = make(of)
        work.emit(made)
        if isinstance(made, events.SlaBreached):
            metrics.sla_breaches_total.inc()
    for request in outcome.requested:
        work.emit(request)
    for identifier, task in outcome.created_tasks.values():
        work.emit(_assigned(identifier, task, of))
        if task.assignee:
            metrics.task_assignments_total.inc()
    for row in stored.reassigned_tasks:
        work.emit(_reassigned(row, of))
    for row in stored.ended_tasks:
        work.emit(_task_ended(row, of, trigger))
    for incident in outcome.changes.incidents.values():
        raised = {name: incident[name] for name in ("id", "node", "kind", "message")}
        work.emit(events.IncidentRaised(**raised, process_id=of.id, version=1))
    for row in stored.resolved:
        work.emit(
            events.IncidentResolved(
                id=uuid_of(row), process_id=of.id, node=row["node"], kind=row["kind"], version=row["version"]
            )
        )


def _assigned(identifier: UUID, task: out.CreateTask, of: Context) -> events.TaskAssigned:
    return events.TaskAssigned(
        id=identifier,
        process_id=of.id,
        key=of.key,
        node=task.node,
        name=task.name,
        version=1,
        assignee=task.assignee or None,
        candidate_users=task.candidate_users,
        candidate_roles=task.candidate_roles,
        due_at=task.due,
        action="created",
    )


def _reassigned(row: dict[str, Any], of: Context) -> events.TaskAssigned:
    return events.TaskAssigned(
        **_identity(row, of),
        assignee=None,
        candidate_users=[],
        candidate_roles=row["candidate_roles"],
        due_at=datetime.fromisoformat(row["due_at"]) if row["due_at"] else None,
        action="reassigned",
    )


def _task_ended(
    row: dict[str, Any], of: Context, trigger: on.AnyTrigger
) -> events.TaskCompleted | events.TaskCancelled:
    if row["status"] == "completed" and isinstance(trigger, on.TaskCompleted):
        return events.TaskCompleted(**_identity(row, of), completed_by=of.actor, variables=trigger.variables)
    return events.TaskCancelled(**_identity(row, of))


def _identity(row: dict[str, Any], of: Context) -> dict[str, Any]:
    return {
        "id": uuid_of(row),
        "process_id": of.id,
        "key": of.key,
        "node": row["node"],
        "name": row["name"],
        "version": row["version"],
    }


def _ended(ref: str, status: str, holder: str | None) -> dict[str, Any]:
    return {"ref": ref, "status": status, "assignee": holder}


def _transition(effect: out.Transition, sequence: int) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "kind": effect.kind,
        "node": effect.node,
        "token": effect.token,
        "scope": effect.scope,
        "flow": effect.flow,
        "counter": effect.counter,
    }


def _row(ref: str, effect: out.AnyEffect, *same: str, **other: str) -> dict[str, Any]:
    """A new row named ``ref`` with the effect's fields: those called the ``same``, and columns called other
    than theirs.
    """
    columns = dict.fromkeys(same, "") | other
    values = {column: getattr(effect, name or column) for column, name in columns.items()}
    return {"id": uuid7(), "ref": ref, **values}
