"""Builds the fetches of an operation.

The response is a tree; at each of its places a value was fetched from one subgraph. Fields that subgraph
cannot resolve are asked of others: the place is entered there with a key (`_enter`), after the fetches
that supply the key and what `@requires` names. Fetches of one place and subgraph are shared as far as
their order allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.planner.choose import assign
from gateway.planner.errors import PlanningError
from gateway.planner.estimate import Estimator
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
from gateway.planner.reach import hop_again, reach
from gateway.planner.selection import ALWAYS, TYPENAME, Conditions, Field, Selection
from gateway.planner.sites import Choice, Hop, Option, Site, Stand, Topology, Value


@dataclass(slots=True, eq=False)
class Place:
    """A place in the response as one fetch has it: the path, the part of the fetch's selection that
    describes it, the value's declared type in that subgraph, and where its objects have been taken since
    (by object type).
    """

    path: Path
    start: Fetch | None
    part: Part | None
    value: Value
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
        self._places: dict[tuple[Part, Path, Value], Place] = {}

    # operations

    def query(self, selection: Selection) -> None:
        """A query: every root field in the first step, each subgraph asked once."""
        self._object(_root_place(selection), selection.type, _executable(selection), ALWAYS)

    def mutation(self, selection: Selection) -> None:
        """A mutation: its root fields one after the other. Neighbours of one subgraph share a request, in
        which the subgraph runs them in series, as long as no other request belongs between them.
        """
        place: Place | None = None
        first = 0
        for wanted in _executable(selection):
            found = assign(self.estimator, Stand(selection.type, None, frozenset()), (wanted,))
            if found.cost is None:
                raise _unresolvable(selection.type, wanted)
            made = self.fetches[first:]
            graphs = {choice.option.site.graph for choice in found.choices}
            if place is None or len(made) > 1 or {fetch.graph for fetch in made} != graphs:
                self.stage += 1
                first = len(self.fetches)
                place = _root_place(selection)
            for choice in found.choices:
                self._take(place, selection.type, choice, ALWAYS)

    # values

    def _value(self, place: Place, selection: Selection, when: Conditions) -> set[Fetch]:
        """Ask for a selection at a place. Returns the fetches that supply it."""
        assert place.part is not None
        value = place.value
        if self.supergraph.is_opaque(value.type, value.graph):
            return self._opaque(place, value.type, selection, when)
        shares = self.estimator.share_out(selection, value)
        if self._by_type(selection) or any(owner != value.type for owner in shares.owned):
            place.part.add_typename()
        supplied: set[Fetch] = set()
        for choice in shares.direct:
            supplied |= self._take(place, value.type, choice, when)
        for owner, fields in shares.owned.items():
            if self.supergraph.is_opaque(owner, value.graph):
                supplied |= self._opaque(place, owner, selection.only(fields), when)
            else:
                supplied |= self._object(place, owner, fields, when)
        return supplied

    def _by_type(self, selection: Selection) -> bool:
        """Whether it takes the type of an object to know which fields of a selection are meant for it."""
        if any(wanted.name == TYPENAME for wanted in selection.fields):
            return True
        everything = self.supergraph.possible(selection.type)
        return any(not wanted.types >= everything for wanted in selection.fields)

    def _object(self, place: Place, owner: str, fields: Iterable[Field], when: Conditions) -> set[Fetch]:
        """Ask for fields of an object type at a place."""
        found = assign(self.estimator, self._stand(place, owner), fields)
        if found.cost is None:
            raise _unresolvable(owner, found.failed)
        supplied: set[Fetch] = set()
        for choice in sorted(found.choices, key=lambda each: each.option.requires is not None):
            supplied |= self._take(place, owner, choice, when)
        return supplied

    def _opaque(self, place: Place, owner: str, selection: Selection, when: Conditions) -> set[Fetch]:
        """Ask for a selection of an interface object: what depends on its object type, by way of a
        subgraph that tells it.
        """
        plan = self.estimator.opaque(selection, place.value._replace(type=owner))
        if plan.cost is None:
            raise _unresolvable(owner, next(iter(selection.fields), None))
        supplied: set[Fetch] = set()
        if plan.rest is not None and plan.gateway is not None:
            site = plan.gateway
            fetch, part = self._enter(place, owner, Option(site, owner, None, ()), when)
            below = self._place(fetch, part, place.path, Value(site.type, site.graph))
            part.add_typename()
            supplied |= {fetch} | self._value(below, plan.rest, when)
        return supplied | self._object(place, owner, plan.common, when)

    def _take(self, place: Place, owner: str, choice: Choice, when: Conditions) -> set[Fetch]:
        """Ask for one field by the chosen option."""
        wanted, option = choice.field, choice.option
        inner = when | wanted.when
        early = choice.selection is not None and self._continues(choice)
        fetch, part = self._enter(place, owner, option, inner, early=early)
        fetch.activate(inner)
        store = self.stores.of(wanted)
        if choice.selection is None:
            part.add(wanted, store, None)
            return {fetch}
        graph = option.site.graph
        leaf = part.add(wanted, store, Part(option.named, self.supergraph.is_opaque(option.named, graph)))
        assert leaf.child is not None
        step = Step(store, self._types(place, owner), self._lists(option.site, wanted.name))
        below = self._place(fetch, leaf.child, (*place.path, step), choice.value)
        return {fetch} | self._value(below, choice.selection, inner)

    # moving between subgraphs

    def _enter(
        self, place: Place, owner: str, option: Option, when: Conditions, *, early: bool = False
    ) -> Entry:
        """Take the place's objects to a site; with `@requires`, after what it names has been fetched. What
        other requests wait for is asked `early`, not in a fetch that waits itself for what it requires.
        """
        reached = self._reached(place, owner)
        site = option.site
        known = reached.get(site)
        in_time = known is not None and (known[0] is place.start or not (early and known[0].waits))
        if known is not None and in_time and option.requires is None:
            known[0].activate(when)
            return known
        if owner in self.topology.root_types:
            entry = reached[site] = self._enter_root(place, site, when)
            return entry
        hop = self._hop(place, owner, site)
        needed: set[Fetch] = set()
        for wanted, source in hop.sources:
            needed |= self._take(place, owner, Choice(wanted, source, wanted.selection), when)
        if option.requires is not None:
            required = [each for each in option.requires.fields if each.name != TYPENAME]
            needed |= self._object(place, owner, required, when)
        assert place.start is not None
        assert place.part is not None
        needed.add(place.start)
        if not self.supergraph.is_opaque(owner, place.value.graph):
            place.part.add_typename()
        sent = [selection for selection in (hop.key, option.requires) if selection is not None]
        fetch = self._entity_fetch(place, owner, site, sent=sent, needed=needed, when=when, early=early)
        entry = (fetch, fetch.part.branch(site.type))
        if not fetch.guard and (site not in reached or reached[site][0].waits):
            reached[site] = entry
        return entry

    def _enter_root(self, place: Place, site: Site, when: Conditions) -> Entry:
        kind = next(kind for kind, name in self.supergraph.roots.items() if name == site.type)
        fetch = self._fetch(site.graph, place.path, Part(site.type), kind)
        fetch.activate(when)
        if place.start is not None:
            fetch.follow((place.start,))
        return fetch, fetch.part

    def _hop(self, place: Place, owner: str, site: Site) -> Hop:
        stand = self._stand(place, owner)
        hop = reach(self.estimator, stand).get(site) or hop_again(self.estimator, stand, site)
        if hop is None:
            name = self.supergraph.graphs[site.graph].name
            raise PlanningError.of(
                f"{owner} cannot be entered in subgraph {name}: no key of it can be fetched there.",
                "QUERY_PLANNING_FAILED",
            )
        return hop

    def _entity_fetch(
        self,
        place: Place,
        owner: str,
        site: Site,
        *,
        sent: list[Selection],
        needed: set[Fetch],
        when: Conditions,
        early: bool,
    ) -> Fetch:
        known = place.entities.setdefault(site.graph, [])
        requires = len(sent) > 1
        for fetch in known:
            if any(each is fetch or each.follows(fetch) for each in needed):
                continue
            if (early and fetch.waits) or (requires and self._is_awaited(fetch)):
                continue
            if fetch.admits(when, requires) and self._fits(fetch, owner, site, sent):
                break
        else:
            fetch = self._fetch(site.graph, place.path, Part("_Entity"), None)
            known.append(fetch)
        if requires:
            fetch.guard = when
            fetch.waits = True
        fetch.activate(when)
        fetch.follow(needed)
        self._represent(place, fetch, owner, site, sent)
        return fetch

    def _continues(self, choice: Choice) -> bool:
        """Whether other requests are made for what is below a field."""
        below = self.estimator.below(choice)
        return below is not None and not below.is_free

    def _is_awaited(self, fetch: Fetch) -> bool:
        return any(fetch in each.after for each in self.fetches)

    def _fits(self, fetch: Fetch, owner: str, site: Site, sent: list[Selection]) -> bool:
        """Whether a fetch can serve the owner's objects too. Under an interface object's name only one
        type fits: what is asked under that name is asked of all.
        """
        existing = fetch.representations.get(owner)
        if existing is None:
            return all(each.typename != site.type for each in fetch.representations.values())
        return existing.typename == site.type and not any(
            conflicts(existing.fields, selection, self.stores) for selection in sent
        )

    def _represent(self, place: Place, fetch: Fetch, owner: str, site: Site, sent: list[Selection]) -> None:
        representation = fetch.representations.get(owner)
        if representation is None:
            representation = Representation(site.type, set())
            names: list[str | None] = [owner]
            if self.supergraph.is_opaque(owner, place.value.graph):
                # nothing tells what these objects are, or a fetch in between has told
                names += [None, *self.supergraph.possible(owner)]
            fetch.representations.update(dict.fromkeys(names, representation))
        everything = self.supergraph.possible(owner)
        for selection in sent:
            add_templates(representation.fields, selection, everything, self.stores, self.supergraph.objects)
        representation.keys |= {each.name for each in sent[0].fields if each.name != TYPENAME}

    def _fetch(self, graph: str, path: Path, part: Part, root: str | None) -> Fetch:
        fetch = Fetch(len(self.fetches), graph, path, part, root, self.stage)
        self.fetches.append(fetch)
        return fetch

    # places

    def _place(self, fetch: Fetch, part: Part, path: Path, value: Value) -> Place:
        key = (part, path, value)
        known = self._places.get(key)
        if known is None:
            known = self._places[key] = Place(path, fetch, part, value)
        return known

    def _stand(self, place: Place, owner: str) -> Stand:
        reached = frozenset(self._reached(place, owner))
        if place.start is None:
            return Stand(owner, None, reached)
        return self.estimator.stand(place.value, owner)._replace(reached=reached)

    def _reached(self, place: Place, owner: str) -> Reached:
        known = place.reached.get(owner)
        if known is None:
            known = place.reached[owner] = {}
            if place.start is not None and place.part is not None:
                known[Site(place.value.graph, owner)] = (place.start, place.part.branch(owner))
        return known

    def _types(self, place: Place, owner: str) -> frozenset[str] | None:
        """The object types for which a step is taken, where the place may hold others too."""
        if owner == place.value.type:
            return None
        return self.supergraph.possible(owner) | {owner}

    def _lists(self, site: Site, name: str) -> int:
        table = self.supergraph.field(site.type, name)
        return table.type.count("[") if table else 0


def _root_place(selection: Selection) -> Place:
    return Place((), None, None, Value(selection.type, ""))


def _executable(selection: Selection) -> tuple[Field, ...]:
    return tuple(wanted for wanted in selection.fields if not wanted.name.startswith("__"))


def _unresolvable(owner: str, wanted: Field | None) -> PlanningError:
    name = f"{owner}.{wanted.name}" if wanted else owner
    return PlanningError.of(
        f"No sequence of subgraph requests resolves {name} where the operation asks for it.",
        "QUERY_PLANNING_FAILED",
    )
