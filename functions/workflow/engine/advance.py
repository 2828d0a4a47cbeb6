"""The one function that moves a process: ``advance``."""

from __future__ import annotations

from datetime import UTC

import msgspec
from msgspec.structs import replace

from . import throwing  # noqa: F401  (registers its steps)
from .delivering import HELD, TriggerRefused, deliver
from .effects import AnyEffect
from .expressions import Environment, ExpressionError
from .graph import Definition
from .joins import fire_when_nothing_comes, stuck
from .run import STEPS, ModelFailure, Run
from .starting import begin
from .state import Incident, State, Work
from .triggers import AnyTrigger, Cancelled, Resumed, Start, Suspended

MAX_STEPS = 100_000
"""The most steps of one advance; a model that takes more without waiting for anything never ends."""

_DEFAULT = Environment()


class Advance(msgspec.Struct, frozen=True):
    """What an advance gives: the next state, and what to carry out, in order."""

    state: State
    effects: list[AnyEffect]


def advance(
    definition: Definition,
    state: State | None,
    trigger: AnyTrigger,
    environment: Environment = _DEFAULT,
) -> Advance:
    """The state after ``trigger``, and the effects of it. Pure: the same arguments give the same result.

    ``state`` is nothing for ``Start`` only. Raises TriggerRefused (409) when the process cannot take the
    trigger, such as the completion of a task that is no longer open; the state is then as it was. What fails
    inside, an expression or a missing flow, is no exception but an incident in the state.
    """
    if isinstance(trigger, Start):
        return _start(definition, state, trigger, environment)
    if state is None:
        raise TriggerRefused("not_waiting", "The process has not been started.")
    if state.status == "ended":
        raise TriggerRefused("ended", f"The process has ended ({state.outcome}).")
    if state.status == "suspended" and not isinstance(trigger, (Resumed, Cancelled)):
        return Advance(_hold(definition, state, trigger, environment), [])
    run = Run(definition, state, trigger.at.astimezone(UTC), environment)
    held: list[AnyTrigger] = state.held
    match trigger:
        case Suspended():
            run.status = "suspended"
        case Resumed():
            held = _resume(run, state)
        case _:
            deliver(run, trigger)
            _drain(run)
    return Advance(replace(run.state(), held=held), run.effects)


def _start(definition: Definition, state: State | None, trigger: Start, environment: Environment) -> Advance:
    if state is not None:
        raise TriggerRefused("not_waiting", "The process has been started already.")
    at = trigger.at.astimezone(UTC)
    empty = State(trigger.process, definition.process.key, at, trigger.business_key)
    run = Run(definition, empty, at, environment)
    run.attempt(lambda run, _: begin(run, trigger), Work("begin"))
    _drain(run)
    return Advance(run.state(), run.effects)


def _hold(definition: Definition, state: State, trigger: AnyTrigger, environment: Environment) -> State:
    """Keeps what happens to a suspended process, once it is clear that the process waits for it."""
    if not isinstance(trigger, HELD):
        raise TriggerRefused("suspended", "The process is suspended; resume it first.")
    deliver(Run(definition, state, trigger.at.astimezone(UTC), environment), trigger)
    if any(replace(row, at=trigger.at) == trigger for row in state.held):
        raise TriggerRefused("not_waiting", "That has happened already; it waits for the process to resume.")
    return replace(state, held=[*state.held, trigger])


def _resume(run: Run, state: State) -> list[AnyTrigger]:
    """Goes on with what was held, in the order it came; what an earlier one made pointless is left out."""
    if state.status != "suspended":
        raise TriggerRefused("not_waiting", "The process is not suspended.")
    run.status = "active"
    for trigger in state.held:
        if run.status == "active":
            try:
                deliver(run, trigger)
            except TriggerRefused:
                continue
            _drain(run)
    return []


def _drain(run: Run) -> None:
    """Works until everything rests: joins that wait for what cannot come any more fire before events are
    thrown, and thrown events come last.
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
