"""The validation rule "field selection merging" (GraphQL specification, 5.3.2) in linear time.

graphql-core compares fields in pairs, which a hostile document turns into minutes. Here fields are grouped:
by response name their shapes must agree; by response name and parent type they must be the same field.
Groups of the same selection sets are checked once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    get_named_type,
    print_ast,
)

META_FIELDS = {
    "__typename": TypeNameMetaFieldDef,
    "__schema": SchemaMetaFieldDef,
    "__type": TypeMetaFieldDef,
}
Sets = tuple[tuple[SelectionSetNode, str], ...]


class _Found(NamedTuple):
    node: FieldNode
    parent: str
    type: GraphQLOutputType | None


def overlapping_fields(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """Errors for fields of one response name that cannot be merged. The document must be valid otherwise."""
    check = _Check(schema, document)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            root = schema.get_root_type(definition.operation)
            if root is not None:
                start: Sets = ((definition.selection_set, root.name),)
                check.sameness(start)
                check.shapes(start)
    return check.errors


class _Check:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self.schema = schema
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.errors: list[GraphQLError] = []
        self.seen: set[tuple[bool, frozenset[tuple[int, str]]]] = set()

    def is_new(self, sets: Sets, by_parent: bool) -> bool:
        key = (by_parent, frozenset((id(node), parent) for node, parent in sets))
        if key in self.seen or not sets or self.errors:
            return False
        self.seen.add(key)
        return True

    def shapes(self, sets: Sets) -> None:
        """SameResponseShape: whatever the runtime types, a response name has one shape."""
        pending = [sets]
        while pending:
            current = pending.pop()
            if not self.is_new(current, by_parent=False):
                continue
            for name, found in self.fields(current).items():
                first = found[0]
                shape = _shape(first.type)
                for other in found[1:]:
                    if other.type is not first.type and _shape(other.type) != shape:
                        self.report(
                            name,
                            first,
                            other,
                            f'they return conflicting types "{first.type}" and "{other.type}"',
                        )
                        return
                pending.append(_children(found))

    def sameness(self, sets: Sets) -> None:
        """Fields that can meet in one object are the same field with the same arguments."""
        pending = [sets]
        while pending:
            current = pending.pop()
            if not self.is_new(current, by_parent=True):
                continue
            for name, found in self.fields(current).items():
                for group in self.meeting(found):
                    if not self.is_same(name, group):
                        return
                    pending.append(_children(group))

    def meeting(self, found: list[_Found]) -> list[list[_Found]]:
        """Groups of fields that can meet: those of one object type with those of abstract types."""
        abstract = [each for each in found if not self.is_object(each.parent)]
        objects: dict[str, list[_Found]] = {}
        for each in found:
            if self.is_object(each.parent):
                objects.setdefault(each.parent, []).append(each)
        return [abstract + group for group in objects.values()] or [abstract]

    def is_object(self, name: str) -> bool:
        return isinstance(self.schema.type_map[name], GraphQLObjectType)

    def is_same(self, name: str, group: list[_Found]) -> bool:
        first = group[0]
        arguments: str | None = None
        for other in group[1:]:
            if other.node.name.value != first.node.name.value:
                reason = f'"{first.node.name.value}" and "{other.node.name.value}" are different fields'
            elif not first.node.arguments and not other.node.arguments:
                continue
            else:
                arguments = arguments if arguments is not None else _arguments(first.node)
                if arguments == _arguments(other.node):
                    continue
                reason = "they have differing arguments"
            self.report(name, first, other, reason)
            return False
        return True

    def fields(self, sets: Sets) -> dict[str, list[_Found]]:
        found: dict[str, list[_Found]] = {}
        spread: set[str] = set()
        pending = list(reversed(sets))
        while pending:
            current, parent = pending.pop()
            for node in current.selections:
                if isinstance(node, FieldNode):
                    key = node.alias.value if node.alias else node.name.value
                    found.setdefault(key, []).append(
                        _Found(node, parent, self.type_of(parent, node.name.value))
                    )
                elif isinstance(node, InlineFragmentNode):
                    target = node.type_condition.name.value if node.type_condition else parent
                    pending.append((node.selection_set, target))
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                    spread.add(node.name.value)
                    fragment = self.fragments[node.name.value]
                    pending.append((fragment.selection_set, fragment.type_condition.name.value))
        return found

    def type_of(self, parent: str, name: str) -> GraphQLOutputType | None:
        if name in META_FIELDS:
            meta: GraphQLOutputType = META_FIELDS[name].type
            return meta
        owner = self.schema.type_map[parent]
        if isinstance(owner, GraphQLObjectType | GraphQLInterfaceType) and name in owner.fields:
            found: GraphQLOutputType = owner.fields[name].type
            return found
        return None

    def report(self, name: str, first: _Found, other: _Found, reason: str) -> None:
        self.errors.append(
            GraphQLError(
                f"Fields '{name}' conflict because {reason}. "
                "Use different aliases on the fields to fetch both if this was intentional.",
                [first.node, other.node],
            )
        )


def _children(found: Iterable[_Found]) -> Sets:
    return tuple(
        (each.node.selection_set, get_named_type(each.type).name)
        for each in found
        if each.node.selection_set is not None and each.type is not None
    )


def _shape(output: GraphQLOutputType | None) -> str:
    wrapping = ""
    inner = output
    while isinstance(inner, GraphQLNonNull | GraphQLList):
        wrapping += "!" if isinstance(inner, GraphQLNonNull) else "["
        inner = inner.of_type
    return wrapping + (inner.name if isinstance(inner, GraphQLScalarType | GraphQLEnumType) else "{}")


def _arguments(node: FieldNode) -> str:
    return ", ".join(
        sorted(f"{argument.name.value}: {print_ast(argument.value)}" for argument in node.arguments)
    )
