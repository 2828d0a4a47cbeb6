"""Derives the world behind an audit suite from the results it expects.

The suites come without their subgraphs' data. What the expected results say of an object is gathered by the
path at which it was seen and by its keys; what they leave open (a price that is only required by another
subgraph, say) is imagined by the world.
"""

from __future__ import annotations

from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    parse,
    value_from_ast_untyped,
)

from gateway.planner.normalise import Normaliser
from gateway.planner.selection import Field, Selection
from gateway.planner.supergraph import Supergraph
from tests.unit.planner.simulator.world import Thing, World, fact_key

KEY_FIELDS = ("id", "upc")


class Seen:
    """What has been seen of one object."""

    def __init__(self, candidates: frozenset[str]) -> None:
        self.candidates = candidates
        self.facts: dict[str, Any] = {}
        self.fields: dict[str, str] = {}
        self.same: Seen | None = None

    def resolved(self) -> Seen:
        return self.same.resolved() if self.same else self


class Witness:
    """Reads the expected results of a suite."""

    def __init__(self, supergraph: Supergraph) -> None:
        self.supergraph = supergraph
        self.roots = {name: Seen(frozenset({name})) for name in supergraph.roots.values()}
        self.by_key: dict[tuple[str, str, Any], Seen] = {}

    def read(self, query: str, expected: Any) -> None:
        document = parse(query)
        operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
        fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        selection = Normaliser(self.supergraph, fragments).operation(operation)
        self._object(self.roots[selection.type], selection, expected)

    def _object(self, seen: Seen, selection: Selection, data: dict[str, Any]) -> None:
        for field in selection.fields:
            if field.key not in data:
                if not field.when:
                    seen.candidates -= field.types
                continue
            if not any(other.key == field.key and other is not field for other in selection.fields):
                seen.candidates &= field.types
            if field.name == "__typename":
                seen.candidates &= frozenset({data[field.key]})
                continue
            key = fact_key(field.name, _arguments(field))
            seen.fields[key] = field.named
            known = seen.facts.get(key)
            seen.facts[key] = self._value(known, field, data[field.key], f"{selection.type}.{field.name}")
        for field in selection.fields:
            if field.name in KEY_FIELDS and data.get(field.key) is not None:
                for candidate in seen.candidates:
                    other = self.by_key.setdefault((candidate, field.name, data[field.key]), seen).resolved()
                    if other is not seen and len(seen.candidates) == 1:
                        self._unite(other, seen)
                        return

    def _value(self, known: Any, field: Field, data: Any, _where: str) -> Any:
        if isinstance(data, list):
            before = known if isinstance(known, list) else []
            return [
                self._value(before[index] if index < len(before) else None, field, each, _where)
                for index, each in enumerate(data)
            ]
        if isinstance(data, dict):
            seen = (
                known.resolved() if isinstance(known, Seen) else Seen(self.supergraph.possible(field.named))
            )
            assert field.selection is not None
            self._object(seen, field.selection, data)
            return seen.resolved()
        return data if data is not None else known

    def _unite(self, one: Seen, other: Seen) -> None:
        if one is other:
            return
        one.candidates &= other.candidates
        for key, value in other.facts.items():
            known = one.facts.get(key)
            if isinstance(known, Seen) and isinstance(value, Seen):
                self._unite(known.resolved(), value.resolved())
            elif isinstance(known, list) and isinstance(value, list) and len(known) == len(value):
                for left, right in zip(known, value, strict=True):
                    if isinstance(left, Seen) and isinstance(right, Seen):
                        self._unite(left.resolved(), right.resolved())
            elif known is None:
                one.facts[key] = value
        one.fields.update(other.fields)
        other.same = one

    def world(self) -> World:
        world = World(self.supergraph, list_length=1)
        made: dict[Seen, Thing] = {}
        for name, seen in self.roots.items():
            if name in world.roots:
                made[seen] = world.roots[name]
                self._tell(world, seen, made)
        return world

    def _tell(self, world: World, seen: Seen, made: dict[Seen, Thing]) -> None:
        thing = made[seen]
        for key, value in seen.facts.items():
            thing.facts[key] = self._told(world, value, made, thing.type, key)

    def _told(self, world: World, value: Any, made: dict[Seen, Thing], owner: str, key: str) -> Any:
        if isinstance(value, list):
            return [self._told(world, each, made, owner, key) for each in value]
        if not isinstance(value, Seen):
            return value
        seen = value.resolved()
        if seen not in made:
            made[seen] = world.make(self._type(seen, owner, key))
            self._tell(world, seen, made)
        return made[seen]

    def _type(self, seen: Seen, owner: str, key: str) -> str:
        """One of the types left, which every subgraph that resolves the field can return."""
        candidates = seen.candidates
        table = self.supergraph.types[owner].fields[key.split("{", maxsplit=1)[0]]
        for said in table.graphs.values():
            there = self.supergraph.possible_in(said.named, said.graph)
            if not said.external and candidates & there:
                candidates &= there
        return min(candidates, default=table.named)


def _arguments(field: Field) -> dict[str, Any]:
    if not field.arguments:
        return {}
    operation = parse(f"{{a{field.arguments}}}").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    node = operation.selection_set.selections[0]
    assert isinstance(node, FieldNode)
    return {each.name.value: value_from_ast_untyped(each.value) for each in node.arguments}
