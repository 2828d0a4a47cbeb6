"""How tokens move: along flows, through gateways, into activities and events (BPMN 2.0.2, 13.3 and 13.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .joins import arrive, gathers
from .model import (
    Activity,
    AnyElement,
    ComplexGateway,
    EventBasedGateway,
    ExclusiveGateway,
    Flow,
    InclusiveGateway,
    ParallelGateway,
)
from .run import ModelFailure, Run, step
from .state import Token, Work

Enter = Callable[[Run, Token, Any, str], None]
ENTER: dict[type, Enter] = {}


def entering(*kinds: type) -> Callable[[Enter], Enter]:
    """Registers the function that receives a token at elements of these kinds, with the flow it came by."""

    def register(function: Enter) -> Enter:
        ENTER.update(dict.fromkeys(kinds, function))
        return function

    return register


def enter(run: Run, scope: str, node: str, flow: str = "", **fields: Any) -> Work:
    """Puts a new token at ``node``; the work that is returned lets it begin there."""
    token = run.put(run.tokens, Token(run.fresh(), scope, node, **fields))
    return Work("start", token.id, data=flow)


def take(run: Run, scope: str, flow: Flow, quantity: int = 1) -> list[Work]:
    """Sends ``quantity`` tokens along a flow."""
    works: list[Work] = []
    for _ in range(quantity):
        if gathers(run.definition, run.definition.nodes[flow.target]):
            works += arrive(run, scope, flow)
        else:
            works.append(enter(run, scope, flow.target, flow.id))
    return works


def pass_through(run: Run, token: Token, flow: str) -> None:
    """The token goes on at once."""
    run.record("passed", token, flow)
    run.push(Work("leave", token.id))


@step("start")
def start(run: Run, work: Work) -> None:
    """A token begins at the node it was put at."""
    token = run.tokens[work.token]
    element = run.node(token)
    ENTER[type(element)](run, token, element, work.data or "")


@step("leave")
def leave(run: Run, work: Work) -> None:
    """A token leaves its node by the flows that are to be taken; where none starts, it ends."""
    token = run.tokens[work.token]
    element = run.node(token)
    quantity = element.completion_quantity if isinstance(element, Activity) else 1
    works: list[Work] = []
    for flow in chosen(run, token, element):
        works += take(run, token.scope, flow, quantity)
    run.drop(run.tokens, token)
    run.push(*works)


@step("depart")
def depart(run: Run, work: Work) -> None:
    """A token leaves its node by flows that have been chosen already."""
    token = run.tokens[work.token]
    works = [item for flow in work.data for item in take(run, token.scope, run.definition.flows[flow])]
    run.drop(run.tokens, token)
    run.push(*works)


def chosen(run: Run, token: Token, element: AnyElement) -> list[Flow]:
    """The flows that a token takes out of ``element``."""
    flows = run.definition.outgoing.get(element.id, [])
    if isinstance(element, (ParallelGateway, EventBasedGateway)) or not flows:
        return flows
    default = getattr(element, "default", "")
    candidates = [flow for flow in flows if flow.id != default]
    if isinstance(element, ExclusiveGateway):
        taken = _first(run, token, candidates)
    elif isinstance(element, (InclusiveGateway, ComplexGateway)):
        more = {"waitingForStart": True} if isinstance(element, ComplexGateway) else None
        taken = [
            flow for flow in candidates if not flow.condition or run.holds(flow.condition, token, more=more)
        ]
    else:
        return _out_of_activity(run, token, flows, candidates, default)
    return _or_default(token, flows, taken, default)


def _first(run: Run, token: Token, candidates: list[Flow]) -> list[Flow]:
    for flow in candidates:
        if not flow.condition or run.holds(flow.condition, token):
            return [flow]
    return []


def _out_of_activity(
    run: Run, token: Token, flows: list[Flow], candidates: list[Flow], default: str
) -> list[Flow]:
    """Unconditional flows always, conditional ones if they hold, the default if no conditional one does."""
    free = [flow for flow in candidates if not flow.condition]
    held = [flow for flow in candidates if flow.condition and run.holds(flow.condition, token)]
    if not held and default:
        held = [flow for flow in flows if flow.id == default]
    taken = [flow for flow in flows if flow in free or flow in held]
    return _or_default(token, flows, taken, "")


def _or_default(token: Token, flows: list[Flow], taken: list[Flow], default: str) -> list[Flow]:
    if not taken:
        taken = [flow for flow in flows if flow.id == default]
    if not taken:
        raise ModelFailure(
            "no_flow",
            f"No condition on the flows out of {token.node!r} holds and it has no default flow; "
            "correct the variables and retry.",
        )
    return taken


@entering(ExclusiveGateway, InclusiveGateway, ParallelGateway, ComplexGateway)
def at_gateway(run: Run, token: Token, element: AnyElement, flow: str) -> None:  # noqa: ARG001
    """Gateways that gather nothing here only split."""
    pass_through(run, token, flow)
