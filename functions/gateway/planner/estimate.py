"""What a selection costs in subgraph requests when it is taken up at a given site.

The planner asks here wherever a field can be resolved in more than one way. No cost (None) means that the
selection cannot be satisfied from there. Estimates and plans come from the same choices, so they agree.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.planner.choose import assign
from gateway.planner.costs import FREE, Cost
from gateway.planner.reach import reach
from gateway.planner.selection import TYPENAME, Field, Selection
from gateway.planner.sites import Choice, Option, Provided, Site, Sites, Stand, Topology, Value

NOWHERE: Sites = frozenset()


class Shares(NamedTuple):
    """A selection's fields, sorted: how many cannot occur here, those to ask of the declared type itself,
    and those to ask of each object type.
    """

    missed: int
    direct: list[Choice]
    owned: dict[str, list[Field]]


class OpaquePlan(NamedTuple):
    """How a selection on an interface object splits: fields any site answers, and the rest, for which one
    subgraph that knows the interface's object types (`gateway`) is asked first.
    """

    common: tuple[Field, ...]
    rest: Selection | None
    gateway: Site | None
    cost: Cost | None


class Estimator:
    """Estimates for one plan; what depends on the supergraph alone is remembered in the topology."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.supergraph = topology.supergraph
        self.cycles = 0
        self._active: set[object] = set()
        self._costs: dict[tuple[Selection, Value], Cost | None] = {}

    # guards against going in circles: keys that need keys, requirements that require each other

    def enter(self, guard: object) -> bool:
        """Begin a question; False when it is being answered already."""
        if guard in self._active:
            self.cycles += 1
            return False
        self._active.add(guard)
        return True

    def leave(self, guard: object) -> None:
        """End a question."""
        self._active.discard(guard)

    # values

    def selection(self, selection: Selection, value: Value) -> Cost | None:
        """The further requests needed when a value has been fetched."""
        key = (selection, value)
        if key in self._costs:
            return self._costs[key]
        if not self.enter(key):
            return None
        before = self.cycles
        cost = self._selection(selection, value)
        self.leave(key)
        if cost is not None or before == self.cycles:
            self._costs[key] = cost
        return cost

    def _selection(self, selection: Selection, value: Value) -> Cost | None:
        if self.supergraph.is_opaque(value.type, value.graph):
            return self.opaque(selection, value).cost
        shares = self.share_out(selection, value)
        total = Cost(missed=shares.missed)
        for choice in shares.direct:
            below = self.below(choice)
            if below is None:
                return None
            total = total.also(below)
        for owner, fields in shares.owned.items():
            if self.supergraph.is_opaque(owner, value.graph):
                cost = self.opaque(selection.only(fields), value._replace(type=owner)).cost
            else:
                cost = assign(self, self.stand(value, owner), fields).cost
            if cost is None:
                return None
            total = total.also(cost)
        return total

    def below(self, choice: Choice) -> Cost | None:
        """The cost below a chosen field."""
        return FREE if choice.selection is None else self.selection(choice.selection, choice.value)

    def stand(self, value: Value, owner: str) -> Stand:
        """Where an object of a type stands that has just been fetched as a value."""
        here = Site(value.graph, owner)
        others = frozenset(
            Site(graph, owner) for graph, declared in value.others if owner in self._possible(declared, graph)
        )
        return Stand(owner, here, frozenset((here,)), value.provided, others)

    def _possible(self, declared: str, graph: str) -> frozenset[str]:
        """The object types that a value of a type declared in a subgraph can have, as far as it can be
        told.
        """
        if self.supergraph.is_opaque(declared, graph):
            return self.supergraph.possible(declared)
        return self.supergraph.possible_in(declared, graph)

    def runtime(self, value: Value) -> frozenset[str]:
        """The types a value can have: those that every subgraph can return that could have returned it."""
        found = self.supergraph.possible_in(value.type, value.graph)
        if value.type in found:
            return found
        for graph, declared in value.others:
            there = self._possible(declared, graph)
            found = frozenset(
                member
                for member in found
                if member in there or self.supergraph.is_opaque(member, value.graph)
            )
        return found

    def others(self, stand: Stand, field: Field, options: tuple[Option, ...]) -> Sites:
        """The sites that could resolve a field of an object, if they are several: by keys from where it
        stands, or because the object itself could have been fetched elsewhere.
        """
        if field.selection is None or len(options) < 2:
            return NOWHERE
        stands = [stand._replace(others=NOWHERE)]
        stands += [Stand(stand.owner, site, frozenset((site,))) for site in stand.others]
        within = {site for each in stands for site in (*each.reached, *reach(self, each))}
        found = frozenset(Site(each.site.graph, each.named) for each in options if each.site in within)
        return found if len(found) > 1 else NOWHERE

    def is_list(self, owner: str, field: Field) -> bool:
        """Whether a field of a type is a list."""
        table = self.supergraph.field(owner, field.name)
        return table is not None and "[" in table.type

    def share_out(self, selection: Selection, value: Value) -> Shares:
        """Sort a selection's fields by whom they are asked of."""
        runtime = self.runtime(value)
        shares = Shares(0, [], {})
        missed = 0
        for field in selection.fields:
            if field.name == TYPENAME:
                # interface objects among the possible types have to be told apart
                for member in sorted(runtime - {value.type}):
                    if self.supergraph.is_opaque(member, value.graph):
                        shares.owned.setdefault(member, []).append(field)
                continue
            if value.type in runtime:
                members = [value.type] if value.type in field.types else []
            else:
                members = sorted(member for member in runtime if self._occurs(field, member))
                whole = members and len(members) == len(runtime)
                choice = self._direct(field, value, runtime) if whole else None
                if choice is not None:
                    shares.direct.append(choice)
                    continue
            missed += not members
            for member in members:
                shares.owned.setdefault(member, []).append(field)
        return shares._replace(missed=missed)

    def _occurs(self, field: Field, member: str) -> bool:
        possible = self.supergraph.possible(member)
        return member in field.types or not possible or not field.types.isdisjoint(possible)

    def _direct(self, field: Field, value: Value, runtime: frozenset[str]) -> Choice | None:
        """Ask the interface itself for a field, or None when its object types must be asked one by one."""
        here = Site(value.graph, value.type)
        said = self.topology.said(here, field.name)
        if said is None:
            return None
        alternatives = False
        others: set[Sites] = set()
        for member in runtime:
            stand = self.stand(value, member)
            options = self.options(member, field, stand.here, value.provided)
            local = next(
                (each for each in options if each.site == stand.here and each.requires is None), None
            )
            if local is None or not field.types.issuperset(self.supergraph.possible(member)):
                return None
            others.add(self.others(stand, field, options))
            alternatives |= len(options) > 1 or bool(local.provided) or local.named != said.named
        option = self.topology.option(here, said)
        below = option.provided + self._below(value.provided, value.type, field)
        if len(others) > 1:
            return None
        choice = Choice(field, Option(here, said.named, None, below), field.selection, *others)
        cost = self.below(choice)
        return None if cost is None or (alternatives and not cost.is_free) else choice

    # the options of a field

    def options(self, owner: str, field: Field, here: Site | None, provided: Provided) -> tuple[Option, ...]:
        """The ways to resolve a field, with what is provided at the site where the object was fetched."""
        found = self.topology.options(owner, field.name)
        if not provided or here is None or not self._is_provided(provided, owner, field):
            return found
        said = self.topology.said(here, field.name)
        if said is None:
            return found
        option = self.topology.option(here, said)
        below = option.provided + self._below(provided, owner, field)
        own = Option(here, option.named, None if said.external else option.requires, below)
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

    # parts of selections

    def restrict(
        self, selection: Selection, value: Value, *, only_free: bool
    ) -> tuple[Selection | None, Selection | None]:
        """The part of a selection that can be satisfied from a value (without further requests, if
        `only_free`), and the remainder. A field asked of an interface is one thing: it is never resolved
        for some of its object types only.
        """
        covered: list[Field] = []
        rest: list[Field] = []
        worthwhile = False
        runtime = self.runtime(value)
        for field in selection.fields:
            if field.name == TYPENAME:
                covered.append(field)
                continue
            if runtime and not any(self._occurs(field, member) for member in runtime):
                # what no site that could be asked can return needs no other site
                (covered if value.others else rest).append(field)
                continue
            cost = self.selection(selection.only((field,)), value)
            if cost is not None and (cost.is_free or not only_free):
                covered.append(field)
                worthwhile = True
                continue
            here, there = self._restrict_below(field, value, only_free=only_free)
            if here is None:
                rest.append(field)
                continue
            covered.append(field.narrowed(here))
            worthwhile = True
            if there is not None:
                rest.append(field.narrowed(there))
        return selection.only(covered) if worthwhile else None, selection.only(rest) if rest else None

    def _restrict_below(
        self, field: Field, value: Value, *, only_free: bool
    ) -> tuple[Selection | None, Selection | None]:
        if field.selection is None:
            return None, None
        here = Site(value.graph, value.type)
        options = self.options(value.type, field, here, value.provided)
        option = next((each for each in options if each.site == here and each.requires is None), None)
        if option is None or (only_free and self.is_list(value.type, field)):
            return None, field.selection
        others = self.others(self.stand(value, value.type), field, options)
        choice = Choice(field, option, field.selection, others)
        return self.restrict(field.selection, choice.value, only_free=only_free)

    # interface objects

    def opaque(self, selection: Selection, value: Value) -> OpaquePlan:
        """Plan a selection on a value whose object type the subgraph does not know."""
        here = Site(value.graph, value.type)
        stand = Stand(value.type, here, frozenset((here,)), value.provided)
        everything = self.supergraph.possible(value.type)
        common: list[Field] = []
        rest: list[Field] = []
        for field in selection.fields:
            general = field.name != TYPENAME and field.types >= everything
            answered = general and assign(self, stand, (field,)).cost is not None
            (common if answered else rest).append(field)
        remainder = selection.only(rest) if rest else None
        gateway, cost = self._gateway(remainder, stand) if remainder is not None else (None, FREE)
        if gateway is not None:
            stand = stand._replace(reached=frozenset((here, gateway)))
        if cost is not None:
            further = assign(self, stand, common).cost
            cost = cost.also(further) if further is not None else None
        return OpaquePlan(tuple(common), remainder, gateway, cost)

    def _gateway(self, rest: Selection, stand: Stand) -> tuple[Site | None, Cost | None]:
        best: Site | None = None
        best_cost: Cost | None = None
        for site, hop in reach(self, stand).items():
            if self.supergraph.is_opaque(site.type, site.graph):
                continue
            below = self.selection(rest, Value(site.type, site.graph))
            if below is None:
                continue
            cost = Cost(hop.requests).also(below.after(hop.level))
            if best_cost is None or cost.rank() < best_cost.rank():
                best, best_cost = site, cost
        return best, best_cost
