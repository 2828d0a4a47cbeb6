"""Fields that a subgraph declares as external although the supergraph does not say so.

Composers leave `external` out where they think that nobody needs it: of an interface object's fields, and of
fields that are provided for one type of several. What a subgraph requires or provides tells.
"""

from __future__ import annotations

from graphql import (
    FieldNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)

from gateway.planner.joins import JoinField, TypeTable

Types = dict[str, TypeTable]


def infer_externals(types: Types) -> None:
    """Complete the tables of a supergraph."""
    for table in types.values():
        for said in [each for field in table.fields.values() for each in field.graphs.values()]:
            if said.requires and said.graph in table.interface_object:
                _infer_required(table, said)
            if said.provides and said.named in types:
                _infer_provided(types, types[said.named], said.graph, field_set(said.provides))


def field_set(text: str) -> SelectionSetNode:
    """A field set, with or without its outermost braces, as a selection set."""
    document = parse(text if text.lstrip().startswith("{") else f"{{{text}}}", no_location=True)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    return operation.selection_set


def _infer_required(table: TypeTable, said: JoinField) -> None:
    """What a subgraph requires, others resolve."""
    for node in field_set(said.requires or "").selections:
        if isinstance(node, FieldNode) and node.name.value in table.fields:
            required = table.fields[node.name.value].graphs.get(said.graph)
            if required is not None and required.implied:
                required.external = True


def _infer_provided(types: Types, table: TypeTable, graph: str, provided: SelectionSetNode) -> None:
    """What a subgraph provides, it knows."""
    for node in provided.selections:
        if isinstance(node, FieldNode):
            field = table.fields.get(node.name.value)
            if field is None:
                continue
            if graph not in field.graphs and graph in table.graphs:
                field.graphs[graph] = JoinField(graph, field.type, field.named, external=True)
            if node.selection_set is not None and field.named in types:
                _infer_provided(types, types[field.named], graph, node.selection_set)
        elif isinstance(node, InlineFragmentNode):
            target = types.get(node.type_condition.name.value) if node.type_condition else table
            if target is not None:
                _infer_provided(types, target, graph, node.selection_set)
