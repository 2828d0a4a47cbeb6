"""What a selection costs in subgraph requests when it is taken up at a given site, and which options to take.

The planner asks here wherever a field can be resolved in more than one way. Costs count requests; infinity means
that the selection cannot be satisfied from there. Both the estimate and the plan are made from `assign`, so they agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gateway.planner.selection import TYPENAME, Field, Selection
from gateway.planner.sites import Hop, Option, Provided, Site, Topology

INFINITE = float("inf")
MISSED = 0.001  # a field that cannot occur at this site: of two equal options, take the one where it can
FREE = 0.5  # anything below is no request, only missed fields

Entered = set[tuple[Site, bool]]


class Choice(NamedTuple):
    """A field, or a part of its selection, and the option that resolves it."""

    field: Field
    option: Option
    selection: Selection | None


class Assignment(NamedTuple):
    """The choices for a list of fields; `entered` are the sites that need a request (True: one after `@requires`)."""

    cost: float
    entered: Entered
    choices: list[Choice]
    failed: Field | None = None

    @property
    def total(self) -> float:
        """The cost with the sites entered."""
        return self.cost + len(self.entered)


class OpaquePlan(NamedTuple):
    """How a selection on an interface object splits: fields any site answers, and the rest, for which one subgraph
    that knows the interface's object types (`gateway`) is asked first."""

    common: tuple[Field, ...]
    rest: Selection | None
    gateway: Site | None
    cost: float


