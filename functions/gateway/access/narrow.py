"""An operation without the fields that its caller may not see, and the place of each kept.

Instead of such a field, `__typename` is asked for under a name of ours: no subgraph is asked for that, and it
comes back on exactly the objects, and at the place, where the field would have been.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from graphql import (
    REMOVE,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLOutputType,
    NameNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    print_ast,
    visit,
)

from common.principal import Principal
from gateway.access.rules import Requirement, Rules
from gateway.planner import QueryPlan


@dataclass(frozen=True)
class Hidden:
    """A field that was taken out: its key in the answer, its type, and what its caller lacks."""

    key: str
    coordinate: str
    type: GraphQLOutputType
    lacks: Requirement


@dataclass
class Narrowed:
    """What remains of an operation; ``hidden`` by the keys of the placeholders."""

    document: DocumentNode
    hidden: dict[str, Hidden] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The document, to be planned."""
        return print_ast(self.document)


def narrow(rules: Rules, plan: QueryPlan, caller: Principal) -> Narrowed:
    """The operation of a plan, without what the caller may not see."""
    document = DocumentNode(definitions=(plan.operation, *plan.fragments.values()))
    hider = _Hider(rules, caller, TypeInfo(rules.supergraph.api), _unused(document))
    document = visit(document, TypeInfoVisitor(hider.types, hider))
    return Narrowed(_tidied(document), hider.hidden)


def _unused(document: DocumentNode) -> str:
    """A prefix that no name of the document begins with."""
    text, prefix = print_ast(document), "hidden_"
    while prefix in text:
        prefix += "_"
    return prefix


class _Hider(Visitor):
    def __init__(self, rules: Rules, caller: Principal, types: TypeInfo, prefix: str) -> None:
        super().__init__()
        self.rules = rules
        self.caller = caller
        self.types = types
        self.prefix = prefix
        self.hidden: dict[str, Hidden] = {}

    def enter_field(self, node: FieldNode, *_args: Any) -> FieldNode | None:
        parent, output = self.types.get_parent_type(), self.types.get_type()
        name = node.name.value
        if parent is None or output is None or name.startswith("__"):
            return None
        lacks = self.rules.unmet((parent.name, name), self.caller)
        if lacks is None:
            return None
        key = f"{self.prefix}{len(self.hidden)}"
        asked = node.alias.value if node.alias else name
        self.hidden[key] = Hidden(asked, f"{parent.name}.{name}", output, lacks)
        return FieldNode(
            alias=NameNode(value=key),
            name=NameNode(value="__typename"),
            arguments=(),
            directives=node.directives,
            selection_set=None,
        )


def _tidied(document: DocumentNode) -> DocumentNode:
    """Without the fragments and variables that nothing uses any more."""
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    used: dict[str, FragmentDefinitionNode] = {}
    variables: set[str] = set()
    pending: list[Any] = [operation.selection_set, *operation.directives]
    while pending:
        found = _Names()
        visit(pending.pop(), found)
        variables |= found.variables
        for name in found.spreads - used.keys():
            if name in fragments:
                used[name] = fragments[name]
                pending.append(fragments[name])
    kept = visit(operation, _Variables(variables))
    return DocumentNode(definitions=(kept, *used.values()))


class _Names(Visitor):
    """Collects the variables and fragments that a node uses."""

    def __init__(self) -> None:
        super().__init__()
        self.variables: set[str] = set()
        self.spreads: set[str] = set()

    def enter_variable(self, node: VariableNode, *_args: Any) -> None:
        self.variables.add(node.name.value)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_args: Any) -> None:
        self.spreads.add(node.name.value)


class _Variables(Visitor):
    """Takes out the definitions of other variables than these."""

    def __init__(self, used: set[str]) -> None:
        super().__init__()
        self.used = used

    def enter_variable_definition(self, node: Any, *_args: Any) -> Any:
        return None if node.variable.name.value in self.used else REMOVE
