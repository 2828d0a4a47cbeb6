"""The marks of BPMN as SVG: what stands in events, gateways and activities. Each is drawn around (0, 0)."""

from __future__ import annotations

from math import cos, pi, sin

from .model import (
    Activity,
    AnyElement,
    AnyEvent,
    BusinessRuleTask,
    CancelEvent,
    CompensationEvent,
    ComplexGateway,
    ConditionalEvent,
    ErrorEvent,
    EscalationEvent,
    EventBasedGateway,
    ExclusiveGateway,
    InclusiveGateway,
    LinkEvent,
    ManualTask,
    MessageEvent,
    MultiInstance,
    ParallelGateway,
    ReceiveTask,
    ScriptTask,
    SendTask,
    ServiceTask,
    SignalEvent,
    StandardLoop,
    SubProcess,
    TerminateEvent,
    TimerEvent,
    UserTask,
)


def _polygon(points: list[tuple[float, float]], fill: str) -> str:
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polygon points="{path}" class="{fill}"/>'


def _path(data: str, fill: str = "mark") -> str:
    return f'<path d="{data}" class="{fill}"/>'


def _clock() -> str:
    ticks = "".join(
        f"M{9 * sin(i * pi / 6):.1f},{-9 * cos(i * pi / 6):.1f} "
        f"L{11 * sin(i * pi / 6):.1f},{-11 * cos(i * pi / 6):.1f} "
        for i in range(12)
    )
    return '<circle r="11" class="mark"/>' + _path(f"{ticks}M0,-8 L0,0 L5,2")


def _envelope(filled: bool) -> str:
    if filled:
        return _path("M-10,-7 L10,-7 L0,1 Z", "solid") + _path(
            "M-10,-4.5 L0,3.5 L10,-4.5 L10,7 L-10,7 Z", "solid"
        )
    return _path("M-10,-7 H10 V7 H-10 Z M-10,-7 L0,1 L10,-7")


def _page() -> str:
    return _path("M-8,-10 H8 V10 H-8 Z M-5,-6 H5 M-5,-2 H5 M-5,2 H5 M-5,6 H5")


def _bolt(fill: str) -> str:
    return _polygon([(-9, 9), (-4, -8), (3, 1), (9, -9), (4, 8), (-3, 0)], fill)


def _cross(fill: str, size: float = 10, width: float = 3) -> str:
    s, w = size, width
    points = [
        (-w, -s),
        (w, -s),
        (w, -w),
        (s, -w),
        (s, w),
        (w, w),
        (w, s),
        (-w, s),
        (-w, w),
        (-s, w),
        (-s, -w),
        (-w, -w),
    ]
    return _polygon(points, fill)


def event_mark(events: list[AnyEvent], *, throws: bool, parallel: bool) -> str:
    """The mark inside an event: filled if it throws."""
    fill = "solid" if throws else "mark"
    if len(events) > 1:
        if parallel:
            return _cross(fill)
        return _polygon([(10 * sin(i * 0.4 * pi), -10 * cos(i * 0.4 * pi)) for i in range(5)], fill)
    match events[0] if events else None:
        case TimerEvent():
            return _clock()
        case MessageEvent():
            return _envelope(throws)
        case SignalEvent():
            return _polygon([(0, -10), (10, 7), (-10, 7)], fill)
        case ErrorEvent():
            return _bolt(fill)
        case EscalationEvent():
            return _polygon([(0, -10), (8, 9), (0, 2), (-8, 9)], fill)
        case ConditionalEvent():
            return _page()
        case CompensationEvent():
            return _polygon([(0, -7), (0, 7), (-9, 0)], fill) + _polygon([(9, -7), (9, 7), (0, 0)], fill)
        case CancelEvent():
            return f'<g transform="rotate(45)">{_cross(fill)}</g>'
        case TerminateEvent():
            return '<circle r="10" class="solid"/>'
        case LinkEvent():
            return _polygon([(-9, -4), (2, -4), (2, -9), (10, 0), (2, 9), (2, 4), (-9, 4)], fill)
        case _:
            return ""