class Estimator:
    """Estimates for one plan; what depends on the supergraph alone is remembered in the topology."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.supergraph = topology.supergraph
        self._costs: dict[tuple[Selection, str, str, Provided], float] = {}
        self._active: set[object] = set()
        self._cycles = 0

    # the selection of a value

    def selection(self, selection: Selection, type_name: str, graph: str, provided: Provided) -> float:
        """The further requests needed when a value of `type_name` is fetched from `graph`."""
        key = (selection, type_name, graph, provided)
        known = self._costs.get(key)
        if known is not None:
            return known
        if key in self._active:
            self._cycles += 1
            return INFINITE
        before = self._cycles
        self._active.add(key)
        cost = self._selection(selection, type_name, graph, provided)
        self._active.discard(key)
        if cost < INFINITE or before == self._cycles:
            self._costs[key] = cost
        return cost

    def _selection(self, selection: Selection, type_name: str, graph: str, provided: Provided) -> float:
        if self.supergraph.is_opaque(type_name, graph):
            return self.opaque(selection, type_name, graph, provided).cost
        missed, direct, owned = self.share_out(selection, type_name, graph, provided)
        cost = missed * MISSED + sum(self.below(choice) for choice in direct)
        entered: set[tuple[str, bool]] = set()
        for owner, fields in owned.items():
            if self.supergraph.is_opaque(owner, graph):
                cost += self.opaque(selection.only(fields), owner, graph, provided).cost
                continue
            here = Site(graph, owner)
            found = self.assign(owner, fields, here, frozenset((here,)), provided)
            if found.cost == INFINITE:
                return INFINITE
            cost += found.cost
            entered.update((site.graph, required) for site, required in found.entered)
        return cost + len(entered)

    def share_out(
        self, selection: Selection, type_name: str, graph: str, provided: Provided
    ) -> tuple[int, list[Choice], dict[str, list[Field]]]:
        """Sort a selection's fields: how many cannot occur here, those to ask of the declared type itself, and those
        to ask of each object type."""
        runtime = self.supergraph.possible_in(type_name, graph)
        missed = 0
        direct: list[Choice] = []
        owned: dict[str, list[Field]] = {}
        is_object = type_name in runtime
        for field in selection.fields:
            if field.name == TYPENAME:
                continue
            if is_object:
                if type_name in field.types:
                    owned.setdefault(type_name, []).append(field)
                else:
                    missed += 1
                continue
            members = sorted(member for member in runtime if self._occurs(field, member))
            if not members:
                missed += 1
                continue
            choice = self._direct(field, type_name, graph, provided) if len(members) == len(runtime) else None
            if choice is not None:
                direct.append(choice)
                continue
            for member in members:
                owned.setdefault(member, []).append(field)
        return missed, direct, owned

    def _occurs(self, field: Field, member: str) -> bool:
        possible = self.supergraph.possible(member)
        return member in field.types or not possible or not field.types.isdisjoint(possible)

    def _direct(self, field: Field, type_name: str, graph: str, provided: Provided) -> Choice | None:
        """Ask the interface itself for a field, or None when its object types must be asked one by one."""
        here = Site(graph, type_name)
        said = self.topology.said(here, field.name)
        if said is None:
            return None
        alternatives = False
        for member in self.supergraph.possible_in(type_name, graph):
            own = Site(graph, member)
            options = self.options(member, field, own, provided)
            local = next((option for option in options if option.site == own and option.requires is None), None)
            if local is None or not field.types.issuperset(self.supergraph.possible(member)):
                return None
            alternatives |= len(options) > 1 or bool(local.provided) or local.named != said.named
        option = self.topology.option(here, said)
        below = option.provided + self._below(provided, type_name, field)
        choice = Choice(field, Option(here, said.named, None, below), field.selection)
        cost = self.below(choice)
        return None if cost == INFINITE or (cost > FREE and alternatives) else choice

    # the options of a field

    def options(self, owner: str, field: Field, here: Site | None, provided: Provided) -> tuple[Option, ...]:
        """The ways to resolve a field, with what is provided at the site where the object was fetched."""
        found = self.topology.options(owner, field.name)
        if not provided or here is None or not self._is_provided(provided, owner, field):
            return found
        said = self.topology.said(here, field.name)
        if said is None:
            return found
        below = self._below(provided, owner, field)
        option = self.topology.option(here, said)
        own = Option(here, option.named, None if said.external else option.requires, option.provided + below)
        return (own, *(each for each in found if each.site != here))

    def _is_provided(self, provided: Provided, owner: str, field: Field) -> bool:
        return any(
            each.name == field.name and self._occurs(each, owner) for one in provided for each in one.fields
        )

    def _below(self, provided: Provided, owner: str, field: Field) -> Provided:
        return tuple(
            each.selection
            for one in provided
            for each in one.fields
            if each.name == field.name and each.selection is not None and self._occurs(each, owner)
        )

    def below(self, choice: Choice) -> float:
        """The cost below a chosen field."""
        if choice.selection is None:
            return 0.0
        option = choice.option
        return self.selection(choice.selection, option.named, option.site.graph, option.provided)

    # moving between sites

    def reach(
        self, owner: str, reached: frozenset[Site], here: Site | None, provided: Provided
    ) -> dict[Site, Hop]:
        """How to enter each site that can be entered from the sites reached."""
        key = (owner, reached, here)
        if not provided:
            known = self.topology.reached.get(key)
            if known is not None:
                return known
        before = self._cycles
        hops = self._reach(owner, reached, here, provided)
        if not provided and before == self._cycles:
            self.topology.reached[key] = hops
        return hops

    def _reach(
        self, owner: str, reached: frozenset[Site], here: Site | None, provided: Provided
    ) -> dict[Site, Hop]:
        homes = self.topology.homes(owner)
        if owner in self.topology.root_types:
            return {site: Hop(1.0, None, ()) for site in homes if site not in reached}
        distance = dict.fromkeys(reached, 0.0)
        hops: dict[Site, Hop] = {}
        improved = True
        while improved:
            improved = False
            for site in homes:
                if site in reached:
                    continue
                hop = self.hop(owner, site, distance, here, provided)
                if hop is not None and hop.cost < distance.get(site, INFINITE):
                    distance[site] = hop.cost
                    hops[site] = hop
                    improved = True
        return hops

    def hop(
        self, owner: str, site: Site, distance: dict[Site, float], here: Site | None, provided: Provided
    ) -> Hop | None:
        """The cheapest key by which to enter a site from sites at the given distances."""
        guard = (owner, site, here)
        if guard in self._active:
            self._cycles += 1
            return None
        self._active.add(guard)
        best: Hop | None = None
        for key in self.supergraph.keys(site.type, site.graph):
            found = self._by_key(owner, site, self.supergraph.fieldset(site.type, key.fields), distance, here, provided)
            if found is not None and (best is None or found.cost < best.cost):
                best = found
        self._active.discard(guard)
        return best

    def _by_key(
        self,
        owner: str,
        site: Site,
        key: Selection,
        distance: dict[Site, float],
        here: Site | None,
        provided: Provided,
    ) -> Hop | None:
        sources: list[tuple[Field, Option]] = []
        cost = 1.0
        for field in key.fields:
            if field.name == TYPENAME:
                continue
            best: Option | None = None
            best_cost = INFINITE
            for option in self.options(owner, field, here, provided):
                away = distance.get(option.site, INFINITE)
                if option.requires is not None or away == INFINITE or (option.site == site and site != here):
                    continue
                each = away + self.below(Choice(field, option, field.selection))
                if each < best_cost or (each == best_cost and option.site == here):
                    best, best_cost = option, each
            if best is None:
                return None
            known = any(option.site == best.site for _, option in sources)
            cost += best_cost - (distance[best.site] if known else 0.0)
            sources.append((field, best))
        return Hop(cost, key, tuple(sources)) if cost < INFINITE else None

    # choosing options

    def assign(
        self, owner: str, fields: Iterable[Field], here: Site | None, reached: frozenset[Site], provided: Provided
    ) -> Assignment:
        """Choose an option for each field of an object that was fetched at `here` and has been taken to `reached`."""
        cost = 0.0
        choices: list[Choice] = []
        later: list[tuple[Field, tuple[Option, ...]]] = []
        for field in fields:
            options = self.options(owner, field, here, provided)
            local = next((each for each in options if each.site == here and each.requires is None), None)
            if local is not None:
                choice = Choice(field, local, field.selection)
                below = self.below(choice)
                if below < FREE or (len(options) == 1 and below < INFINITE):
                    cost += below
                    choices.append(choice)
                    continue
            later.append((field, options))
        found = Assignment(cost, set(), choices)
        if not later:
            return found
        return _Chooser(self, owner, here, reached, provided, found).choose(later)

    def restrict(
        self, selection: Selection, type_name: str, graph: str, provided: Provided
    ) -> tuple[Selection | None, Selection | None]:
        """The part of a selection that can be satisfied from a site, and the remainder. A field asked of an
        interface is one thing: it is never resolved for some of its object types only."""
        covered: list[Field] = []
        rest: list[Field] = []
        runtime = self.supergraph.possible_in(type_name, graph)
        for field in selection.fields:
            if field.name == TYPENAME:
                covered.append(field)
                continue
            if not any(self._occurs(field, member) for member in runtime) and runtime:
                rest.append(field)
                continue
            if self.selection(selection.only((field,)), type_name, graph, provided) < INFINITE:
                covered.append(field)
                continue
            here, there = self._restrict_below(field, type_name, graph, provided)
            if here is None:
                rest.append(field)
                continue
            covered.append(field.narrowed(here))
            if there is not None:
                rest.append(field.narrowed(there))
        return (
            selection.only(covered) if any(field.name != TYPENAME for field in covered) else None,
            selection.only(rest) if rest else None,
        )

    def _restrict_below(
        self, field: Field, type_name: str, graph: str, provided: Provided
    ) -> tuple[Selection | None, Selection | None]:
        if field.selection is None:
            return None, field.selection
        here = Site(graph, type_name)
        option = next((each for each in self.options(type_name, field, here, provided) if each.site == here), None)
        if option is None or option.requires is not None:
            return None, field.selection
        return self.restrict(field.selection, option.named, graph, option.provided)

    # interface objects

    def opaque(self, selection: Selection, type_name: str, graph: str, provided: Provided) -> OpaquePlan:
        """Plan a selection on a value whose object type the subgraph does not know."""
        here = Site(graph, type_name)
        everything = self.supergraph.possible(type_name)
        common: list[Field] = []
        rest: list[Field] = []
        for field in selection.fields:
            general = field.name != TYPENAME and field.types >= everything
            (common if general and self._answers(type_name, field, here, provided) else rest).append(field)
        gateway, cost = self._gateway(selection.only(rest), here, provided) if rest else (None, 0.0)
        reached = frozenset((here, gateway)) if gateway else frozenset((here,))
        if cost < INFINITE:
            cost += self.assign(type_name, common, here, reached, provided).total
        return OpaquePlan(tuple(common), selection.only(rest) if rest else None, gateway, cost)

    def _answers(self, type_name: str, field: Field, here: Site, provided: Provided) -> bool:
        return self.assign(type_name, (field,), here, frozenset((here,)), provided).cost < INFINITE

    def _gateway(self, rest: Selection, here: Site, provided: Provided) -> tuple[Site | None, float]:
        hops = self.reach(here.type, frozenset((here,)), here, provided)
        best: Site | None = None
        best_cost = INFINITE
        for site, hop in hops.items():
            if self.supergraph.is_opaque(site.type, site.graph):
                continue
            cost = hop.cost + self.selection(rest, site.type, site.graph, ())
            if cost < best_cost:
                best, best_cost = site, cost
        return best, best_cost


class _Chooser:
    """Chooses options for the fields that the object's own site does not resolve for free."""

    def __init__(
        self,
        estimator: Estimator,
        owner: str,
        here: Site | None,
        reached: frozenset[Site],
        provided: Provided,
        found: Assignment,
    ) -> None:
        self.estimator = estimator
        self.owner = owner
        self.here = here
        self.reached = reached
        self.provided = provided
        self.cost, self.entered, self.choices, _ = found
        self.hops = estimator.reach(owner, reached, here, provided)

    def choose(self, later: list[tuple[Field, tuple[Option, ...]]]) -> Assignment:
        """Fields with one way first; then each field its cheapest way, where sites already entered cost nothing."""
        open_fields = []
        for field, options in later:
            usable = [option for option in options if option.site in self.reached or option.site in self.hops]
            priced = [(self._fixed(field, option), option) for option in usable]
            priced = [(cost, option) for cost, option in priced if cost < INFINITE]
            if not priced and not self._split(field, usable):
                return Assignment(INFINITE, self.entered, self.choices, field)
            if priced:
                open_fields.append((field, priced))
        open_fields.sort(key=lambda each: len(each[1]) > 1)
        demand: dict[Site, int] = {}
        for _, priced in open_fields:
            for _, option in priced:
                demand[option.site] = demand.get(option.site, 0) + 1
        for field, priced in open_fields:
            cost, option = min(
                priced,
                key=lambda each: (each[0] + self._entry(each[1]), self._distance(each[1]), -demand[each[1].site]),
            )
            self._take(Choice(field, option, field.selection), cost)
        return Assignment(self.cost, self.entered, self.choices)

    def _fixed(self, field: Field, option: Option) -> float:
        """The cost of an option apart from entering its site."""
        cost = self.estimator.below(Choice(field, option, field.selection))
        if option.requires is not None and cost < INFINITE:
            guard = (self.owner, option.site, option.requires)
            active = self.estimator._active
            if guard in active:
                self.estimator._cycles += 1
                return INFINITE
            active.add(guard)
            needed = self.estimator.assign(
                self.owner, option.requires.fields, self.here, self.reached, self.provided
            )
            active.discard(guard)
            cost += needed.total
        return cost

    def _entry(self, option: Option) -> float:
        if option.requires is not None and option.site in self.reached:
            return 0.0 if (option.site, True) in self.entered else 1.0
        if option.site in self.reached or any(site == option.site for site, _ in self.entered):
            return 0.0
        return self.hops[option.site].cost

    def _distance(self, option: Option) -> float:
        """Of options that cost the same, the one whose site is entered sooner."""
        return 0.0 if option.site in self.reached else self.hops[option.site].cost

    def _take(self, choice: Choice, cost: float) -> None:
        self.cost += cost
        self.choices.append(choice)
        site = choice.option.site
        if site not in self.reached:
            self._enter(site)
        elif choice.option.requires is not None:
            self.entered.add((site, True))

    def _enter(self, site: Site) -> None:
        if site in self.reached or (site, False) in self.entered:
            return
        self.entered.add((site, False))
        hop = self.hops[site]
        for _, option in hop.sources:
            self._enter(option.site)

    def _split(self, field: Field, options: list[Option]) -> bool:
        """Resolve one field at several sites, each for a part of its selection (types without keys)."""
        remaining = field.selection
        if remaining is None:
            return False
        left = list(options)
        while remaining is not None and left:
            parts = [
                (option, *self.estimator.restrict(remaining, option.named, option.site.graph, option.provided))
                for option in left
                if option.requires is None
            ]
            option, covered, rest = max(parts, key=lambda part: _size(part[1]), default=(None, None, None))
            if option is None or covered is None:
                return False
            choice = Choice(field, option, covered)
            self._take(choice, self.estimator.below(choice))
            left.remove(option)
            remaining = rest
        return remaining is None


def _size(selection: Selection | None) -> int:
    if selection is None:
        return 0
    return sum(1 + _size(field.selection) for field in selection.fields if field.name != TYPENAME)
