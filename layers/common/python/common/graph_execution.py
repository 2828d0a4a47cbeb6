"""Executes a validated operation level by level, so that a field is resolved for all its parents at once.

GraphQL's execution (specification of October 2021, section 6) is usually written depth first, and asks
for a field once for each parent; a relational store answers all of them in one statement. Here each
level of the answer is one pass: a resolver is given every parent of its field and returns as many values.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    is_leaf_type,
)
from graphql.execution.collect_fields import collect_fields, collect_sub_fields
from graphql.execution.values import get_argument_values, get_variable_values

MAX_ERRORS = 100
"""Errors told of one operation."""

Resolver = Callable[[Sequence[Any], Mapping[str, Any]], Sequence[Any]]
"""All parents of a field and its arguments to as many values; an exception among them is that value's."""


class Place:
    """Where a value of the answer stands: what an error's path is made of, and what its null spreads to."""

    __slots__ = ("container", "key", "nullable", "outer")

    def __init__(self, container: Any, key: str | int, nullable: bool, outer: Place | None) -> None:
        self.container = container
        self.key = key
        self.nullable = nullable
        self.outer = outer

    def path(self) -> list[str | int]:
        keys: list[str | int] = []
        place: Place | None = self
        while place is not None and place.outer is not None:
            keys.append(place.key)
            place = place.outer
        return keys[::-1]

    def null(self) -> None:
        """Null the nearest place that may be null (section 6.4.4)."""
        place = self
        while not place.nullable and place.outer is not None:
            place = place.outer
        place.container[place.key] = None


class Execution:
    """One operation's execution; ``resolver`` finds a field's resolver, ``kind`` says a value's type."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        resolver: Callable[[str, str], Resolver],
        kind: Callable[[Any], str],
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._resolver = resolver
        self._kind = kind
        self._variables: dict[str, Any] = {}
        self._errors: list[GraphQLError] = []
        self._waiting: deque[tuple[GraphQLObjectType, list[FieldNode], list[Any], list[Place]]] = deque()

    def run(self, variables: Mapping[str, Any]) -> ExecutionResult:
        """The answer; errors in the variables leave it without ``data``."""
        definitions = self._operation.variable_definitions or ()
        coerced = get_variable_values(self._schema, definitions, dict(variables), max_errors=50)
        if isinstance(coerced, list):
            return ExecutionResult(None, coerced)
        self._variables = coerced
        root = self._schema.get_root_type(self._operation.operation)
        assert root is not None
        answer: dict[str, Any] = {"data": {}}
        place = Place(answer, "data", True, None)
        fields = collect_fields(
            self._schema, self._fragments, self._variables, root, self._operation.selection_set
        )
        serial = self._operation.operation is OperationType.MUTATION
        for key, nodes in fields.items():
            if answer["data"] is not None:
                self._field(root, key, nodes, [None], [place])
            if serial:
                self._drain()
        self._drain()
        return ExecutionResult(answer["data"], self._errors[:MAX_ERRORS] or None)

    def _drain(self) -> None:
        while self._waiting:
            kind, nodes, objects, places = self._waiting.popleft()
            fields = collect_sub_fields(self._schema, self._fragments, self._variables, kind, nodes)
            for key, inner in fields.items():
                self._field(kind, key, inner, objects, places)

    def _field(
        self,
        parent: GraphQLObjectType,
        key: str,
        nodes: list[FieldNode],
        objects: list[Any],
        places: list[Place],
    ) -> None:
        """Resolve and complete one field of all objects of a level."""
        name = nodes[0].name.value
        if name == "__typename":
            for place in places:
                if (container := place.container[place.key]) is not None:
                    container[key] = parent.name
            return
        field = parent.fields[name]
        values = self._resolve(parent, field, name, nodes[0], objects)
        children: dict[str, tuple[list[Any], list[Place]]] = {}
        nullable, inner = _stripped(field.type)
        for place, value in zip(places, values, strict=True):
            container = place.container[place.key]
            if container is None:  # an error further up has nulled it meanwhile
                continue
            container[key] = None
            self._complete(inner, value, Place(container, key, nullable, place), nodes, children)
        for child, (found, stand) in children.items():
            kind = self._schema.type_map[child]
            assert isinstance(kind, GraphQLObjectType)
            self._waiting.append((kind, nodes, found, stand))

    def _resolve(
        self, parent: GraphQLObjectType, field: GraphQLField, name: str, node: FieldNode, objects: list[Any]
    ) -> Sequence[Any]:
        try:
            arguments = get_argument_values(field, node, self._variables)
            values = self._resolver(parent.name, name)(objects, arguments)
        except Exception as error:
            # Whatever a resolver raises is this field's error, for each of its parents (section 6.4.4).
            return [error] * len(objects)
        if len(values) != len(objects):
            fault = ValueError(f"{parent.name}.{name} answered {len(values)} values for {len(objects)}.")
            return [fault] * len(objects)
        return values

    def _complete(
        self,
        kind: GraphQLOutputType,
        value: Any,
        place: Place,
        nodes: list[FieldNode],
        children: dict[str, tuple[list[Any], list[Place]]],
    ) -> None:
        """Put a value in its place (section 6.4.3); objects wait in ``children`` for their own fields."""
        if isinstance(value, Exception):
            self._fail(value, place, nodes)
        elif value is None:
            if not place.nullable:
                self._fail(GraphQLError("A value that must be there is missing."), place, nodes)
        elif isinstance(kind, GraphQLList):
            self._complete_list(kind, value, place, nodes, children)
        elif is_leaf_type(kind):
            self._complete_leaf(cast("GraphQLLeafType", kind), value, place, nodes)
        else:
            name = kind.name if isinstance(kind, GraphQLObjectType) else self._kind(value)
            place.container[place.key] = {}
            objects, places = children.setdefault(name, ([], []))
            objects.append(value)
            places.append(place)

    def _complete_list(
        self,
        kind: GraphQLList[Any],
        value: Any,
        place: Place,
        nodes: list[FieldNode],
        children: dict[str, tuple[list[Any], list[Place]]],
    ) -> None:
        if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
            self._fail(TypeError(f"{type(value).__name__} is no list"), place, nodes)
            return
        given = list(value)
        items: list[Any] = [None] * len(given)
        place.container[place.key] = items
        nullable, inner = _stripped(kind.of_type)
        for index, item in enumerate(given):
            if place.container[place.key] is not items:  # an item that must be there was not
                return
            self._complete(inner, item, Place(items, index, nullable, place), nodes, children)

    def _complete_leaf(self, kind: GraphQLLeafType, value: Any, place: Place, nodes: list[FieldNode]) -> None:
        try:
            place.container[place.key] = kind.serialize(value)
        except Exception as error:  # a custom scalar may raise anything
            self._fail(error, place, nodes)

    def _fail(self, error: Exception, place: Place, nodes: list[FieldNode]) -> None:
        place.null()
        original = error.original_error if isinstance(error, GraphQLError) else error
        self._errors.append(
            GraphQLError(str(error), nodes, path=place.path(), original_error=original)
            if not isinstance(error, GraphQLError)
            else GraphQLError(
                error.message, nodes, path=place.path(), original_error=original, extensions=error.extensions
            )
        )


def _stripped(kind: Any) -> tuple[bool, Any]:
    """Whether a type may be null, and the type without its non-null mark."""
    return (False, kind.of_type) if isinstance(kind, GraphQLNonNull) else (True, kind)
