"""Moving an object between sites: which can be entered, by which key, and from where the key is supplied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.planner.costs import FREE, Cost
from gateway.planner.selection import TYPENAME, Field, Selection
from gateway.planner.sites import Choice, Hop, Option, Site, Stand

if TYPE_CHECKING:
    from gateway.planner.estimate import Estimator

Distances = dict[Site, Hop]
AT_HAND = Hop(FREE.requests, 0, None, ())


def reach(estimator: Estimator, stand: Stand) -> dict[Site, Hop]:
    """How to enter each site that can be entered from the sites reached."""
    known = estimator.topology.hops.get(stand)
    if known is not None:
        return known
    before = estimator.cycles
    hops = _reach(estimator, stand)
    if before == estimator.cycles:
        estimator.topology.hops[stand] = hops
    return hops


def _reach(estimator: Estimator, stand: Stand) -> dict[Site, Hop]:
    homes = [site for site in estimator.topology.homes(stand.owner) if site not in stand.reached]
    if stand.owner in estimator.topology.root_types:
        return {site: Hop(frozenset(((0, site.graph),)), 0, None, ()) for site in homes}
    distances = dict.fromkeys(stand.reached, AT_HAND)
    hops: dict[Site, Hop] = {}
    improved = True
    while improved:
        improved = False
        for site in homes:
            hop = cheapest_hop(estimator, stand, site, distances)
            known = hops.get(site)
            if hop is not None and (known is None or _rank(hop) < _rank(known)):
                distances[site] = hops[site] = hop
                improved = True
    return hops


def hop_again(estimator: Estimator, stand: Stand, site: Site) -> Hop | None:
    """How to enter a site once more that has been reached, for fields that require others."""
    return cheapest_hop(estimator, stand, site, dict.fromkeys(stand.reached, AT_HAND))


def cheapest_hop(estimator: Estimator, stand: Stand, site: Site, distances: Distances) -> Hop | None:
    """The cheapest key by which to enter a site from sites at the given distances."""
    guard = (stand.owner, site, stand.here)
    if not estimator.enter(guard):
        return None
    best: Hop | None = None
    for key in estimator.supergraph.keys(site.type, site.graph):
        selection = estimator.supergraph.fieldset(site.type, key.fields)
        found = _by_key(estimator, stand, site, selection, distances)
        if found is not None and (best is None or _rank(found) < _rank(best)):
            best = found
    estimator.leave(guard)
    return best


def _rank(hop: Hop) -> tuple[int, int]:
    return len(hop.requests), hop.level


def _by_key(
    estimator: Estimator, stand: Stand, site: Site, key: Selection, distances: Distances
) -> Hop | None:
    sources: list[tuple[Field, Option]] = []
    needed = FREE
    for field in key.fields:
        if field.name == TYPENAME:
            continue
        best: Option | None = None
        best_cost = FREE
        for option in estimator.options(stand.owner, field, stand.here, stand.provided):
            hop = distances.get(option.site)
            circular = option.site == site and site != stand.here
            if hop is None or option.requires is not None or circular:
                continue
            below = estimator.below(Choice(field, option, field.selection))
            if below is None:
                continue
            cost = Cost(hop.requests).also(below.after(hop.level))
            at_home = option.site == stand.here
            if best is None or (cost.rank(), not at_home) < (best_cost.rank(), best.site != stand.here):
                best, best_cost = option, cost
        if best is None:
            return None
        needed = needed.also(best_cost)
        sources.append((field, best))
    level = 1 + max((step for step, _ in needed.requests), default=0)
    return Hop(needed.requests | {(level, site.graph)}, level, key, tuple(sources))
