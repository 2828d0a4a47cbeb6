"""How elements may be connected."""

from __future__ import annotations

from .model import (
    Activity,
    AnyElement,
    BoundaryEvent,
    CatchEvent,
    CompensationEvent,
    EndEvent,
    EventBasedGateway,
    ExclusiveGateway,
    Flow,
    Gateway,
    LinkEvent,
    MessageEvent,
    ParallelGateway,
    ReceiveTask,
    StartEvent,
    SubProcess,
    ThrowEvent,
)
from .validate_findings import Findings, Place


def check_flows(
    findings: Findings, place: Place, element: AnyElement, incoming: list[Flow], outgoing: list[Flow]
) -> None:
    """The flows into and out of an element."""
    if incoming and isinstance(element, (StartEvent, BoundaryEvent)):
        findings.error(element.id, "flow_into_event", "No flow can lead to a start or boundary event.")
    if outgoing and isinstance(element, EndEvent):
        findings.error(element.id, "flow_out_of_end", "No flow can leave an end event.")
    if isinstance(element, Activity):
        _activity(findings, element, incoming, outgoing)
    elif isinstance(element, BoundaryEvent):
        _boundary(findings, element, outgoing)
    elif isinstance(element, (CatchEvent, ThrowEvent)):
        _link(findings, element, incoming, outgoing)
    _default(findings, element, outgoing)
    if isinstance(element, EventBasedGateway):
        _event_based(findings, place, element, incoming, outgoing)
    elif isinstance(element, Gateway):
        _gateway(findings, element, outgoing)


def _activity(findings: Findings, element: Activity, incoming: list[Flow], outgoing: list[Flow]) -> None:
    if not incoming and not outgoing:
        return
    if isinstance(element, SubProcess) and element.event:
        message = "No flow can lead to or leave an event sub-process: its event starts it."
        findings.error(element.id, "flow_at_event_subprocess", message)
    elif element.for_compensation:
        message = "No flow can lead to or leave a compensation handler: compensation starts it."
        findings.error(element.id, "flow_at_handler", message)


def _boundary(findings: Findings, element: BoundaryEvent, outgoing: list[Flow]) -> None:
    compensates = any(isinstance(event, CompensationEvent) for event in element.events)
    if compensates and outgoing:
        message = "A compensation boundary event has no flow; an association ties it to its handler."
        findings.error(element.id, "flow_at_compensation", message)
    if not compensates and not outgoing:
        findings.warning(element.id, "dead_end", "No flow leaves it, so nothing follows when it happens.")


def _link(
    findings: Findings, element: CatchEvent | ThrowEvent, incoming: list[Flow], outgoing: list[Flow]
) -> None:
    if not any(isinstance(event, LinkEvent) for event in element.events):
        return
    if isinstance(element, CatchEvent) and incoming:
        findings.error(element.id, "link", "No flow can lead to a catching link; its throwing link does.")
    if isinstance(element, ThrowEvent) and outgoing:
        findings.error(element.id, "link", "No flow can leave a throwing link; its catching link goes on.")


def _default(findings: Findings, element: AnyElement, outgoing: list[Flow]) -> None:
    default = getattr(element, "default", "")
    if not default:
        return
    flow = next((flow for flow in outgoing if flow.id == default), None)
    if flow is None:
        message = f"Its default {default!r} is not a flow that leaves it."
        findings.error(element.id, "default_flow", message)
    elif flow.condition:
        findings.warning(flow.id, "default_condition", "It is a default flow; its condition has no effect.")


def _gateway(findings: Findings, element: Gateway, outgoing: list[Flow]) -> None:
    if not outgoing:
        findings.warning(element.id, "dead_end", "No flow leaves the gateway, so tokens end there.")
    free = [flow for flow in outgoing if not flow.condition and flow.id != element.default]
    if isinstance(element, ParallelGateway):
        if len(free) < len(outgoing):
            message = "It takes every flow; the conditions on them have no effect."
            findings.warning(element.id, "condition_ignored", message)
    elif isinstance(element, ExclusiveGateway) and len(outgoing) > 1 and free:
        message = f"The flow {free[0].id!r} has no condition, so the flows after it are never taken."
        findings.warning(element.id, "unconditional", message)


def _event_based(
    findings: Findings, place: Place, element: EventBasedGateway, incoming: list[Flow], outgoing: list[Flow]
) -> None:
    if not outgoing:
        message = "An event-based gateway needs flows to the events it waits for."
        findings.error(element.id, "event_gateway", message)
    if element.instantiate and incoming:
        message = "An event-based gateway that starts processes has no incoming flow."
        findings.error(element.id, "event_gateway", message)
    targets = [place.element(flow.target) for flow in outgoing]
    if any(isinstance(target, ReceiveTask) for target in targets) and any(map(_awaits_message, targets)):
        message = "It leads to receive tasks and to message events; BPMN wants it to lead to one of the two."
        findings.warning(element.id, "event_gateway", message)
    for flow, target in zip(outgoing, targets, strict=True):
        _alternative(findings, place, element, flow, target)


def _awaits_message(element: AnyElement | None) -> bool:
    return isinstance(element, CatchEvent) and any(isinstance(each, MessageEvent) for each in element.events)


def _alternative(
    findings: Findings, place: Place, element: EventBasedGateway, flow: Flow, target: AnyElement | None
) -> None:
    """A flow out of an event-based gateway (BPMN 2.0.2, 10.6.6)."""
    waits = isinstance(target, ReceiveTask) or (
        isinstance(target, CatchEvent)
        and bool(target.events)
        and not any(isinstance(event, LinkEvent) for event in target.events)
    )
    if not waits:
        message = f"It leads to {flow.target!r}, which is not an event to wait for or a receive task."
        findings.error(element.id, "event_gateway", message)
    elif sum(other.target == flow.target for other in place.flows) > 1:
        message = f"Only the gateway may lead to {flow.target!r}, which has other incoming flows."
        findings.error(element.id, "event_gateway", message)
    elif any(
        isinstance(other, BoundaryEvent) and other.attached_to == flow.target for other in place.elements
    ):
        message = f"The receive task {flow.target!r} follows the gateway, so it cannot have boundary events."
        findings.error(element.id, "event_gateway", message)
    if flow.condition:
        message = "A flow out of an event-based gateway has no condition: the event decides; remove it."
        findings.error(flow.id, "condition", message)
