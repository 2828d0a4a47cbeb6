"""What the service has to carry out after an advance, as plain data, in order.

An id in an effect is an id of the state's, unique within the process: a task, job, decision or call is named
by its token, a timer or subscription by its wait. Creating what exists already replaces it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Effect(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """Something to do."""


class CreateTask(Effect, frozen=True, tag="create_task"):
    """A person has work. ``counter`` is the instance's number if the activity is repeated."""

    task: str
    node: str
    name: str
    assignee: str = ""
    candidate_users: list[str] = []
    candidate_roles: list[str] = []
    priority: int = 0
    due: datetime | None = None
    form: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    counter: int = 0


class CompleteTask(Effect, frozen=True, tag="complete_task"):
    """The task is done."""

    task: str


class ReassignTask(Effect, frozen=True, tag="reassign_task"):
    """The task goes to other roles, because its service level was breached."""

    task: str
    candidate_roles: list[str]


class CancelTask(Effect, frozen=True, tag="cancel_task"):
    """The task is no longer wanted."""

    task: str


class CreateJob(Effect, frozen=True, tag="create_job"):
    """Work for a worker of type ``job_type``, to be leased from ``due`` on."""

    job: str
    node: str
    job_type: str
    due: datetime
    attempt: int = 1
    settings: dict[str, Any] = {}
    variables: dict[str, Any] = {}


class CancelJob(Effect, frozen=True, tag="cancel_job"):
    """The job is no longer wanted."""

    job: str


class EvaluateRules(Effect, frozen=True, tag="evaluate_rules"):
    """A decision is wanted of the rule set ``rules`` over ``facts``."""

    decision: str
    node: str
    rules: str
    facts: dict[str, Any] = {}


class CancelDecision(Effect, frozen=True, tag="cancel_decision"):
    """The decision is no longer wanted."""

    decision: str


class StartProcess(Effect, frozen=True, tag="start_process"):
    """Start the definition ``process`` (``version`` 0: the latest); tell ``call`` how it ends."""

    call: str
    node: str
    process: str
    version: int = 0
    business_key: str = ""
    variables: dict[str, Any] = {}


class CancelCall(Effect, frozen=True, tag="cancel_call"):
    """Cancel the process that ``call`` started."""

    call: str


class SetTimer(Effect, frozen=True, tag="set_timer"):
    """Fire ``timer`` at ``due``; setting it again moves it."""

    timer: str
    node: str
    due: datetime
    purpose: str = "event"


class CancelTimer(Effect, frozen=True, tag="cancel_timer"):
    """The timer is no longer wanted."""

    timer: str


class OpenSubscription(Effect, frozen=True, tag="open_subscription"):
    """The process waits for a message (by ``name`` and correlation ``key``) or a signal (by ``name``)."""

    subscription: str
    node: str
    kind: str
    name: str
    key: str = ""


class CloseSubscription(Effect, frozen=True, tag="close_subscription"):
    """The process no longer waits for it."""

    subscription: str


class SendMessage(Effect, frozen=True, tag="send_message"):
    """Correlate a message to one receiver, or start a process with it."""

    node: str
    name: str
    key: str = ""
    variables: dict[str, Any] = {}


class BroadcastSignal(Effect, frozen=True, tag="broadcast_signal"):
    """Tell every other process, and start those that begin with it; this process has heard it already."""

    node: str
    name: str
    variables: dict[str, Any] = {}


class EscalateToCaller(Effect, frozen=True, tag="escalate_to_caller"):
    """An escalation was not caught here; the calling process may catch it."""

    node: str
    code: str


class RaiseIncident(Effect, frozen=True, tag="raise_incident"):
    """Something failed and waits to be retried."""

    incident: str
    node: str
    kind: str
    message: str
    token: str = ""


class ResolveIncident(Effect, frozen=True, tag="resolve_incident"):
    """The incident is over: retried, or overtaken."""

    incident: str


class PublishEvent(Effect, frozen=True, tag="publish_event"):
    """Say to the outside that ``event`` happened."""

    event: str
    node: str = ""
    data: dict[str, Any] = {}


class Transition(Effect, frozen=True, tag="transition"):
    """An entry of the history: a token ``entered``, ``completed``, ``passed`` (both at once), ``arrived`` at
    a join or was ``cancelled`` at ``node``, having come by ``flow``. ``counter`` numbers repeated instances.
    """

    kind: str
    node: str
    token: str
    scope: str
    flow: str = ""
    counter: int = 0


class MoveToken(Effect, frozen=True, tag="move_token"):
    """After a migration, what belongs to ``token`` (a task, job, decision or call) is at ``node``."""

    token: str
    node: str


class EndProcess(Effect, frozen=True, tag="end_process"):
    """The process ended: completed, terminated, error (with its code) or cancelled."""

    outcome: str
    error: str = ""
    variables: dict[str, Any] = {}


AnyEffect = (
    CreateTask
    | CompleteTask
    | ReassignTask
    | CancelTask
    | CreateJob
    | CancelJob
    | EvaluateRules
    | CancelDecision
    | StartProcess
    | CancelCall
    | SetTimer
    | CancelTimer
    | OpenSubscription
    | CloseSubscription
    | SendMessage
    | BroadcastSignal
    | EscalateToCaller
    | RaiseIncident
    | ResolveIncident
    | PublishEvent
    | Transition
    | MoveToken
    | EndProcess
)
