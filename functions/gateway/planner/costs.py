"""What it takes to fetch something, counted in requests."""

from __future__ import annotations

from typing import NamedTuple

from gateway.planner.sites import Requests

MISSED = 0.001
NO_REQUESTS: Requests = frozenset()


class Cost(NamedTuple):
    """The requests still to make, by step and subgraph, so that those that will be shared count once; and
    how many of the fields asked for cannot occur: of two equal ways, the one where they can is better.
    """

    requests: Requests = NO_REQUESTS
    missed: int = 0

    @property
    def is_free(self) -> bool:
        """Whether nothing more has to be fetched."""
        return not self.requests

    def after(self, level: int) -> Cost:
        """The same cost when it begins after some steps."""
        if not level or not self.requests:
            return self
        return Cost(frozenset((step + level, graph) for step, graph in self.requests), self.missed)

    def also(self, other: Cost) -> Cost:
        """Both costs."""
        if not other.requests and not other.missed:
            return self
        return Cost(self.requests | other.requests, self.missed + other.missed)

    def rank(
        self, made: frozenset[tuple[int, str]] | set[tuple[int, str]] = NO_REQUESTS
    ) -> tuple[float, int]:
        """For comparison: the requests beyond those made already, and the step of the last."""
        new = self.requests - made
        return len(new) + self.missed * MISSED, max((step for step, _ in new), default=0)


FREE = Cost()
