"""Choosing among the options of an object's fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from gateway.planner.reach import INFINITE, reach
from gateway.planner.selection import TYPENAME, Field, Selection
from gateway.planner.sites import Choice, Option, Site, Stand, Value

if TYPE_CHECKING:
    from gateway.planner.estimate import Estimator

FREE = 0.5  # anything below is no request, only fields that cannot occur

Entered = set[tuple[Site, bool]]
Priced = list[tuple[float, Option]]


class Assignment(NamedTuple):
    """The choices for a list of fields; `entered` are the sites that need a request (True: one after
    `@requires`).
    """

    cost: float
    entered: Entered
    choices: list[Choice]
    failed: Field | None = None

    @property
    def total(self) -> float:
        """The cost with the sites entered."""
        return self.cost + len(self.entered)


def assign(estimator: Estimator, stand: Stand, fields: Iterable[Field]) -> Assignment:
    """Choose an option for each field of an object."""
    chooser = _Chooser(estimator, stand)
    later: list[tuple[Field, tuple[Option, ...]]] = []
    for field in fields:
        options = estimator.options(stand.owner, field, stand.here, stand.provided)
        if not chooser.take_local(field, options):
            later.append((field, options))
    failed = chooser.choose(later) if later else None
    cost = INFINITE if failed is not None else chooser.cost
    return Assignment(cost, chooser.entered, chooser.choices, failed)


class _Chooser:
    def __init__(self, estimator: Estimator, stand: Stand) -> None:
        self.estimator = estimator
        self.stand = stand
        self.cost = 0.0
        self.entered: Entered = set()
        self.choices: list[Choice] = []

    def take_local(self, field: Field, options: tuple[Option, ...]) -> bool:
        """Take the field where the object was fetched, if nothing else could be better."""
        here = self.stand.here
        local = next((each for each in options if each.site == here and each.requires is None), None)
        if local is None:
            return False
        choice = Choice(field, local, field.selection)
        below = self.estimator.below(choice)
        if below < FREE or (len(options) == 1 and below < INFINITE):
            self.cost += below
            self.choices.append(choice)
            return True
        return False

    def choose(self, later: list[tuple[Field, tuple[Option, ...]]]) -> Field | None:
        """Fields with one way first; then each field its cheapest way, where sites already entered cost
        nothing. Returns the field that cannot be resolved, if there is one.
        """
        self.hops = reach(self.estimator, self.stand)
        open_fields: list[tuple[Field, Priced]] = []
        for field, options in later:
            usable = [each for each in options if each.site in self.stand.reached or each.site in self.hops]
            priced = [(cost, each) for each in usable if (cost := self.fixed(field, each)) < INFINITE]
            if priced:
                open_fields.append((field, priced))
            elif not self.split(field, usable):
                return field
        demand: dict[Site, int] = {}
        for _, priced in open_fields:
            for _, option in priced:
                demand[option.site] = demand.get(option.site, 0) + 1
        for field, priced in sorted(open_fields, key=lambda each: len(each[1]) > 1):
            cost, option = min(
                priced,
                key=lambda each: (
                    each[0] + self.entry(each[1]),
                    self.distance(each[1]),
                    -demand[each[1].site],
                ),
            )
            self.take(Choice(field, option, field.selection), cost)
        return None

    def fixed(self, field: Field, option: Option) -> float:
        """The cost of an option apart from entering its site."""
        cost = self.estimator.below(Choice(field, option, field.selection))
        if option.requires is None or cost == INFINITE:
            return cost
        guard = (self.stand.owner, option.site, option.requires)
        if not self.estimator.enter(guard):
            return INFINITE
        cost += assign(self.estimator, self.stand, option.requires.fields).total
        self.estimator.leave(guard)
        return cost

    def entry(self, option: Option) -> float:
        """The requests it takes to enter an option's site."""
        site = option.site
        if site in self.stand.reached:
            again = option.requires is not None and (site, True) not in self.entered
            return 1.0 if again else 0.0
        return 0.0 if (site, False) in self.entered else self.hops[site].cost

    def distance(self, option: Option) -> float:
        """Of options that cost the same, the one whose site is entered sooner."""
        return 0.0 if option.site in self.stand.reached else self.hops[option.site].cost

    def take(self, choice: Choice, cost: float) -> None:
        """Take a choice."""
        self.cost += cost
        self.choices.append(choice)
        site = choice.option.site
        if site not in self.stand.reached:
            self.go_to(site)
        elif choice.option.requires is not None:
            self.entered.add((site, True))

    def go_to(self, site: Site) -> None:
        """Enter a site, and those on the way to it."""
        if site in self.stand.reached or (site, False) in self.entered:
            return
        self.entered.add((site, False))
        for _, option in self.hops[site].sources:
            self.go_to(option.site)

    def split(self, field: Field, options: list[Option]) -> bool:
        """Resolve one field at several sites, each for a part of its selection: how types without keys are
        joined.
        """
        remaining = field.selection
        if remaining is None:
            return False
        left = [option for option in options if option.requires is None]
        while remaining is not None and left:
            parts = [(option, *self.part(remaining, option)) for option in left]
            option, covered, rest = max(parts, key=lambda part: _size(part[1]))
            if covered is None:
                return False
            choice = Choice(field, option, covered)
            self.take(choice, self.estimator.below(choice))
            left.remove(option)
            remaining = rest
        return remaining is None

    def part(self, selection: Selection, option: Option) -> tuple[Selection | None, Selection | None]:
        """What of a selection an option covers, and the rest."""
        return self.estimator.restrict(selection, Value(option.named, option.site.graph, option.provided))


def _size(selection: Selection | None) -> int:
    if selection is None:
        return 0
    return sum(1 + _size(field.selection) for field in selection.fields if field.name != TYPENAME)
