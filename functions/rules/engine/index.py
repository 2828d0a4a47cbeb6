"""The index: from the facts to the few alternatives (boxes) whose sets they lie in.

A tree. A branch looks one field up and goes on with the boxes that remain, and with those that say nothing
narrow about that field. A leaf answers at once, from one field's cells, or ANDs one bitset a field. Only then
are tests that no set expresses run, by the matcher, for the boxes that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from rules.engine.normal import Box
from rules.engine.sets import EVERYTHING, ValueSet
from rules.engine.tables import Cells, Table, table

Hits: TypeAlias = tuple[int, ...]
"""Numbers of boxes, ascending."""

_NARROW = 16
"""Cells that a set may cover and still be copied into each of them; one without two ends never is."""
_COPIES = 6
"""How many times over a branch may copy its boxes."""
_WORTH = 0.7
"""A branch must leave no more than this part of its boxes."""
_FEW = 4
"""Boxes too few to be worth a branch."""
_ANSWERS = 64
"""Hits for each of its boxes that a leaf of ready answers may hold."""
_LEAF_BYTES = 8_000_000
"""What the bitsets of one leaf may take; a larger leaf is several."""
_SMALL = 64
"""Boxes too few to be worth dividing a leaf."""
_BYTE = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


class Node(Protocol):
    """A place in the tree."""

    def search(self, values: list[Any]) -> Hits:
        """The boxes that the taken values lie in."""


class Everything(msgspec.Struct, eq=False):
    """A leaf whose boxes ask nothing more."""

    hits: Hits

    def search(self, values: list[Any]) -> Hits:  # noqa: ARG002  # the protocol's signature
        return self.hits


class Answers(msgspec.Struct, eq=False):
    """A leaf over one field, each cell with its boxes."""

    slot: int
    table: Table[Hits]

    def search(self, values: list[Any]) -> Hits:
        return self.table.find(values[self.slot])


class Bitsets(msgspec.Struct, eq=False):
    """A leaf over several fields, each cell with the set of its boxes as the bits of an integer."""

    boxes: Hits
    tables: list[tuple[int, Table[int]]]
    size: int
    only_first: bool

    def search(self, values: list[Any]) -> Hits:
        bits = -1
        for slot, found in self.tables:
            bits &= found.find(values[slot])
            if not bits:
                return ()
        boxes = self.boxes
        if self.only_first:
            return (boxes[(bits & -bits).bit_length() - 1],)
        if bits.bit_count() * 32 < self.size:
            return _sparse(bits, boxes)
        return tuple(
            boxes[base + bit]
            for base, byte in zip(range(0, len(boxes), 8), bits.to_bytes(self.size, "little"), strict=False)
            if byte
            for bit in _BYTE[byte]
        )


def _sparse(bits: int, boxes: Hits) -> Hits:
    hits = []
    while bits:
        lowest = bits & -bits
        hits.append(boxes[lowest.bit_length() - 1])
        bits ^= lowest
    return tuple(hits)


class Branch(msgspec.Struct, eq=False):
    """Boxes told apart by one field; ``rest`` are those that it does not tell apart."""

    slot: int
    table: Table[Node | None]
    rest: Node | None

    def search(self, values: list[Any]) -> Hits:
        child = self.table.find(values[self.slot])
        if child is None:
            return () if self.rest is None else self.rest.search(values)
        if self.rest is None:
            return child.search(values)
        return _merge(child.search(values), self.rest.search(values))


class Several(msgspec.Struct, eq=False):
    """Leaves side by side, in the order of their boxes."""

    nodes: Sequence[Node]
    only_first: bool

    def search(self, values: list[Any]) -> Hits:
        hits: Hits = ()
        for node in self.nodes:
            hits += node.search(values)
            if hits and self.only_first:
                break
        return hits


def _merge(a: Hits, b: Hits) -> Hits:
    if not a:
        return b
    return tuple(sorted(a + b)) if b else a


class Builder:
    """Builds the index over boxes in order. ``settled(box)`` says that no test remains once its sets hold.

    With ``only_first``, answers may leave out what comes after the first settled box.
    """

    def __init__(self, boxes: Sequence[Box], settled: Callable[[int], bool], *, only_first: bool) -> None:
        self.sets: list[dict[int, ValueSet]] = [
            {slot: found for slot, found in box.sets.items() if not found.is_everything} for box in boxes
        ]
        self.settled = settled
        self.only_first = only_first

    def build(self) -> Node:
        """The root."""
        return self._node(tuple(range(len(self.sets))), frozenset()) or Everything(())

    def _node(self, boxes: Hits, done: frozenset[int]) -> Node | None:
        if not boxes:
            return None
        slots = sorted({slot for box in boxes for slot in self.sets[box]} - done)
        if not slots:
            return Everything(self._cut_short(boxes))
        if len(slots) > 1 and len(boxes) > _FEW:
            split = min((self._split(boxes, slot) for slot in slots), key=lambda split: split.remaining)
            if split.remaining <= _WORTH * len(boxes):
                return self._branch(split, done)
        if len(slots) == 1 and (answers := self._answers(boxes, slots[0])) is not None:
            return answers
        leaves = self._leaves(boxes, slots)
        plain = self.only_first and all(self.settled(box) for box in boxes)
        return leaves[0] if len(leaves) == 1 else Several(leaves, plain)

    def _leaves(self, boxes: Hits, slots: list[int]) -> list[Node]:
        if len(boxes) <= _SMALL or self._bytes(boxes, slots) <= _LEAF_BYTES:
            return [self._bitsets(boxes, slots)]
        half = len(boxes) // 2
        return self._leaves(boxes[:half], slots) + self._leaves(boxes[half:], slots)

    def _bytes(self, boxes: Hits, slots: list[int]) -> int:
        """About what the bitsets of these boxes take: one for each cell, one bit for each box."""
        cuts = sum(len({value for box in boxes for value, _ in self._set(box, slot).cuts}) for slot in slots)
        return 2 * cuts * (len(boxes) // 8 + 32)

    def _cut_short(self, boxes: Hits) -> Hits:
        if self.only_first:
            for i, box in enumerate(boxes):
                if self.settled(box):
                    return boxes[: i + 1]
        return boxes

    def _set(self, box: int, slot: int) -> ValueSet:
        return self.sets[box].get(slot, EVERYTHING)

    def _split(self, boxes: Hits, slot: int) -> _Split:
        bounded: list[int] = []
        rest: list[int] = []
        for box in boxes:
            found = self._set(box, slot)
            (rest if found.below or len(found.cuts) % 2 else bounded).append(box)
        everywhere = Cells([self._set(box, slot) for box in bounded])
        narrow: list[int] = []
        for box in bounded:
            covered = sum([end - start for start, end in everywhere.runs(self._set(box, slot))])
            (narrow if covered <= _NARROW else rest).append(box)
        rest.sort()
        cells = Cells(self._set(box, slot) for box in narrow)
        contents: list[list[int]] = [[] for _ in range(len(cells))]
        for box in narrow:
            for start, end in cells.runs(self._set(box, slot)):
                for cell in range(start, end):
                    contents[cell].append(box)
        copies = sum(len(content) for content in contents)
        typical = sum(len(content) ** 2 for content in contents) / copies if copies else 0.0
        remaining = len(rest) + typical if copies <= _COPIES * len(boxes) else float("inf")
        absent = [box for box in narrow if self._set(box, slot).absent]
        return _Split(
            slot, cells.bounds, contents, absent, tuple(rest), remaining if narrow else float("inf")
        )

    def _branch(self, split: _Split, done: frozenset[int]) -> Node:
        settled = done | {split.slot}
        made: dict[Hits, Node | None] = {}

        def child(content: list[int]) -> Node | None:
            key = tuple(content)
            if key not in made:
                made[key] = self._node(key, settled)
            return made[key]

        children = [child(content) for content in split.contents]
        return Branch(
            split.slot, table(split.bounds, children, child(split.absent)), self._node(split.rest, done)
        )

    def _masks(self, boxes: Hits, slot: int) -> tuple[list[Any], list[int], int]:
        """The bounds of a slot, and for each of its cells and for absence the boxes as bits of their
        place.
        """
        cells = Cells(self._set(box, slot) for box in boxes)
        toggles = [0] * (len(cells) + 1)
        absent = 0
        for place, box in enumerate(boxes):
            bit = 1 << place
            found = self._set(box, slot)
            for start, end in cells.runs(found):
                toggles[start] ^= bit
                toggles[end] ^= bit
            if found.absent:
                absent |= bit
        masks, mask = [], 0
        for toggle in toggles[:-1]:
            mask ^= toggle
            masks.append(mask)
        return cells.bounds, masks, absent

    def _answers(self, boxes: Hits, slot: int) -> Answers | None:
        if self._bytes(boxes, [slot]) > _LEAF_BYTES:
            return None
        bounds, masks, absent = self._masks(boxes, slot)
        distinct = set(masks)
        if sum(mask.bit_count() for mask in distinct) > _ANSWERS * len(boxes):
            return None
        hits = {mask: self._cut_short(_sparse(mask, boxes)) for mask in distinct | {absent}}
        return Answers(slot, table(bounds, [hits[mask] for mask in masks], hits[absent]))

    def _bitsets(self, boxes: Hits, slots: list[int]) -> Bitsets:
        tables = []
        for slot in slots:
            bounds, masks, absent = self._masks(boxes, slot)
            tables.append((slot, table(bounds, masks, absent)))
        plain = self.only_first and all(self.settled(box) for box in boxes)
        return Bitsets(boxes, tables, (len(boxes) + 7) // 8, plain)


class _Split(msgspec.Struct, eq=False):
    slot: int
    bounds: list[Any]
    contents: list[list[int]]
    absent: list[int]
    rest: Hits
    remaining: float
    """Boxes left to look at, for facts as common as the rules that ask for them."""
