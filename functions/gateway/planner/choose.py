"""Choosing among the options of an object's fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from gateway.planner.costs import FREE, NO_REQUESTS, Cost
from gateway.planner.reach import reach
from gateway.planner.selection import TYPENAME, Field, Selection
from gateway.planner.sites import Choice, Hop, Option, Requests, Site, Sites, Stand

if TYPE_CHECKING:
    from gateway.planner.estimate import Estimator

Priced = list[tuple[Cost, Option]]


class Asked(NamedTuple):
    """A field to choose an option for, with the sites that could resolve it."""

    field: Field
    options: tuple[Option, ...]
    others: Sites

    def by(self, option: Option, selection: Selection | None = None) -> Choice:
        """The choice of an option, for the field's selection or a part of it."""
        return Choice(self.field, option, selection or self.field.selection, self.others)


class Open(NamedTuple):
    """A field that can be resolved in several ways: the options that resolve it whole, with what each costs,
    and all that can be entered.
    """

    asked: Asked
    priced: Priced
    usable: tuple[Option, ...]


class Assignment(NamedTuple):
    """The choices for a list of fields and what they cost (None: `failed` cannot be resolved)."""

    cost: Cost | None
    choices: list[Choice]
    failed: Field | None = None


def assign(estimator: Estimator, stand: Stand, fields: Iterable[Field]) -> Assignment:
    """Choose an option for each field of an object."""
    choices: list[Choice] = []
    cost = FREE
    later: list[Asked] = []
    for field in fields:
        options = estimator.options(stand.owner, field, stand.here, stand.provided)
        others = estimator.others(stand, field, options)
        local = next((each for each in options if each.site == stand.here and each.requires is None), None)
        if local is not None:
            choice = Choice(field, local, field.selection, others)
            below = estimator.below(choice)
            # where the object was fetched, nothing can be better than free, and only one way is no choice
            if below is not None and (below.is_free or len(options) == 1):
                cost = cost.also(below)
                choices.append(choice)
                continue
        later.append(Asked(field, options, others))
    if not later:
        return Assignment(cost, choices)
    return _Chooser(estimator, stand).choose(later, Assignment(cost, choices))


