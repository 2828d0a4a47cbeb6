"""The last part of a layout: where the layers stand, and the right-angled lines between the boxes.

Lines run level through the layers and turn only in the gaps between them, each source on a track of its own
where tracks would overlap. Lines that lead back go around above or below everything.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from .layering import Arc, Box, Layers
from .measures import BOUNDARY_STEP, EVENT

TRACK = 12.0
CLEAR = 18.0
AROUND = 16.0


@dataclass
class Route:
    """The line of an arc, and where its label stands (the lower left corner)."""

    arc: Arc
    points: list[tuple[float, float]]
    label: tuple[float, float] | None = None


@dataclass
class _Turn:
    """A piece of a line that runs up or down in a gap; turns of one ``group`` share a track."""

    group: str
    upper: float
    lower: float
    track: int = 0


class _Lines:
    """The lines as lists of heights, layer by layer, until the gaps' tracks are known."""

    def __init__(self, layers: Layers, boxes: dict[str, Box]) -> None:
        self.layers = layers
        self.boxes = boxes
        self.turns: dict[int, dict[str, _Turn]] = defaultdict(dict)
        self.top = min((box.y - box.height / 2 - box.above for box in boxes.values()), default=0)
        self.bottom = max((box.y + box.height / 2 + box.below for box in boxes.values()), default=0)
        self._above = self._below = 0

    def turn(self, gap: int, group: str, start: float, end: float) -> None:
        """A line turns in the gap before layer ``gap``."""
        known = self.turns[gap].get(group)
        upper, lower = min(start, end), max(start, end)
        if known is None:
            self.turns[gap][group] = _Turn(group, upper, lower)
        else:
            known.upper, known.lower = min(known.upper, upper), max(known.lower, lower)

    def around(self, heights: list[float]) -> float:
        """A free height above or below everything, whichever is nearer."""
        if sum(heights) / len(heights) < (self.top + self.bottom) / 2:
            self._above += 1
            return self.top - AROUND * self._above
        self._below += 1
        return self.bottom + AROUND * self._below

    def assign_tracks(self) -> dict[int, int]:
        """Gives turns that overlap different tracks; how many tracks each gap needs."""
        counts: dict[int, int] = {}
        for gap, turns in self.turns.items():
            tracks: list[list[_Turn]] = []
            for turn in sorted(turns.values(), key=lambda each: (each.upper, each.lower)):
                for number, taken in enumerate(tracks):
                    if all(turn.upper > each.lower + 4 or turn.lower < each.upper - 4 for each in taken):
                        turn.track = number
                        taken.append(turn)
                        break
                else:
                    turn.track = len(tracks)
                    tracks.append([turn])
            counts[gap] = len(tracks)
        return counts

    def track(self, gap: int, group: str) -> int:
        return self.turns[gap][group].track


def route(layers: Layers, arcs: list[Arc], boxes: dict[str, Box]) -> tuple[list[Route], float, float]:
    """Sets where the boxes stand from left to right; the lines, and the width and height of it all."""
    lines = _Lines(layers, boxes)
    detours: dict[str, float] = {}
    for arc in arcs:
        if arc.back:
            heights = [boxes[arc.source].y, boxes[arc.target].y]
            detours[arc.id] = lines.around(heights)
            lines.turn(boxes[arc.source].layer + 1, arc.id, _leaving(arc, boxes), detours[arc.id])
            lines.turn(boxes[arc.target].layer, f"{arc.id}<", detours[arc.id], boxes[arc.target].y)
        else:
            _turns(lines, arc)
    tracks = lines.assign_tracks()
    gaps = _columns(layers, arcs, boxes, tracks)
    routes = [_line(lines, arc, gaps, detours.get(arc.id)) for arc in arcs]
    _to_origin(routes, boxes)
    right = max((box.x + max(box.width, box.reach) / 2 for box in boxes.values()), default=0)
    points = [point for line in routes for point in line.points]
    width = max([right, *(x for x, _ in points)])
    bottom = max((box.y + box.height / 2 + box.below for box in boxes.values()), default=0)
    return routes, width, max([bottom, *(y for _, y in points)])


def _leaving(arc: Arc, boxes: dict[str, Box]) -> float:
    """The height at which a line leaves its source: its middle, or below it for a boundary event."""
    box = boxes[arc.source]
    if not arc.boundary:
        return box.y
    return box.y + box.height / 2 + box.below - 8 * (arc.slot + 1)


