"""The API schema: what clients see of a supergraph, without the machinery of federation and without
`@inaccessible`.

Source: Apollo's core/link, join and inaccessible specifications.
"""

from __future__ import annotations

from typing import Any

from graphql import (
    DirectiveDefinitionNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    GraphQLSchema,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    NamedTypeNode,
    ObjectTypeDefinitionNode,
    SchemaDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    build_ast_schema,
)

from gateway.planner.joins import uses

KEPT_ON_DEFINITIONS = {"deprecated", "specifiedBy", "oneOf"}
EXECUTABLE = {
    "QUERY",
    "MUTATION",
    "SUBSCRIPTION",
    "FIELD",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "VARIABLE_DEFINITION",
}


def directive_name(document: DocumentNode, feature: str) -> str:
    """The name under which the supergraph uses a core feature's main directive (`@link(url:, as:)` may
    rename it).
    """
    for definition in document.definitions:
        if isinstance(definition, SchemaDefinitionNode):
            for said in uses(definition, "link"):
                parts = str(said.get("url", "")).rstrip("/").split("/")
                if len(parts) > 1 and parts[-2] == feature:
                    return said.get("as") or feature
    return feature


def imported_names(document: DocumentNode) -> set[str]:
    """Namespaces of the linked features: their elements are machinery and no part of the API."""
    names = {"join", "link", "core", "federation", "inaccessible", "tag"}
    for definition in document.definitions:
        if isinstance(definition, SchemaDefinitionNode):
            for said in uses(definition, "link"):
                parts = str(said.get("url", "")).rstrip("/").split("/")
                if len(parts) > 1:
                    names.add(said.get("as") or parts[-2])
    return names


def api_schema(document: DocumentNode) -> GraphQLSchema:
    """The executable schema that documents are validated against and that introspection describes."""
    return build_ast_schema(api_document(document), assume_valid=True)


def api_document(document: DocumentNode) -> DocumentNode:
    """The definitions that remain for clients."""
    builder = _Api(document)
    return DocumentNode(definitions=tuple(builder.definitions()))


class _Api:
    def __init__(self, document: DocumentNode) -> None:
        self.document = document
        self.inaccessible = directive_name(document, "inaccessible")
        self.namespaces = imported_names(document)
        self.hidden = {
            definition.name.value
            for definition in document.definitions
            if isinstance(definition, TypeDefinitionNode)
            and (self.is_machinery(definition.name.value) or self.is_hidden(definition))
        }

    def is_machinery(self, name: str) -> bool:
        prefix, separator, _ = name.partition("__")
        return bool(separator) and prefix in self.namespaces

    def is_hidden(self, node: Any) -> bool:
        return any(directive.name.value == self.inaccessible for directive in node.directives or ())

    def is_visible(self, node: Any) -> bool:
        return not self.is_hidden(node) and _named(node.type) not in self.hidden

    def definitions(self) -> list[Any]:
        kept: list[Any] = []
        for definition in self.document.definitions:
            if isinstance(definition, SchemaDefinitionNode):
                kept.append(_copy(definition, directives=()))
            elif isinstance(definition, DirectiveDefinitionNode):
                name = definition.name.value
                executable = any(location.value in EXECUTABLE for location in definition.locations)
                if executable and name not in self.namespaces and not self.is_machinery(name):
                    kept.append(_copy(definition, arguments=self.values(definition.arguments)))
            elif isinstance(definition, TypeDefinitionNode) and definition.name.value not in self.hidden:
                kept.append(self.type(definition))
        return kept

    def type(self, definition: TypeDefinitionNode) -> Any:
        directives = self.directives(definition)
        if isinstance(definition, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            return _copy(
                definition,
                directives=directives,
                interfaces=self.names(definition.interfaces),
                fields=tuple(
                    _copy(node, directives=self.directives(node), arguments=self.values(node.arguments))
                    for node in definition.fields
                    if self.is_visible(node)
                ),
            )
        if isinstance(definition, InputObjectTypeDefinitionNode):
            return _copy(definition, directives=directives, fields=self.values(definition.fields))
        if isinstance(definition, UnionTypeDefinitionNode):
            return _copy(definition, directives=directives, types=self.names(definition.types))
        if isinstance(definition, EnumTypeDefinitionNode):
            values = tuple(
                _copy(value, directives=self.directives(value))
                for value in definition.values
                if not self.is_hidden(value)
            )
            return _copy(definition, directives=directives, values=values)
        return _copy(definition, directives=directives)

    def values(self, nodes: Any) -> tuple[Any, ...]:
        return tuple(
            _copy(node, directives=self.directives(node)) for node in nodes or () if self.is_visible(node)
        )

    def names(self, nodes: Any) -> tuple[NamedTypeNode, ...]:
        return tuple(node for node in nodes or () if node.name.value not in self.hidden)

    def directives(self, node: Any) -> tuple[Any, ...]:
        return tuple(
            directive for directive in node.directives or () if directive.name.value in KEPT_ON_DEFINITIONS
        )


def _named(node: TypeNode) -> str:
    inner: Any = node
    while not isinstance(inner, NamedTypeNode):
        inner = inner.type
    return inner.name.value


def _copy(node: Any, **changes: Any) -> Any:
    values = {key: getattr(node, key, None) for key in node.keys}
    values.update(changes)
    return type(node)(**values)
