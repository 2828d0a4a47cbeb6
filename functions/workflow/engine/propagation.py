"""What is thrown reaches who catches it: signals everywhere, errors and escalations outwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cancelling import clear, kill
from .catching import BoundaryCatch, Catch, catcher, in_scope
from .effects import BroadcastSignal, EscalateToCaller, SendMessage
from .flow import enter
from .model import (
    AnyEvent,
    BoundaryEvent,
    ErrorEvent,
    EscalationEvent,
    MessageEvent,
    SignalEvent,
    StartEvent,
    SubProcess,
)
from .run import Run, step
from .scopes import end_process, open_event_subprocess
from .state import Scope, Token, Work


def boundary_happens(run: Run, token: Token, event: BoundaryEvent, *, interrupting: bool) -> None:
    """A boundary event happens at the activity where ``token`` is, which it may interrupt."""
    if interrupting:
        kill(run, token)
    run.push(enter(run, token.scope, event.id))


def event_subprocess_happens(
    run: Run,
    scope: Scope,
    subprocess: SubProcess,
    start: StartEvent,
    *,
    interrupting: bool,
    variables: Mapping[str, Any],
) -> None:
    """An event sub-process starts in ``scope``; an interrupting one is all that goes on in it."""
    if interrupting:
        clear(run, scope)
        for wait in [row for row in run.waits.values() if row.scope == scope.id and row.kind != "sla"]:
            run.close(wait)
    inner = open_event_subprocess(run, scope.id, subprocess)
    run.assign(variables, scope=inner)
    run.push(enter(run, inner, start.id))


def happen(run: Run, found: Catch, *, error: bool, variables: Mapping[str, Any]) -> None:
    """What was thrown happens to who catches it; an error always interrupts."""
    interrupting = error or found.event.interrupting
    if isinstance(found, BoundaryCatch):
        run.assign(variables, scope=found.token.scope)
        boundary_happens(run, found.token, found.event, interrupting=interrupting)
    else:
        event_subprocess_happens(
            run, found.scope, found.subprocess, found.event, interrupting=interrupting, variables=variables
        )


def listeners(run: Run, name: str, variables: Mapping[str, Any]) -> list[Work]:
    """The work that lets everything in this process that waits for a signal hear it."""
    waits = [row for row in run.waits.values() if row.kind == "signal" and row.name == name]
    return [Work("fire", wait=row.id, data=dict(variables)) for row in waits]


def broadcast(run: Run, name: str, variables: Mapping[str, Any], node: str) -> list[Work]:
    """Throws a signal, to this process at once and to all others by effect."""
    run.emit(BroadcastSignal(node, name, dict(variables)))
    return listeners(run, name, variables)


def escalate(run: Run, token: Token, code: str, *, at_activity: bool) -> None:
    """Throws an escalation from ``token``; one that nobody here catches goes to the caller, or unheard."""
    found = catcher(run, token, EscalationEvent, code, at_activity=at_activity)
    if found is None:
        run.emit(EscalateToCaller(token.node, code))
    else:
        happen(run, found, error=False, variables={})


def escalate_in_process(run: Run, scope: Scope, code: str) -> None:
    """Throws an escalation from the process as a whole."""
    found = in_scope(run, scope, EscalationEvent, code)
    if found is None:
        run.emit(EscalateToCaller("", code))
    else:
        happen(run, found, error=False, variables={})


@step("escalated")
def escalated(run: Run, work: Work) -> None:
    """An activity throws the escalation ``data``."""
    escalate(run, run.tokens[work.token], work.data, at_activity=True)


def throw_error(run: Run, token: Token, code: str) -> None:
    """An error event throws; uncaught, the process ends with the error."""
    found = catcher(run, token, ErrorEvent, code, at_activity=False)
    if found is None:
        end_process(run, "error", code)
    else:
        happen(run, found, error=True, variables={})


@step("activity_error")
def activity_error(run: Run, work: Work) -> None:
    """The activity at ``token`` failed with a BPMN error; uncaught, it becomes an incident."""
    token = run.tokens[work.token]
    code = work.data["code"]
    found = catcher(run, token, ErrorEvent, code, at_activity=True)
    if found is None:
        message = f"No event catches the error {code!r}: {work.data['message']}"
        run.raise_incident("uncaught_error", message, token, Work("body", token.id))
    else:
        happen(run, found, error=True, variables=work.data["variables"])


def throw_to_boundary(run: Run, token: Token, event: AnyEvent) -> list[Work]:
    """An event that a completing instance throws to the boundary of its activity (BPMN 2.0.2, table 10.30).

    It interrupts at most the instance that throws it, which is done: so an interrupting boundary event
    catches it and the other instances go on. Without such a boundary event it is thrown as usual.
    """
    caught = [
        boundary
        for boundary in run.definition.boundaries.get(token.node, ())
        if any(_same(run, token, event, other) for other in boundary.events)
    ]
    if caught:
        return [enter(run, token.scope, boundary.id) for boundary in caught]
    match event:
        case SignalEvent():
            return broadcast(run, run.name(event.name, token), {}, token.node)
        case MessageEvent():
            run.emit(SendMessage(token.node, run.name(event.name, token), run.name(event.key, token)))
            return []
        case EscalationEvent():
            return [Work("escalated", token.id, data=event.code)]
        case _:
            return []


def _same(run: Run, token: Token, thrown: AnyEvent, caught: AnyEvent) -> bool:
    if isinstance(thrown, (SignalEvent, MessageEvent)) and type(caught) is type(thrown):
        return run.text(thrown.name, token) == run.text(getattr(caught, "name", ""), token)
    if isinstance(thrown, EscalationEvent) and isinstance(caught, EscalationEvent):
        return caught.code in ("", thrown.code)
    return False
