"""BPMN 2.0 XML in: the processes of a document as definitions, with everything that is not supported named.

What has no meaning for execution (documentation, artifacts, auditing, imported types) is read over. Every
other element that the engine does not execute is a fault with its id and the reason: nothing is skipped.

What BPMN leaves to the engine is said in the namespace ``urn:groundwork:workflow``, by attributes:

* ``assignee candidateUsers candidateRoles priority due`` of user tasks;
* ``job retries backoff`` of service, send and script tasks; ``result`` of script and business rule tasks,
  ``rules`` of the latter; ``version`` of call activities;
* ``key``, the correlation key, of message events, send and receive tasks; ``calendar`` of timers;

and by ``extensionElements``: ``form``, ``settings`` and ``payload`` hold a JSON object, ``input`` and
``output`` have a ``name`` and an expression as ``value``, ``variable`` has a ``name`` and holds JSON, ``sla``
has ``target warning calendar escalation reassignTo``.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

import msgspec

from .bpmn_activities import read_activity
from .bpmn_diagram import read_diagram, read_lanes, read_notes, read_pool
from .bpmn_events import read_event
from .bpmn_source import BPMN, Source, local, reference, strip, text
from .faults import Fault
from .model import (
    AnyElement,
    ComplexGateway,
    EndEvent,
    EventBasedGateway,
    ExclusiveGateway,
    Flow,
    InclusiveGateway,
    ParallelGateway,
    Process,
    StartEvent,
    SubProcess,
)
from .xml_document import XmlRefused, parse

_PLAIN_GATEWAYS: dict[str, type[ExclusiveGateway | InclusiveGateway | ParallelGateway]] = {
    "exclusiveGateway": ExclusiveGateway,
    "inclusiveGateway": InclusiveGateway,
    "parallelGateway": ParallelGateway,
}
_GATEWAYS = {*_PLAIN_GATEWAYS, "complexGateway", "eventBasedGateway"}
_EVENTS = {
    "startEvent",
    "endEvent",
    "intermediateCatchEvent",
    "intermediateThrowEvent",
    "boundaryEvent",
}
_ACTIVITIES = {
    "task",
    "manualTask",
    "userTask",
    "serviceTask",
    "sendTask",
    "receiveTask",
    "scriptTask",
    "businessRuleTask",
    "callActivity",
}
_SUBPROCESSES = {"subProcess", "transaction", "adHocSubProcess"}
_GLOBAL_TASKS = {
    "globalTask": "task",
    "globalUserTask": "userTask",
    "globalScriptTask": "scriptTask",
    "globalManualTask": "manualTask",
    "globalBusinessRuleTask": "businessRuleTask",
}
_READ_ELSEWHERE = {
    "incoming",
    "outgoing",
    "sequenceFlow",
    "laneSet",
    "association",
    "textAnnotation",
    "group",
    "dataObject",
    "dataObjectReference",
    "property",
    "documentation",
    "extensionElements",
    "ioSpecification",
    "dataInputAssociation",
    "dataOutputAssociation",
    "multiInstanceLoopCharacteristics",
    "standardLoopCharacteristics",
    "completionCondition",
    "auditing",
    "monitoring",
    "category",
    "dataStoreReference",
    "supports",
    "supportedInterfaceRef",
    "ioBinding",
    "resourceRole",
    "performer",
    "humanPerformer",
    "potentialOwner",
    "artifact",
}
_UNSUPPORTED = {
    "correlationSubscription": "give the message event a correlation key (attribute key) instead",
    "choreographyTask": "choreographies are agreements between processes and cannot be executed",
    "subChoreography": "choreographies are agreements between processes and cannot be executed",
    "callChoreography": "choreographies are agreements between processes and cannot be executed",
    "implicitThrowEvent": "it may only stand in a multi-instance marker",
}
_ROOT_UNSUPPORTED = {"choreography", "globalChoreographyTask"}


class Document(msgspec.Struct, frozen=True):
    """What a BPMN document holds: its executable processes in order, and what is wrong with it."""

    processes: list[Process]
    faults: list[Fault]


def read_bpmn(document: bytes) -> Document:
    """Reads a BPMN 2.0 XML document. Faults that concern the document as a whole have no element."""
    try:
        root = parse(document)
    except XmlRefused as refused:
        return Document([], [Fault("", "xml", str(refused))])
    if root.tag != f"{BPMN}definitions":
        message = (
            f"The document is not BPMN 2.0: its root is {strip(root.tag)!r}, not definitions in {BPMN[1:-1]}."
        )
        return Document([], [Fault("", "not_bpmn", message)])
    source = Source(root)
    processes = [_process(source, element) for element in root if element.tag == f"{BPMN}process"]
    processes += [
        _global_task(source, element)
        for element in root
        if element.tag.startswith(BPMN) and strip(element.tag) in _GLOBAL_TASKS
    ]
    _check_root(source, root)
    if not processes:
        source.fault(root, "no_process", "The document holds no process.")
    return Document(processes, source.faults)


def _check_root(source: Source, root: Element) -> None:
    for element in root:
        name = strip(element.tag)
        if element.tag.startswith(BPMN) and name in _ROOT_UNSUPPORTED:
            source.fault(element, "unsupported", f"A {name} cannot be executed; remove it.")
        if element.tag == f"{BPMN}extension" and element.get("mustUnderstand") == "true":
            message = f"The extension {element.get('definition')!r} must be understood, and is not."
            source.fault(element, "unsupported", message)


def _process(source: Source, element: Element) -> Process:
    key = element.get("id", "")
    elements, flows = _content(source, element)
    known = {each.id for each in _all(elements)} | {flow.id for flow in _all_flows(elements, flows)}
    pool = read_pool(source, key)
    lanes = read_lanes(element)
    return Process(
        key=key,
        name=element.get("name", "") or (pool.name if pool else ""),
        documentation=source.documentation(element),
        elements=elements,
        flows=flows,
        variables=source.variables(element),
        sla=source.sla(element),
        lanes=[*([pool] if pool else []), *lanes],
        notes=read_notes(element),
        diagram=read_diagram(source, known, lanes, pool, element),
        executable=element.get("isExecutable", "true") != "false",
    )


def _global_task(source: Source, element: Element) -> Process:
    """A global task as a process of that one task, so that a call activity can call it."""
    task = Element(f"{BPMN}{_GLOBAL_TASKS[strip(element.tag)]}", dict(element.attrib))
    task.extend(list(element))
    key = element.get("id", "")
    task.set("id", f"{key}_task")
    task.set("scriptFormat", element.get("scriptLanguage", ""))
    start, end = StartEvent(f"{key}_start"), EndEvent(f"{key}_end")
    flows = [Flow(f"{key}_in", start.id, task.get("id", "")), Flow(f"{key}_out", task.get("id", ""), end.id)]
    activity = read_activity(source, task)
    return Process(key=key, name=element.get("name", ""), elements=[start, activity, end], flows=flows)


def _content(source: Source, scope: Element) -> tuple[list[AnyElement], list[Flow]]:
    """The elements and flows that stand directly in a process or sub-process."""
    source.enter(scope)
    elements = [read for element in scope if (read := _element(source, element, scope)) is not None]
    flows = [_flow(source, element) for element in scope if local(element, "sequenceFlow")]
    source.leave()
    return elements, _in_order(scope, flows)


def _in_order(scope: Element, flows: list[Flow]) -> list[Flow]:
    """The flows out of each element in the order in which it lists them (BPMN 2.0.2, table 8.44)."""
    listed = [reference(text(name)) for element in scope for name in element.findall(f"{BPMN}outgoing")]
    places = {name: place for place, name in enumerate(listed)}
    first: dict[str, int] = {}
    for place, flow in enumerate(flows):
        first.setdefault(flow.source, place)
    return sorted(flows, key=lambda flow: (first[flow.source], places.get(flow.id, len(places))))


def _element(source: Source, element: Element, scope: Element) -> AnyElement | None:
    name = strip(element.tag)
    if not element.tag.startswith(BPMN):
        source.foreign(element, scope)
        return None
    if name in _EVENTS:
        return read_event(source, element)
    if name in _ACTIVITIES:
        return read_activity(source, element)
    if name in _SUBPROCESSES:
        return _subprocess(source, element)
    if name in _GATEWAYS:
        return _gateway(source, element, name)
    if name not in _READ_ELSEWHERE:
        reason = _UNSUPPORTED.get(name, "the engine does not know it")
        source.fault(element, "unsupported", f"The element {name} is not supported: {reason}.")
    return None


def _subprocess(source: Source, element: Element) -> SubProcess:
    elements, flows = _content(source, element)
    read = read_activity(source, element)
    assert isinstance(read, SubProcess)
    return msgspec.structs.replace(read, elements=elements, flows=flows)


def _gateway(source: Source, element: Element, name: str) -> AnyElement:
    common = {
        "id": element.get("id", ""),
        "name": element.get("name", ""),
        "documentation": source.documentation(element),
        "default": element.get("default", ""),
    }
    source.extensions(element, set())
    if name == "complexGateway":
        condition = element.find(f"{BPMN}activationCondition")
        return ComplexGateway(**common, activation=source.expression(condition))
    if name == "eventBasedGateway":
        return EventBasedGateway(
            **common,
            instantiate=element.get("instantiate") == "true",
            parallel=element.get("eventGatewayType") == "Parallel",
        )
    return _PLAIN_GATEWAYS[name](**common)


def _flow(source: Source, element: Element) -> Flow:
    if element.get("isImmediate") == "false":
        message = "A flow that is not immediate is for modelling only; remove isImmediate."
        source.fault(element, "unsupported", message)
    return Flow(
        id=element.get("id", ""),
        source=element.get("sourceRef", ""),
        target=element.get("targetRef", ""),
        name=element.get("name", ""),
        condition=source.expression(element.find(f"{BPMN}conditionExpression")),
    )


def _all(elements: Iterable[AnyElement]) -> Iterable[AnyElement]:
    for element in elements:
        yield element
        if isinstance(element, SubProcess):
            yield from _all(element.elements)


def _all_flows(elements: Iterable[AnyElement], flows: Iterable[Flow]) -> Iterable[Flow]:
    yield from flows
    for element in elements:
        if isinstance(element, SubProcess):
            yield from _all_flows(element.elements, element.flows)


def process_of(document: Document, key: str = "") -> Process | None:
    """The process ``key`` of a document, or its first executable one."""
    for process in document.processes:
        if process.key == key or (not key and process.executable):
            return process
    return None
