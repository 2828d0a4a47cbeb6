"""From a document's selection sets, fragments and field sets to normalised selections.

Fields that are the same (name, key, arguments, types, conditions) are merged, so that their sub-selections
are planned together. Work is bounded: `budget` counts the fields made, whatever the fragments multiply to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    print_ast,
)

from gateway.planner.errors import LimitExceeded
from gateway.planner.externals import field_set
from gateway.planner.selection import (
    ALWAYS,
    NO_TYPES,
    TYPENAME,
    Condition,
    Conditions,
    Field,
    Order,
    Selection,
)

if TYPE_CHECKING:
    from gateway.planner.supergraph import Supergraph

DEFAULT_BUDGET = 20_000

_Group = tuple[str, str, str, str, frozenset[str], Conditions]


class _Written(NamedTuple):
    """A field as it is written somewhere, and where that is in the order of execution."""

    node: FieldNode
    order: Order


class _Scope(NamedTuple):
    """Where fields are written: the type asked, the object types it can be there, the conditions within the
    selection and those it stands under itself, the order of the field around.
    """

    parent: str
    types: frozenset[str]
    when: Conditions
    under: Conditions
    order: Order


class _Found:
    """What a selection has been found to ask: where each field is written, and the fragments gone through."""

    def __init__(self) -> None:
        self.groups: dict[_Group, list[_Written]] = {}
        self.visited: set[tuple[str, frozenset[str], Conditions]] = set()
        self.written = 0

    def add(self, group: _Group, node: FieldNode, order: Order) -> None:
        self.groups.setdefault(group, []).append(_Written(node, (*order, self.written)))
        self.written += 1


class Normaliser:
    """Normalises one document against a supergraph. The document is taken to be valid."""

    def __init__(
        self,
        supergraph: Supergraph,
        fragments: Mapping[str, FragmentDefinitionNode] | None = None,
        budget: int = DEFAULT_BUDGET,
    ) -> None:
        self.supergraph = supergraph
        self.fragments = fragments or {}
        self.budget = budget
        self.left = budget
        self._arguments: dict[int, tuple[str, frozenset[str]]] = {}

    def operation(self, operation: OperationDefinitionNode) -> Selection:
        """The operation's root selection."""
        root = self.supergraph.roots[operation.operation.value]
        selection = self.selection(root, [(operation.selection_set, ())])
        if operation.operation.value == "mutation":
            for field in selection.fields:
                field.distinct = True
        return selection

    def fieldset(self, type_name: str, text: str) -> Selection:
        """A field set; values of abstract types also get their `__typename`, which a representation must
        carry.
        """
        selection = self.selection(type_name, [(field_set(text), ())])
        return Selection(type_name, tuple(self._typed(field) for field in selection.fields))

    def _typed(self, field: Field) -> Field:
        if field.selection is None:
            return field
        declared = field.selection.type
        fields = tuple(self._typed(each) for each in field.selection.fields)
        if self.supergraph.is_abstract(declared) and all(each.name != TYPENAME for each in fields):
            possible = self.supergraph.possible(declared)
            fields = (
                Field(TYPENAME, TYPENAME, "", NO_TYPES, possible, ALWAYS, "String", declared, ()),
                *fields,
            )
        return field.narrowed(Selection(declared, fields))

    def selection(
        self,
        type_name: str,
        sets: Sequence[tuple[SelectionSetNode, Order]],
        under: Conditions = ALWAYS,
    ) -> Selection:
        """The merged selection of several selection sets on one declared type, each with the order of the
        field it is of; `under` are the conditions that hold wherever it is asked for.
        """
        found = _Found()
        possible = self.supergraph.possible(type_name)
        for selection_set, order in sets:
            self._collect(selection_set, _Scope(type_name, possible, ALWAYS, under, order), found)
        fields = (self._field(group, written, under) for group, written in found.groups.items())
        return Selection(type_name, tuple(fields))

    def _field(self, group: _Group, written: list[_Written], under: Conditions) -> Field:
        parent, key, name, arguments, types, when = group
        variables = self._argument_text(written[0].node)[1]
        nodes = tuple(each.node for each in written)
        order = written[0].order
        if name.startswith("__"):
            return Field(name, key, arguments, variables, types, when, "String", parent, nodes, order=order)
        table = self.supergraph.field(parent, name)
        assert table is not None, f"{parent}.{name} is not in the supergraph"
        sets = [(node.selection_set, place) for node, place in written if node.selection_set]
        selection = self.selection(table.named, sets, under | when) if sets else None
        return Field(
            name, key, arguments, variables, types, when, table.named, parent, nodes, selection, order
        )

    def _collect(self, selection_set: SelectionSetNode, scope: _Scope, found: _Found) -> None:
        for node in selection_set.selections:
            when = _conditions(node.directives, scope) if node.directives else scope.when
            if when is None:
                continue
            self._spend()
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                arguments = self._argument_text(node)[0]
                group = (scope.parent, key, node.name.value, arguments, scope.types, when)
                found.add(group, node, scope.order)
                continue
            if isinstance(node, FragmentSpreadNode):
                mark = (node.name.value, scope.types, when)
                if mark in found.visited:
                    continue
                found.visited.add(mark)
                fragment = self.fragments[node.name.value]
                target, body = fragment.type_condition.name.value, fragment.selection_set
            else:
                assert isinstance(node, InlineFragmentNode)
                target = node.type_condition.name.value if node.type_condition else scope.parent
                body = node.selection_set
            types = scope.types if target == scope.parent else scope.types & self.supergraph.possible(target)
            if types or not scope.types:
                self._collect(body, _Scope(target, types, when, scope.under, scope.order), found)

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise LimitExceeded.of(
                f"The operation expands to more than {self.budget} fields. Ask for less in one request.",
                "OPERATION_TOO_LARGE",
            )

    def _argument_text(self, node: FieldNode) -> tuple[str, frozenset[str]]:
        if not node.arguments:
            return "", NO_TYPES
        known = self._arguments.get(id(node))
        if known is None:
            variables: set[str] = set()
            texts = []
            for argument in sorted(node.arguments, key=lambda each: each.name.value):
                _find_variables(argument.value, variables)
                texts.append(f"{argument.name.value}: {print_ast(argument.value)}")
            known = self._arguments[id(node)] = (f"({', '.join(texts)})", frozenset(variables))
        return known


def _find_variables(value: ValueNode, found: set[str]) -> None:
    if isinstance(value, VariableNode):
        found.add(value.name.value)
        return
    for inner in getattr(value, "values", ()):
        _find_variables(inner, found)
    for member in getattr(value, "fields", ()):
        _find_variables(member.value, found)


def _conditions(directives: Sequence[DirectiveNode], scope: _Scope) -> Conditions | None:
    """The conditions of a node within its selection, without those that hold there anyway, or None when it is
    never wanted.
    """
    found = set(scope.when)
    for directive in directives:
        name = directive.name.value
        if name not in {"include", "skip"}:
            continue
        wanted = name == "include"
        value = directive.arguments[0].value
        if isinstance(value, BooleanValueNode):
            if value.value is not wanted:
                return None
        elif isinstance(value, VariableNode):
            found.add(Condition(value.name.value, wanted))
    everything = found | scope.under
    if any(Condition(variable, not wanted) in everything for variable, wanted in found):
        return None
    return frozenset(found - scope.under)
