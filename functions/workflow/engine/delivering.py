"""What each trigger means for a process: checked against what it waits for, then turned into work."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from common.errors import Conflict

from .activities import named
from .effects import CompleteTask
from .model import BusinessRuleTask
from .propagation import listeners
from .run import Run, step
from .scopes import end_process
from .state import Token, Wait, Work
from .triggers import (
    AnyTrigger,
    CallEnded,
    CallEscalated,
    Cancelled,
    DecisionCompleted,
    DecisionFailed,
    IncidentRetried,
    JobCompleted,
    JobFailed,
    MessageReceived,
    SignalReceived,
    TaskCompleted,
    TaskEscalated,
    TimerFired,
    VariablesSet,
)

HELD = (
    CallEnded,
    CallEscalated,
    DecisionCompleted,
    DecisionFailed,
    JobCompleted,
    JobFailed,
    MessageReceived,
    SignalReceived,
    TimerFired,
)
"""What a suspended process keeps until it is resumed, because it will not be told twice."""


class TriggerRefused(Conflict):
    """The process is not in a state for this; ``reason`` is ended, suspended or not_waiting."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail, reason=reason)
        self.reason = reason


def deliver(run: Run, trigger: AnyTrigger) -> None:
    """Schedules what the trigger causes, or refuses it."""
    match trigger:
        case TaskCompleted():
            token = _waiting(run, trigger.task, "task", "task")
            run.emit(CompleteTask(token.id))
            run.push(Work("complete", token.id, data=trigger.variables))
        case TaskEscalated():
            run.push(Work("escalated", _waiting(run, trigger.task, "task", "task").id, data=trigger.code))
        case JobCompleted():
            token = _waiting(run, trigger.job, "job", "job")
            run.push(Work("complete", token.id, data=trigger.variables))
        case JobFailed():
            _job_failed(run, trigger)
        case DecisionCompleted():
            token = _waiting(run, trigger.decision, "rules", "decision")
            run.push(Work("decided", token.id, data=trigger.outputs))
        case DecisionFailed():
            token = _waiting(run, trigger.decision, "rules", "decision")
            run.raise_incident("rules_failed", trigger.message, token, Work("body", token.id))
        case CallEnded():
            _call_ended(run, trigger)
        case CallEscalated():
            run.push(Work("escalated", _waiting(run, trigger.call, "call", "call").id, data=trigger.code))
        case TimerFired():
            run.push(Work("fire", wait=_due(run, trigger).id))
        case MessageReceived():
            wait = _awaited(run, trigger.subscription, ("message",), "subscription")
            run.push(Work("fire", wait=wait.id, data=trigger.variables))
        case SignalReceived():
            run.push(*listeners(run, trigger.name, trigger.variables))
        case VariablesSet():
            run.assign(trigger.variables)
        case IncidentRetried():
            _retry(run, trigger)
        case Cancelled():
            end_process(run, "cancelled")
        case _:
            raise TriggerRefused("not_waiting", f"A running process cannot take {type(trigger).__name__}.")


def _waiting(run: Run, token: str, waits: str, what: str) -> Token:
    row = run.tokens.get(token)
    if row is None or row.waits != waits:
        raise TriggerRefused("not_waiting", f"The {what} {token} is not open: it was completed or cancelled.")
    return row


def _awaited(run: Run, wait: str, kinds: tuple[str, ...], what: str) -> Wait:
    row = run.waits.get(wait)
    if row is None or row.kind not in kinds:
        raise TriggerRefused(
            "not_waiting", f"The {what} {wait} is closed: it has happened or was called off."
        )
    return row


def _due(run: Run, trigger: TimerFired) -> Wait:
    wait = _awaited(run, trigger.timer, ("timer", "sla"), "timer")
    assert wait.due is not None
    if trigger.at < wait.due:
        raise TriggerRefused("not_waiting", f"The timer {wait.id} is not due before {wait.due.isoformat()}.")
    return wait


def _job_failed(run: Run, trigger: JobFailed) -> None:
    token = _waiting(run, trigger.job, "job", "job")
    if trigger.error:
        data: dict[str, Any] = {"code": trigger.error, "message": trigger.message}
        run.push(Work("activity_error", token.id, data={**data, "variables": trigger.variables}))
    else:
        data = {"message": trigger.message, "final": trigger.final}
        run.push(Work("job_failed", token.id, data=data))


def _call_ended(run: Run, trigger: CallEnded) -> None:
    token = _waiting(run, trigger.call, "call", "call")
    if trigger.outcome in ("completed", "terminated"):
        run.push(Work("complete", token.id, data=trigger.variables))
    elif trigger.outcome == "error":
        message = trigger.message or f"The called process ended with the error {trigger.error!r}."
        data = {"code": trigger.error, "message": message, "variables": {}}
        run.push(Work("activity_error", token.id, data=data))
    else:
        message = trigger.message or f"The called process was {trigger.outcome}."
        run.raise_incident("call_failed", message, token, Work("body", token.id))


def _retry(run: Run, trigger: IncidentRetried) -> None:
    incident = run.incidents.get(trigger.incident)
    if incident is None:
        raise TriggerRefused("not_waiting", f"The incident {trigger.incident} is over.")
    run.resolve(incident)
    token = run.tokens.get(incident.token)
    run.assign(trigger.variables, token, incident.scope)
    if token is not None:
        run.put(run.tokens, replace(run.tokens[token.id], waits="", attempts=0))
    if incident.work is not None:
        run.push(incident.work)


@step("decided")
def decided(run: Run, work: Work) -> None:
    """The rules have answered a business rule task."""
    token = run.tokens[work.token]
    element = run.node(token)
    assert isinstance(element, BusinessRuleTask)
    run.push(Work("complete", token.id, data=named(element.result, work.data, element)))
