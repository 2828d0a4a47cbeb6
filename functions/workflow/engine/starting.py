"""How a process begins, and what the service has to listen for so that it does."""

from __future__ import annotations

from typing import Any

import msgspec

from common.errors import Invalid

from .arming import arm, arm_event_subprocesses, arm_sla
from .effects import PublishEvent
from .flow import enter
from .graph import Definition
from .happening import arm_alternatives
from .model import (
    ROOT,
    AnyEvent,
    CatchEvent,
    EventBasedGateway,
    ReceiveTask,
    StartEvent,
)
from .run import Run
from .scopes import begins
from .state import ROOT_SCOPE, Scope, Token, Work
from .triggers import Start


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A way into a process: the element to start at, and the event (number ``event`` of it) that does."""

    node: str
    event: int = 0
    on: AnyEvent | None = None


def entries(definition: Definition) -> list[Entry]:
    """Every way into a process: without an event, by timer, message, signal or condition."""
    found: list[Entry] = []
    for node in definition.entries[ROOT]:
        element = definition.nodes[node]
        if isinstance(element, StartEvent) and element.events:
            found += [Entry(node, index, event) for index, event in enumerate(element.events)]
        elif isinstance(element, EventBasedGateway) and element.instantiate:
            for flow in definition.outgoing[node]:
                found += _alternative(definition.nodes[flow.target])
        elif isinstance(element, ReceiveTask) and element.instantiate:
            found.append(Entry(node, 0, element.message))
        elif isinstance(element, StartEvent):
            found.append(Entry(node))
    return found


def _alternative(target: Any) -> list[Entry]:
    if isinstance(target, CatchEvent):
        return [Entry(target.id, index, event) for index, event in enumerate(target.events)]
    return [Entry(target.id, 0, target.message)]


def begin(run: Run, trigger: Start) -> None:
    """The process begins: its variables, service level and event sub-processes, then its first tokens."""
    process = run.definition.process
    nodes = [trigger.node] if trigger.node else _without_event(run.definition)
    root = Scope(ROOT_SCOPE, variables={**process.variables, **trigger.variables})
    run.put(run.scopes, root)
    data = {"business_key": trigger.business_key} if trigger.business_key else {}
    run.emit(PublishEvent("workflow.process.started", nodes[0], data))
    arm_sla(run, None, process.sla)
    run.push(*[_first(run, node, trigger) for node in nodes])
    arm_event_subprocesses(run, ROOT_SCOPE, ROOT)


def _without_event(definition: Definition) -> list[str]:
    """Where a process begins that is started by hand."""
    nodes = definition.entries[ROOT]
    starts = [node for node in nodes if isinstance(definition.nodes[node], StartEvent)]
    plain = [node for node in nodes if begins(definition.nodes[node])]
    if not starts:
        return plain
    chosen = plain or starts
    if len(chosen) > 1:
        raise Invalid.at(
            "/node", f"The process has several start events; name one of {', '.join(sorted(chosen))}."
        )
    return chosen


def _first(run: Run, node: str, trigger: Start) -> Work:
    element = run.definition.nodes.get(node)
    if element is None or run.definition.scope_of[node] != ROOT:
        raise Invalid.at("/node", f"The process has no start event {node!r}.")
    if isinstance(element, StartEvent) and element.parallel and len(element.events) > 1:
        token = run.put(run.tokens, Token(run.fresh(), ROOT_SCOPE, node, "event"))
        run.record("entered", token)
        arm(run, element.events, node, token=token, skip=trigger.event)
        return Work("await", token.id)
    gateway = _gateway_before(run.definition, node)
    if gateway is not None:
        if gateway.parallel:
            token = run.put(run.tokens, Token(run.fresh(), ROOT_SCOPE, gateway.id, "gateway"))
            run.record("entered", token)
            arm_alternatives(run, token, gateway, happened=node)
        return _passed(run, node)
    if isinstance(element, ReceiveTask) and element.instantiate:
        return _passed(run, node)
    if node not in run.definition.entries[ROOT]:
        raise Invalid.at("/node", f"A process cannot start at {node!r}: flows lead to it.")
    return enter(run, ROOT_SCOPE, node)


def _passed(run: Run, node: str) -> Work:
    """The event that started the process has happened: its token goes on."""
    token = run.put(run.tokens, Token(run.fresh(), ROOT_SCOPE, node))
    run.record("passed", token)
    return Work("leave", token.id)


def _gateway_before(definition: Definition, node: str) -> EventBasedGateway | None:
    """The event-based gateway without incoming flows that starts processes with the event ``node``."""
    for flow in definition.incoming.get(node, ()):
        source = definition.nodes[flow.source]
        if (
            isinstance(source, EventBasedGateway)
            and source.instantiate
            and source.id in definition.entries[ROOT]
        ):
            return source
    return None
