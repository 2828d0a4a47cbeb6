"""Taking tokens and scopes away, with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Callable

from .effects import AnyEffect, CancelCall, CancelDecision, CancelJob, CancelTask
from .run import Run, done_in
from .state import Done, Scope, Token

_CANCEL: dict[str, Callable[[str], AnyEffect]] = {
    "task": CancelTask,
    "job": CancelJob,
    "rules": CancelDecision,
    "call": CancelCall,
}


def kill(run: Run, token: Token) -> None:
    """The token is gone, and its work is called off: instances, scopes inside, waits, handlers, incidents."""
    if token.id not in run.tokens:
        return
    run.drop(run.tokens, token)
    if token.loop is not None or token.undo is not None:
        for row in [row for row in run.tokens.values() if token.id in (row.instance_of, row.undoes)]:
            kill(run, row)
    if token.waits == "scope":
        for scope in [row for row in run.scopes.values() if row.token == token.id]:
            kill_scope(run, scope)
    run.close_waits(token=token.id)
    incidents = [row for row in run.incidents.values() if row.token == token.id]
    called_off = token.waits
    for incident in incidents:
        run.resolve(incident)
        if incident.work is not None and incident.kind == "job_failed":
            called_off = "job"
    if called_off in _CANCEL:
        run.emit(_CANCEL[called_off](token.id))
    run.record("cancelled", token)


def clear(run: Run, scope: Scope, *, spare: str = "") -> None:
    """Everything under way in the scope is called off, but for the token ``spare``; the scope stays."""
    for token in [row for row in run.tokens.values() if row.scope == scope.id and row.id != spare]:
        kill(run, token)
    for arrival in [row for row in run.arrivals.values() if row.scope == scope.id]:
        run.drop(run.arrivals, arrival)
    for key in [key for key in run.gateways if key.startswith(f"{scope.id}:")]:
        run.mark(key, None)
    run.resolve_if(lambda incident: incident.scope == scope.id and not incident.token)
    if scope.queue:
        run.put(run.scopes, _without_queue(run.scopes[scope.id]))


def _without_queue(scope: Scope) -> Scope:
    return Scope(scope.id, scope.node, scope.parent, scope.token, scope.variables, scope.kept)


def kill_scope(run: Run, scope: Scope) -> None:
    """The scope is gone with all that is in it."""
    clear(run, scope)
    run.close_waits(scope=scope.id)
    forget(run, scope)
    run.drop(run.scopes, scope)


def forget(run: Run, scope: Scope) -> None:
    """What was completed in the scope can no longer be undone."""
    for row in done_in(run, scope.id):
        discard(run, row)


def discard(run: Run, row: Done) -> None:
    """One completed activity can no longer be undone."""
    run.drop(run.done, row)
    inner = run.scopes.get(row.inner)
    if inner is not None:
        kill_scope(run, inner)
