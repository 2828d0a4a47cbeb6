"""The one function that moves a process: ``advance``."""

from __future__ import annotations

from datetime import UTC

import msgspec
from msgspec.structs import replace

from common.errors import Invalid

from .delivering import HELD, TriggerRefused, deliver
from .draining import drain
from .effects import AnyEffect
from .expressions import Environment, ExpressionError
from .graph import Definition
from .run import ModelFailure, Run
from .starting import begin
from .state import State, Work
from .triggers import AnyTrigger, Cancelled, Resumed, Start, Suspended

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
    trigger, such as the completion of a task that is no longer open, and Invalid (422) when it cannot start;
    the state is then as it was. What fails later on, an expression or a missing flow, is no exception but an
    incident in the state.
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
            drain(run)
    return Advance(replace(run.state(), held=held), run.effects)


def _start(definition: Definition, state: State | None, trigger: Start, environment: Environment) -> Advance:
    if state is not None:
        raise TriggerRefused("not_waiting", "The process has been started already.")
    at = trigger.at.astimezone(UTC)
    empty = State(trigger.process, definition.process.key, at, trigger.business_key)
    run = Run(definition, empty, at, environment)
    try:
        run.attempt(lambda run, _: begin(run, trigger), Work("begin"))
    except (ModelFailure, ExpressionError) as failure:
        raise Invalid.at("/variables", f"The process cannot start: {failure}") from failure
    drain(run)
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
            drain(run)
    return []
