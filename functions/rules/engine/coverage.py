"""Whether boxes of value sets cover a region, and where they do not, by dividing field after field into
cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from rules.engine.sets import ABSENT, EVERYTHING, NOTHING, ValueSet
from rules.engine.tables import Cells

Region: TypeAlias = dict[int, ValueSet]
"""A set for each slot; what is not named is unconstrained."""


class TooMany(Exception):
    """The question takes more steps than the analysis may spend."""


class Budget:
    """The steps that are left."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps; :class:`TooMany` when they are not there."""
        self.left -= steps
        if self.left < 0:
            raise TooMany


def meets(a: Region, b: Region) -> Region | None:
    """What two regions share, None for nothing."""
    shared = dict(a)
    for slot, found in b.items():
        both = shared[slot] & found if slot in shared else found
        if both.is_empty:
            return None
        shared[slot] = both
    return shared


def uncovered(region: Region, boxes: Sequence[Region], budget: Budget) -> Iterator[Region]:
    """The parts of a region, which names every slot, that no box covers; each part is a region of its own."""
    slots = sorted(region, key=lambda slot: -sum(_is_bounded(box[slot]) for box in boxes if slot in box))
    covered: set[tuple[int, tuple[int, ...]]] = set()

    def search(depth: int, held: tuple[int, ...]) -> Iterator[Region]:
        if not held:
            yield {}
            return
        if (depth, held) in covered or any(boxes[place].keys().isdisjoint(slots[depth:]) for place in held):
            return
        slot = slots[depth]
        found = False
        for cell, inside in _divided(
            region[slot], [(p, boxes[p].get(slot, EVERYTHING)) for p in held], budget
        ):
            for rest in search(depth + 1, inside):
                found = True
                yield {slot: cell, **rest}
        if not found:
            covered.add((depth, held))

    for part in search(0, tuple(range(len(boxes)))):
        yield region | part


def _is_bounded(found: ValueSet) -> bool:
    return not found.below and len(found.cuts) % 2 == 0


def _divided(
    domain: ValueSet, held: list[tuple[int, ValueSet]], budget: Budget
) -> list[tuple[ValueSet, tuple[int, ...]]]:
    """The cells of a slot, those with the same boxes made one, with their boxes; the emptiest first."""
    cells = Cells([domain, *(found for _, found in held)])
    inside: list[list[int]] = [[] for _ in range(len(cells))]
    absent: list[int] = []
    for place, found in held:
        for start, end in cells.runs(found):
            budget.spend(1 + (end - start) // 8)
            for cell in range(start, end):
                inside[cell].append(place)
        if found.absent:
            absent.append(place)
    parts: dict[tuple[int, ...], ValueSet] = {}
    for start, end in cells.runs(domain):
        for cell in range(start, end):
            key = tuple(inside[cell])
            parts[key] = parts.get(key, NOTHING) | _cell(cells, cell)
    if domain.absent:
        key = tuple(absent)
        parts[key] = parts.get(key, NOTHING) | ABSENT
    return sorted(((cell, boxes) for boxes, cell in parts.items()), key=lambda part: len(part[1]))


def _cell(cells: Cells, cell: int) -> ValueSet:
    bounds, place = cells.bounds, cell // 2
    if cell % 2:
        return ValueSet(False, ((bounds[place], 0), (bounds[place], 1)))
    low = [] if place == 0 else [(bounds[place - 1], 1)]
    high = [] if place == len(bounds) else [(bounds[place], 0)]
    return ValueSet(not low, tuple(low + high))
