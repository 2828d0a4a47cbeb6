"""Choosing among the options of an object's fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from gateway.planner.costs import FREE, Cost
from gateway.planner.reach import reach
from gateway.planner.selection import TYPENAME, Field, Selection
from gateway.planner.sites import Choice, Hop, Option, Site, Stand, Value

if TYPE_CHECKING:
    from gateway.planner.estimate import Estimator

Priced = list[tuple[Cost, Option]]
Open = list[tuple[Field, Priced]]


class Assignment(NamedTuple):
    """The choices for a list of fields and what they cost (None: `failed` cannot be resolved)."""

    cost: Cost | None
    choices: list[Choice]
    failed: Field | None = None


def assign(estimator: Estimator, stand: Stand, fields: Iterable[Field]) -> Assignment:
    """Choose an option for each field of an object."""
    choices: list[Choice] = []
    cost = FREE
    later: list[tuple[Field, tuple[Option, ...]]] = []
    for field in fields:
        options = estimator.options(stand.owner, field, stand.here, stand.provided)
        local = next((each for each in options if each.site == stand.here and each.requires is None), None)
        if local is not None:
            choice = Choice(field, local, field.selection)
            below = estimator.below(choice)
            # where the object was fetched, nothing can be better than free, and only one way is no choice
            if below is not None and (below.is_free or len(options) == 1):
                cost = cost.also(below)
                choices.append(choice)
                continue
        later.append((field, options))
    if not later:
        return Assignment(cost, choices)
    return _Chooser(estimator, stand).choose(later, Assignment(cost, choices))


class _Chooser:
    def __init__(self, estimator: Estimator, stand: Stand) -> None:
        self.estimator = estimator
        self.stand = stand
        self.hops: dict[Site, Hop] = reach(estimator, stand)

    def choose(self, later: list[tuple[Field, tuple[Option, ...]]], found: Assignment) -> Assignment:
        """Fields with one way first; then each of the others the way that needs the fewest further
        requests. As that depends on where one begins, each site is tried as the first.
        """
        cost, choices = found.cost or FREE, found.choices
        open_fields: Open = []
        for field, options in later:
            usable = [each for each in options if each.site in self.stand.reached or each.site in self.hops]
            priced = [(price, each) for each in usable if (price := self.price(field, each)) is not None]
            if len(priced) > 1:
                open_fields.append((field, priced))
                continue
            if priced:
                parts, price = [Choice(field, priced[0][1], field.selection)], priced[0][0]
            else:
                split = self.split(field, usable)
                if split is None:
                    return Assignment(None, choices, field)
                parts, price = split
            cost = cost.also(price)
            choices += parts
        if open_fields:
            rest_cost, rest = self.settle(open_fields, cost)
            cost, choices = rest_cost, choices + rest
        return Assignment(cost, choices)

    def settle(self, open_fields: Open, cost: Cost) -> tuple[Cost, list[Choice]]:
        """Choose for the fields that can be resolved in several ways."""
        demand: dict[Site, int] = {}
        for _, priced in open_fields:
            for _, option in priced:
                demand[option.site] = demand.get(option.site, 0) + 1
        best = self.greedy(open_fields, cost, demand, None)
        if best[0].rank(cost.requests)[0] >= 1 and len(open_fields) > 1:
            tries = (self.greedy(open_fields, cost, demand, site) for site in demand)
            best = min([best, *tries], key=lambda each: each[0].rank())
        return best

    def greedy(
        self, open_fields: Open, cost: Cost, demand: dict[Site, int], first: Site | None
    ) -> tuple[Cost, list[Choice]]:
        """Choose field by field, as if `first` had been entered already."""
        choices: list[Choice] = []
        made = cost.requests | self.entry(first).requests if first is not None else cost.requests
        for field, priced in open_fields:
            price, option = min(priced, key=lambda each: (each[0].rank(made), -demand[each[1].site]))
            parts = [Choice(field, option, field.selection)]
            if not price.requests <= made:
                parts = self.free_parts(field, priced, made) or parts
                price = price if parts[0].selection is field.selection else FREE
            cost = cost.also(price)
            made = made | price.requests
            choices += parts
        return cost, choices

    def entry(self, site: Site) -> Cost:
        """What it takes to enter a site."""
        return FREE if site in self.stand.reached else Cost(self.hops[site].requests)

    def price(self, field: Field, option: Option) -> Cost | None:
        """What it takes to resolve a field by an option, or None when it cannot be."""
        estimator = self.estimator
        below = estimator.below(Choice(field, option, field.selection))
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

    def free_parts(
        self, field: Field, priced: Priced, made: frozenset[tuple[int, str]]
    ) -> list[Choice] | None:
        """Resolve a field in parts at sites that are asked anyway, if that spares further requests. Not
        for lists: their items are better told apart by keys.
        """
        if field.selection is None or field.distinct or self.estimator.is_list(self.stand.owner, field):
            return None
        at_hand = [
            each for _, each in priced if each.requires is None and self.entry(each.site).requests <= made
        ]
        if len(at_hand) < 2:
            return None
        return self.parts(field, at_hand, only_free=True)

    def split(self, field: Field, options: list[Option]) -> tuple[list[Choice], Cost] | None:
        """Resolve one field at several sites, each for a part of its selection: how types without keys are
        joined. A mutation is never run twice.
        """
        if field.selection is None or field.distinct:
            return None
        parts = self.parts(field, [each for each in options if each.requires is None], only_free=False)
        if parts is None:
            return None
        cost = FREE
        for part in parts:
            price = self.price(field.narrowed(part.selection), part.option) if part.selection else None
            if price is None:
                return None
            cost = cost.also(price)
        return parts, cost

    def parts(self, field: Field, options: list[Option], *, only_free: bool) -> list[Choice] | None:
        """The parts of a field's selection, each with the option that resolves most of what is left."""
        remaining = field.selection
        chosen: list[Choice] = []
        left = list(options)
        while remaining is not None:
            parts = [(option, *self.part(remaining, option, only_free)) for option in left]
            option, covered, rest = max(parts, key=lambda part: _size(part[1]), default=(None, None, None))
            if option is None or covered is None:
                return None
            chosen.append(Choice(field, option, covered))
            left.remove(option)
            remaining = rest
        return chosen

    def part(
        self, selection: Selection, option: Option, only_free: bool
    ) -> tuple[Selection | None, Selection | None]:
        """What of a selection an option covers, and the rest."""
        value = Value(option.named, option.site.graph, option.provided)
        return self.estimator.restrict(selection, value, only_free=only_free)


def _size(selection: Selection | None) -> int:
    if selection is None:
        return 0
    return sum(1 + _size(field.selection) for field in selection.fields if field.name != TYPENAME)
