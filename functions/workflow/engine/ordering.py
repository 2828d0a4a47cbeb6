"""The middle of a layout: the order within the layers, and how high each box stands."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from itertools import pairwise

from .layering import Arc, Box, Layers

SWEEPS = 12
GAP = 34.0
BAND_GAP = 40.0
ALIGNED = 30.0

_Neighbours = dict[str, list[tuple[str, float, float]]]
"""By box: its neighbours, how strongly they pull, and how far below them it would like to stand."""


def place_in_layers(layers: Layers, arcs: list[Arc], boxes: dict[str, Box]) -> None:
    """Orders the boxes of each layer so that few arcs cross, and sets how high each stands (``y``)."""
    before, after = _neighbours(arcs, boxes)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, after)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for layer in layers if forward else layers[::-1]:
            _sort(layer, before if forward else after, layers)
        crossings = _crossings(layers, after)
        if crossings < fewest or sweep == 0:
            best, fewest = [list(layer) for layer in layers], crossings
    for layer, ordered in zip(layers, best, strict=True):
        layer[:] = ordered
    _heights(layers, before, after)
    _straighten(layers, arcs, boxes)


def _neighbours(arcs: list[Arc], boxes: dict[str, Box]) -> tuple[_Neighbours, _Neighbours]:
    before: _Neighbours = defaultdict(list)
    after: _Neighbours = defaultdict(list)
    for arc in arcs:
        if arc.back:
            continue
        for left, right in pairwise(arc.chain):
            weight = 1.0 + 2 * boxes[left].dummy + 2 * boxes[right].dummy
            shift = 0.0
            if arc.boundary and left == arc.source:
                shift = boxes[left].height / 2 + boxes[left].below - 8 * (arc.slot + 1)
                weight *= 0.5
            before[right].append((left, weight, shift))
            after[left].append((right, weight, -shift))
    return before, after


def _sort(layer: list[Box], neighbours: _Neighbours, layers: Layers) -> None:
    """Puts each box where its neighbours are on average; bands stay together."""
    position = {box.id: float(number) for row in layers for number, box in enumerate(row)}

    def wish(box: Box) -> float:
        found = neighbours.get(box.id)
        if not found:
            return position[box.id]
        return sum(position[name] + 0.4 * (shift > 0) + shift / 1e4 for name, _, shift in found) / len(found)

    layer.sort(key=lambda box: (box.band, wish(box)))


def _crossings(layers: Layers, after: _Neighbours) -> int:
    """How many pairs of arcs between neighbouring layers cross."""
    total = 0
    for layer, following in pairwise(layers):
        position = {box.id: number for number, box in enumerate(following)}
        ends = [sorted(position[name] for name, _, _ in after.get(box.id, ())) for box in layer]
        seen: list[int] = []
        for end in (end for group in ends for end in group):
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total


def _heights(layers: Layers, before: _Neighbours, after: _Neighbours) -> None:
    """Moves boxes up and down towards their neighbours, keeping order and distance; then stacks the bands."""
    boxes = {box.id: box for layer in layers for box in layer}
    for layer in layers:
        _spread(layer, {box.id: 0.0 for box in layer})
    for sweep in range(SWEEPS * 2):
        forward = sweep % 2 == 0
        pulls = (before, after) if forward else (after, before)
        for layer in layers if forward else layers[::-1]:
            _spread(layer, {box.id: _wanted(box, pulls, boxes) for box in layer})
    both: _Neighbours = {box: [*before.get(box, ()), *after.get(box, ())] for box in boxes}
    for _ in range(SWEEPS):
        for layer in layers:
            _spread(layer, {box.id: _wanted(box, (both,), boxes) for box in layer})
    _stack_bands(list(boxes.values()))


def _wanted(box: Box, pulls: tuple[_Neighbours, ...], boxes: dict[str, Box]) -> float:
    """Where the neighbours of a box pull it: those of the first kind, if it has any."""
    for neighbours in pulls:
        found = [
            (boxes[name].y + shift, weight)
            for name, weight, shift in neighbours.get(box.id, ())
            if boxes[name].band == box.band
        ]
        if found:
            return sum(y * weight for y, weight in found) / sum(weight for _, weight in found)
    return box.y


def _spread(layer: list[Box], wanted: dict[str, float]) -> None:
    """The heights nearest to the wanted ones (least squares) that keep the boxes of a band apart.

    Pool adjacent violators: shifted by the distances, the wanted heights have to become non-decreasing.
    """
    for band in dict.fromkeys(box.band for box in layer):
        rows = [box for box in layer if box.band == band]
        offsets = [0.0]
        for upper, lower in pairwise(rows):
            offsets.append(offsets[-1] + _distance(upper, lower))
        blocks: list[list[float]] = []
        for box, offset in zip(rows, offsets, strict=True):
            blocks.append([wanted[box.id] - offset, 1])
            while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
                value, count = blocks.pop()
                total = blocks[-1][1] + count
                blocks[-1] = [(blocks[-1][0] * blocks[-1][1] + value * count) / total, total]
        heights = [value for value, count in blocks for _ in range(int(count))]
        for box, offset, height in zip(rows, offsets, heights, strict=True):
            box.y = height + offset


def _distance(upper: Box, lower: Box) -> float:
    """How far apart the middles of two boxes of a layer have to be."""
    gap = GAP / 2 if upper.dummy or lower.dummy else GAP
    return upper.height / 2 + upper.below + gap + lower.above + lower.height / 2


def _straighten(layers: Layers, arcs: list[Arc], boxes: dict[str, Box]) -> None:
    """Lets long lines run level at the height of one of their ends, where there is room for that."""
    place = {box.id: (layer, number) for layer in layers for number, box in enumerate(layer)}
    for arc in sorted(arcs, key=lambda each: -len(each.chain)):
        passed = [boxes[name] for name in arc.chain[1:-1]]
        if passed:
            ends = [boxes[arc.target].y, passed[len(passed) // 2].y]
            for y in ends if arc.boundary else [boxes[arc.source].y, *ends]:
                if all(_fits(box, y, *place[box.id]) for box in passed):
                    for box in passed:
                        box.y = y
                    break
    _align(layers, arcs, boxes, place)


def _align(
    layers: Layers, arcs: list[Arc], boxes: dict[str, Box], place: dict[str, tuple[list[Box], int]]
) -> None:
    """Puts a box that stands only a little higher or lower than a neighbour at the same height."""
    before: dict[str, list[Box]] = defaultdict(list)
    after: dict[str, list[Box]] = defaultdict(list)
    for arc in arcs:
        if not arc.back and not arc.boundary:
            before[arc.target].append(boxes[arc.chain[-2]])
            after[arc.source].append(boxes[arc.chain[1]])
    for neighbours, other_side, ordered in ((after, before, layers[::-1]), (before, after, layers)):
        for box in (box for layer in ordered for box in layer if not box.dummy):
            level = any(other.y == box.y for other in other_side[box.id])
            near = [other.y for other in neighbours[box.id] if 0 < abs(other.y - box.y) < ALIGNED]
            if near and (not level or len(other_side[box.id]) > 1) and _fits(box, near[0], *place[box.id]):
                box.y = near[0]


def _fits(box: Box, y: float, layer: list[Box], number: int) -> bool:
    over = number == 0 or y - layer[number - 1].y >= _distance(layer[number - 1], box)
    under = number + 1 == len(layer) or layer[number + 1].y - y >= _distance(box, layer[number + 1])
    return over and under


def _stack_bands(boxes: list[Box]) -> None:
    """One band below the other, and the top at zero."""
    top = 0.0
    for band in sorted({box.band for box in boxes}):
        rows = [box for box in boxes if box.band == band]
        upper = min(box.y - box.height / 2 - box.above for box in rows)
        lower = max(box.y + box.height / 2 + box.below for box in rows)
        for box in rows:
            box.y = round(box.y + top - upper)
        top += lower - upper + BAND_GAP