def _group(arc: Arc, left: str) -> str:
    """Lines out of one element share a track until they part."""
    return (arc.boundary or left) if left == arc.source else arc.id


def _turns(lines: _Lines, arc: Arc) -> None:
    height = _leaving(arc, lines.boxes)
    for left, right in pairwise(arc.chain):
        following = lines.boxes[right]
        if height != following.y:
            lines.turn(following.layer, _group(arc, left), height, following.y)
        height = following.y


def _columns(layers: Layers, arcs: list[Arc], boxes: dict[str, Box], tracks: dict[int, int]) -> list[float]:
    """Sets the boxes' middles; where each gap's first track is, the gap after the last layer included."""
    labels: dict[int, float] = defaultdict(float)
    for arc in arcs:
        gap = boxes[arc.source].layer + 1
        labels[gap] = max(labels[gap], arc.label)
    gaps: list[float] = []
    right = 0.0
    for number, layer in enumerate(layers):
        count = tracks.get(number, 0)
        gaps.append(right + CLEAR)
        if number or count:
            room = labels[number] + 10 if labels[number] else 0
            right += 2 * CLEAR + TRACK * max(0, count - 1) + max(room, 14 if number else 0)
        width = max(max(box.width, box.reach) for box in layer)
        for box in layer:
            box.x = right + width / 2
        right += width
    gaps.append(right + CLEAR)
    return gaps


def _line(lines: _Lines, arc: Arc, gaps: list[float], detour: float | None) -> Route:
    boxes = lines.boxes
    source, target = boxes[arc.source], boxes[arc.target]
    height = _leaving(arc, boxes)
    points = _start(arc, source, height)
    label: tuple[float, float] | None = None
    if detour is not None:
        out = gaps[source.layer + 1] + TRACK * lines.track(source.layer + 1, arc.id)
        into = gaps[target.layer] + TRACK * lines.track(target.layer, f"{arc.id}<")
        points += [(out, height), (out, detour), (into, detour), (into, target.y)]
        label = (max(out, into) - arc.label - 8, detour)
    else:
        for left, right in pairwise(arc.chain):
            following = boxes[right]
            if height != following.y:
                x = gaps[following.layer] + TRACK * lines.track(following.layer, _group(arc, left))
                points += [(x, height), (x, following.y)]
                if label is None and following.layer == source.layer + 1:
                    label = (x + 5, following.y)
            height = following.y
        if label is None and not arc.boundary:
            tracks = max((turn.track + 1 for turn in lines.turns[source.layer + 1].values()), default=0)
            label = (gaps[source.layer + 1] + TRACK * (tracks - 1) + 5, height)
    points.append((target.x - target.width / 2, target.y))
    return Route(arc, _simplified(points), label)


def _start(arc: Arc, source: Box, height: float) -> list[tuple[float, float]]:
    if not arc.boundary:
        return [(source.x + source.width / 2, height)]
    x = source.x + source.width / 2 - 28 - BOUNDARY_STEP * (arc.slots - 1 - arc.slot)
    return [(x, source.y + source.height / 2 + EVENT / 2), (x, height)]


def _simplified(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without points in the middle of a straight piece."""
    kept = points[:1]
    for here, following in pairwise(points[1:]):
        straight = (kept[-1][0] == here[0] == following[0]) or (kept[-1][1] == here[1] == following[1])
        if not straight and here != kept[-1]:
            kept.append(here)
    return [*kept, points[-1]]


def _to_origin(routes: list[Route], boxes: dict[str, Box]) -> None:
    """Moves everything so that nothing is above or left of the corner."""
    points = [point for line in routes for point in line.points]
    top = min(
        [*(box.y - box.height / 2 - box.above for box in boxes.values()), *(y for _, y in points)], default=0
    )
    left = min(
        [*(box.x - max(box.width, box.reach) / 2 for box in boxes.values()), *(x for x, _ in points)],
        default=0,
    )
    for box in boxes.values():
        box.x, box.y = box.x - left, box.y - top
    for line in routes:
        line.points = [(x - left, y - top) for x, y in line.points]
        if line.label is not None:
            line.label = (line.label[0] - left, line.label[1] - top)
