"""Compensation: undoing what has completed, in the reverse order of its completion (BPMN 2.0.2, 13.5.5).

One token does the undoing. It lists what is to be undone, starts one handler after the other and waits for
each; a completed sub-process without a handler of its own is undone by undoing what was done inside it.
"""

from __future__ import annotations

from msgspec.structs import replace

from .cancelling import clear, discard, kill
from .catching import at_boundary
from .flow import enter
from .model import CancelEvent, CompensationEvent, SubProcess
from .run import Run, done_in, is_event_subprocess, step
from .scopes import open_event_subprocess
from .state import Done, Token, Undo, Work


def compensate(run: Run, token: Token, event: CompensationEvent, following: Work) -> None:
    """Undoes what ``event`` names, then (or without ``wait`` meanwhile) does the ``following`` work."""
    pending = [row.id for row in _visible(run, token) if event.activity in ("", row.node)]
    if not pending:
        run.push(following)
    elif event.wait:
        _begin(run, token, pending, following.data)
    else:
        aside = run.put(run.tokens, Token(run.fresh(), token.scope, token.node))
        run.push(following)
        _begin(run, aside, pending, 0, detached=True)


def cancel_transaction(run: Run, token: Token) -> None:
    """A transaction is cancelled: what runs in it stops, what completed in it is undone, then it is left."""
    scope = run.scopes[token.scope]
    clear(run, scope, spare=token.id)
    pending = [row.id for row in done_in(run, scope.id)]
    _begin(run, token, pending, 0)


def _begin(run: Run, token: Token, pending: list[str], event: int, *, detached: bool = False) -> None:
    run.put(run.tokens, replace(token, waits="undo", undo=Undo(pending, event, detached)))
    run.push(Work("undo", token.id))


def _visible(run: Run, token: Token) -> list[Done]:
    """What an event at ``token`` can undo: the work of its scope, and of what an event sub-process is in."""
    busy = {row for other in run.tokens.values() if other.undo is not None for row in other.undo.pending}
    scope = run.scopes[token.scope]
    rows = done_in(run, scope.id)
    while scope.parent and is_event_subprocess(run.definition.nodes[scope.node]):
        scope = run.scopes[scope.parent]
        rows += done_in(run, scope.id)
    return sorted((row for row in rows if row.id not in busy), key=lambda row: int(row.id))


@step("undo")
def undo(run: Run, work: Work) -> None:
    """The undoing token starts the next handler, or goes on when everything is undone."""
    token = run.tokens[work.token]
    plan = token.undo
    assert plan is not None
    pending = list(plan.pending)
    if plan.running:
        _discard(run, pending.pop())
    started: Work | None = None
    while pending and started is None:
        row = run.done.get(pending[-1])
        inner = done_in(run, row.inner) if row is not None and row.inner else []
        if row is None or (not _has_handler(run, row) and not inner):
            _discard(run, pending.pop())
        elif not _has_handler(run, row):
            pending += [each.id for each in inner]
        else:
            started = _handler(run, row, token)
    if started is not None:
        run.put(run.tokens, replace(token, undo=replace(plan, pending=pending, running=True)))
        run.push(started)
    else:
        _finish(run, token, plan)


def _has_handler(run: Run, row: Done) -> bool:
    return bool(run.definition.handler(row.node) or run.definition.compensation_start(row.node))


def _handler(run: Run, row: Done, token: Token) -> Work:
    """Starts what undoes ``row``: the handler at its boundary, or the event sub-process inside it."""
    handler = run.definition.handler(row.node)
    inner = run.scopes.get(row.inner)
    if handler:
        variables = {**(inner.variables if inner else {}), **row.variables}
        return enter(run, row.scope, handler, variables=variables, undoes=token.id)
    subprocess = run.definition.nodes[run.definition.compensation_start(row.node)]
    assert isinstance(subprocess, SubProcess)
    start = run.definition.entries[subprocess.id][0]
    scope = open_event_subprocess(run, row.inner, subprocess, undoes=token.id)
    return enter(run, scope, start)


def _discard(run: Run, row: str) -> None:
    done = run.done.get(row)
    if done is not None:
        discard(run, done)


def _finish(run: Run, token: Token, plan: Undo) -> None:
    if plan.detached:
        run.drop(run.tokens, token)
        return
    token = run.put(run.tokens, replace(token, waits="", undo=None))
    events = getattr(run.node(token), "events", [])
    if any(isinstance(event, CancelEvent) for event in events):
        run.push(Work("transaction_cancelled", token.id))
    else:
        run.push(Work("throw", token.id, data=plan.event))


@step("transaction_cancelled")
def transaction_cancelled(run: Run, work: Work) -> None:
    """The transaction has been undone: it ends, and its cancel boundary event takes over."""
    token = run.tokens[work.token]
    owner = run.owner(run.scopes[token.scope])
    assert owner is not None
    outer = run.outermost(owner)
    found = at_boundary(run, outer, CancelEvent)
    kill(run, outer)
    if found is not None:
        run.push(enter(run, outer.scope, found.event.id))
