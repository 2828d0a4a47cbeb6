"""Everything that is wrong with a definition, each fault with the element it concerns and what to do.

Errors keep a definition from being published. Warnings are about what runs, but hardly as it was meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .expressions import CelExpressions, Expressions
from .faults import Fault
from .model import (
    MAX_NAME,
    Activity,
    AnyElement,
    BoundaryEvent,
    Event,
    Flow,
    Process,
    StartEvent,
    SubProcess,
)
from .validate_elements import check_element, check_sla
from .validate_findings import Findings, Place
from .validate_flows import check_flows

MAX_ELEMENTS = 5_000
MAX_DEPTH = 30


def validate(process: Process, expressions: Expressions | None = None) -> list[Fault]:
    """The faults of a definition, in the order of its elements; none of severity error means it can run."""
    findings = Findings(process, expressions or CelExpressions())
    _check_process(findings)
    if not findings.faults:
        if process.sla is not None:
            check_sla(findings, process.key, process.sla)
        for place in _places(process):
            _check_scope(findings, place)
    return findings.faults


def _check_process(findings: Findings) -> None:
    """What has to be right before anything else can be looked at: ids, references, sizes."""
    process = findings.process
    if not process.key:
        findings.error("", "no_key", "The definition has no key; give it one to start processes by.")
    if len(process.key) > MAX_NAME:
        message = f"The key has {len(process.key)} characters; {MAX_NAME} are the most."
        findings.error("", "too_long", message)
    places = list(_places(process))
    elements = [element for place in places for element in place.elements]
    if not elements:
        findings.error(process.key, "empty", "The definition has no elements.")
    if len(elements) > MAX_ELEMENTS:
        message = f"The definition has {len(elements)} elements, more than {MAX_ELEMENTS}."
        findings.error(process.key, "too_large", message)
    if any(place.depth > MAX_DEPTH for place in places):
        message = f"Sub-processes are nested more than {MAX_DEPTH} deep."
        findings.error(process.key, "too_large", message)
    ids = Counter(element.id for element in elements)
    ids.update(flow.id for place in places for flow in place.flows)
    for name, count in ids.items():
        if not name:
            findings.error("", "no_id", f"{count} elements or flows have no id; every one needs its own.")
        elif len(name) > MAX_NAME:
            message = f"The id has {len(name)} characters; {MAX_NAME} are the most."
            findings.error(f"{name[:40]}…", "too_long", message)
        elif count > 1:
            findings.error(name, "duplicate_id", f"{count} elements or flows have the id {name!r}.")
    for place in places:
        for fault in _dangling(place):
            findings.faults.append(fault)


def _dangling(place: Place) -> Iterator[Fault]:
    """References that lead nowhere, or out of the sub-process that they stand in."""
    here = {element.id: element for element in place.elements}
    for flow in place.flows:
        for end, name in (("source", flow.source), ("target", flow.target)):
            if name not in here:
                message = f"The flow's {end} {name!r} is not an element of the same process or sub-process."
                yield Fault(flow.id, "dangling_flow", message)
    for element in place.elements:
        if isinstance(element, BoundaryEvent) and not isinstance(here.get(element.attached_to), Activity):
            message = f"It is attached to {element.attached_to!r}, which is not an activity beside it."
            yield Fault(element.id, "dangling_boundary", message)
        elif isinstance(element, SubProcess) and element.event:
            starts = [inner for inner in element.elements if isinstance(inner, StartEvent)]
            if len(starts) != 1 or not starts[0].events:
                message = "An event sub-process needs exactly one start event, and that one an event."
                yield Fault(element.id, "event_subprocess_start", message)


def _places(process: Process) -> Iterator[Place]:
    yield Place(None, process.elements, process.flows)
    pending: list[tuple[AnyElement, int]] = [(element, 1) for element in process.elements]
    while pending:
        element, depth = pending.pop(0)
        if isinstance(element, SubProcess):
            yield Place(element, element.elements, element.flows, depth)
            if depth <= MAX_DEPTH:
                pending += [(inner, depth + 1) for inner in element.elements]


def _check_scope(findings: Findings, place: Place) -> None:
    incoming: dict[str, list[Flow]] = {element.id: [] for element in place.elements}
    outgoing: dict[str, list[Flow]] = {element.id: [] for element in place.elements}
    for flow in place.flows:
        outgoing[flow.source].append(flow)
        incoming[flow.target].append(flow)
        if flow.condition:
            findings.expression(flow.id, "condition", flow.condition)
    starts = any(isinstance(element, StartEvent) for element in place.elements)
    for element in place.elements:
        check_element(findings, place, element)
        check_flows(findings, place, element, incoming[element.id], outgoing[element.id])
        if starts and not incoming[element.id] and _needs_a_way_in(element):
            message = "Nothing leads to it, so it never runs; connect it or remove it."
            findings.warning(element.id, "unreachable", message)


def _needs_a_way_in(element: AnyElement) -> bool:
    if isinstance(element, Activity):
        return not element.for_compensation and not (isinstance(element, SubProcess) and element.event)
    if isinstance(element, Event):
        links = any(type(event).__name__ == "LinkEvent" for event in element.events)
        return not isinstance(element, (StartEvent, BoundaryEvent)) and not links
    return not getattr(element, "instantiate", False)
