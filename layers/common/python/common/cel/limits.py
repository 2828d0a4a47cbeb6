"""How much an expression may ask for, so that none can hang or fill the process that runs it."""

from typing import NamedTuple

from common.cel.errors import CelLimitError


class Limits(NamedTuple):
    """Bounds on one expression; the defaults suit expressions that people write.

    A unit of `cost` is the evaluation of one node of the syntax tree, or sixteen characters copied, compared
    or searched; what takes longer costs more. A million units take from a tenth of a second to a second.
    """

    source: int = 65_536
    """Characters of source."""
    depth: int = 100
    """Levels of nesting, in the source and in the syntax tree (a chain of n additions is n levels deep)."""
    nodes: int = 20_000
    """Nodes of the syntax tree."""
    cost: int = 1_000_000
    """Units that one evaluation may spend."""
    pattern: int = 1_000
    """Characters of a regular expression."""


DEFAULT_LIMITS = Limits()


class Meter:
    """What is left of one evaluation's cost."""

    __slots__ = ("left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit

    def spend(self, units: int, at: int) -> None:
        """Take `units`; CelLimitError at the offset `at` when they are not there."""
        self.left -= units
        if self.left < 0:
            raise self.exhausted(at)

    def exhausted(self, at: int) -> CelLimitError:
        """The refusal of an evaluation that has spent everything."""
        return CelLimitError(
            f"the evaluation costs more than {self.limit:,} steps: use smaller lists or fewer nested macros",
            at,
        )
