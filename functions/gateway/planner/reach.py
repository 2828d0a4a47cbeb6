"""Moving an object between sites: which can be entered, by which key, and from where the key is supplied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.planner.selection import TYPENAME, Field, Selection
from gateway.planner.sites import Choice, Hop, Option, Site, Stand

if TYPE_CHECKING:
    from gateway.planner.estimate import Estimator

INFINITE = float("inf")


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
        return {site: Hop(1.0, None, ()) for site in homes}
    distance = dict.fromkeys(stand.reached, 0.0)
    hops: dict[Site, Hop] = {}
    improved = True
    while improved:
        improved = False
        for site in homes:
            hop = cheapest_hop(estimator, stand, site, distance)
            if hop is not None and hop.cost < distance.get(site, INFINITE):
                distance[site] = hop.cost
                hops[site] = hop
                improved = True
    return hops


def hop_again(estimator: Estimator, stand: Stand, site: Site) -> Hop | None:
    """How to enter a site once more that has been reached, for fields that require others."""
    return cheapest_hop(estimator, stand, site, dict.fromkeys(stand.reached, 0.0))


def cheapest_hop(estimator: Estimator, stand: Stand, site: Site, distance: dict[Site, float]) -> Hop | None:
    """The cheapest key by which to enter a site from sites at the given distances."""
    guard = (stand.owner, site, stand.here)
    if not estimator.enter(guard):
        return None
    best: Hop | None = None
    for key in estimator.supergraph.keys(site.type, site.graph):
        selection = estimator.supergraph.fieldset(site.type, key.fields)
        found = _by_key(estimator, stand, site, selection, distance)
        if found is not None and (best is None or found.cost < best.cost):
            best = found
    estimator.leave(guard)
    return best


def _by_key(
    estimator: Estimator, stand: Stand, site: Site, key: Selection, distance: dict[Site, float]
) -> Hop | None:
    sources: list[tuple[Field, Option]] = []
    cost = 1.0
    for field in key.fields:
        if field.name == TYPENAME:
            continue
        best: Option | None = None
        best_cost = INFINITE
        for option in estimator.options(stand.owner, field, stand.here, stand.provided):
            away = distance.get(option.site, INFINITE)
            circular = option.site == site and site != stand.here
            if option.requires is not None or away == INFINITE or circular:
                continue
            each = away + estimator.below(Choice(field, option, field.selection))
            if each < best_cost or (each == best_cost and option.site == stand.here):
                best, best_cost = option, each
        if best is None:
            return None
        known = any(option.site == best.site for _, option in sources)
        cost += best_cost - (distance[best.site] if known else 0.0)
        sources.append((field, best))
    return Hop(cost, key, tuple(sources)) if cost < INFINITE else None
