"""A drawing for definitions that come without one: layers from left to right, in the manner of Sugiyama.

Elements are put in layers along their flows, flows that lead back aside; in each layer they are ordered so
that few flows cross, and moved up and down so that flows run straight. Sub-processes are laid out inside out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .layering import Arc, Box, layers_of
from .measures import (
    BOUNDARY_STEP,
    EVENT,
    FLOW_LABEL_WIDTH,
    LINE,
    element_size,
    is_placed_apart,
    label_lines,
    text_width,
    wrap,
)
from .model import (
    AnyElement,
    BoundaryEvent,
    Bounds,
    Diagram,
    Edge,
    Event,
    Flow,
    Lane,
    Note,
    Process,
    Shape,
    SubProcess,
)
from .ordering import place_in_layers
from .routing import Route, route

MARGIN = 30.0
INSIDE = 24.0
TITLE = 26.0
LANE_TITLE = 30.0
LANE_INSIDE = 14.0
NOTE_WIDTH = 150.0


@dataclass
class Drawing:
    """Shapes and edges of one scope, relative to its own corner."""

    shapes: dict[str, Shape] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)
    width: float = 0
    height: float = 0

    def put(self, other: Drawing, x: float, y: float) -> None:
        """Takes over another drawing, moved."""
        for name, shape in other.shapes.items():
            self.shapes[name] = _moved_shape(shape, x, y)
        for name, edge in other.edges.items():
            self.edges[name] = _moved_edge(edge, x, y)


def lay_out(process: Process) -> Diagram:
    """A drawing of the whole process, its lanes and notes."""
    bands = _bands(process)
    drawing = _scope(process.elements, process.flows, bands)
    notes = _notes(process.notes, drawing)
    top = MARGIN + notes.height + (MARGIN if process.notes else 0)
    pools = [lane for lane in process.lanes if lane.pool]
    titles = (LANE_TITLE if pools else 0) + (LANE_TITLE if bands else 0)
    whole = Drawing()
    left = MARGIN + titles + (LANE_INSIDE if titles else 0)
    whole.put(drawing, left, top)
    whole.put(notes, left, MARGIN)
    _lanes(whole, drawing, process.lanes, top)
    return Diagram(whole.shapes, whole.edges)


def _bands(process: Process) -> dict[str, int]:
    """The lane that each element is in, by its number from the top; innermost lanes only."""
    lanes = [lane for lane in process.lanes if not lane.pool and lane.elements]
    inner = [lane for lane in lanes if not any(_inside(other, lane) for other in lanes)]
    return {name: number for number, lane in enumerate(inner) for name in lane.elements}


def _inside(other: Lane, lane: Lane) -> bool:
    return other is not lane and set(other.elements) < set(lane.elements)


def _scope(elements: list[AnyElement], flows: list[Flow], bands: dict[str, int]) -> Drawing:
    boundaries: dict[str, list[BoundaryEvent]] = {}
    for element in elements:
        if isinstance(element, BoundaryEvent):
            boundaries.setdefault(element.attached_to, []).append(element)
    inner = {
        element.id: _scope(element.elements, element.flows, {})
        for element in elements
        if isinstance(element, SubProcess)
    }
    main = [each for each in elements if not isinstance(each, BoundaryEvent) and not is_placed_apart(each)]
    boxes = {element.id: _box(element, boundaries, inner, bands) for element in main}
    arcs = _arcs(elements, flows, boxes, boundaries)
    layers = layers_of(boxes, arcs)
    place_in_layers(layers, arcs, boxes)
    routes, width, height = route(layers, arcs, boxes)
    drawing = Drawing(width=width, height=height)
    for element in main:
        _draw(drawing, element, boxes[element.id], boundaries.get(element.id, []), inner)
    for line in routes:
        drawing.edges[line.arc.id] = _edge(line, flows)
    _apart(drawing, [element for element in elements if is_placed_apart(element)], inner)
    return drawing


def _box(
    element: AnyElement,
    boundaries: dict[str, list[BoundaryEvent]],
    inner: dict[str, Drawing],
    bands: dict[str, int],
) -> Box:
    attached = boundaries.get(element.id, [])
    width, height = element_size(element, attached)
    if element.id in inner:
        content = inner[element.id]
        width = max(width, content.width + 2 * INSIDE, text_width(element.name) + 2 * INSIDE)
        height = max(height, content.height + INSIDE + TITLE)
    lines = label_lines(element)
    label = LINE * len(lines) + 4 if lines else 0
    depth = EVENT / 2 + 12 + max((LINE * len(_boundary_label(each)) for each in attached), default=0)
    above, below = (0.0, label) if isinstance(element, Event) else (label, 0.0)
    return Box(
        element.id,
        width,
        height,
        above=above,
        below=below + (depth + 8 * len(attached) if attached else 0),
        reach=max((text_width(line) for line in lines), default=0),
        band=bands.get(element.id, 0),
    )


def _arcs(
    elements: list[AnyElement],
    flows: list[Flow],
    boxes: dict[str, Box],
    boundaries: dict[str, list[BoundaryEvent]],
) -> list[Arc]:
    """What leads from box to box: flows, and what ties a compensation event to its handler."""
    attached = {event.id: event for events in boundaries.values() for event in events}
    arcs: list[Arc] = []
    for flow in flows:
        event = attached.get(flow.source)
        source = event.attached_to if event else flow.source
        if source in boxes and flow.target in boxes:
            room = _flow_label(flow)
            width = max((text_width(line) for line in room), default=0)
            arcs.append(Arc(flow.id, source, flow.target, boundary=flow.source if event else "", label=width))
    for element in elements:
        if isinstance(element, BoundaryEvent) and element.handler in boxes and element.attached_to in boxes:
            arc = Arc(f"{element.id}~{element.handler}", element.attached_to, element.handler, element.id)
            arcs.append(arc)
    for events in boundaries.values():
        for number, event in enumerate(events):
            for arc in arcs:
                if arc.boundary == event.id:
                    arc.slot, arc.slots = number, len(events)
    return arcs


def _flow_label(flow: Flow) -> list[str]:
    return wrap(flow.name or flow.condition, FLOW_LABEL_WIDTH, 2) if flow.name or flow.condition else []


def _boundary_label(event: BoundaryEvent) -> list[str]:
    return wrap(event.name, BOUNDARY_STEP + 14, 3) if event.name else []


def boundary_x(left: float, width: float, slot: int, slots: int) -> float:
    """The middle of the boundary event number ``slot``: they fill the lower edge from the right."""
    return left + width - 28 - BOUNDARY_STEP * (slots - 1 - slot)


def _draw(
    drawing: Drawing,
    element: AnyElement,
    box: Box,
    attached: list[BoundaryEvent],
    inner: dict[str, Drawing],
) -> None:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    drawing.shapes[element.id] = Shape(Bounds(left, top, box.width, box.height), _label(element, box))
    if element.id in inner:
        content = inner[element.id]
        spare = box.width - content.width
        drawing.put(
            content, left + spare / 2, top + TITLE + (box.height - TITLE - INSIDE - content.height) / 2
        )
    for slot, event in enumerate(attached):
        middle = boundary_x(left, box.width, slot, len(attached))
        bottom = top + box.height
        lines = _boundary_label(event)
        label = None
        if lines:
            width = max(text_width(line) for line in lines)
            label = Bounds(middle - 5 - width, bottom + EVENT / 2 + 3, width, LINE * len(lines))
        bounds = Bounds(middle - EVENT / 2, bottom - EVENT / 2, EVENT, EVENT)
        drawing.shapes[event.id] = Shape(bounds, label)


def _label(element: AnyElement, box: Box) -> Bounds | None:
    lines = label_lines(element)
    if not lines:
        return None
    width, height = box.reach, LINE * len(lines)
    if isinstance(element, Event):
        return Bounds(box.x - width / 2, box.y + box.height / 2 + 3, width, height)
    return Bounds(box.x - width / 2, box.y - box.height / 2 - height - 3, width, height)


def _edge(line: Route, flows: list[Flow]) -> Edge:
    flow = next((flow for flow in flows if flow.id == line.arc.id), None)
    lines = _flow_label(flow) if flow is not None else []
    label = None
    if lines and line.label is not None:
        x, y = line.label
        width, height = max(text_width(row) for row in lines), LINE * len(lines)
        label = Bounds(x, y - height - 2, width, height)
    return Edge(line.points, label)


def _apart(drawing: Drawing, elements: list[AnyElement], inner: dict[str, Drawing]) -> None:
    """Event sub-processes, side by side below everything else."""
    left, top, deepest = 0.0, drawing.height + (MARGIN if drawing.height else 0), 0.0
    for element in elements:
        content = inner[element.id]
        width = max(content.width + 2 * INSIDE, text_width(element.name) + 2 * INSIDE)
        height = content.height + INSIDE + TITLE
        drawing.shapes[element.id] = Shape(Bounds(left, top, width, height))
        drawing.put(content, left + (width - content.width) / 2, top + TITLE)
        drawing.width = max(drawing.width, left + width)
        left += width + MARGIN
        deepest = max(deepest, height)
    if elements:
        drawing.height = top + deepest


def _notes(notes: list[Note], drawing: Drawing) -> Drawing:
    """Notes stand above everything, over what they are about, and side by side where they would overlap."""
    found = Drawing()
    right = 0.0
    for note in sorted(notes, key=lambda each: _anchor(each, drawing)):
        lines = wrap(note.text, NOTE_WIDTH - 16, 8)
        height = LINE * len(lines) + 10
        left = max(_anchor(note, drawing) - NOTE_WIDTH / 2, right, 0.0)
        found.shapes[note.id] = Shape(Bounds(left, 0, NOTE_WIDTH, height))
        found.height = max(found.height, height)
        right = left + NOTE_WIDTH + 12
    return found


def _anchor(note: Note, drawing: Drawing) -> float:
    shape = next((drawing.shapes[name] for name in note.about if name in drawing.shapes), None)
    return shape.bounds.x + shape.bounds.width / 2 if shape else 0.0


def _lanes(whole: Drawing, drawing: Drawing, lanes: list[Lane], top: float) -> None:
    """Draws lanes around the elements in them, and the pool around the lanes."""
    pools = [lane for lane in lanes if lane.pool]
    inner = [lane for lane in lanes if not lane.pool and lane.elements]
    if not pools and not inner:
        return
    left = MARGIN + (LANE_TITLE if pools else 0)
    width = drawing.width + (LANE_TITLE if inner else 0) + LANE_INSIDE + MARGIN
    edges = _lane_edges(whole, inner, top, top + drawing.height)
    for lane, (upper, lower) in zip(inner, edges, strict=True):
        whole.shapes[lane.id] = Shape(Bounds(left, upper, width, lower - upper))
    upper = min([edge[0] for edge in edges], default=top - MARGIN / 2)
    lower = max([edge[1] for edge in edges], default=top + drawing.height + MARGIN / 2)
    for pool in pools:
        whole.shapes[pool.id] = Shape(Bounds(MARGIN, upper, width + LANE_TITLE, lower - upper))


def _lane_edges(whole: Drawing, lanes: list[Lane], top: float, bottom: float) -> list[tuple[float, float]]:
    """Upper and lower edge of each lane: halfway between what is in it and what is in the next."""
    extents = []
    for lane in lanes:
        shapes = [whole.shapes[name].bounds for name in lane.elements if name in whole.shapes]
        extents.append((min(each.y for each in shapes), max(each.y + each.height for each in shapes)))
    found: list[tuple[float, float]] = []
    for number, (upper, lower) in enumerate(extents):
        above = (extents[number - 1][1] + upper) / 2 if number else top - MARGIN / 2
        below = (lower + extents[number + 1][0]) / 2 if number + 1 < len(extents) else bottom + MARGIN / 2
        found.append((above, below))
    return found


def _moved_shape(shape: Shape, x: float, y: float) -> Shape:
    label = _moved(shape.label, x, y) if shape.label else None
    return Shape(_moved(shape.bounds, x, y), label, shape.expanded, shape.horizontal)


def _moved_edge(edge: Edge, x: float, y: float) -> Edge:
    points = [(px + x, py + y) for px, py in edge.points]
    return Edge(points, _moved(edge.label, x, y) if edge.label else None)


def _moved(bounds: Bounds, x: float, y: float) -> Bounds:
    return Bounds(bounds.x + x, bounds.y + y, bounds.width, bounds.height)
