"""What workflow says has happened.

Events about a process are numbered by the process (``version``), those about a task by the task.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from common.decisions import EvaluationRequested
from common.events import event


@event("workflow.definition.created")
class DefinitionCreated(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a definition was added, as a draft."""

    id: UUID
    key: str
    number: int
    name: str
    version: int


@event("workflow.definition.published")
class DefinitionPublished(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a definition was published: processes start with it from now on."""

    id: UUID
    key: str
    number: int
    name: str
    version: int


class OfProcess(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of a process have in common."""

    id: UUID
    key: str
    """Of its definition."""
    number: int
    """The version of its definition."""
    business_key: str
    version: int


@event("workflow.process.started")
class ProcessStarted(OfProcess, frozen=True, kw_only=True):
    """A process began."""

    started_by: str
    parent_id: UUID | None
    customer_id: UUID | None
    variables: dict[str, Any]


@event("workflow.process.completed")
class ProcessCompleted(OfProcess, frozen=True, kw_only=True):
    """A process ended: completed, terminated, or with an error."""

    outcome: str
    error: str
    variables: dict[str, Any]


@event("workflow.process.cancelled")
class ProcessCancelled(OfProcess, frozen=True, kw_only=True):
    """A process was called off."""

    reason: str


@event("workflow.process.suspended")
class ProcessSuspended(OfProcess, frozen=True, kw_only=True):
    """A process stands still; what happens meanwhile is kept for it."""


@event("workflow.process.resumed")
class ProcessResumed(OfProcess, frozen=True, kw_only=True):
    """A process goes on."""


@event("workflow.process.migrated")
class ProcessMigrated(OfProcess, frozen=True, kw_only=True):
    """A process was moved to another version of its definition."""

    from_number: int


@event("workflow.sla.breached", entity="process")
class SlaBreached(OfProcess, frozen=True, kw_only=True):
    """A process, or the activity ``node`` of it, took longer than it may."""

    node: str
    target: str
    """The service level: an ISO 8601 duration."""


@event("workflow.sla.warned", entity="process")
class SlaWarned(OfProcess, frozen=True, kw_only=True):
    """A process, or the activity ``node`` of it, is about to take longer than it may."""

    node: str
    target: str


class OfTask(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of a task have in common."""

    id: UUID
    process_id: UUID
    key: str
    """Of its definition."""
    node: str
    name: str
    version: int


@event("workflow.task.assigned")
class TaskAssigned(OfTask, frozen=True, kw_only=True):
    """A task was given to somebody; without an ``assignee`` it is there for its candidates to claim."""

    assignee: str | None
    candidate_users: list[str]
    candidate_roles: list[str]
    due_at: datetime | None
    action: str
    """How: created, claimed, released, assigned, delegated, returned, reassigned."""


@event("workflow.task.completed")
class TaskCompleted(OfTask, frozen=True, kw_only=True):
    """A task is done."""

    completed_by: str
    variables: dict[str, Any]


@event("workflow.task.cancelled")
class TaskCancelled(OfTask, frozen=True, kw_only=True):
    """A task is no longer wanted."""


@event("workflow.task.escalated")
class TaskEscalated(OfTask, frozen=True, kw_only=True):
    """A person escalated a task."""

    code: str
    comment: str


@event("workflow.incident.raised")
class IncidentRaised(msgspec.Struct, frozen=True, kw_only=True):
    """Something failed, and waits to be retried."""

    id: UUID
    process_id: UUID
    node: str
    kind: str
    message: str
    version: int


@event("workflow.incident.resolved")
class IncidentResolved(msgspec.Struct, frozen=True, kw_only=True):
    """An incident is over."""

    id: UUID
    process_id: UUID
    node: str
    kind: str
    version: int


@event("workflow.message.received")
class MessageReceived(msgspec.Struct, frozen=True, kw_only=True):
    """A message, or a signal, came in."""

    id: UUID
    kind: str
    name: str
    key: str
    outcome: str
    """``correlated``, ``started`` or ``buffered``; ``broadcast`` for a signal."""
    version: int = 1


@event("workflow.calendar.changed")
class CalendarChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar was created, or changed."""

    id: UUID
    name: str
    calendar: dict[str, Any]
    version: int


ADVANCING = (
    ProcessStarted,
    ProcessCompleted,
    ProcessCancelled,
    SlaBreached,
    SlaWarned,
    TaskAssigned,
    TaskCompleted,
    TaskCancelled,
    IncidentRaised,
    IncidentResolved,
    EvaluationRequested,
)
"""What any advance of a process may emit."""
