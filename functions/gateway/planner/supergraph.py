"""A composed supergraph: its subgraphs, the tables the planner looks things up in, and the API schema."""

from __future__ import annotations

import hashlib
import re
from functools import cached_property

from graphql import DocumentNode, GraphQLSchema, OperationType, SchemaDefinitionNode, parse

from gateway.planner.api import api_schema
from gateway.planner.cost import Weights
from gateway.planner.externals import infer_externals
from gateway.planner.joins import FieldTable, Key, Subgraph, TypeTable, read_graphs, read_types
from gateway.planner.normalise import Normaliser
from gateway.planner.selection import NO_TYPES, Selection
from gateway.planner.sites import Topology


class Supergraph:
    """What `@theguild/federation-composition` (or Apollo's `rover supergraph compose`) wrote, ready for
    planning.

    Immutable after `parse`; the answers to look-ups are remembered, and may be shared between threads.
    """

    def __init__(self, sdl: str, document: DocumentNode) -> None:
        self.document = document
        self.hash = hashlib.sha256(sdl.encode()).hexdigest()
        self.graphs: dict[str, Subgraph] = read_graphs(document)
        self.types: dict[str, TypeTable] = read_types(
            document, {graph.name: graph.id for graph in self.graphs.values()}
        )
        infer_externals(self.types)
        self.roots = _root_types(document)
        self.field_names = {name for table in self.types.values() for name in table.fields}
        self.objects = _possible_types(self.types)
        self._possible_in: dict[tuple[str, str], frozenset[str]] = {}
        self._fieldsets: dict[tuple[str, str], Selection] = {}
        self._topologies: dict[frozenset[str], Topology] = {}

    @classmethod
    def parse(cls, sdl: str) -> Supergraph:
        """Read a supergraph document. Raises `GraphQLSyntaxError` when it is not GraphQL, `ValueError`
        when it uses what this planner does not know.
        """
        return cls(sdl, parse(sdl, no_location=True))

    @cached_property
    def api(self) -> GraphQLSchema:
        """The schema clients see."""
        return api_schema(self.document)

    @cached_property
    def weights(self) -> Weights:
        """What the cost directives say."""
        return Weights.read(self.document)

    @cached_property
    def labels(self) -> frozenset[str]:
        """The labels of progressive overrides. `plan` is told which of them are active."""
        return frozenset(
            said.label
            for table in self.types.values()
            for field in table.fields.values()
            for said in field.graphs.values()
            if said.label
        )

    def labels_for(self, share: float) -> frozenset[str]:
        """The labels that are active for a request that drew `share` (0 <= share < 100): `percent(n)` is
        for n of 100. One draw for all labels, so there are few different plans.
        """
        return frozenset(label for label in self.labels if share < _percent(label))

    def topology(self, labels: frozenset[str] = frozenset()) -> Topology:
        """The supergraph as it is with these override labels active."""
        known = self._topologies.get(labels)
        if known is None:
            known = self._topologies[labels] = Topology(self, labels)
        return known

    def field(self, type_name: str, name: str) -> FieldTable | None:
        """A field of an object or interface type, or None."""
        table = self.types.get(type_name)
        return table.fields.get(name) if table else None

    def possible(self, type_name: str) -> frozenset[str]:
        """The object types that a value declared as `type_name` may have, over all subgraphs."""
        return self.objects.get(type_name, NO_TYPES)

    def is_abstract(self, type_name: str) -> bool:
        """Interface or union."""
        table = self.types.get(type_name)
        return table is not None and table.kind in {"interface", "union"}

    def possible_in(self, type_name: str, graph: str) -> frozenset[str]:
        """The types a value declared as `type_name` in one subgraph may have there.

        Interface objects are among them under the interface's name: the subgraph cannot tell what they
        really are.
        """
        key = (type_name, graph)
        known = self._possible_in.get(key)
        if known is None:
            known = self._possible_in[key] = self._find_possible_in(type_name, graph)
        return known

    def _find_possible_in(self, type_name: str, graph: str) -> frozenset[str]:
        table = self.types.get(type_name)
        if table is None:
            return NO_TYPES
        if table.kind == "object" or graph in table.interface_object:
            return frozenset({type_name})
        if table.kind == "union":
            return frozenset(table.members.get(graph, ()))
        return frozenset(
            other.name
            for other in self.types.values()
            if type_name in other.interfaces.get(graph, ())
            and graph in other.graphs
            and (other.kind == "object" or graph in other.interface_object)
        )

    def is_opaque(self, type_name: str, graph: str) -> bool:
        """Whether the subgraph cannot name the object type behind a value of this type: an interface
        object, or an interface no object of the subgraph implements.
        """
        table = self.types.get(type_name)
        if table is None or table.kind != "interface":
            return False
        return graph in table.interface_object or not self.possible_in(type_name, graph)

    def keys(self, type_name: str, graph: str) -> list[Key]:
        """The keys by which the subgraph resolves the type's references."""
        table = self.types.get(type_name)
        return [key for key in table.keys.get(graph, ()) if key.resolvable] if table else []

    def fieldset(self, type_name: str, text: str) -> Selection:
        """A field set of `@key`, `@requires` or `@provides` as a selection on `type_name`."""
        key = (type_name, text)
        known = self._fieldsets.get(key)
        if known is None:
            known = self._fieldsets[key] = Normaliser(self).fieldset(type_name, text)
        return known


def _percent(label: str) -> float:
    found = re.fullmatch(r"percent\((\d+(?:\.\d+)?)\)", label)
    return float(found[1]) if found else 0.0


def _root_types(document: DocumentNode) -> dict[str, str]:
    for definition in document.definitions:
        if isinstance(definition, SchemaDefinitionNode):
            return {node.operation.value: node.type.name.value for node in definition.operation_types}
    return {operation.value: operation.value.capitalize() for operation in OperationType}


def _possible_types(types: dict[str, TypeTable]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for table in types.values():
        if table.kind == "object":
            found.setdefault(table.name, set()).add(table.name)
            for interface in table.all_interfaces:
                found.setdefault(interface, set()).add(table.name)
        elif table.kind == "union":
            found[table.name] = set(table.all_members)
    return {name: frozenset(objects) for name, objects in found.items()}
