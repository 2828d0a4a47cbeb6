"""Decides in which step each fetch is made: as early as it can be, unless waiting spares a request.

When a subgraph is asked for entities in a later step anyway, and nobody needs what it would be asked for
earlier until after that step, both are asked for at once. The plan does not get deeper by it.
"""

from __future__ import annotations

from gateway.planner.fetches import Fetch

Group = list[Fetch]


def set_levels(fetches: list[Fetch]) -> None:
    """Set the level of each fetch: the steps of its stage that come before it."""
    for fetch in fetches:
        _set_level(fetch)
    followers: dict[Fetch, list[Fetch]] = {fetch: [] for fetch in fetches}
    for fetch in fetches:
        for each in fetch.after:
            followers[each].append(fetch)
    groups: dict[tuple[int, str], dict[int, Group]] = {}
    for fetch in fetches:
        if fetch.root is None:
            levels = groups.setdefault((fetch.stage, fetch.graph), {})
            levels.setdefault(fetch.level, []).append(fetch)
    # from the end, so that what waits for a fetch has moved before the fetch is looked at
    waiting = [(level, key) for key, levels in groups.items() for level in levels]
    for level, key in sorted(waiting, reverse=True):
        _join_later(groups[key], level, followers)


def _set_level(fetch: Fetch) -> int:
    if fetch.after and not fetch.level:
        fetch.level = 1 + max(_set_level(each) for each in fetch.after)
    return fetch.level


def _join_later(levels: dict[int, Group], level: int, followers: dict[Fetch, list[Fetch]]) -> None:
    """Move a subgraph's fetches of one step to a later step in which it is asked too, if none of them is
    needed before.
    """
    latest = min(
        (each.level - 1 for fetch in levels[level] for each in followers[fetch] if each.stage == fetch.stage),
        default=None,
    )
    later = min(
        (each for each in levels if each > level and (latest is None or each <= latest)), default=None
    )
    if later is not None:
        for fetch in levels[level]:
            fetch.level = later
        levels[later] += levels.pop(level)
