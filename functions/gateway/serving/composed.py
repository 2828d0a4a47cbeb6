"""The supergraph that this release ships, and the plans made on it, both kept while the container lives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from common.principal import Principal
from gateway.access.narrow import Narrowed, narrow
from gateway.access.rules import Coordinate, Rules
from gateway.errors import Uncomposed
from gateway.planner import Limits, PlanCache, QueryPlan, Supergraph

FILE = Path(__file__).parents[1] / "supergraph.graphql"
KEPT = 500
"""Narrowed operations remembered; there are as many of one document as there are kinds of callers."""


@dataclass(frozen=True)
class Planned:
    """An operation as its caller may run it; ``narrowed`` says what was taken out of it, if anything."""

    plan: QueryPlan
    narrowed: Narrowed | None


class Graph:
    """A supergraph with everything that is derived from it."""

    def __init__(self, sdl: str, plans: int = 1000) -> None:
        self.supergraph = Supergraph.parse(sdl)
        self.rules = Rules(self.supergraph)
        self._plans = PlanCache(plans)
        self._narrowed: dict[tuple[QueryPlan, frozenset[Coordinate], bool], Narrowed] = {}

    def plan(self, document: str, name: str | None, caller: Principal, limits: Limits) -> Planned:
        """The plan for a caller. Raises the planner's `RequestError`."""
        labels = self.labels(caller)
        whole = self._plans.plan(self.supergraph, document, name, limits=limits, labels=labels)
        refused = self.rules.refused(whole, caller)
        if not refused:
            return Planned(whole, None)
        key = (whole, refused, caller.kind == "anonymous")
        narrowed = self._narrowed.get(key)
        if narrowed is None:
            if len(self._narrowed) >= KEPT:
                self._narrowed.clear()
            narrowed = self._narrowed[key] = narrow(self.rules, whole, caller)
        if not narrowed.hidden:  # what is refused belongs to an interface that is not asked here
            return Planned(whole, None)
        plan = self._plans.plan(self.supergraph, narrowed.text, name, limits=limits, labels=labels)
        return Planned(plan, narrowed)

    def labels(self, caller: Principal) -> frozenset[str]:
        """The labels of progressive overrides that are active for a caller: of ``percent(20)``, the fifth
        of all callers that their name falls into, always the same.
        """
        return self.supergraph.labels_for(_lot(caller.name))


def _lot(name: str) -> float:
    """A number from 0 to 100 that a name always draws."""
    return int.from_bytes(sha256(name.encode()).digest()[:4]) / 2**32 * 100


@cache
def _shipped() -> Graph:
    try:
        return Graph(FILE.read_text())
    except FileNotFoundError as error:
        raise Uncomposed("This release has no supergraph; `make docs` composes one.") from error


_source: list[Callable[[], Graph]] = [_shipped]


def graph() -> Graph:
    """The container's graph."""
    return _source[-1]()


def warm() -> None:
    """Read the graph now, not with the first request. A release without one says so when it is asked."""
    with suppress(Uncomposed):
        _ = graph().supergraph.api


def use(other: Graph | None) -> None:
    """Serve another graph from here on; None: the shipped one again."""
    _source[:] = [_shipped] if other is None else [_shipped, lambda: other]
