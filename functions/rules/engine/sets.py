"""Sets of values over one ordered field, as the index and the analysis compute with them.

A set is a row of cuts. A cut ``(value, 0)`` lies just before the value and ``(value, 1)`` just after it; at
each cut membership toggles, beginning below everything with ``below``. So ``[3, 7)`` is ``below=False,
cuts=((3, 0), (7, 0))`` and its complement differs in ``below`` alone. ``absent`` says whether the lack of a
value belongs to the set.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import msgspec

Cut: TypeAlias = tuple[Any, int]


class ValueSet(msgspec.Struct, frozen=True):
    """A set of present values, and perhaps absence."""

    below: bool
    cuts: tuple[Cut, ...]
    absent: bool = False

    def __contains__(self, value: object) -> bool:
        """Whether a present value belongs."""
        return self.below ^ (bisect_right(self.cuts, (value, 0)) & 1 == 1)

    @property
    def is_empty(self) -> bool:
        return not (self.below or self.cuts or self.absent)

    @property
    def is_everything(self) -> bool:
        return self.below and not self.cuts and self.absent

    def complement(self) -> ValueSet:
        """The other present values; absence stays out, for a test on a missing fact is not true either
        way.
        """
        return ValueSet(not self.below, self.cuts)

    def __and__(self, other: ValueSet) -> ValueSet:
        if self.is_everything:
            return other
        if other.is_everything:
            return self
        return _combined(self, other, both=True)

    def __or__(self, other: ValueSet) -> ValueSet:
        return _combined(self, other, both=False)

    def __sub__(self, other: ValueSet) -> ValueSet:
        return self & ValueSet(not other.below, other.cuts, not other.absent)

    def segments(self) -> Iterator[tuple[Cut | None, Cut | None]]:
        """The runs of present values, each from cut to cut; None is no bound."""
        start: Cut | None = None
        inside = self.below
        for cut in self.cuts:
            if inside:
                yield start, cut
            inside, start = not inside, cut
        if inside:
            yield start, None

    def points(self) -> list[Any] | None:
        """Its values when it is a finite list of points, else None."""
        if self.below or len(self.cuts) % 2:
            return None
        found = []
        for i in range(0, len(self.cuts), 2):
            (low, before), (high, after) = self.cuts[i], self.cuts[i + 1]
            if before != 0 or after != 1 or low != high:
                return None
            found.append(low)
        return found


EVERYTHING = ValueSet(True, (), absent=True)
PRESENT = ValueSet(True, ())
ABSENT = ValueSet(False, (), absent=True)
NOTHING = ValueSet(False, ())


def point(value: Any) -> ValueSet:
    """Just this value."""
    return ValueSet(False, ((value, 0), (value, 1)))


def points(values: Iterable[Any]) -> ValueSet:
    """Just these values."""
    return ValueSet(False, tuple(cut for value in sorted(set(values)) for cut in ((value, 0), (value, 1))))


def less(value: Any, *, inclusive: bool) -> ValueSet:
    """Everything below the value."""
    return ValueSet(True, ((value, int(inclusive)),))


def greater(value: Any, *, inclusive: bool) -> ValueSet:
    """Everything above the value."""
    return ValueSet(False, ((value, int(not inclusive)),))


def between(low: Any, high: Any) -> ValueSet:
    """From low to high, both included."""
    return ValueSet(False, ((low, 0), (high, 1))) if low <= high else NOTHING


def prefixed(prefix: str) -> ValueSet:
    """Strings that start so, which are a run in the order of code points."""
    if not prefix:
        return PRESENT
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return ValueSet(False, ((prefix, 0),))
    return ValueSet(False, ((prefix, 0), (stem[:-1] + chr(ord(stem[-1]) + 1), 0)))


def _combined(a: ValueSet, b: ValueSet, *, both: bool) -> ValueSet:
    in_a, in_b = a.below, b.below
    state = below = (in_a and in_b) if both else (in_a or in_b)
    cuts: list[Cut] = []
    i = j = 0
    while i < len(a.cuts) or j < len(b.cuts):
        take_a = j == len(b.cuts) or (i < len(a.cuts) and a.cuts[i] <= b.cuts[j])
        take_b = i == len(a.cuts) or (j < len(b.cuts) and b.cuts[j] <= a.cuts[i])
        cut = a.cuts[i] if take_a else b.cuts[j]
        if take_a:
            in_a, i = not in_a, i + 1
        if take_b:
            in_b, j = not in_b, j + 1
        inside = (in_a and in_b) if both else (in_a or in_b)
        if inside != state:
            cuts.append(cut)
            state = inside
    absent = (a.absent and b.absent) if both else (a.absent or b.absent)
    return ValueSet(below, tuple(cuts), absent)
