"""A definition as a picture, and a process with its tokens and its history on it: self-contained SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from itertools import pairwise

import msgspec

from .effects import Transition
from .layout import lay_out
from .measures import LINE, label_lines, text_width, wrap
from .model import (
    Activity,
    AnyElement,
    BoundaryEvent,
    Bounds,
    CallActivity,
    CatchEvent,
    Diagram,
    Edge,
    EndEvent,
    Event,
    Flow,
    Gateway,
    Lane,
    Note,
    Process,
    Shape,
    StartEvent,
    SubProcess,
    ThrowEvent,
)
from .state import State
from .svg_marks import activity_marks, event_mark, gateway_mark, task_mark

PADDING = 20.0
STYLE = (
    "text{font:12px 'DejaVu Sans',Verdana,Arial,sans-serif;fill:#1c2733}"
    ".shape{fill:#fff;stroke:#3b4a5a;stroke-width:1.5}"
    ".sub{fill:#fbfcfe}.lane{fill:none;stroke:#a9b5c2}.thick{stroke-width:2.4}.end{stroke-width:3}"
    ".call{stroke-width:3}.dashed{stroke-dasharray:5 3}.dotted{stroke-dasharray:1.5 3}"
    ".mark{fill:none;stroke:#3b4a5a;stroke-width:1.2;stroke-linejoin:round}"
    ".solid{fill:#3b4a5a;stroke:#3b4a5a;stroke-width:1}"
    ".flow{fill:none;stroke:#3b4a5a;stroke-width:1.4;marker-end:url(#arrow)}"
    ".tie{fill:none;stroke:#7a8896;stroke-width:1.2;stroke-dasharray:2 3}"
    ".note{fill:none;stroke:#7a8896;stroke-width:1.2}"
    ".label{fill:#33424f}.halo{stroke:#fff;stroke-width:3;stroke-linejoin:round}"
    ".done>.shape{fill:#e8f4ea;stroke:#2f7d43}.done>.sub{fill:#f4faf5}"
    ".flow.done{stroke:#2f7d43;stroke-width:2.2;marker-end:url(#arrow-done)}"
    ".here>.shape{fill:#fff3d6;stroke:#c27a00;stroke-width:3}.here>.sub{fill:#fffaf0}"
    ".token{fill:#c27a00;stroke:#fff;stroke-width:1.5}.alarm{fill:#b3261e;stroke:#fff;stroke-width:1.5}"
    ".count{fill:#fff;font-weight:bold;font-size:11px}"
)


class Overlay(msgspec.Struct, frozen=True):
    """What is shown on a diagram: tokens by element, what has been visited, and where help is needed."""

    tokens: dict[str, int] = {}
    visited: frozenset[str] = frozenset()
    incidents: dict[str, int] = {}


def overlay_of(state: State, history: Iterable[Transition]) -> Overlay:
    """The tokens of a process where they are, and the elements and flows of its history."""
    tokens: Counter[str] = Counter()
    for token in state.tokens.values():
        if token.loop is None or token.loop.active == 0:
            tokens[token.node] += 1
    tokens.update(row.node for row in state.arrivals.values())
    visited: set[str] = set()
    for entry in history:
        if entry.kind in ("completed", "passed"):
            visited.add(entry.node)
        if entry.flow:
            visited.add(entry.flow)
    incidents = Counter(row.node for row in state.incidents.values())
    return Overlay(dict(tokens), frozenset(visited), dict(incidents))


def draw(process: Process, overlay: Overlay | None = None) -> str:
    """The diagram as an SVG document: as the definition draws itself, or laid out if that is incomplete."""
    own = process.diagram
    diagram = own if own is not None and _complete(process, own) else lay_out(process)
    return _Picture(process, diagram, overlay or Overlay()).document()


def _complete(process: Process, diagram: Diagram) -> bool:
    """Whether every element has a shape, unless inside a collapsed sub-process, and every flow a line."""
    pending: list[tuple[list[AnyElement], list[Flow]]] = [(process.elements, process.flows)]
    while pending:
        elements, flows = pending.pop()
        if any(flow.id not in diagram.edges for flow in flows):
            return False
        for element in elements:
            shape = diagram.shapes.get(element.id)
            if shape is None:
                return False
            if isinstance(element, SubProcess) and shape.expanded:
                pending.append((element.elements, element.flows))
    return True


class _Picture:
    """One picture as it is drawn, piece by piece."""

    def __init__(self, process: Process, diagram: Diagram, overlay: Overlay) -> None:
        self.process = process
        self.diagram = diagram
        self.overlay = overlay
        self.parts: list[str] = []
        self.labels: list[str] = []
        self.badges: list[str] = []
        self.attached: dict[str, list[str]] = {}
        self.defaults: set[str] = set()
        for element in _all(process.elements):
            if isinstance(element, BoundaryEvent):
                self.attached.setdefault(element.attached_to, []).append(element.id)
            elif isinstance(element, (Activity, Gateway)) and element.default:
                self.defaults.add(element.default)

    def document(self) -> str:
        for lane in self.process.lanes:
            self._lane(lane)
        self._scope(self.process.elements, self.process.flows)
        for note in self.process.notes:
            self._note(note)
        left, top, right, bottom = self._extent()
        width, height = right - left + 2 * PADDING, bottom - top + 2 * PADDING
        title = escape(self.process.name or self.process.key)
        body = "".join([*self.parts, *self.labels, *self.badges])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="{left - PADDING:.0f} {top - PADDING:.0f} {width:.0f} {height:.0f}" role="img" '
            f'aria-label="{title}"><title>{title}</title><style>{STYLE}</style>{_markers()}'
            f'<rect x="{left - PADDING:.0f}" y="{top - PADDING:.0f}" width="100%" height="100%" fill="#fff"/>'
            f"{body}</svg>"
        )

    def _extent(self) -> tuple[float, float, float, float]:
        boxes = [shape.bounds for shape in self.diagram.shapes.values()]
        labels = [shape.label for shape in self.diagram.shapes.values()]
        labels += [edge.label for edge in self.diagram.edges.values()]
        boxes += [label for label in labels if label is not None]
        points = [point for edge in self.diagram.edges.values() for point in edge.points]
        xs = [b.x for b in boxes] + [b.x + b.width for b in boxes] + [x for x, _ in points]
        ys = [b.y for b in boxes] + [b.y + b.height for b in boxes] + [y for _, y in points]
        return min(xs, default=0), min(ys, default=0), max(xs, default=0), max(ys, default=0)

    # -- scopes --------------------------------------------------------------------------------------------

    def _scope(self, elements: list[AnyElement], flows: list[Flow]) -> None:
        """Sub-processes first, then flows, then the elements that flows end at."""
        boundaries = [element for element in elements if isinstance(element, BoundaryEvent)]
        others = [element for element in elements if not isinstance(element, BoundaryEvent)]
        for element in others:
            if isinstance(element, SubProcess):
                self._element(element)
        for flow in sorted(flows, key=lambda each: each.id in self.overlay.visited):
            self._flow(flow)
        for element in others:
            if not isinstance(element, SubProcess):
                self._element(element)
        for boundary in boundaries:
            self._tie(boundary.id, boundary.handler)
            self._element(boundary)

    def _element(self, element: AnyElement) -> None:
        shape = self.diagram.shapes.get(element.id)
        if shape is None:
            return
        look = "here" if self.overlay.tokens.get(element.id) else ""
        if not look and element.id in self.overlay.visited:
            look = "done"
        title = f"<title>{escape(f'{element.name} ({element.id})' if element.name else element.id)}</title>"
        self.parts.append(f'<g id="{escape(element.id)}" class="{look}">{title}')
        if isinstance(element, Event):
            self._event(element, shape)
        elif isinstance(element, Gateway):
            self._gateway(element, shape)
        else:
            self._activity(element, shape)
        self.parts.append("</g>")
        if isinstance(element, SubProcess) and shape.expanded:
            self._scope(element.elements, element.flows)
        self._badge(element.id, shape.bounds)

    def _event(self, element: Event, shape: Shape) -> None:
        x, y, radius = _middle(shape.bounds, shape.bounds.width / 2)
        dashed = (
            " dashed" if isinstance(element, (BoundaryEvent, StartEvent)) and not element.interrupting else ""
        )
        weight = " end" if isinstance(element, EndEvent) else ""
        circle = f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" class="shape{weight}{dashed}"/>'
        if isinstance(element, (CatchEvent, ThrowEvent, BoundaryEvent)):
            circle += f'<circle cx="{x:g}" cy="{y:g}" r="{radius - 3.5:g}" class="mark{dashed}"/>'
        throws = isinstance(element, (ThrowEvent, EndEvent))
        mark = event_mark(element.events, throws=throws, parallel=element.parallel)
        self.parts.append(circle + _at(mark, x, y, radius / 18 * 0.9))
        self._outer_label(element, shape)

    def _gateway(self, element: Gateway, shape: Shape) -> None:
        b = shape.bounds
        x, y, _ = _middle(b, 0)
        points = f"{x:g},{b.y:g} {b.x + b.width:g},{y:g} {x:g},{b.y + b.height:g} {b.x:g},{y:g}"
        mark = gateway_mark(element)  # type: ignore[arg-type]  # every gateway is an element
        self.parts.append(f'<polygon points="{points}" class="shape"/>{_at(mark, x, y, b.width / 50)}')
        self._outer_label(element, shape)

    def _activity(self, element: Activity, shape: Shape) -> None:
        b = shape.bounds
        expanded = isinstance(element, SubProcess) and shape.expanded
        look = " sub" if expanded else " call" if isinstance(element, CallActivity) else ""
        if isinstance(element, SubProcess) and element.event:
            look += " dotted"
        self.parts.append(_rectangle(b, f"shape{look}", 10))
        if isinstance(element, SubProcess) and element.transaction:
            inner = Bounds(b.x + 3, b.y + 3, b.width - 6, b.height - 6)
            self.parts.append(_rectangle(inner, "mark", 8))
        marks = activity_marks(element)
        if (isinstance(element, SubProcess) and not expanded) or isinstance(element, CallActivity):
            marks.append('<path d="M-6,-6 H6 V6 H-6 Z M-3,0 H3 M0,-3 V3" class="mark"/>')
        start = b.x + b.width / 2 - 10 * (len(marks) - 1)
        if any(abs(x - b.x - b.width / 2) < 10 * len(marks) + 20 for x in self._on_boundary(element)):
            start = b.x + 14
        for number, mark in enumerate(marks):
            self.parts.append(_at(mark, start + 20 * number, b.y + b.height - 11, 1))
        icon = task_mark(element)  # type: ignore[arg-type]  # every activity is an element
        if icon:
            self.parts.append(_at(icon, b.x + 15, b.y + 15, 0.95))
        if expanded:
            self._lines([*wrap(element.name, b.width - 30, 1)], b.x + b.width / 2, b.y + 17)
            return
        room = b.height - (22 if marks else 8)
        lines = wrap(element.name or element.id, b.width - 14, max(1, int(room // LINE)))
        top = b.y + 4 + room / 2 - LINE * len(lines) / 2
        if icon and lines and top < b.y + 22 and text_width(lines[0]) > b.width - 56:
            top = min(b.y + 24, b.y + 4 + room - LINE * len(lines))
        self._lines(lines, b.x + b.width / 2, top + LINE - 3)

    def _on_boundary(self, element: Activity) -> Iterable[float]:
        """Where the events on the boundary of an activity are, from left to right."""
        for other in self.attached.get(element.id, ()):
            shape = self.diagram.shapes.get(other)
            if shape is not None:
                yield shape.bounds.x + shape.bounds.width / 2

    # -- lines and texts -----------------------------------------------------------------------------------

    def _flow(self, flow: Flow) -> None:
        edge = self.diagram.edges.get(flow.id)
        if edge is None:
            return
        look = " done" if flow.id in self.overlay.visited else ""
        title = f"<title>{escape(flow.name or flow.id)}</title>"
        self.parts.append(
            f'<path id="{escape(flow.id)}" class="flow{look}" d="{_rounded(edge.points)}">{title}</path>'
        )
        self._default_mark(flow, edge)
        text = flow.name or flow.condition
        if text:
            label = edge.label or _label_of(edge)
            lines = wrap(text, max(label.width + 2, 96), max(1, round(label.height / LINE)))
            self._lines(lines, label.x, label.y + LINE - 3, anchor="start", halo=True)

    def _default_mark(self, flow: Flow, edge: Edge) -> None:
        """The stroke across a default flow where it starts."""
        if flow.id not in self.defaults:
            return
        (x1, y1), (x2, y2) = edge.points[0], edge.points[1]
        length = max(abs(x2 - x1) + abs(y2 - y1), 1)
        x, y = x1 + (x2 - x1) / length * 9, y1 + (y2 - y1) / length * 9
        self.parts.append(f'<path d="M{x - 3:g},{y + 5:g} L{x + 3:g},{y - 5:g}" class="mark thick"/>')

    def _tie(self, start: str, end: str) -> None:
        """The dotted line of an association."""
        edge = self.diagram.edges.get(f"{start}~{end}")
        if edge is not None:
            self.parts.append(f'<path class="tie" d="{_rounded(edge.points)}"/>')
        elif start in self.diagram.shapes and end in self.diagram.shapes:
            x1, y1, _ = _middle(self.diagram.shapes[start].bounds, 0)
            x2, y2, _ = _middle(self.diagram.shapes[end].bounds, 0)
            self.parts.insert(0, f'<path class="tie" d="M{x1:g},{y1:g} L{x2:g},{y2:g}"/>')

    def _outer_label(self, element: AnyElement | Event | Gateway, shape: Shape) -> None:
        if not element.name:
            return
        if shape.label is not None:
            lines = wrap(element.name, max(shape.label.width + 4, 60), 4)
            x, y = shape.label.x + shape.label.width / 2, shape.label.y
        else:
            lines = label_lines(element)  # type: ignore[arg-type]  # every event and gateway is an element
            x, y = shape.bounds.x + shape.bounds.width / 2, shape.bounds.y + shape.bounds.height + 3
        self._lines(lines, x, y + LINE - 3, halo=True)

    def _lines(
        self, lines: list[str], x: float, y: float, *, anchor: str = "middle", halo: bool = False
    ) -> None:
        for number, line in enumerate(lines):
            at = f'x="{x:.1f}" y="{y + LINE * number:.1f}" text-anchor="{anchor}"'
            text = escape(line)
            if halo:
                self.labels.append(f'<text {at} class="label halo">{text}</text>')
            self.labels.append(f'<text {at} class="label">{text}</text>')

    def _badge(self, element: str, bounds: Bounds) -> None:
        """How many tokens are here, and a mark if help is needed."""
        x, y = bounds.x + bounds.width - 2, bounds.y + 2
        count = self.overlay.tokens.get(element, 0)
        if count:
            self.badges.append(_dot(x, y, "token", str(count)))
        if self.overlay.incidents.get(element):
            self.badges.append(_dot(x - (24 if count else 0), y, "alarm", "!"))

    def _lane(self, lane: Lane) -> None:
        shape = self.diagram.shapes.get(lane.id)
        if shape is None:
            return
        b = shape.bounds
        self.parts.append(f'<g id="{escape(lane.id)}">{_rectangle(b, "shape lane", 0)}')
        if shape.horizontal:
            x, y = b.x + 18, b.y + b.height / 2
            self.parts.append(f'<path d="M{b.x + 28:g},{b.y:g} v{b.height:g}" class="shape lane"/>')
            name = escape(" ".join(wrap(lane.name, b.height - 10, 1)))
            self.parts.append(
                f'<text transform="rotate(-90 {x:g} {y:g})" x="{x:g}" y="{y + 1:g}" '
                f'text-anchor="middle">{name}</text>'
            )
        else:
            self._lines(wrap(lane.name, b.width - 10, 1), b.x + b.width / 2, b.y + 19)
        self.parts.append("</g>")

    def _note(self, note: Note) -> None:
        shape = self.diagram.shapes.get(note.id)
        if shape is None:
            return
        b = shape.bounds
        for about in note.about:
            self._tie(note.id, about)
        corner = f"M{b.x + 12:g},{b.y:g} H{b.x:g} V{b.y + b.height:g} H{b.x + 12:g}"
        self.parts.append(f'{_rectangle(b, "halo", 0, "#fff")}<path d="{corner}" class="note"/>')
        lines = wrap(note.text, b.width - 14, max(1, int(b.height // LINE)))
        self._lines(lines, b.x + 8, b.y + LINE + 2, anchor="start")


def _all(elements: list[AnyElement]) -> Iterable[AnyElement]:
    for element in elements:
        yield element
        if isinstance(element, SubProcess):
            yield from _all(element.elements)


def _middle(bounds: Bounds, radius: float) -> tuple[float, float, float]:
    return bounds.x + bounds.width / 2, bounds.y + bounds.height / 2, radius


def _at(mark: str, x: float, y: float, scale: float) -> str:
    return f'<g transform="translate({x:g} {y:g}) scale({scale:.2f})">{mark}</g>' if mark else ""


def _rectangle(b: Bounds, look: str, radius: float, fill: str = "") -> str:
    colour = f' fill="{fill}"' if fill else ""
    return (
        f'<rect x="{b.x:g}" y="{b.y:g}" width="{b.width:g}" height="{b.height:g}" rx="{radius:g}" '
        f'class="{look}"{colour}/>'
    )


def _dot(x: float, y: float, look: str, text: str) -> str:
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="10" class="{look}"/>'
        f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle" class="count">{text}</text>'
    )


def _markers() -> str:
    arrow = (
        '<marker id="{id}" viewBox="0 0 10 10" refX="9" refY="5" markerUnits="userSpaceOnUse" '
        'markerWidth="10" markerHeight="10" orient="auto">'
        '<path d="M0,1 L10,5 L0,9 Z" fill="{fill}"/></marker>'
    )
    first = arrow.format(id="arrow", fill="#3b4a5a")
    return f"<defs>{first}{arrow.format(id='arrow-done', fill='#2f7d43')}</defs>"


def _rounded(points: list[tuple[float, float]]) -> str:
    """A line through the points with rounded corners."""
    parts = [f"M{points[0][0]:g},{points[0][1]:g}"]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(6.0, _length(before, here) / 2, _length(here, after) / 2)
        start, end = _towards(here, before, radius), _towards(here, after, radius)
        parts.append(f"L{start[0]:g},{start[1]:g} Q{here[0]:g},{here[1]:g} {end[0]:g},{end[1]:g}")
    parts.append(f"L{points[-1][0]:g},{points[-1][1]:g}")
    return " ".join(parts)


def _length(start: tuple[float, float], end: tuple[float, float]) -> float:
    return float(((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5)


def _towards(start: tuple[float, float], end: tuple[float, float], distance: float) -> tuple[float, float]:
    length = _length(start, end) or 1
    return (
        start[0] + (end[0] - start[0]) / length * distance,
        start[1] + (end[1] - start[1]) / length * distance,
    )


def _label_of(edge: Edge) -> Bounds:
    """Where a flow's label goes that the drawing has no place for: above the middle of its longest piece."""
    pieces = list(pairwise(edge.points))
    start, end = max(pieces, key=lambda piece: _length(*piece))
    return Bounds((start[0] + end[0]) / 2 - 30, (start[1] + end[1]) / 2 - LINE - 4, 96, LINE)
