"""Scopes: the insides of sub-processes and of the process, from their first token to their last."""

from __future__ import annotations

from msgspec.structs import replace

from .arming import arm_event_subprocesses
from .cancelling import clear, forget
from .effects import EndProcess, PublishEvent
from .flow import enter
from .model import AnyElement, StartEvent, SubProcess
from .run import Run, is_event_subprocess, step
from .state import ROOT_SCOPE, Done, Scope, Token, Work


def open_scope(run: Run, token: Token, element: SubProcess) -> None:
    """The inside of a sub-process begins, with its own variables and event sub-processes armed."""
    scope = Scope(run.fresh(), element.id, token.scope, token.id, dict(element.variables))
    run.put(run.scopes, scope)
    run.rest(token, "scope")
    entries = [node for node in run.definition.entries[element.id] if begins(run.definition.nodes[node])]
    if element.ad_hoc is not None and element.ad_hoc.sequential:
        run.put(run.scopes, replace(scope, queue=entries[1:]))
        entries = entries[:1]
    run.push(*[enter(run, scope.id, node) for node in entries])
    arm_event_subprocesses(run, scope.id, element.id)
    if not entries:
        run.emptied[scope.id] = None


def begins(element: AnyElement) -> bool:
    """Whether a scope that is entered without an event begins at ``element``."""
    return not (isinstance(element, StartEvent) and element.events)


def open_event_subprocess(run: Run, scope: str, element: SubProcess, undoes: str = "") -> str:
    """An event sub-process begins in ``scope``; the inner scope's id. Its start event is up to the caller."""
    owner = Token(run.fresh(), scope, element.id, "scope", undoes=undoes)
    run.put(run.tokens, owner)
    run.record("entered", owner)
    inner = Scope(run.fresh(), element.id, scope, owner.id, dict(element.variables))
    run.put(run.scopes, inner)
    arm_event_subprocesses(run, inner.id, element.id)
    return inner.id


@step("settle")
def settle(run: Run, work: Work) -> None:
    """A scope in which nothing is left completes, and with it the sub-process or the process."""
    scope = run.scopes.get(work.data)
    if scope is None or run.population.get(scope.id) or scope.kept or run.status == "ended":
        return
    element = run.definition.nodes.get(scope.node)
    if scope.queue:
        run.put(run.scopes, replace(scope, queue=scope.queue[1:]))
        run.push(enter(run, scope.id, scope.queue[0]))
    elif any(key.startswith(f"{scope.id}:") for key in run.gateways):
        return  # a complex gateway is still to be reset, which may send tokens out
    elif scope.id == ROOT_SCOPE:
        end_process(run, "completed")
    else:
        owner = run.tokens[scope.token]
        _close(run, scope)
        if not is_event_subprocess(element):
            run.push(Work("complete", owner.id))
            return
        run.record("completed", owner)
        run.drop(run.tokens, owner)
        if owner.undoes:
            run.push(Work("undo", owner.undoes))


def _close(run: Run, scope: Scope) -> None:
    """The scope has completed: it is kept if it can be undone, else it is gone."""
    run.close_waits(scope=scope.id)
    if scope.node in run.definition.compensable:
        run.put(run.scopes, replace(scope, kept=True, queue=[]))
    else:
        forget(run, scope)
        run.drop(run.scopes, scope)


@step("ad_hoc")
def ad_hoc(run: Run, work: Work) -> None:
    """An activity of an ad-hoc sub-process is done: its completion condition may hold now.

    Then nothing more begins in it, and what is under way is cancelled or may finish.
    """
    token = run.tokens[work.token]
    scope = run.scopes[token.scope]
    element = run.definition.nodes[scope.node]
    assert isinstance(element, SubProcess)
    assert element.ad_hoc is not None
    if not element.ad_hoc.completion or not run.holds(element.ad_hoc.completion, scope=scope.id):
        run.push(Work("leave", token.id))
        return
    run.drop(run.tokens, token)
    if element.ad_hoc.cancel_remaining:
        clear(run, scope)
    elif scope.queue:
        run.put(run.scopes, replace(scope, queue=[]))


def remember(run: Run, token: Token) -> None:
    """Keeps what is needed to undo a completed activity, if something can undo it."""
    if token.node in run.definition.compensable:
        inner = next((row.id for row in run.scopes.values() if row.token == token.id), "")
        variables = {name: value for name, value in token.variables.items() if name != "loopCounter"}
        run.put(run.done, Done(run.fresh(), token.scope, token.node, inner, variables))


def end_process(run: Run, outcome: str, error: str = "") -> None:
    """The process is over, and whatever was still under way is called off."""
    root = run.scopes[ROOT_SCOPE]
    clear(run, root)
    run.close_waits(scope=ROOT_SCOPE)
    forget(run, root)
    run.stack.clear()
    run.deferred.clear()
    run.status, run.outcome, run.error = "ended", outcome, error
    run.emit(EndProcess(outcome, error, run.scopes[ROOT_SCOPE].variables))
    event = "workflow.process.cancelled" if outcome == "cancelled" else "workflow.process.completed"
    run.emit(PublishEvent(event, "", {"outcome": outcome, "error": error}))
