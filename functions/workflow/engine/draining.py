"""Working until everything rests: the loop at the heart of an advance."""

from __future__ import annotations

from . import activities, happening, throwing  # noqa: F401  (each registers its steps)
from .expressions import ExpressionError
from .joins import fire_when_nothing_comes, stuck
from .run import STEPS, ModelFailure, Run
from .state import Incident, Work

MAX_STEPS = 100_000
"""The most steps of one advance; a model that takes more without waiting for anything never ends."""


def drain(run: Run) -> None:
    """Does the scheduled work and all that follows from it.

    Joins that wait for what cannot come any more fire once nothing else moves; thrown events come last.
    """
    steps = 0
    while run.status != "ended":
        _notice(run)
        if run.stack:
            work = run.stack.pop()
        elif fire_when_nothing_comes(run):
            continue
        elif run.deferred:
            work = run.deferred.popleft()
        else:
            _report_stuck(run)
            return
        if work.token and work.token not in run.tokens:
            continue
        steps += 1
        if steps > MAX_STEPS:
            _fail(run, work, "endless_loop", f"More than {MAX_STEPS} steps without waiting for anything.")
        else:
            _do(run, work)


def _notice(run: Run) -> None:
    """Looks after scopes that have become empty, and conditions over variables that have changed."""
    if run.changed:
        run.changed = False
        waits = [row.id for row in run.waits.values() if row.kind == "condition"]
        run.push(*[Work("test", wait=wait) for wait in waits])
    if run.emptied:
        scopes = [scope for scope in run.emptied if not run.population.get(scope)]
        run.emptied.clear()
        run.push(*[Work("settle", data=scope) for scope in scopes])


def _do(run: Run, work: Work) -> None:
    try:
        run.attempt(STEPS[work.op], work)
    except ModelFailure as failure:
        _fail(run, work, failure.kind, str(failure))
    except ExpressionError as failure:
        _fail(run, work, "expression", str(failure))


def _fail(run: Run, work: Work, kind: str, message: str) -> None:
    """The work becomes an incident, of the token, the wait or the scope that it is about."""
    if work.token:
        run.raise_incident(kind, message, run.tokens[work.token], work)
        return
    if any(incident.work == work for incident in run.incidents.values()):
        return
    if work.wait:
        wait = run.waits[work.wait]
        scope, node = wait.scope, wait.node
    elif isinstance(work.data, list):
        scope, node = work.data
    else:
        scope, node = work.data, run.scopes[work.data].node
    run.incident(Incident(run.fresh(), kind, message, node, scope=scope, work=work))


def _report_stuck(run: Run) -> None:
    """A join that waits for what can no longer come is an incident, said once."""
    known = {(row.scope, row.node) for row in run.incidents.values() if row.kind == "stuck_join"}
    for scope, node in stuck(run) if run.arrivals else ():
        if (scope, node) not in known:
            message = f"The join {node!r} waits for a token that can no longer come; migrate or cancel."
            run.incident(Incident(run.fresh(), "stuck_join", message, node, scope=scope))
