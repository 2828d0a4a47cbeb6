"""Events that are thrown (BPMN 2.0.2, 13.5.2 to 13.5.7).

Within one advance, signals and messages are thrown after everything else has come to rest, so that a branch
which is about to listen does hear a branch that runs beside it.
"""

from __future__ import annotations

from .activities import send
from .cancelling import clear
from .compensation import cancel_transaction, compensate
from .flow import enter, entering
from .model import (
    CancelEvent,
    CompensationEvent,
    EndEvent,
    ErrorEvent,
    EscalationEvent,
    LinkEvent,
    MessageEvent,
    SignalEvent,
    TerminateEvent,
    ThrowEvent,
)
from .propagation import broadcast, escalate, throw_error
from .run import ModelFailure, Run, step
from .scopes import end_process
from .state import ROOT_SCOPE, Token, Work


@entering(ThrowEvent, EndEvent)
def at_throwing(run: Run, token: Token, element: ThrowEvent | EndEvent, flow: str) -> None:
    """A token comes to an event that throws, or that only marks that it was reached."""
    run.record("passed", token, flow)
    work = Work("throw", token.id, data=0)
    if any(isinstance(event, (SignalEvent, MessageEvent)) for event in element.events):
        run.deferred.append(work)
    else:
        run.push(work)


@step("throw")
def throw(run: Run, work: Work) -> None:
    """Throws the event at place ``data`` of the node, then the following ones; then the token goes on."""
    token = run.tokens[work.token]
    element = run.node(token)
    assert isinstance(element, (ThrowEvent, EndEvent))
    if work.data >= len(element.events):
        if isinstance(element, ThrowEvent):
            run.push(Work("leave", token.id))
        else:
            run.drop(run.tokens, token)
        return
    following = Work("throw", token.id, data=work.data + 1)
    match element.events[work.data]:
        case SignalEvent() as event:
            payload = {name: run.evaluate(source, token) for name, source in event.payload.items()}
            run.push(*broadcast(run, run.name(event.name, token), payload, element.id), following)
        case MessageEvent() as event:
            send(run, token, event)
            run.push(following)
        case EscalationEvent() as event:
            run.push(following)
            escalate(run, token, run.text(event.code, token), at_activity=False)
        case ErrorEvent() as event:
            throw_error(run, token, run.text(event.code, token))
        case CompensationEvent() as event:
            compensate(run, token, event, following)
        case CancelEvent():
            cancel_transaction(run, token)
        case TerminateEvent():
            _terminate(run, token)
        case LinkEvent() as event:
            target = run.definition.links[run.definition.scope_of[element.id], event.name]
            run.drop(run.tokens, token)
            run.push(enter(run, token.scope, target))
        case event:
            raise ModelFailure("event", f"{element.id!r} cannot throw a {type(event).__name__}.")


def _terminate(run: Run, token: Token) -> None:
    """Ends the scope that the event stands in; of the process, everything."""
    if token.scope == ROOT_SCOPE:
        run.drop(run.tokens, token)
        end_process(run, "terminated")
        return
    clear(run, run.scopes[token.scope], spare=token.id)
    run.drop(run.tokens, token)
