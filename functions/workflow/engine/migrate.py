"""Moving a running process onto another version of its definition: all of it, or none with the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from .arming import arm
from .draining import drain
from .effects import AnyEffect, MoveToken
from .expressions import Environment, ExpressionError
from .faults import Fault
from .graph import Definition
from .joins import recheck
from .model import (
    ROOT,
    Activity,
    AnyElement,
    Event,
    EventBasedGateway,
    MultiInstance,
)
from .run import ModelFailure, Run
from .state import Arrival, Done, Incident, Scope, State, Token, Wait, Work

_DEFAULT = Environment()


class Migration(msgspec.Struct, frozen=True):
    """The migrated state with its effects, or no state and the ``reasons`` why not."""

    state: State | None
    effects: list[AnyEffect]
    reasons: list[Fault]


def migrate(
    source: Definition,
    target: Definition,
    state: State,
    *,
    at: datetime,
    mapping: Mapping[str, str] | None = None,
    environment: Environment = _DEFAULT,
) -> Migration:
    """Moves ``state`` from ``source`` to ``target``. Pure, so leaving the result unused is a dry run.

    ``mapping`` gives new ids for elements and flows that are called otherwise in the target. Each place where
    something waits must have a counterpart of the same kind in the same sub-process. New boundary events and
    event sub-processes are armed; a boundary event that has happened already is not armed again.
    """
    names = dict(mapping or {})
    reasons = _reasons(source, target, state, names)
    if reasons:
        return Migration(None, [], reasons)
    run = Run(target, _renamed(state, names), at.astimezone(UTC), environment)
    try:
        _rearm(run, source, names)
    except (ModelFailure, ExpressionError) as failure:
        return Migration(None, [], [Fault("", "event", f"A new event cannot be waited for: {failure}")])
    for token in run.tokens.values():
        if token.node != state.tokens[token.id].node:
            run.emit(MoveToken(token.id, token.node))
    run.resolve_if(_about_a_join)
    if run.status == "active":
        recheck(run)
        drain(run)
    return Migration(run.state(), run.effects, [])


# -- whether it can be done --------------------------------------------------------------------------------


def _reasons(source: Definition, target: Definition, state: State, names: dict[str, str]) -> list[Fault]:
    found: list[Fault] = []
    if state.status == "ended":
        found.append(Fault("", "ended", "The process has ended; there is nothing to migrate."))
    for name in names:
        if name not in source.nodes and name not in source.flows:
            message = "The mapping names an element that the process does not have."
            found.append(Fault(name, "mapping", message))
    for scope in state.scopes.values():
        if scope.node != ROOT:
            found += _place(source, target, scope.node, names)
    for token in state.tokens.values():
        found += _place(source, target, token.node, names)
        found += _token(source, target, token, names)
    for arrival in state.arrivals.values():
        found += _place(source, target, arrival.node, names)
        flow = target.flows.get(names.get(arrival.flow, arrival.flow))
        if flow is None or flow.target != names.get(arrival.node, arrival.node):
            message = f"A token came by the flow {arrival.flow!r}, which does not lead to this join any more."
            found.append(Fault(arrival.node, "flow", message))
    for done in state.done.values():
        found += _done(source, target, done, names)
    return list(dict.fromkeys(found))


def _place(source: Definition, target: Definition, node: str, names: dict[str, str]) -> list[Fault]:
    """An element in use needs a counterpart of the same kind in the counterpart of its scope."""
    name = names.get(node, node)
    counterpart = target.nodes.get(name)
    if counterpart is None:
        message = f"The new version has no element {name!r}; map {node!r} to the one that takes its place."
        return [Fault(node, "missing", message)]
    kind = type(source.nodes[node])
    if type(counterpart) is not kind:
        message = f"{name!r} is a {type(counterpart).__name__} in the new version, not a {kind.__name__}."
        return [Fault(node, "kind", message)]
    scope = source.scope_of[node]
    if target.scope_of[name] != names.get(scope, scope):
        message = f"{name!r} stands in another sub-process in the new version."
        return [Fault(node, "scope", message)]
    return []


def _token(source: Definition, target: Definition, token: Token, names: dict[str, str]) -> list[Fault]:
    old, new = source.nodes[token.node], target.nodes.get(names.get(token.node, token.node))
    if new is None or type(new) is not type(old):
        return []
    if token.loop is not None and _repetition(old) != _repetition(new):
        return [Fault(token.node, "loop", "It is repeated in another way in the new version.")]
    waits = token.waits == "event" and isinstance(old, Event) and isinstance(new, Event)
    if waits and _kinds(old) != _kinds(new):
        return [Fault(token.node, "event", "It waits for another kind of event in the new version.")]
    if token.waits == "gateway" and isinstance(old, EventBasedGateway):
        return [
            Fault(token.node, "event", f"It waits for {flow.target!r}, which the new version does not.")
            for flow in source.outgoing[token.node]
            if not any(each.target == names.get(flow.target, flow.target) for each in target.outgoing[new.id])
        ]
    return []


def _repetition(element: AnyElement) -> tuple[type, bool]:
    loop = getattr(element, "loop", None)
    return type(loop), isinstance(loop, MultiInstance) and loop.sequential


def _kinds(element: AnyElement) -> list[type]:
    return [type(each) for each in element.events] if isinstance(element, Event) else []


def _done(source: Definition, target: Definition, done: Done, names: dict[str, str]) -> list[Fault]:
    found = _place(source, target, done.node, names)
    if not found and names.get(done.node, done.node) not in target.compensable:
        message = "It has completed and can be undone; the new version has nothing to undo it with."
        found.append(Fault(done.node, "compensation", message))
    return found


# -- doing it ----------------------------------------------------------------------------------------------


def _renamed(state: State, names: dict[str, str]) -> State:
    def to(name: str) -> str:
        return names.get(name, name)

    def scope(row: Scope) -> Scope:
        return replace(row, node=to(row.node), queue=[to(name) for name in row.queue])

    def token(row: Token) -> Token:
        return replace(row, node=to(row.node))

    def arrival(row: Arrival) -> Arrival:
        return replace(row, node=to(row.node), flow=to(row.flow))

    def wait(row: Wait) -> Wait:
        return replace(row, node=to(row.node))

    def incident(row: Incident) -> Incident:
        return replace(row, node=to(row.node), work=_renamed_work(row.work, names))

    return replace(
        state,
        scopes={key: scope(row) for key, row in state.scopes.items()},
        tokens={key: token(row) for key, row in state.tokens.items()},
        arrivals={key: arrival(row) for key, row in state.arrivals.items()},
        waits={key: wait(row) for key, row in state.waits.items()},
        done={key: replace(row, node=to(row.node)) for key, row in state.done.items()},
        incidents={key: incident(row) for key, row in state.incidents.items()},
        gateways={
            f"{key.split(':', 1)[0]}:{to(key.split(':', 1)[1])}": [to(flow) for flow in flows]
            for key, flows in state.gateways.items()
        },
    )


def _about_a_join(incident: Incident) -> bool:
    """Whether looking at the joins anew settles the incident, or raises it again."""
    return incident.kind == "stuck_join" or (incident.work is not None and incident.work.op == "activate")


def _renamed_work(work: Work | None, names: dict[str, str]) -> Work | None:
    """Work of a complex gateway names its scope and the gateway; other work names rows only."""
    if work is None or not isinstance(work.data, list):
        return work
    scope, node = work.data
    return replace(work, data=[scope, names.get(node, node)])


def _rearm(run: Run, source: Definition, names: dict[str, str]) -> None:
    """Gives up events that the new version does not have, and waits for those that are new in it."""
    for wait in list(run.waits.values()):
        if not _still(run, wait):
            run.close(wait)
    known = {names.get(name, name) for name in source.nodes}
    for token in list(run.tokens.values()):
        if token.instance_of or not isinstance(run.node(token), Activity):
            continue
        for boundary in run.definition.boundaries.get(token.node, ()):
            if boundary.id not in known:
                arm(run, boundary.events, boundary.id, token=token)
    for scope in [row for row in run.scopes.values() if not row.kept]:
        for subprocess, start in run.definition.event_subprocesses.get(scope.node, ()):
            if subprocess.id not in known:
                arm(run, start.events, start.id, scope=scope.id)


def _still(run: Run, wait: Wait) -> bool:
    """Whether the new version has the event that is waited for, of the same kind and in the same place."""
    if wait.kind == "sla":
        holder = run.definition.nodes.get(wait.node) if wait.node else run.definition.process
        return getattr(holder, "sla", None) is not None
    element = run.definition.nodes.get(wait.node)
    if element is None:
        return False
    if not isinstance(element, Event):
        return True
    if wait.event >= len(element.events):
        return False
    kind = type(element.events[wait.event]).__name__.removesuffix("Event").lower()
    if kind != {"condition": "conditional"}.get(wait.kind, wait.kind):
        return False
    attached = getattr(element, "attached_to", "")
    return not attached or attached == run.tokens[wait.token].node
