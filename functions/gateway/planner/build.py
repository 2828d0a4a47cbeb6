"""Builds the fetches of an operation.

The response is a tree; at each of its places a value was fetched from one subgraph. Fields that subgraph cannot
resolve are asked of others: the place is entered there with a key (`enter`), after the fetches that supply the key and
what `@requires` names. Fetches of one place and subgraph are shared as far as their order allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.planner.errors import PlanningError
from gateway.planner.estimate import INFINITE, Choice, Estimator
from gateway.planner.fetches import (
    Entry,
    Fetch,
    Part,
    Path,
    Reached,
    Representation,
    Step,
    Stores,
    add_templates,
    conflicts,
)
from gateway.planner.selection import ALWAYS, TYPENAME, Conditions, Field, Selection
from gateway.planner.sites import Hop, Option, Provided, Site, Topology


@dataclass(slots=True, eq=False)
class Place:
    """A place in the response as one fetch has it: the path, the declared type in that subgraph, the part of the
    fetch's selection that describes it, and where its objects have been taken since (by object type)."""

    path: Path
    start: Fetch | None
    part: Part | None
    type: str
    graph: str
    provided: Provided
    reached: dict[str, Reached] = field(default_factory=dict)
    entities: dict[str, list[Fetch]] = field(default_factory=dict)


