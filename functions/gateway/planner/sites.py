"""Where an object can be asked for a field.

A site is one subgraph's view of an object: under its own type, or under an interface's name where the
subgraph has that interface as an interface object. The planner moves an object from site to site by keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.planner.joins import JoinField
from gateway.planner.selection import Field, Selection

if TYPE_CHECKING:
    from gateway.planner.supergraph import Supergraph

Provided = tuple[Selection, ...]
Requests = frozenset[tuple[int, str]]  # (step, subgraph): fetches of one subgraph in one step are one request


class Site(NamedTuple):
    """A subgraph and the type name it knows the object by."""

    graph: str
    type: str


Sites = frozenset[Site]


class Option(NamedTuple):
    """One way to resolve a field: the site, the field's type there, what must be sent along (`@requires`),
    and what the subgraph can resolve below it although it is external elsewhere (`@provides`).
    """

    site: Site
    named: str
    requires: Selection | None
    provided: Provided


class Value(NamedTuple):
    """A value as one subgraph returns it: its declared type there, what is provided below it, and the sites
    that could have returned it just as well.

    As they all tell of the same value, its type is one that each of them can return.
    """

    type: str
    graph: str
    provided: Provided = ()
    others: Sites = frozenset()


class Stand(NamedTuple):
    """How far an object of type `owner` has come: the site where it was fetched (None for root types), the
    sites it has been taken to, and what is provided at the first.
    """

    owner: str
    here: Site | None
    reached: Sites
    provided: Provided = ()
    others: Sites = frozenset()


class Choice(NamedTuple):
    """A field, or a part of its selection, the option that resolves it, and the sites that could as well."""

    field: Field
    option: Option
    selection: Selection | None
    others: Sites = frozenset()

    @property
    def value(self) -> Value:
        """The field's value as the option returns it."""
        option = self.option
        return Value(option.named, option.site.graph, option.provided, self.others)


class Hop(NamedTuple):
    """How to enter a site: the requests made until its answer is there, the step of the last, the key's
    field set, and for each of its fields the option that supplies it.
    """

    requests: Requests
    level: int
    key: Selection | None
    sources: tuple[tuple[Field, Option], ...]


class Topology:
    """The sites of a supergraph under one set of active override labels, with look-ups remembered."""

    def __init__(self, supergraph: Supergraph, labels: frozenset[str] = frozenset()) -> None:
        self.supergraph = supergraph
        self.labels = labels
        self.root_types = frozenset(supergraph.roots.values())
        self.hops: dict[Stand, dict[Site, Hop]] = {}
        self._homes: dict[str, tuple[Site, ...]] = {}
        self._options: dict[tuple[str, str], tuple[Option, ...]] = {}

    def homes(self, owner: str) -> tuple[Site, ...]:
        """The sites where an object of type `owner` lives; `owner` may be an interface whose objects are
        unknown.
        """
        known = self._homes.get(owner)
        if known is None:
            known = self._homes[owner] = self._find_homes(owner)
        return known

    def _find_homes(self, owner: str) -> tuple[Site, ...]:
        types = self.supergraph.types
        table = types[owner]
        found = [Site(graph, owner) for graph in sorted(table.graphs)]
        for name in sorted(table.all_interfaces):
            interface = types.get(name)
            if interface is not None:
                found += [Site(graph, name) for graph in sorted(interface.interface_object)]
        return tuple(found)

    def options(self, owner: str, name: str) -> tuple[Option, ...]:
        """The ways to resolve a field of `owner` for which nothing has to be provided, best sites first."""
        key = (owner, name)
        known = self._options.get(key)
        if known is None:
            found = ((site, self.said(site, name)) for site in self.homes(owner))
            known = self._options[key] = tuple(
                self.option(site, said)
                for site, said in found
                if said is not None and self.resolves(site, said, name)
            )
        return known

    def said(self, site: Site, name: str) -> JoinField | None:
        """What the site's subgraph says of a field of the site's type."""
        table = self.supergraph.field(site.type, name)
        return table.graphs.get(site.graph) if table else None

    def option(self, site: Site, said: JoinField) -> Option:
        """The option of a field as its subgraph declares it."""
        requires = self.supergraph.fieldset(site.type, said.requires) if said.requires else None
        provided = (self.supergraph.fieldset(said.named, said.provides),) if said.provides else ()
        return Option(site, said.named, requires, provided)

    def resolves(self, site: Site, said: JoinField, name: str) -> bool:
        """Whether the subgraph itself resolves the field: not external, not overridden by another subgraph.

        A real interface resolves a field when each of its object types there does.
        """
        if not self._is_own(site, said, name):
            return False
        members = self.supergraph.possible_in(site.type, site.graph)
        if site.type in members or not members:
            return True
        return all(self._member_resolves(Site(site.graph, member), name) for member in members)

    def _member_resolves(self, site: Site, name: str) -> bool:
        said = self.said(site, name)
        return said is not None and said.requires is None and self._is_own(site, said, name)

    def _is_own(self, site: Site, said: JoinField, name: str) -> bool:
        if said.external:
            return False
        if said.label:
            return (said.label in self.labels) is (
                said.override is not None or not self._overriding(site, name)
            )
        overriding = self._overriding(site, name)
        if overriding is None:
            return not said.overridden
        return overriding.label is not None and overriding.label not in self.labels

    def _overriding(self, site: Site, name: str) -> JoinField | None:
        table = self.supergraph.field(site.type, name)
        assert table is not None
        return next((other for other in table.graphs.values() if other.override == site.graph), None)
