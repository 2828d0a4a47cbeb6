"""Joins. Every token that comes to one is an arrival, a row of its own, until the join fires.

Parallel joins and start quantities fire as soon as they have what they need. An inclusive join, and a complex
gateway that is to be reset, fire when nothing that is still under way can reach a flow they lack: decided by
what is upstream of each flow, when everything has come to rest.
"""

from __future__ import annotations

import re

from .effects import Transition
from .graph import Definition
from .model import (
    Activity,
    AnyElement,
    ComplexGateway,
    Flow,
    InclusiveGateway,
    ParallelGateway,
)
from .run import Run, step
from .state import Arrival, Token, Work

_WAITING = re.compile(r"\bwaitingForStart\b")


def gathers(definition: Definition, element: AnyElement) -> bool:
    """Whether tokens wait for each other at ``element``."""
    if isinstance(element, Activity):
        return element.start_quantity > 1
    if isinstance(element, (ParallelGateway, InclusiveGateway, ComplexGateway)):
        return len(definition.incoming.get(element.id, ())) > 1
    return False


def arrive(run: Run, scope: str, flow: Flow) -> list[Work]:
    """A token came to a join by ``flow``; what the join does now, if this was the last it needed."""
    arrival = run.put(run.arrivals, Arrival(run.fresh(), scope, flow.target, flow.id))
    run.emit(Transition("arrived", flow.target, arrival.id, scope, flow.id))
    return _complete(run, scope, run.definition.nodes[flow.target])


def recheck(run: Run) -> None:
    """Lets every join fire that has what it needs, after the definition has changed under it."""
    for scope, node in dict.fromkeys((row.scope, row.node) for row in run.arrivals.values()):
        run.push(*_complete(run, scope, run.definition.nodes[node]))


def _complete(run: Run, scope: str, element: AnyElement) -> list[Work]:
    """What a join does with what it has: fire, ask its condition, or wait."""
    present = waiting(run, scope, element.id)
    if isinstance(element, ParallelGateway):
        if len(present) == len(run.definition.incoming[element.id]):
            return [_fire(run, scope, element.id, [arrivals[0] for arrivals in present.values()])]
    elif isinstance(element, Activity):
        rows = [row for arrivals in present.values() for row in arrivals]
        if len(rows) >= element.start_quantity:
            return [_fire(run, scope, element.id, rows[: element.start_quantity], begin=True)]
    elif isinstance(element, ComplexGateway) and _key(scope, element.id) not in run.gateways:
        return [Work("activate", data=[scope, element.id])]
    return []


def waiting(run: Run, scope: str, node: str) -> dict[str, list[Arrival]]:
    """The arrivals at a join by the flow they came by, oldest first."""
    found: dict[str, list[Arrival]] = {}
    for row in run.arrivals.values():
        if row.node == node and row.scope == scope:
            found.setdefault(row.flow, []).append(row)
    return found


def _fire(run: Run, scope: str, node: str, consumed: list[Arrival], *, begin: bool = False) -> Work:
    token = run.put(run.tokens, Token(run.fresh(), scope, node))
    for row in consumed:
        run.drop(run.arrivals, row)
    if begin:
        return Work("start", token.id)
    run.record("passed", token)
    return Work("leave", token.id)


@step("activate")
def activate(run: Run, work: Work) -> None:
    """A complex gateway fires if its activation condition holds, using a token of every flow that has one."""
    scope, node = work.data
    element = run.definition.nodes[node]
    present = waiting(run, scope, node)
    if not present or _key(scope, node) in run.gateways:
        return
    assert isinstance(element, ComplexGateway)
    incoming = run.definition.incoming[node]
    counts = {flow.id: len(present.get(flow.id, ())) for flow in incoming}
    if element.activation:
        count = sum(counts.values())
        more = {**counts, "activationCount": count, "waitingForStart": True}
        ready = run.holds(element.activation, scope=scope, more=more)
    else:
        ready = len(present) == len(incoming)
    if ready:
        run.push(_fire(run, scope, node, [arrivals[0] for arrivals in present.values()]))
        run.mark(_key(scope, node), sorted(present))


