"""The join directives of a supergraph document as tables: which subgraph knows which type and field, and how.

Source: Apollo's join specification, v0.2 to v0.5 (`@join__type`, `@join__field`, `@join__implements`,
`@join__unionMember`). The directives are read by argument name, so newer minor versions stay readable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    ConstDirectiveNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    UnionTypeDefinitionNode,
    print_ast,
    value_from_ast_untyped,
)

KINDS: dict[type[TypeDefinitionNode], str] = {
    ObjectTypeDefinitionNode: "object",
    InterfaceTypeDefinitionNode: "interface",
    UnionTypeDefinitionNode: "union",
    EnumTypeDefinitionNode: "enum",
    InputObjectTypeDefinitionNode: "input",
    ScalarTypeDefinitionNode: "scalar",
}


class Subgraph(NamedTuple):
    """A subgraph: its name in the join__Graph enum, the name it was composed under, its URL."""

    id: str
    name: str
    url: str


class Key(NamedTuple):
    """An entity's key in one subgraph, as the text of its field set."""

    fields: str
    resolvable: bool


@dataclass(slots=True)
class JoinField:
    """What one subgraph says of a field. `type` is the field's type there, e.g. `[Book!]`; `implied` means
    that the subgraph has it because it has the type, without a directive of its own.
    """

    graph: str
    type: str
    named: str
    external: bool = False
    requires: str | None = None
    provides: str | None = None
    overridden: bool = False
    override: str | None = None
    label: str | None = None
    implied: bool = False


@dataclass(slots=True)
class FieldTable:
    """A field of the supergraph and what each subgraph says of it."""

    name: str
    type: str
    named: str
    graphs: dict[str, JoinField]


@dataclass(slots=True)
class TypeTable:
    """A type of the supergraph and what each subgraph says of it."""

    name: str
    kind: str
    graphs: set[str] = field(default_factory=set)
    keys: dict[str, list[Key]] = field(default_factory=dict)
    interface_object: set[str] = field(default_factory=set)
    interfaces: dict[str, set[str]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    all_interfaces: set[str] = field(default_factory=set)
    all_members: tuple[str, ...] = ()
    values: frozenset[str] = frozenset()
    fields: dict[str, FieldTable] = field(default_factory=dict)


def arguments_of(directive: ConstDirectiveNode) -> dict[str, Any]:
    """A directive's arguments as plain values."""
    return {argument.name.value: value_from_ast_untyped(argument.value) for argument in directive.arguments}


def uses(node: Any, name: str) -> Iterator[dict[str, Any]]:
    """The arguments of each use of a directive on a definition."""
    for directive in node.directives or ():
        if directive.name.value == name:
            yield arguments_of(directive)


def named_type(text: str) -> str:
    """The innermost name of a type reference: `[Book!]!` is of `Book`."""
    return text.strip("[]!")


def read_graphs(document: DocumentNode) -> dict[str, Subgraph]:
    """The subgraphs, from the values of the join__Graph enum."""
    graphs: dict[str, Subgraph] = {}
    for definition in document.definitions:
        if isinstance(definition, EnumTypeDefinitionNode) and definition.name.value == "join__Graph":
            for value in definition.values:
                said = next(uses(value, "join__graph"))
                identity = value.name.value
                graphs[identity] = Subgraph(identity, said["name"], said.get("url") or "")
    return graphs


def read_types(document: DocumentNode, names: dict[str, str]) -> dict[str, TypeTable]:
    """Every type that a subgraph defines. `names`: subgraph name to its join__Graph value, for `override`."""
    return {
        definition.name.value: _read_type(definition, names)
        for definition in document.definitions
        if isinstance(definition, TypeDefinitionNode)
        and next(uses(definition, "join__type"), None) is not None
    }


def _read_type(definition: TypeDefinitionNode, names: dict[str, str]) -> TypeTable:
    table = TypeTable(definition.name.value, KINDS[type(definition)])
    for said in uses(definition, "join__type"):
        graph = said["graph"]
        table.graphs.add(graph)
        if said.get("key"):
            table.keys.setdefault(graph, []).append(Key(said["key"], said.get("resolvable", True)))
        if said.get("isInterfaceObject"):
            table.interface_object.add(graph)
    if isinstance(definition, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        table.all_interfaces = {interface.name.value for interface in definition.interfaces}
        for said in uses(definition, "join__implements"):
            table.interfaces.setdefault(said["graph"], set()).add(said["interface"])
        for node in definition.fields:
            table.fields[node.name.value] = _read_field(node, table, names)
    elif isinstance(definition, EnumTypeDefinitionNode):
        table.values = frozenset(value.name.value for value in definition.values)
    elif isinstance(definition, UnionTypeDefinitionNode):
        table.all_members = tuple(member.name.value for member in definition.types)
        for said in uses(definition, "join__unionMember"):
            table.members.setdefault(said["graph"], set()).add(said["member"])
        if not table.members:
            table.members = {graph: set(table.all_members) for graph in table.graphs}
    return table


def _read_field(node: FieldDefinitionNode, table: TypeTable, names: dict[str, str]) -> FieldTable:
    text = print_ast(node.type)
    said_of = list(uses(node, "join__field"))
    read = FieldTable(node.name.value, text, named_type(text), {})
    if not said_of:
        # a field without the directive is in every subgraph that has the type
        read.graphs = {
            graph: JoinField(graph, text, read.named, implied=True) for graph in sorted(table.graphs)
        }
        return read
    for said in said_of:
        graph = said.get("graph")
        if graph is None:
            continue  # inherited from an interface object: no subgraph has it on this type itself
        if said.get("contextArguments"):
            raise ValueError(
                f"{table.name}.{read.name} takes an argument from a context (@fromContext): not supported. "
                "Compose the supergraph without it."
            )
        there = said.get("type") or text
        source = said.get("override")
        read.graphs[graph] = JoinField(
            graph,
            there,
            named_type(there),
            external=bool(said.get("external")),
            requires=said.get("requires"),
            provides=said.get("provides"),
            overridden=bool(said.get("usedOverridden")),
            override=names.get(source) if source else None,
            label=said.get("overrideLabel"),
        )
    return read
