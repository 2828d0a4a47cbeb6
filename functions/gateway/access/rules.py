"""What the supergraph demands of a caller for each type and field.

Source: Apollo Federation's directives `@authenticated`, `@requiresScopes` (2.5) and `@policy` (2.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from graphql import InterfaceTypeDefinitionNode, ObjectTypeDefinitionNode, TypeDefinitionNode

from common.principal import Principal
from gateway.planner import QueryPlan, Supergraph
from gateway.planner.joins import arguments_of

Names = tuple[tuple[str, ...], ...]
"""Alternatives: the names of one of them must hold, all together."""
Coordinate = tuple[str, str]


class Requirement(NamedTuple):
    """What one type or field demands."""

    authenticated: bool = False
    scopes: Names = ()
    policies: Names = ()

    def met_by(self, caller: Principal) -> bool:
        """Whether the caller meets all of it."""
        if self.authenticated and caller.kind == "anonymous":
            return False
        if self.scopes and not any(all(map(caller.may, some)) for some in self.scopes):
            return False
        return not self.policies or any(all(_holds(name, caller) for name in some) for some in self.policies)

    def __str__(self) -> str:
        wanted = [" and ".join(some) for some in (*self.scopes, *self.policies)]
        return " or ".join(wanted) or "a signed-in caller"


POLICIES: dict[str, Callable[[Principal], bool]] = {
    "user": lambda caller: caller.kind == "user",
    "client": lambda caller: caller.kind == "client",
}
"""Policies that are no permissions: what kind of principal calls."""


def _holds(policy: str, caller: Principal) -> bool:
    """A policy of that name, or a permission."""
    known = POLICIES.get(policy)
    return known(caller) if known is not None else caller.may(policy)


class Rules:
    """The requirements of a supergraph."""

    def __init__(self, supergraph: Supergraph) -> None:
        self.supergraph = supergraph
        self._types: dict[str, Requirement] = {}
        self._fields: dict[Coordinate, Requirement] = {}
        self._guarded: WeakKeyDictionary[QueryPlan, tuple[Coordinate, ...]] = WeakKeyDictionary()
        for definition in supergraph.document.definitions:
            if not isinstance(definition, TypeDefinitionNode):
                continue
            name = definition.name.value
            if (said := _said(definition)) is not None:
                self._types[name] = said
            if isinstance(definition, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
                for node in definition.fields:
                    if (said := _said(node)) is not None:
                        self._fields[name, node.name.value] = said

    def of(self, coordinate: Coordinate) -> list[Requirement]:
        """What a field demands: its own requirement, its type's, and that of the type it belongs to."""
        field = self.supergraph.field(*coordinate)
        found = [
            self._fields.get(coordinate),
            self._types.get(coordinate[0]),
            self._types.get(field.named) if field is not None else None,
        ]
        return [each for each in found if each is not None]

    def unmet(self, coordinate: Coordinate, caller: Principal) -> Requirement | None:
        """The first requirement of a field that the caller does not meet.

        A field of an abstract type demands what it demands on any type that the object may have.
        """
        owner, name = coordinate
        owners = {owner} | self.supergraph.possible(owner)
        for each in sorted(owners):
            for requirement in self.of((each, name)):
                if not requirement.met_by(caller):
                    return requirement
        return None

    def refused(self, plan: QueryPlan, caller: Principal) -> frozenset[Coordinate]:
        """The fields of an operation that the caller may not see."""
        if not self._types and not self._fields:
            return frozenset()
        guarded = self._guarded.get(plan)
        if guarded is None:
            guarded = self._guarded[plan] = tuple(self._guarded_in(plan))
        return frozenset(
            coordinate
            for coordinate in guarded
            if not all(requirement.met_by(caller) for requirement in self.of(coordinate))
        )

    def _guarded_in(self, plan: QueryPlan) -> Iterable[Coordinate]:
        """The fields that demand anything, those of interfaces that the objects implement among them."""
        found: set[Coordinate] = set()
        for each in plan.coordinates:
            owner, _, name = each.partition(".")
            table = self.supergraph.types.get(owner)
            for kind in (owner, *(table.all_interfaces if table is not None else ())):
                found.add((kind, name))
        return sorted(coordinate for coordinate in found if self.of(coordinate))


def _said(node: Any) -> Requirement | None:
    """What the directives on a definition demand; None without any."""
    authenticated, scopes, policies = False, (), ()
    for directive in node.directives or ():
        match directive.name.value.rpartition("__")[2]:
            case "authenticated":
                authenticated = True
            case "requiresScopes":
                scopes = _alternatives(arguments_of(directive).get("scopes"))
            case "policy":
                policies = _alternatives(arguments_of(directive).get("policies"))
    made = Requirement(authenticated, scopes, policies)
    return made if any(made) else None


def _alternatives(value: Any) -> Any:
    return tuple(tuple(some) for some in value or ())
