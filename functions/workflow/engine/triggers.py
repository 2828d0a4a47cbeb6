"""What can happen to a process, as plain data. Each carries the time at which it happens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Trigger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Something happens at ``at`` (with its offset from UTC)."""

    at: datetime


class Start(Trigger, frozen=True, kw_only=True, tag="start"):
    """The process begins, at the start event ``node`` or else at the one without a trigger.

    ``event`` says which of a start's several events happened.
    """

    process: str
    business_key: str = ""
    variables: dict[str, Any] = {}
    node: str = ""
    event: int = 0


class TaskCompleted(Trigger, frozen=True, kw_only=True, tag="task_completed"):
    """A person completed the user task ``task`` with a result."""

    task: str
    variables: dict[str, Any] = {}


class TaskEscalated(Trigger, frozen=True, kw_only=True, tag="task_escalated"):
    """A person escalates the user task; its boundary or a scope around it may catch the ``code``."""

    task: str
    code: str = ""


class JobCompleted(Trigger, frozen=True, kw_only=True, tag="job_completed"):
    """A worker completed ``job`` with a result."""

    job: str
    variables: dict[str, Any] = {}


class JobFailed(Trigger, frozen=True, kw_only=True, tag="job_failed"):
    """A worker failed. With an ``error`` code it is a BPMN error that the model may catch, never retried;
    with ``final`` it is not retried either and becomes an incident at once.
    """

    job: str
    message: str
    error: str = ""
    final: bool = False
    variables: dict[str, Any] = {}


class DecisionCompleted(Trigger, frozen=True, kw_only=True, tag="decision_completed"):
    """The rules answered the business rule task ``decision``."""

    decision: str
    outputs: Any = None


class DecisionFailed(Trigger, frozen=True, kw_only=True, tag="decision_failed"):
    """The rules could not be evaluated."""

    decision: str
    message: str


class CallEnded(Trigger, frozen=True, kw_only=True, tag="call_ended"):
    """The process called by ``call`` ended, or could not be started (``outcome`` is ``failed``)."""

    call: str
    outcome: str = "completed"
    error: str = ""
    message: str = ""
    variables: dict[str, Any] = {}


class CallEscalated(Trigger, frozen=True, kw_only=True, tag="call_escalated"):
    """The process called by ``call`` threw an escalation that it did not catch, and goes on."""

    call: str
    code: str = ""


class TimerFired(Trigger, frozen=True, kw_only=True, tag="timer_fired"):
    """The timer ``timer`` is due."""

    timer: str


class MessageReceived(Trigger, frozen=True, kw_only=True, tag="message_received"):
    """A message was correlated to ``subscription``."""

    subscription: str
    variables: dict[str, Any] = {}


class SignalReceived(Trigger, frozen=True, kw_only=True, tag="signal_received"):
    """A signal was broadcast by somebody else."""

    name: str
    variables: dict[str, Any] = {}


class VariablesSet(Trigger, frozen=True, kw_only=True, tag="variables_set"):
    """Somebody set variables from outside, which may make conditional events happen."""

    variables: dict[str, Any]


class IncidentRetried(Trigger, frozen=True, kw_only=True, tag="incident_retried"):
    """The work behind ``incident`` is tried again, after setting ``variables``."""

    incident: str
    variables: dict[str, Any] = {}


class Cancelled(Trigger, frozen=True, kw_only=True, tag="cancelled"):
    """Somebody cancels the process."""

    reason: str = ""


class Suspended(Trigger, frozen=True, kw_only=True, tag="suspended"):
    """The process is to stand still; what happens meanwhile is held."""


class Resumed(Trigger, frozen=True, kw_only=True, tag="resumed"):
    """The process goes on, with what was held."""


AnyTrigger = (
    Start
    | TaskCompleted
    | TaskEscalated
    | JobCompleted
    | JobFailed
    | DecisionCompleted
    | DecisionFailed
    | CallEnded
    | CallEscalated
    | TimerFired
    | MessageReceived
    | SignalReceived
    | VariablesSet
    | IncidentRetried
    | Cancelled
    | Suspended
    | Resumed
)
