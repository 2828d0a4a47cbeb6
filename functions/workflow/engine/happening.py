"""Events that are waited for, and what follows when they happen (BPMN 2.0.2, 13.5.1 and 13.4.6)."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from .arming import Owner, arm, next_occurrence, subscribe
from .effects import CloseSubscription, PublishEvent, ReassignTask, SetTimer
from .expressions import MissingVariable
from .flow import entering, pass_through
from .model import (
    AnyEvent,
    BoundaryEvent,
    CatchEvent,
    ConditionalEvent,
    Event,
    EventBasedGateway,
    LinkEvent,
    ReceiveTask,
    Sla,
    StartEvent,
    SubProcess,
    TimerEvent,
    UserTask,
)
from .propagation import boundary_happens, escalate, escalate_in_process, event_subprocess_happens
from .run import Run, step
from .state import Token, Wait, Work


@entering(StartEvent, BoundaryEvent)
def at_event_that_happened(run: Run, token: Token, element: Event, flow: str) -> None:  # noqa: ARG001
    """A start or boundary event has a token once it has happened."""
    pass_through(run, token, flow)


@entering(CatchEvent)
def at_catch_event(run: Run, token: Token, element: CatchEvent, flow: str) -> None:
    """Waits for the event, unless it is a link's other end."""
    if not element.events or any(isinstance(event, LinkEvent) for event in element.events):
        pass_through(run, token, flow)
        return
    run.record("entered", token, flow)
    arm(run, element.events, element.id, token=token)
    run.rest(token, "event")


@entering(EventBasedGateway)
def at_event_based_gateway(run: Run, token: Token, element: EventBasedGateway, flow: str) -> None:
    """Waits for the events that follow the gateway, all on behalf of the token at it."""
    run.record("entered", token, flow)
    arm_alternatives(run, token, element)
    run.rest(token, "gateway")


def arm_alternatives(run: Run, token: Token, element: EventBasedGateway, happened: str = "") -> None:
    """Waits for every event that follows the gateway, but for one that has happened already."""
    for flow in run.definition.outgoing[element.id]:
        target = run.definition.nodes[flow.target]
        if target.id == happened:
            continue
        if isinstance(target, CatchEvent):
            arm(run, target.events, target.id, token=token)
        elif isinstance(target, ReceiveTask) and target.message is not None:
            subscribe(run, target.message, Owner(target.id, token, token.scope))


@step("test")
def test(run: Run, work: Work) -> None:
    """Looks whether a conditional event happens now: it does when its condition becomes true.

    A condition over a variable that does not exist yet does not hold yet.
    """
    wait = run.waits.get(work.wait)
    if wait is None:
        return
    event = event_of(run, wait)
    assert isinstance(event, ConditionalEvent)
    try:
        true = run.holds(event.condition, run.tokens.get(wait.token), wait.scope)
    except MissingVariable:
        true = False
    if true != wait.true:
        run.put(run.waits, replace(wait, true=true))
        if true:
            run.push(Work("fire", wait=wait.id))


def event_of(run: Run, wait: Wait) -> AnyEvent | None:
    """The event definition that is waited for; none for a receive task's message and for service levels."""
    element = run.definition.nodes.get(wait.node)
    return element.events[wait.event] if isinstance(element, Event) else None


@step("fire")
def fire(run: Run, work: Work) -> None:
    """An event that was waited for happens, with the variables that come with it."""
    wait = run.waits.get(work.wait)
    if wait is None:
        return
    if wait.kind == "sla":
        _service_level(run, wait)
        return
    element = run.definition.nodes[wait.node]
    variables = work.data or {}
    starts_scope = isinstance(element, StartEvent) and not wait.token
    if not starts_scope and not isinstance(element, ReceiveTask):
        run.assign(variables, scope=wait.scope)
    if _others_missing(run, wait, element):
        _spend(run, wait)
        return
    match element:
        case BoundaryEvent():
            _boundary(run, wait, element)
        case StartEvent() if not wait.token:
            _event_subprocess(run, wait, element, variables)
        case _:
            _caught(run, wait, variables)


def _others_missing(run: Run, wait: Wait, element: Any) -> bool:
    """Whether a parallel multiple event still waits for another of its events."""
    if not isinstance(element, Event) or not element.parallel:
        return False
    return any(
        row.id != wait.id and (row.node, row.token, row.scope) == (wait.node, wait.token, wait.scope)
        for row in run.waits.values()
    )


def _spend(run: Run, wait: Wait) -> None:
    """The event has happened and is not waited for again."""
    run.drop(run.waits, wait)
    if wait.kind in ("message", "signal"):
        run.emit(CloseSubscription(wait.id))