def gateway_mark(element: AnyElement) -> str:
    """The mark inside a gateway's diamond."""
    match element:
        case ExclusiveGateway():
            return f'<g transform="rotate(45)">{_cross("solid", 11, 1.8)}</g>'
        case ParallelGateway():
            return _cross("solid", 12, 1.8)
        case InclusiveGateway():
            return '<circle r="11" class="mark thick"/>'
        case ComplexGateway():
            return _cross("solid", 12, 1.3) + f'<g transform="rotate(45)">{_cross("solid", 12, 1.3)}</g>'
        case EventBasedGateway():
            inner = (
                _cross("mark", 7, 2)
                if element.parallel
                else _polygon([(7 * sin(i * 0.4 * pi), -7 * cos(i * 0.4 * pi)) for i in range(5)], "mark")
            )
            second = "" if element.instantiate else '<circle r="11" class="mark"/>'
            return f'<circle r="14" class="mark"/>{second}{inner}'
        case _:
            return ""


def _gear() -> str:
    teeth = []
    for number in range(16):
        radius = 9 if number % 4 in (0, 1) else 6.5
        angle = number * pi / 8
        teeth.append((radius * sin(angle), -radius * cos(angle)))
    return _polygon(teeth, "mark") + '<circle r="3" class="mark"/>'


def task_mark(element: AnyElement) -> str:
    """The small picture in the corner of a task that says of which kind it is."""
    match element:
        case UserTask():
            return '<circle cy="-4" r="4" class="mark"/>' + _path("M-8,9 C-8,1 8,1 8,9 Z")
        case ServiceTask():
            return _gear()
        case ScriptTask():
            return _path("M-5,-9 H8 C2,-4 8,3 4,9 H-9 C-4,3 -10,-4 -5,-9 Z M-4,-5 H3 M-5,-1 H3 M-4,3 H4")
        case BusinessRuleTask():
            return _path("M-9,-8 H9 V8 H-9 Z M-9,-3 H9 M-9,2.5 H9 M-3,-3 V8") + _path(
                "M-9,-8 H9 V-3 H-9 Z", "solid"
            )
        case SendTask():
            return _envelope(filled=True)
        case ReceiveTask():
            return _envelope(filled=False)
        case ManualTask():
            return _path(
                "M-9,-2 L-3,-8 C-1,-9 1,-8 0,-6 L-2,-4 H8 C10,-4 10,-1 8,-1 H3 "
                "M8,-1 C10,-1 10,2 8,2 H3 M7,2 C9,2 9,5 7,5 H3 M6,5 C8,5 7,8 5,8 H-6 L-9,6 Z"
            )
        case _:
            return ""


def activity_marks(element: Activity) -> list[str]:
    """The marks at the lower edge of an activity, from left to right."""
    found: list[str] = []
    if isinstance(element.loop, StandardLoop):
        found.append(_path("M-4,6 A6.5,6.5 0 1 1 2,6.5 M-4,6 L-8,6.5 M-4,6 L-3,2"))
    elif isinstance(element.loop, MultiInstance):
        lines = "M-6,-5 H6 M-6,0 H6 M-6,5 H6" if element.loop.sequential else "M-5,-6 V6 M0,-6 V6 M5,-6 V6"
        found.append(_path(lines, "mark thick"))
    if element.for_compensation:
        found.append(
            _polygon([(0, -6), (0, 6), (-8, 0)], "mark") + _polygon([(8, -6), (8, 6), (0, 0)], "mark")
        )
    if isinstance(element, SubProcess) and element.ad_hoc is not None:
        found.append(_path("M-8,2 C-5,-6 -2,-3 0,0 C2,3 5,5 8,-3", "mark thick"))
    return found