def fire_when_nothing_comes(run: Run) -> bool:
    """Fires one inclusive join, or resets one complex gateway, that nothing under way can still reach."""
    for scope, node in dict.fromkeys((row.scope, row.node) for row in run.arrivals.values()):
        if isinstance(run.definition.nodes[node], InclusiveGateway):
            present = waiting(run, scope, node)
            if not _blocked(run, scope, node, set(present)):
                run.push(_fire(run, scope, node, [arrivals[0] for arrivals in present.values()]))
                return True
    return any(_reset(run, key, used) for key, used in list(run.gateways.items()))


def _reset(run: Run, key: str, used: list[str]) -> bool:
    """Readies a complex gateway again once every flow it has not used has a token or can get none.

    In this second phase tokens go out only by flows whose condition asks for ``waitingForStart``.
    """
    scope, node = key.split(":", 1)
    present = waiting(run, scope, node)
    unused = {flow.id for flow in run.definition.incoming[node]} - set(used)
    missing = unused - set(present)
    upstream = run.definition.upstream(node)
    if any(place in upstream[flow] for place in _places(run, scope, node) for flow in missing):
        return False
    for flow in unused & set(present):
        run.drop(run.arrivals, present[flow][0])
    run.mark(key, None)
    run.push(Work("reset", data=[scope, node]), Work("activate", data=[scope, node]))
    run.emptied[scope] = None
    return True


@step("reset")
def reset(run: Run, work: Work) -> None:
    """The second phase of a complex gateway: the flows that asked for it."""
    scope, node = work.data
    flows = [flow for flow in run.definition.outgoing[node] if _WAITING.search(flow.condition)]
    taken = [
        flow for flow in flows if run.holds(flow.condition, scope=scope, more={"waitingForStart": False})
    ]
    if taken:
        token = run.put(run.tokens, Token(run.fresh(), scope, node))
        run.push(Work("depart", token.id, data=[flow.id for flow in taken]))


def _blocked(run: Run, scope: str, node: str, present: set[str]) -> bool:
    """Whether a token can reach a flow that has none, and none that has one (BPMN 2.0.2, 13.4.3)."""
    upstream = run.definition.upstream(node)
    empty = [upstream[flow] for flow in upstream if flow not in present]
    full = [upstream[flow] for flow in present]
    return any(
        any(place in reach for reach in empty) and not any(place in reach for reach in full)
        for place in _places(run, scope, node)
    )


def _places(run: Run, scope: str, join: str) -> set[str]:
    """The nodes of a scope at which something is under way, apart from the join itself."""
    places = {token.node for token in run.tokens.values() if token.scope == scope}
    places |= {row.node for row in run.arrivals.values() if row.scope == scope}
    places.discard(join)
    return places


def stuck(run: Run) -> list[tuple[str, str]]:
    """The joins (scope, node) that wait for a token which can no longer come."""
    found = []
    for scope, node in dict.fromkeys((row.scope, row.node) for row in run.arrivals.values()):
        if run.scopes[scope].queue or _key(scope, node) in run.gateways:
            continue
        element = run.definition.nodes[node]
        if not isinstance(element, InclusiveGateway) and _starves(run, scope, element):
            found.append((scope, node))
    return found


def _starves(run: Run, scope: str, element: AnyElement) -> bool:
    upstream = run.definition.upstream(element.id)
    present = waiting(run, scope, element.id)
    places = _places(run, scope, element.id)
    if isinstance(element, ParallelGateway):
        missing = [upstream[flow] for flow in upstream if flow not in present]
        return any(places.isdisjoint(reach) for reach in missing)
    return all(places.isdisjoint(reach) for reach in upstream.values())


def _key(scope: str, node: str) -> str:
    return f"{scope}:{node}"