class Builder:
    """Builds the fetches of one plan."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.supergraph = topology.supergraph
        self.estimator = Estimator(topology)
        self.stores = Stores(self.supergraph.field_names)
        self.fetches: list[Fetch] = []
        self.stage = 0
        self._places: dict[tuple[Fetch, Path, str, Provided], Place] = {}

    # operations

    def query(self, selection: Selection) -> None:
        """A query: every root field in the first step, each subgraph asked once."""
        self._object(Place((), None, None, selection.type, "", ()), selection.type, _executable(selection), ALWAYS)

    def mutation(self, selection: Selection) -> None:
        """A mutation: its root fields one after the other. Neighbours of one subgraph share a request, in which the
        subgraph runs them in series, as long as no other request belongs between them."""
        place: Place | None = None
        first = 0
        for wanted in _executable(selection):
            found = self.estimator.assign(selection.type, (wanted,), None, frozenset(), ())
            if found.cost == INFINITE:
                raise _unresolvable(selection.type, wanted)
            made = self.fetches[first:]
            graphs = {choice.option.site.graph for choice in found.choices}
            if place is None or len(made) > 1 or {fetch.graph for fetch in made} != graphs:
                self.stage += 1
                first = len(self.fetches)
                place = Place((), None, None, selection.type, "", ())
            for choice in found.choices:
                self._take(place, selection.type, choice, ALWAYS)

    # values

    def _value(self, place: Place, selection: Selection, when: Conditions) -> set[Fetch]:
        """Ask for a selection at a place. Returns the fetches that supply it."""
        assert place.part is not None
        if self.supergraph.is_opaque(place.type, place.graph):
            return self._opaque(place, place.type, selection, when)
        missed, direct, owned = self.estimator.share_out(selection, place.type, place.graph, place.provided)
        if missed or any(field.name == TYPENAME for field in selection.fields):
            place.part.add_typename()
        if owned and place.type not in owned:
            place.part.add_typename()
        supplied: set[Fetch] = set()
        for choice in direct:
            supplied |= self._take(place, place.type, choice, when)
        for owner, fields in owned.items():
            if self.supergraph.is_opaque(owner, place.graph):
                supplied |= self._opaque(place, owner, selection.only(fields), when)
            else:
                supplied |= self._object(place, owner, fields, when)
        return supplied

    def _object(self, place: Place, owner: str, fields: Iterable[Field], when: Conditions) -> set[Fetch]:
        """Ask for fields of an object type at a place."""
        here = self._here(place, owner)
        reached = self._reached(place, owner)
        found = self.estimator.assign(owner, fields, here, frozenset(reached), place.provided)
        if found.cost == INFINITE:
            raise _unresolvable(owner, found.failed)
        supplied: set[Fetch] = set()
        for choice in sorted(found.choices, key=lambda each: each.option.requires is not None):
            supplied |= self._take(place, owner, choice, when)
        return supplied

    def _opaque(self, place: Place, owner: str, selection: Selection, when: Conditions) -> set[Fetch]:
        """Ask for a selection of an interface object: what needs its object type, by way of a subgraph that tells."""
        plan = self.estimator.opaque(selection, owner, place.graph, place.provided)
        if plan.cost == INFINITE:
            raise _unresolvable(owner, next(iter(selection.fields), None))
        supplied: set[Fetch] = set()
        if plan.rest is not None and plan.gateway is not None:
            site = plan.gateway
            fetch, part = self._enter(place, owner, Option(site, owner, None, ()), when)
            below = self._place(fetch, part, place.path, site.type, site.graph, ())
            part.add_typename()
            supplied |= {fetch} | self._value(below, plan.rest, when)
        return supplied | self._object(place, owner, plan.common, when)

    def _take(self, place: Place, owner: str, choice: Choice, when: Conditions) -> set[Fetch]:
        """Ask for one field by the chosen option."""
        wanted, option = choice.field, choice.option
        fetch, part = self._enter(place, owner, option, when | wanted.when)
        fetch.activate(when | wanted.when)
        store = self.stores.of(wanted)
        composite = choice.selection is not None
        opaque = composite and self.supergraph.is_opaque(option.named, option.site.graph)
        leaf = part.add(wanted, store, option.named if composite else None, opaque)
        supplied = {fetch}
        if choice.selection is not None and leaf.child is not None:
            step = Step(store, self._types(place, owner), self._lists(option.site, wanted.name))
            below = self._place(
                fetch, leaf.child, (*place.path, step), option.named, option.site.graph, option.provided
            )
            supplied |= self._value(below, choice.selection, when | wanted.when)
        return supplied

    # moving between subgraphs

    def _enter(self, place: Place, owner: str, option: Option, when: Conditions) -> Entry:
        """Take the place's objects to a site; with `@requires`, after what it names has been fetched."""
        reached = self._reached(place, owner)
        site = option.site
        known = reached.get(site)
        if known is not None and option.requires is None:
            return known
        if owner in self.topology.root_types:
            entry = reached[site] = self._enter_root(place, site, when)
            return entry
        hop = self._hop(place, owner, site, reached)
        needed: set[Fetch] = set()
        for wanted, source in hop.sources:
            needed |= self._take(place, owner, Choice(wanted, source, wanted.selection), when)
        if option.requires is not None:
            required = [each for each in option.requires.fields if each.name != TYPENAME]
            needed |= self._object(place, owner, required, when)
        assert place.start is not None
        needed.add(place.start)
        if place.part is not None and not self.supergraph.is_opaque(owner, place.graph):
            place.part.add_typename()
        fetch = self._entity_fetch(place, owner, site, hop, option.requires, needed)
        fetch.activate(when)
        entry = (fetch, fetch.part.branch(site.type, opaque=site.type != owner))
        reached.setdefault(site, entry)
        return entry

    def _enter_root(self, place: Place, site: Site, when: Conditions) -> Entry:
        kind = next(kind for kind, name in self.supergraph.roots.items() if name == site.type)
        fetch = self._fetch(site.graph, place.path, Part(site.type), kind)
        if place.start is not None:
            fetch.after.add(place.start)
        fetch.activate(when)
        return fetch, fetch.part

    def _hop(self, place: Place, owner: str, site: Site, reached: Reached) -> Hop:
        here = self._here(place, owner)
        sites = frozenset(reached)
        hop = self.estimator.reach(owner, sites, here, place.provided).get(site)
        if hop is None:
            hop = self.estimator.hop(owner, site, dict.fromkeys(sites, 0.0), here, place.provided)
        if hop is None:
            raise PlanningError.of(
                f"{owner} cannot be entered in subgraph {self.supergraph.graphs[site.graph].name}: "
                "no key of it can be fetched there.",
                "QUERY_PLANNING_FAILED",
            )
        return hop

    def _entity_fetch(
        self, place: Place, owner: str, site: Site, hop: Hop, requires: Selection | None, needed: set[Fetch]
    ) -> Fetch:
        known = place.entities.setdefault(site.graph, [])
        sent = [selection for selection in (hop.key, requires) if selection is not None]
        for fetch in known:
            if any(each is fetch or each.follows(fetch) for each in needed):
                continue
            if self._fits(fetch, owner, site, sent):
                break
        else:
            fetch = self._fetch(site.graph, place.path, Part("_Entity"), None)
            known.append(fetch)
        fetch.after |= needed
        self._represent(place, fetch, owner, site, sent)
        return fetch

    def _fits(self, fetch: Fetch, owner: str, site: Site, sent: list[Selection]) -> bool:
        """Whether a fetch can serve the owner's objects too. Under an interface object's name only one type fits: what
        is asked under that name is asked of all."""
        existing = fetch.representations.get(owner)
        if existing is None:
            return all(each.typename != site.type for each in fetch.representations.values())
        return existing.typename == site.type and not any(
            conflicts(existing.fields, selection, self.stores) for selection in sent
        )

    def _represent(
        self, place: Place, fetch: Fetch, owner: str, site: Site, sent: list[Selection]
    ) -> None:
        representation = fetch.representations.get(owner)
        if representation is None:
            representation = Representation(site.type, set())
            names: list[str | None] = [owner]
            if self.supergraph.is_opaque(owner, place.graph):
                # nothing tells what these objects are, or a fetch in between has told
                names += [None, *self.supergraph.possible(owner)]
            for name in names:
                fetch.representations[name] = representation
        everything = self.supergraph.possible(owner)
        for position, selection in enumerate(sent):
            add_templates(
                representation.fields, selection, everything, self.stores, self.supergraph.objects
            )
            if position == 0:
                representation.keys |= {each.name for each in selection.fields if each.name != TYPENAME}

    def _fetch(self, graph: str, path: Path, part: Part, root: str | None) -> Fetch:
        fetch = Fetch(len(self.fetches), graph, path, part, root, self.stage)
        self.fetches.append(fetch)
        return fetch

    # places

    def _place(
        self, fetch: Fetch, part: Part, path: Path, type_name: str, graph: str, provided: Provided
    ) -> Place:
        key = (fetch, path, type_name, provided)
        known = self._places.get(key)
        if known is None:
            known = self._places[key] = Place(path, fetch, part, type_name, graph, provided)
        return known

    def _here(self, place: Place, owner: str) -> Site | None:
        return Site(place.graph, owner) if place.start is not None else None

    def _reached(self, place: Place, owner: str) -> Reached:
        known = place.reached.get(owner)
        if known is None:
            known = place.reached[owner] = {}
            if place.start is not None and place.part is not None:
                known[Site(place.graph, owner)] = (place.start, place.part.branch(owner))
        return known

    def _types(self, place: Place, owner: str) -> frozenset[str] | None:
        """The object types for which a step is taken, where the place may hold others too."""
        if owner == place.type:
            return None
        if self.supergraph.is_abstract(owner):
            return self.supergraph.possible(owner) | {owner}
        return frozenset((owner,))

    def _lists(self, site: Site, name: str) -> int:
        table = self.supergraph.field(site.type, name)
        return table.type.count("[") if table else 0


def _executable(selection: Selection) -> tuple[Field, ...]:
    return tuple(field for field in selection.fields if not field.name.startswith("__"))


def _unresolvable(owner: str, field: Field | None) -> PlanningError:
    name = f"{owner}.{field.name}" if field else owner
    return PlanningError.of(
        f"No sequence of subgraph requests resolves {name} where the operation asks for it.", "QUERY_PLANNING_FAILED"
    )
