"""The world that simulated subgraphs tell of: objects with facts, and plausible values for facts nobody
stated.

Every subgraph tells of the same world, so what a gateway answers can be compared with what the world is.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from gateway.planner.joins import named_type
from gateway.planner.supergraph import Supergraph


def fact_key(field: str, arguments: dict[str, Any]) -> str:
    return field + (json.dumps(arguments, sort_keys=True) if arguments else "")


def field_of(fact: str) -> str:
    """The field that a fact, or an item of a list, is of."""
    return fact.split("{", maxsplit=1)[0].split("/", maxsplit=1)[0]


def _same(known: Any, given: Any) -> bool:
    if isinstance(known, Thing):
        return isinstance(given, dict) and known.matches(given)
    if isinstance(known, list):
        return isinstance(given, list) and len(known) == len(given) and all(map(_same, known, given))
    return bool(known == given)


class Thing:
    """An object of the world."""

    def __init__(self, world: World, type_name: str, number: int) -> None:
        self.world = world
        self.type = type_name
        self.number = number
        self.facts: dict[str, Any] = {}

    def tell(self, field: str, arguments: dict[str, Any]) -> Any:
        key = fact_key(field, arguments)
        if key not in self.facts:
            self.facts[key] = self.world.imagine(self, key, self.world.strictest(self.type, field))
        return self.facts[key]

    def matches(self, given: dict[str, Any]) -> bool:
        """Whether this is the object that a representation (without its requirements) speaks of."""
        return all(name == "__typename" or _same(self.tell(name, {}), value) for name, value in given.items())

    def __repr__(self) -> str:
        return f"<{self.type} {self.number}>"


class World:
    def __init__(self, supergraph: Supergraph, list_length: int = 2, depth: int = 4, seed: int = 0) -> None:
        self.supergraph = supergraph
        self.seed = seed
        self.things: list[Thing] = []
        self.list_length = list_length
        self.depth = depth
        self.roots = {name: self.make(name) for name in supergraph.roots.values() if name in supergraph.types}

    def make(self, type_name: str) -> Thing:
        thing = Thing(self, type_name, len(self.things))
        self.things.append(thing)
        return thing

    def find(self, possible: frozenset[str], given: dict[str, Any]) -> Thing | None:
        return next(
            (each for each in list(self.things) if each.type in possible and each.matches(given)), None
        )

    def strictest(self, type_name: str, field: str) -> str:
        """The type of a field in the subgraph that forbids null in most places: all tell the same value."""
        table = self.supergraph.types[type_name].fields[field]
        said = [each.type for each in table.graphs.values() if not each.external]
        return max([table.type, *said], key=lambda text: text.count("!"))

    def imagine(self, owner: Thing, key: str, type_text: str) -> Any:
        """A value nobody stated, the same each time."""
        seed = zlib.crc32(f"{self.seed}.{owner.type}.{owner.number}.{key}".encode())
        nullable = not type_text.endswith("!")
        bare = type_text.removesuffix("!")
        if bare.startswith("["):
            length = max(self.list_length, 1) if self.is_key(owner.type, key) else self.list_length
            return [self.imagine(owner, f"{key}/{index}", bare[1:-1]) for index in range(length)]
        table = self.supergraph.types.get(bare)
        if table is not None and table.kind in {"object", "interface", "union"}:
            return self._imagine_thing(owner, key, named_type(bare), seed)
        if table is not None and table.kind == "enum":
            values = sorted(self.supergraph.api.type_map[bare].values)  # type: ignore[attr-defined]
            return values[seed % len(values)] if values else None
        if nullable and seed % 11 == 0 and "id" not in key.lower():
            return None
        return {
            "Int": seed % 1000,
            "Float": seed % 1000 + 0.5,
            "Boolean": seed % 2 == 0,
            "String": f"{owner.type}-{owner.number}-{key}",
            "ID": f"{owner.type}-{owner.number}",
        }.get(bare, f"{bare}-{seed}")

    def _imagine_thing(self, owner: Thing, key: str, type_name: str, seed: int) -> Thing | None:
        if type_name in self.roots:
            return self.roots[type_name]
        possible = sorted(self._possible(owner.type, field_of(key), type_name))
        if not possible and self.supergraph.types[type_name].kind == "union":
            return None  # no member that all subgraphs could return
        chosen = possible[seed % len(possible)] if possible else type_name
        known = [thing for thing in self.things if thing.type == chosen]
        if len(known) > self.depth and not self.is_key(
            owner.type, key
        ):  # what a key names is one object's alone
            return known[seed % len(known)]
        return self.make(chosen)

    def is_key(self, type_name: str, fact: str) -> bool:
        """Whether a fact belongs to a key of a type."""
        keys = self.supergraph.types[type_name].keys.values()
        return any(field_of(fact) in key.fields.split() for of_graph in keys for key in of_graph)

    def _possible(self, owner: str, field: str, type_name: str) -> frozenset[str]:
        """The types that every subgraph that resolves the field can return: they tell of the same object."""
        possible = self.supergraph.possible(type_name)
        for said in self.supergraph.types[owner].fields[field].graphs.values():
            there = self.supergraph.possible_in(said.named, said.graph)
            if not said.external and not self.supergraph.is_opaque(said.named, said.graph):
                possible &= there
        return possible
