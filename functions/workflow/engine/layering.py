"""The first half of a layout: which element stands in which layer, and which flows lead back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Box:
    """Room for an element, or for a flow that passes through a layer (``dummy``); ``x``, ``y`` is its middle.

    ``above`` and ``below`` are what labels and boundary events need, ``reach`` is the width of a label.
    """

    id: str
    width: float
    height: float
    above: float = 0
    below: float = 0
    reach: float = 0
    band: int = 0
    dummy: bool = False
    layer: int = 0
    x: float = 0
    y: float = 0


@dataclass
class Arc:
    """What leads from one box to another, maybe from a boundary event; ``back`` if against the direction.

    ``chain`` are the boxes it passes, from its source to its target.
    """

    id: str
    source: str
    target: str
    boundary: str = ""
    label: float = 0
    back: bool = False
    slot: int = 0
    slots: int = 1
    chain: list[str] = field(default_factory=list)


Layers = list[list[Box]]


def layers_of(boxes: dict[str, Box], arcs: list[Arc]) -> Layers:
    """Boxes by layer: every arc leads to a later layer, but for those marked as leading back.

    Arcs across several layers get a dummy box in each layer between, which is added to ``boxes``.
    """
    met, order = _mark_back_arcs(boxes, arcs)
    _longest_paths(boxes, arcs, order)
    for arc in arcs:
        _chain(boxes, arc)
    count = max((box.layer for box in boxes.values()), default=-1) + 1
    layers: Layers = [[] for _ in range(count)]
    position = {name: number for number, name in enumerate(met)}
    for box in boxes.values():
        layers[box.layer].append(box)
    for layer in layers:
        layer.sort(key=lambda box: (box.band, position.get(box.id, len(position))))
    return layers


def _mark_back_arcs(boxes: dict[str, Box], arcs: list[Arc]) -> tuple[list[str], list[str]]:
    """Marks arcs that close a cycle.

    The boxes in the order in which they are met, and in one in which all other arcs lead forward.
    """
    leaving: dict[str, list[Arc]] = defaultdict(list)
    entered = {arc.target for arc in arcs if arc.source != arc.target}
    for arc in arcs:
        leaving[arc.source].append(arc)
    finished: list[str] = []
    state: dict[str, int] = {}
    for root in [*(name for name in boxes if name not in entered), *boxes]:
        if root in state:
            continue
        state[root] = 1
        path = [(root, iter(leaving[root]))]
        while path:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                state[name] = 2
                finished.append(name)
                path.pop()
            elif state.get(following.target) == 1:
                following.back = True
            elif following.target not in state:
                state[following.target] = 1
                path.append((following.target, iter(leaving[following.target])))
    return list(state), finished[::-1]


def _longest_paths(boxes: dict[str, Box], arcs: list[Arc], order: list[str]) -> None:
    leaving: dict[str, list[Arc]] = defaultdict(list)
    for arc in arcs:
        if not arc.back:
            leaving[arc.source].append(arc)
    for name in order:
        for arc in leaving[name]:
            boxes[arc.target].layer = max(boxes[arc.target].layer, boxes[name].layer + 1)


def _chain(boxes: dict[str, Box], arc: Arc) -> None:
    """The boxes along an arc, dummies in between; one that leads back takes none, as it goes around."""
    if arc.back:
        arc.chain = [arc.source, arc.target]
        return
    source, target = boxes[arc.source], boxes[arc.target]
    arc.chain = [arc.source]
    for layer in range(source.layer + 1, target.layer):
        name = f"{arc.id}#{layer}"
        boxes[name] = Box(name, 0, 8, band=target.band, dummy=True, layer=layer)
        arc.chain.append(name)
    arc.chain.append(arc.target)
