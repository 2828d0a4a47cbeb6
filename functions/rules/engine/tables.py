"""Look-up tables over one field: from a value to the answer of the cell that it lies in.

The cuts of many value sets divide a field into cells: each bound is one, and so is each gap between two
bounds, below the first and above the last. Cell ``2 * i + 1`` is bound ``i``, cell ``2 * i`` the gap below
it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeAlias, TypeVar

from rules.engine.sets import Cut, ValueSet

Answer = TypeVar("Answer")
Find: TypeAlias = Callable[[Any], Answer]


class Cells:
    """The cells that some value sets divide their field into."""

    def __init__(self, sets: Iterable[ValueSet]) -> None:
        self.bounds: list[Any] = sorted({value for found in sets for value, _ in found.cuts})
        self._place = {value: i for i, value in enumerate(self.bounds)}

    def __len__(self) -> int:
        return 2 * len(self.bounds) + 1

    def _start(self, cut: Cut | None) -> int:
        return 0 if cut is None else 2 * self._place[cut[0]] + 1 + cut[1]

    def runs(self, found: ValueSet) -> list[tuple[int, int]]:
        """The cells of a set, as runs from a cell to, but without, another."""
        return [
            (self._start(low), len(self) if high is None else self._start(high))
            for low, high in found.segments()
        ]


class Hashed(Generic[Answer]):
    """All gaps have one answer; some bounds have their own."""

    __slots__ = ("absent", "other", "points")

    def __init__(self, points: dict[Any, Answer], other: Answer, absent: Answer) -> None:
        self.points, self.other, self.absent = points, other, absent

    def find(self, value: Any) -> Answer:
        return self.absent if value is None else self.points.get(value, self.other)


class Uniform(Generic[Answer]):
    """One answer for every value, which need be neither ordered nor hashable."""

    __slots__ = ("absent", "other")

    def __init__(self, other: Answer, absent: Answer) -> None:
        self.other, self.absent = other, absent

    def find(self, value: Any) -> Answer:
        return self.absent if value is None else self.other


class CutBefore(Generic[Answer]):
    """Each bound answers as the gap above it, so one bisection finds the answer."""

    __slots__ = ("absent", "bounds", "gaps")

    def __init__(self, bounds: list[Any], gaps: list[Answer], absent: Answer) -> None:
        self.bounds, self.gaps, self.absent = bounds, gaps, absent

    def find(self, value: Any) -> Answer:
        return self.absent if value is None else self.gaps[bisect_right(self.bounds, value)]


class CutAfter(CutBefore[Answer]):
    """Each bound answers as the gap below it."""

    __slots__ = ()

    def find(self, value: Any) -> Answer:
        return self.absent if value is None else self.gaps[bisect_left(self.bounds, value)]


class Mixed(CutBefore[Answer]):
    """Some bounds have answers of their own."""

    __slots__ = ("points",)

    def __init__(
        self, points: dict[Any, Answer], bounds: list[Any], gaps: list[Answer], absent: Answer
    ) -> None:
        super().__init__(bounds, gaps, absent)
        self.points = points

    def find(self, value: Any) -> Answer:
        if value is None:
            return self.absent
        if value in self.points:
            return self.points[value]
        return self.gaps[bisect_left(self.bounds, value)]


Table: TypeAlias = Hashed[Answer] | Uniform[Answer] | CutBefore[Answer] | Mixed[Answer]


def table(bounds: list[Any], cells: list[Answer], absent: Answer) -> Table[Answer]:
    """The smallest table for these cells; equal neighbours are made one. Answers are compared by equality."""
    gaps, points = cells[0::2], cells[1::2]
    if all(gap == gaps[0] for gap in gaps):
        own = {bound: point for bound, point in zip(bounds, points, strict=True) if point != gaps[0]}
        return Hashed(own, gaps[0], absent) if own else Uniform(gaps[0], absent)
    if all(point == below for point, below in zip(points, gaps, strict=False)):
        return CutAfter(*_merged(bounds, gaps), absent)
    if all(point == above for point, above in zip(points, gaps[1:], strict=True)):
        return CutBefore(*_merged(bounds, gaps), absent)
    return Mixed(dict(zip(bounds, points, strict=True)), bounds, gaps, absent)


def _merged(bounds: list[Any], gaps: list[Answer]) -> tuple[list[Any], list[Answer]]:
    kept = [i for i in range(len(bounds)) if gaps[i] != gaps[i + 1]]
    return [bounds[i] for i in kept], [gaps[0], *(gaps[i + 1] for i in kept)]
