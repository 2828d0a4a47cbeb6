"""Puts null where hidden fields would have been, and errors with paths (GraphQL specification, 6.4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

from common.principal import Principal
from gateway.access.narrow import Hidden, Narrowed

MAX_ERRORS = 100
"""Errors told of one operation."""


def restore(
    response: dict[str, Any], narrowed: Narrowed, schema: GraphQLSchema, caller: Principal
) -> dict[str, Any]:
    """A response to the narrowed operation as one to the operation that was sent."""
    restorer = _Restorer(narrowed, caller)
    data = response.get("data")
    if isinstance(data, dict):
        data = restorer.object(data, _root(narrowed, schema), ())
    else:
        restorer.report_all()
    return {**response, "data": data, "errors": [*response.get("errors", ()), *restorer.errors]}


def _root(narrowed: Narrowed, schema: GraphQLSchema) -> Shape:
    operation = next(
        each for each in narrowed.document.definitions if isinstance(each, OperationDefinitionNode)
    )
    fragments = {
        each.name.value: each
        for each in narrowed.document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    root = schema.get_root_type(operation.operation)
    return Shape(schema, fragments, [(root, operation.selection_set)])


class Shape:
    """What an object of the answer is made of: the type of each key, and its own shape.

    Whichever object type an object has, a key's lists and nulls are the same (specification, 5.3.2).
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        parts: list[tuple[Any, SelectionSetNode]],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._parts = parts

    @property
    def is_leaf(self) -> bool:
        """Whether nothing is selected below: a scalar, which may look like an object."""
        return not self._parts

    @cached_property
    def keys(self) -> dict[str, tuple[Any, Shape]]:
        """The type and the shape of each key."""
        found: dict[str, tuple[Any, list[tuple[Any, SelectionSetNode]]]] = {}
        for parent, selections in self._parts:
            self._collect(parent, selections, found, set())
        return {
            key: (output, Shape(self._schema, self._fragments, parts))
            for key, (output, parts) in found.items()
        }

    def _collect(
        self, parent: Any, selections: SelectionSetNode, found: dict[str, Any], seen: set[str]
    ) -> None:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                declared = getattr(parent, "fields", {}).get(node.name.value)
                if declared is not None:
                    key = node.alias.value if node.alias else node.name.value
                    parts = found.setdefault(key, (declared.type, []))[1]
                    if node.selection_set is not None:
                        parts.append((get_named_type(declared.type), node.selection_set))
                continue
            inner: Any = node
            if isinstance(node, FragmentSpreadNode):
                if node.name.value in seen:
                    continue
                seen.add(node.name.value)
                inner = self._fragments[node.name.value]
            condition = inner.type_condition
            kind = self._schema.type_map[condition.name.value] if condition else parent
            self._collect(kind, inner.selection_set, found, seen)


class _Restorer:
    def __init__(self, narrowed: Narrowed, caller: Principal) -> None:
        self.hidden = narrowed.hidden
        self.caller = caller
        self.errors: list[dict[str, Any]] = []

    def object(self, value: dict[str, Any], shape: Shape, path: tuple[Any, ...]) -> dict[str, Any] | None:
        done: dict[str, Any] = {}
        whole = True
        for key, inner in value.items():
            hidden = self.hidden.get(key)
            if hidden is not None:
                if hidden.key not in done:  # written twice, it is one field
                    self.report(hidden, (*path, hidden.key))
                done[hidden.key] = None
                whole = whole and not isinstance(hidden.type, GraphQLNonNull)
                continue
            output, below = shape.keys.get(key, (None, None))
            restored = self.value(inner, output, below, (*path, key)) if below is not None else inner
            done[key] = restored
            if restored is None and inner is not None:
                whole = whole and not isinstance(output, GraphQLNonNull)
        return done if whole else None

    def value(self, value: Any, output: Any, shape: Shape, path: tuple[Any, ...]) -> Any:
        if isinstance(output, GraphQLNonNull):
            output = output.of_type
        if isinstance(value, list):
            item = output.of_type if isinstance(output, GraphQLList) else output
            items = [self.value(each, item, shape, (*path, place)) for place, each in enumerate(value)]
            lost = any(new is None and old is not None for new, old in zip(items, value, strict=True))
            return None if lost and isinstance(item, GraphQLNonNull) else items
        if isinstance(value, dict) and not shape.is_leaf:
            return self.object(value, shape, path)
        return value

    def report(self, hidden: Hidden, path: tuple[Any, ...]) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(_error(hidden, self.caller) | {"path": list(path)})

    def report_all(self) -> None:
        """Without data there is no place: each hidden field is told once."""
        self.errors += [_error(hidden, self.caller) for hidden in list(self.hidden.values())[:MAX_ERRORS]]


def _error(hidden: Hidden, caller: Principal) -> dict[str, Any]:
    code = "UNAUTHENTICATED" if caller.kind == "anonymous" else "FORBIDDEN"
    message = f"{hidden.coordinate} needs {hidden.lacks}."
    return {"message": message, "extensions": {"code": code}}