def _again(run: Run, wait: Wait, element: BoundaryEvent | StartEvent) -> None:
    """The event can happen once more, if it is of a kind that can."""
    if element.parallel:
        _spend(run, wait)
        arm(run, element.events, element.id, token=run.tokens.get(wait.token), scope=wait.scope)
    elif wait.kind == "timer":
        _repeat(run, wait)


def _repeat(run: Run, wait: Wait) -> bool:
    """Sets a cyclic timer anew; whether it was not the last time."""
    event = event_of(run, wait)
    assert isinstance(event, TimerEvent)
    due = next_occurrence(run, wait, event)
    if due is None:
        _spend(run, wait)
        return False
    run.put(run.waits, replace(wait, due=due, fired=wait.fired + 1))
    run.emit(SetTimer(wait.id, wait.node, due))
    return True


def _boundary(run: Run, wait: Wait, element: BoundaryEvent) -> None:
    if element.interrupting:
        _spend(run, wait)
    else:
        _again(run, wait, element)
    boundary_happens(run, run.tokens[wait.token], element, interrupting=element.interrupting)


def _event_subprocess(run: Run, wait: Wait, element: StartEvent, variables: dict[str, Any]) -> None:
    if element.interrupting:
        _spend(run, wait)
    else:
        _again(run, wait, element)
    subprocess = run.definition.nodes[run.definition.scope_of[element.id]]
    assert isinstance(subprocess, SubProcess)
    event_subprocess_happens(
        run,
        run.scopes[wait.scope],
        subprocess,
        element,
        interrupting=element.interrupting,
        variables=variables,
    )


def _caught(run: Run, wait: Wait, variables: dict[str, Any]) -> None:
    """A token that waited for this event goes on: from the event it is at, or from the gateway before it."""
    token = run.tokens[wait.token]
    element = run.node(token)
    if isinstance(element, EventBasedGateway):
        _alternative(run, wait, token, element, variables)
    elif isinstance(element, ReceiveTask):
        _spend(run, wait)
        run.push(Work("complete", token.id, data=variables))
    elif wait.kind == "timer" and wait.cycle and _repeat(run, wait):
        row = run.put(run.tokens, Token(run.fresh(), token.scope, token.node))
        run.record("passed", row)
        run.push(Work("leave", row.id))
    else:
        if wait.id in run.waits:
            _spend(run, wait)
        run.close_waits(token=token.id)
        run.record("completed", token)
        run.push(Work("leave", run.rest(token, "").id))


def _alternative(
    run: Run, wait: Wait, token: Token, element: EventBasedGateway, variables: dict[str, Any]
) -> None:
    """One of the events after an event-based gateway: the others are off, unless all of them are wanted."""
    _spend(run, wait)
    for row in [row for row in run.waits.values() if row.token == token.id]:
        if row.node == wait.node or not element.parallel:
            run.close(row)
    moved = run.put(run.tokens, Token(run.fresh(), token.scope, wait.node))
    if not any(row.token == token.id for row in run.waits.values()):
        run.record("completed", token)
        run.drop(run.tokens, token)
    run.record("passed", moved)
    target = run.definition.nodes[wait.node]
    if isinstance(target, ReceiveTask):
        run.push(Work("complete", moved.id, data=variables))
    else:
        run.push(Work("leave", moved.id))


def _service_level(run: Run, wait: Wait) -> None:
    """A service level's warning or breach: it is said, and a breach escalates as the model wants."""
    run.drop(run.waits, wait)
    token = run.tokens.get(wait.token)
    sla: Sla | None = run.definition.process.sla
    if token is not None:
        sla = getattr(run.node(token), "sla", None)
    assert sla is not None
    breached = wait.name == "breach"
    data = {"target": sla.target, "token": wait.token}
    run.emit(PublishEvent(f"workflow.sla.{'breached' if breached else 'warned'}", wait.node, data))
    if not breached:
        return
    if token is not None and sla.reassign_to and isinstance(run.node(token), UserTask):
        roles = run.texts(sla.reassign_to, token)
        rows = [row for row in run.tokens.values() if token.id in (row.id, row.instance_of)]
        for row in rows:
            if row.waits == "task":
                run.emit(ReassignTask(row.id, roles))
    if sla.escalation and token is not None:
        escalate(run, token, run.text(sla.escalation, token), at_activity=True)
    elif sla.escalation:
        escalate_in_process(run, run.scopes[wait.scope], run.text(sla.escalation))


@step("await")
def awaiting(run: Run, work: Work) -> None:
    """A token whose first event started the process waits for the others."""
    token = run.tokens[work.token]
    if not any(row.token == token.id for row in run.waits.values()):
        run.push(Work("leave", token.id))
