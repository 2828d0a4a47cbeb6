"""The drawing of a BPMN document (BPMN DI), its lanes and pools, and the notes in it."""

from __future__ import annotations

from math import isfinite
from xml.etree.ElementTree import Element

from .bpmn_source import BPMN, BPMNDI, DC, DI, Source, local, reference, text
from .model import Bounds, Diagram, Edge, Lane, Note, Shape


def read_pool(source: Source, process: str) -> Lane | None:
    """The participant whose process this is."""
    for participant in source.root.iter(f"{BPMN}participant"):
        if reference(participant.get("processRef")) == process:
            return Lane(participant.get("id", ""), participant.get("name", ""), pool=True)
    return None


def read_lanes(process: Element) -> list[Lane]:
    """The lanes, outer ones before those inside them."""
    return [
        Lane(
            lane.get("id", ""),
            lane.get("name", ""),
            [reference(child.text) for child in lane.findall(f"{BPMN}flowNodeRef")],
        )
        for lane in process.iter(f"{BPMN}lane")
    ]


def read_notes(process: Element) -> list[Note]:
    """The text annotations, with what associations tie them to."""
    notes: list[Note] = []
    ties = [
        (reference(child.get("sourceRef")), reference(child.get("targetRef")))
        for child in process.iter(f"{BPMN}association")
    ]
    for child in process.iter(f"{BPMN}textAnnotation"):
        name = child.get("id", "")
        about = [end if start == name else start for start, end in ties if name in (start, end)]
        content = child.find(f"{BPMN}text")
        notes.append(Note(name, text(content) if content is not None else "", about))
    return notes


def read_diagram(
    source: Source, known: set[str], lanes: list[Lane], pool: Lane | None, process: Element
) -> Diagram | None:
    """The shapes and edges of this process, or nothing if the document does not draw it."""
    drawn = set(known) | {lane.id for lane in lanes} | ({pool.id} if pool else set())
    drawn |= {
        child.get("id", "")
        for child in process.iter()
        if local(child, "textAnnotation") or local(child, "association")
    }
    shapes = {
        reference(shape.get("bpmnElement")): found
        for shape in source.root.iter(f"{BPMNDI}BPMNShape")
        if reference(shape.get("bpmnElement")) in drawn and (found := _shape(shape)) is not None
    }
    edges = {
        reference(edge.get("bpmnElement")): line
        for edge in source.root.iter(f"{BPMNDI}BPMNEdge")
        if reference(edge.get("bpmnElement")) in drawn and (line := _edge(edge)) is not None
    }
    return Diagram(shapes, edges) if shapes else None


def _shape(shape: Element) -> Shape | None:
    bounds = _bounds(shape.find(f"{DC}Bounds"))
    if bounds is None:
        return None
    return Shape(
        bounds,
        _label(shape),
        expanded=shape.get("isExpanded", "true") != "false",
        horizontal=shape.get("isHorizontal", "true") != "false",
    )


def _edge(edge: Element) -> Edge | None:
    points = [point for child in edge.findall(f"{DI}waypoint") if (point := _point(child)) is not None]
    return Edge(points, _label(edge)) if len(points) > 1 else None


def _label(element: Element) -> Bounds | None:
    label = element.find(f"{BPMNDI}BPMNLabel")
    return _bounds(label.find(f"{DC}Bounds")) if label is not None else None


def _bounds(element: Element | None) -> Bounds | None:
    if element is None:
        return None
    numbers = [_number(element.get(name)) for name in ("x", "y", "width", "height")]
    x, y, width, height = numbers
    if x is None or y is None or not width or not height:
        return None
    return Bounds(x, y, width, height)


def _point(element: Element) -> tuple[float, float] | None:
    x, y = _number(element.get("x")), _number(element.get("y"))
    return None if x is None or y is None else (x, y)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if isfinite(number) and abs(number) < 1e6 else None