class _Chooser:
    def __init__(self, estimator: Estimator, stand: Stand) -> None:
        self.estimator = estimator
        self.stand = stand
        self.hops: dict[Site, Hop] = reach(estimator, stand)

    def choose(self, later: list[Asked], found: Assignment) -> Assignment:
        """Fields with one way first; then each of the others the way that needs the fewest further
        requests. As that depends on where one begins, each site is tried as the first.
        """
        cost, choices = found.cost or FREE, found.choices
        open_fields: list[Open] = []
        to_split: list[tuple[Asked, list[Option]]] = []
        for asked in later:
            usable = [
                each for each in asked.options if each.site in self.stand.reached or each.site in self.hops
            ]
            priced = [(price, each) for each in usable if (price := self.price(asked.by(each))) is not None]
            if not priced:
                to_split.append((asked, usable))
            elif len(usable) > 1:
                open_fields.append(Open(asked, priced, tuple(usable)))
            else:
                cost = cost.also(priced[0][0])
                choices.append(asked.by(priced[0][1]))
        for asked, usable in to_split:
            split = self.split(asked, usable, cost)
            if split is None:
                return Assignment(None, choices, asked.field)
            cost = cost.also(split[0])
            choices += split[1]
        if open_fields:
            cost, rest = self.settle(open_fields, cost)
            choices += rest
        return Assignment(cost, choices)

    def settle(self, open_fields: list[Open], cost: Cost) -> tuple[Cost, list[Choice]]:
        """Choose for the fields that can be resolved in several ways."""
        demand: dict[Site, int] = {}
        for field in open_fields:
            for _, option in field.priced:
                demand[option.site] = demand.get(option.site, 0) + 1
        best = self.greedy(open_fields, cost, demand, None)
        if best[0].rank(cost.requests)[0] >= 1 and len(open_fields) > 1:
            tries = (self.greedy(open_fields, cost, demand, site) for site in demand)
            best = min([best, *tries], key=lambda each: each[0].rank())
        return best

    def greedy(
        self, open_fields: list[Open], cost: Cost, demand: dict[Site, int], first: Site | None
    ) -> tuple[Cost, list[Choice]]:
        """Choose field by field, as if `first` had been entered already."""
        choices: list[Choice] = []
        made = cost.requests | self.entry(first).requests if first is not None else cost.requests
        for field in open_fields:
            price, option = min(field.priced, key=lambda each: (each[0].rank(made), -demand[each[1].site]))
            parts = [field.asked.by(option)]
            if not price.requests <= made:
                free = self.free_parts(field, made)
                spared = self.price_all(free) if free is not None else None
                if free is not None and spared is not None and spared.rank(made) < price.rank(made):
                    parts, price = free, spared
            cost = cost.also(price)
            made = made | price.requests
            choices += parts
        return cost, choices

    def entry(self, site: Site) -> Cost:
        """What it takes to enter a site."""
        return FREE if site in self.stand.reached else Cost(self.hops[site].requests)

    def price(self, choice: Choice) -> Cost | None:
        """What it takes to resolve a field by an option, or None when it cannot be."""
        estimator, option = self.estimator, choice.option
        below = estimator.below(choice)
        if below is None:
            return None
        entry = self.entry(option.site)
        level = 0 if option.site in self.stand.reached else self.hops[option.site].level
        if option.requires is not None:
            guard = (self.stand.owner, option.site, option.requires)
            if not estimator.enter(guard):
                return None
            needed = assign(estimator, self.stand, option.requires.fields).cost
            estimator.leave(guard)
            if needed is None:
                return None
            level = max(level, 1 + max((step for step, _ in needed.requests), default=0))
            entry = needed.also(Cost(frozenset(((level, option.site.graph),))))
        return entry.also(below.after(level))

    def free_parts(self, field: Open, made: Requests) -> list[Choice] | None:
        """Resolve a field in parts, each at a site that needs nothing more for its part: sites that are
        asked anyway first. Not for lists: their items are better told apart by keys.
        """
        asked = field.asked
        if asked.field.selection is None or asked.field.distinct:
            return None
        if self.estimator.is_list(self.stand.owner, asked.field):
            return None
        able = [each for each in field.usable if each.requires is None]
        return self.parts(asked, able, made, only_free=True) if len(able) > 1 else None

    def split(self, asked: Asked, options: list[Option], cost: Cost) -> tuple[Cost, list[Choice]] | None:
        """Resolve one field at several sites, each for a part of its selection: how types without keys are
        joined. A mutation is never run twice.
        """
        if asked.field.selection is None or asked.field.distinct:
            return None
        usable = [each for each in options if each.requires is None]
        best: tuple[Cost, list[Choice]] | None = None
        for preferred in (NO_REQUESTS, cost.requests):
            parts = self.parts(asked, usable, preferred, only_free=False)
            price = self.price_all(parts) if parts is not None else None
            if parts is None or price is None:
                continue
            if best is None or price.rank(cost.requests) < best[0].rank(cost.requests):
                best = price, parts
        return best

    def price_all(self, parts: list[Choice]) -> Cost | None:
        """What several choices cost together."""
        total = FREE
        for part in parts:
            price = self.price(part)
            if price is None:
                return None
            total = total.also(price)
        return total

    def parts(
        self, asked: Asked, options: list[Option], preferred: Requests, *, only_free: bool
    ) -> list[Choice] | None:
        """The parts of a field's selection, each with the option that resolves most of what is left;
        options that need only the `preferred` requests come first.
        """
        remaining = asked.field.selection
        chosen: list[Choice] = []
        left = list(options)
        while remaining is not None:
            best: tuple[tuple[bool, int], Option, Selection, Selection | None] | None = None
            for option in left:
                value = asked.by(option).value
                covered, rest = self.estimator.restrict(remaining, value, only_free=only_free)
                if covered is None:
                    continue
                rank = (self.is_made(option, preferred), _size(covered))
                if best is None or rank > best[0]:
                    best = rank, option, covered, rest
            if best is None:
                return None
            _, option, covered, remaining = best
            chosen.append(asked.by(option, covered))
            left.remove(option)
        return chosen

    def is_made(self, option: Option, made: Requests) -> bool:
        """Whether an option's site is entered by requests that are made anyway."""
        return self.entry(option.site).requests <= made


def _size(selection: Selection | None) -> int:
    if selection is None:
        return 0
    return sum(1 + _size(field.selection) for field in selection.fields if field.name != TYPENAME)
