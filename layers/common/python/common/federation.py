"""Apollo Federation v2, a subgraph's side: the definitions a schema may use, and what its directives demand.

Source: the Apollo Federation subgraph specification, v2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    DirectiveNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_ast_schema,
    concat_ast,
    get_named_type,
    parse,
    value_from_ast_untyped,
)

from common.graph_scalars import SCALARS, snake

_PRELUDE = """
directive @link(url: String!, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @key(fields: FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
directive @requires(fields: FieldSet!) on FIELD_DEFINITION
directive @provides(fields: FieldSet!) on FIELD_DEFINITION
directive @external(reason: String) on OBJECT | FIELD_DEFINITION
directive @extends on OBJECT | INTERFACE
directive @shareable repeatable on OBJECT | FIELD_DEFINITION
directive @override(from: String!, label: String) on FIELD_DEFINITION
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR
    | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION
directive @tag(name: String!) repeatable on FIELD_DEFINITION | INTERFACE | OBJECT | UNION | SCHEMA
    | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION
directive @interfaceObject on OBJECT
directive @composeDirective(name: String!) repeatable on SCHEMA
directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @requiresScopes(scopes: [[federation__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE
    | SCALAR | ENUM
directive @policy(policies: [[federation__Policy!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE
    | SCALAR | ENUM
directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION
    | OBJECT | SCALAR
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!],
    requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
enum link__Purpose { SECURITY EXECUTION }
scalar link__Import
scalar FieldSet
scalar federation__Scope
scalar federation__Policy
scalar _Any
type _Service { sdl: String }
extend type Query { _service: _Service! }
"""
_ENTITIES = """
union _Entity = {members}
extend type Query {{ _entities(representations: [_Any!]!): [_Entity]! }}
"""
_OWN_ENUMS = ("link__Purpose",)

Scopes = tuple[tuple[str, ...], ...]
"""What ``@requiresScopes`` says: one of the lists must be held whole. Empty: nothing is required."""


def build(sdl: str) -> GraphQLSchema:
    """The executable schema of a subgraph's SDL: federation's definitions, entities and scalars added.

    Python's names are used inside: ``createdAt`` is passed and read as ``created_at``, the enum value
    ``ACTIVE`` is ``"active"``.
    """
    document = parse(sdl)
    added = _PRELUDE
    if not any(getattr(d, "name", None) and d.name.value == "Query" for d in document.definitions):  # type: ignore[attr-defined]
        added += "type Query\n"
    members = [name for name, keys in _keyed(document.definitions) if keys]
    if members:
        added += _ENTITIES.format(members=" | ".join(members))
    schema = build_ast_schema(concat_ast([document, parse(added)]))
    for named in schema.type_map.values():
        _localise(named)
    return schema


def keys_of(schema: GraphQLSchema) -> Mapping[str, tuple[str, ...]]:
    """The entities and the field sets of their keys, as written."""
    return {
        name: tuple(fields)
        for name, fields in _keyed(
            node
            for named in schema.type_map.values()
            for node in (named.ast_node, *named.extension_ast_nodes)
            if node is not None
        )
        if fields
    }


def scopes_of(field: GraphQLField) -> Scopes:
    """What the field asks of the caller: its own ``@requiresScopes`` and that of the type it returns."""
    own = _scopes(field.ast_node.directives if field.ast_node else ())
    return _both(own, scopes_of_type(get_named_type(field.type)))


def scopes_of_type(named: GraphQLNamedType | None) -> Scopes:
    """What the type asks of the caller, wherever it is returned."""
    if named is None or named.ast_node is None:
        return ()
    return _scopes(getattr(named.ast_node, "directives", ()))


def _both(left: Scopes, right: Scopes) -> Scopes:
    if not left or not right:
        return left or right
    return tuple((*a, *b) for a in left for b in right)


def _scopes(directives: Iterable[DirectiveNode]) -> Scopes:
    for directive in directives:
        if directive.name.value == "requiresScopes":
            return tuple(tuple(some) for some in value_from_ast_untyped(directive.arguments[0].value))
    return ()


def _keyed(definitions: Iterable[Any]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for definition in definitions:
        if definition.kind not in ("object_type_definition", "object_type_extension"):
            continue
        for directive in definition.directives:
            if directive.name.value == "key":
                given = {a.name.value: value_from_ast_untyped(a.value) for a in directive.arguments}
                found.setdefault(definition.name.value, []).append(given["fields"])
    return list(found.items())


def _localise(named: GraphQLNamedType) -> None:
    """Give a type's parts Python's names."""
    if isinstance(named, GraphQLEnumType) and named.name not in _OWN_ENUMS and named.name[:2] != "__":
        named.values = {
            name: type(value)(
                name.lower(), value.description, value.deprecation_reason, ast_node=value.ast_node
            )
            for name, value in named.values.items()
        }
        vars(named).pop("_value_lookup", None)
    elif isinstance(named, GraphQLInputObjectType):
        for name, inner in named.fields.items():
            inner.out_name = snake(name)
    elif isinstance(named, (GraphQLObjectType, GraphQLInterfaceType)) and named.name[:2] != "__":
        for field in named.fields.values():
            for name, argument in field.args.items():
                argument.out_name = snake(name)
    elif isinstance(named, GraphQLScalarType) and named.name in SCALARS:
        scalar = SCALARS[named.name]
        vars(named).update(
            serialize=scalar.serialize, parse_value=scalar.parse, parse_literal=scalar.parse_literal
        )
