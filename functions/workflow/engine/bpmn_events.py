"""Events and event definitions out of BPMN 2.0 XML."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from .bpmn_source import BPMN, Source, local, reference, strip, text
from .model import (
    AnyElement,
    AnyEvent,
    BoundaryEvent,
    CancelEvent,
    CatchEvent,
    CompensationEvent,
    ConditionalEvent,
    EndEvent,
    ErrorEvent,
    EscalationEvent,
    LinkEvent,
    MessageEvent,
    SignalEvent,
    StartEvent,
    TerminateEvent,
    ThrowEvent,
    TimerEvent,
)

_IGNORED = {
    "incoming",
    "outgoing",
    "documentation",
    "extensionElements",
    "property",
    "auditing",
    "monitoring",
    "dataInput",
    "dataOutput",
    "inputSet",
    "outputSet",
}
_TIMER = ("timeDate", "timeDuration", "timeCycle")


def read_event(source: Source, element: Element) -> AnyElement:
    """A start, end, intermediate or boundary event."""
    name = strip(element.tag)
    source.extensions(element, {"key", "calendar"})
    identity: dict[str, Any] = {
        "id": element.get("id", ""),
        "name": element.get("name", ""),
        "documentation": source.documentation(element),
    }
    events = _definitions(source, element)
    parallel = element.get("parallelMultiple") == "true"
    match name:
        case "startEvent":
            interrupting = element.get("isInterrupting", "true") != "false"
            return StartEvent(**identity, events=events, parallel=parallel, interrupting=interrupting)
        case "endEvent":
            return EndEvent(**identity, events=events)
        case "intermediateThrowEvent":
            return ThrowEvent(**identity, events=events)
        case "intermediateCatchEvent":
            return CatchEvent(**identity, events=events, parallel=parallel)
        case _:
            return BoundaryEvent(
                **identity,
                events=events,
                parallel=parallel,
                attached_to=reference(element.get("attachedToRef")),
                interrupting=element.get("cancelActivity", "true") != "false",
                handler=_handler(source, element),
            )


def _handler(source: Source, element: Element) -> str:
    """The compensation handler that an association ties to the boundary event."""
    for target in source.associations.get(element.get("id", ""), ()):
        found = source.by_id.get(target)
        if found is not None and found.get("isForCompensation") == "true":
            return target
    return ""


def _definitions(source: Source, element: Element) -> list[AnyEvent]:
    """The event definitions inside an event, and those it refers to."""
    found: list[AnyEvent] = []
    for child in element:
        name = strip(child.tag)
        if local(child, "eventDefinitionRef"):
            definition = source.by_id.get(reference(child.text))
            if definition is None:
                message = f"There is no event definition {(child.text or '').strip()!r}."
                source.fault(element, "dangling_reference", message)
            else:
                found += event_definition(source, definition, element)
        elif name.endswith("EventDefinition") and child.tag.startswith(BPMN):
            found += event_definition(source, child, element)
        elif name in ("dataInputAssociation", "dataOutputAssociation"):
            message = "Data associations of events are not supported; use a payload or the event's variables."
            source.fault(element, "unsupported", message)
        elif name not in _IGNORED and child.tag.startswith(BPMN):
            source.fault(element, "unsupported", f"The element {name} is not supported in an event.")
    return found


def event_definition(source: Source, definition: Element, event: Element) -> list[AnyEvent]:
    """One event definition; ``event`` is where it stands or is referred from."""
    match strip(definition.tag):
        case "timerEventDefinition":
            return [_timer(source, definition, event)]
        case "messageEventDefinition":
            return [message(source, definition, event)]
        case "signalEventDefinition":
            name = named(source, definition, "signalRef", "name", event)
            return [SignalEvent(name, source.json(event, "payload"))]
        case "errorEventDefinition":
            return [ErrorEvent(named(source, definition, "errorRef", "errorCode", event))]
        case "escalationEventDefinition":
            return [EscalationEvent(named(source, definition, "escalationRef", "escalationCode", event))]
        case "conditionalEventDefinition":
            return [ConditionalEvent(source.expression(definition.find(f"{BPMN}condition")))]
        case "compensateEventDefinition":
            activity = reference(definition.get("activityRef"))
            return [CompensationEvent(activity, definition.get("waitForCompletion", "true") != "false")]
        case "cancelEventDefinition":
            return [CancelEvent()]
        case "terminateEventDefinition":
            return [TerminateEvent()]
        case "linkEventDefinition":
            return [LinkEvent(_link(source, definition, event))]
        case other:
            source.fault(event, "unsupported", f"The element {other} is not supported.")
            return []


def named(source: Source, element: Element, attribute: str, code: str, event: Element) -> str:
    """The code or name of the message, signal, error or escalation that an attribute refers to."""
    target = reference(element.get(attribute))
    if not target:
        return ""
    found = source.by_id.get(target)
    if found is None:
        source.fault(event, "dangling_reference", f"There is no element {target!r} for {attribute}.")
        return ""
    return found.get(code) or found.get("name") or target


def message(source: Source, element: Element, event: Element) -> MessageEvent:
    """A message by its reference or by its operation, with our correlation key and payload."""
    name = named(source, element, "messageRef", "name", event)
    operation = element.find(f"{BPMN}operationRef")
    target = reference(element.get("operationRef") or (operation.text if operation is not None else ""))
    if not name and target in source.by_id:
        incoming = source.by_id[target].find(f"{BPMN}inMessageRef")
        found = source.by_id.get(reference(incoming.text)) if incoming is not None else None
        name = (found.get("name") or found.get("id") or "") if found is not None else ""
    key = source.own(element, "key") or source.own(event, "key")
    return MessageEvent(name, key, source.json(event, "payload"))


def _link(source: Source, definition: Element, event: Element) -> str:
    """What both ends of a link are known by: the name of the catching one, which a target may lead to."""
    if local(event, "intermediateThrowEvent"):
        target = reference(definition.findtext(f"{BPMN}target"))
        event, definition = source.links.get(target, (event, definition))
    return definition.get("name", "") or event.get("name", "") or event.get("id", "")


def _timer(source: Source, definition: Element, event: Element) -> TimerEvent:
    texts = {}
    for name in _TIMER:
        child = definition.find(f"{BPMN}{name}")
        texts[name] = text(child) if child is not None else ""
    return TimerEvent(
        date=texts["timeDate"],
        duration=texts["timeDuration"],
        cycle=texts["timeCycle"],
        calendar=source.own(definition, "calendar") or source.own(event, "calendar"),
    )
