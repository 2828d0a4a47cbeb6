"""What an operation costs, before it is run: the objects it may return, weighed.

An object weighs 1, a leaf 0, a mutation 10 more; `@cost` says otherwise for a type, field or argument. A
list counts its items as often as `@listSize` says, or as the limits suppose. Source: IBM's GraphQL Cost
Directives specification as Apollo's demand control reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import (
    DocumentNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    value_from_ast_untyped,
)

from gateway.planner.errors import LimitExceeded, RequestError
from gateway.planner.joins import arguments_of
from gateway.planner.selection import Field, Selection

if TYPE_CHECKING:
    from gateway.planner.plan import QueryPlan

MUTATION = 10.0
Coordinate = tuple[str, str]


class ListSize(NamedTuple):
    """What `@listSize` says of a field: the size to suppose, the arguments that bound it (dots lead into
    input objects), the fields of its value that are the lists meant, whether exactly one bound must be
    given.
    """

    assumed: int | None
    slicing: tuple[str, ...]
    sized: tuple[str, ...]
    needs_one: bool


@dataclass(slots=True)
class Weights:
    """The cost directives of a supergraph."""

    types: dict[str, float] = field(default_factory=dict)
    fields: dict[Coordinate, float] = field(default_factory=dict)
    arguments: dict[tuple[str, str, str], float] = field(default_factory=dict)
    lists: dict[Coordinate, ListSize] = field(default_factory=dict)
    defaults: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    @classmethod
    def read(cls, document: DocumentNode) -> Weights:
        """Read the directives of a supergraph document, whatever namespace it gives them."""
        weights = cls()
        for definition in document.definitions:
            if not isinstance(definition, TypeDefinitionNode):
                continue
            owner = definition.name.value
            for said in _uses(definition, "cost"):
                weights.types[owner] = float(said["weight"])
            if isinstance(definition, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
                for node in definition.fields:
                    weights._read_field(owner, node)
        return weights

    def _read_field(self, owner: str, node: Any) -> None:
        name = node.name.value
        for said in _uses(node, "cost"):
            self.fields[owner, name] = float(said["weight"])
        for said in _uses(node, "listSize"):
            self.lists[owner, name] = ListSize(
                said.get("assumedSize"),
                tuple(said.get("slicingArguments") or ()),
                tuple(said.get("sizedFields") or ()),
                said.get("requireOneSlicingArgument", True),
            )
        for argument in node.arguments:
            for said in _uses(argument, "cost"):
                self.arguments[owner, name, argument.name.value] = float(said["weight"])
            if argument.default_value is not None:
                default = value_from_ast_untyped(argument.default_value)
                self.defaults[owner, name, argument.name.value] = default


def _uses(node: Any, name: str) -> list[dict[str, Any]]:
    return [
        arguments_of(directive)
        for directive in node.directives or ()
        if directive.name.value.rpartition("__")[2] == name
    ]


def check_cost(plan: QueryPlan, variables: Mapping[str, Any], truth: Mapping[str, bool]) -> None:
    """Hold an operation to its limit. Raises `LimitExceeded`."""
    limit = plan.limits.cost
    if limit is None:
        return
    cost = operation_cost(plan, variables, truth)
    if cost > limit:
        raise LimitExceeded.of(
            f"The operation's cost of {cost:g} is above the limit of {limit}: ask for shorter lists.",
            "COST_LIMIT_EXCEEDED",
        )


def operation_cost(plan: QueryPlan, variables: Mapping[str, Any], truth: Mapping[str, bool]) -> float:
    """The cost of an operation with the values of its variables."""
    meter = _Meter(plan, variables, truth)
    return (MUTATION if plan.kind == "mutation" else 0.0) + meter.selection(plan.selection, {})


class _Meter:
    def __init__(self, plan: QueryPlan, variables: Mapping[str, Any], truth: Mapping[str, bool]) -> None:
        self.supergraph = plan.supergraph
        self.weights = plan.supergraph.weights
        self.list_size = plan.limits.list_size
        self.variables = variables
        self.truth = truth

    def selection(self, selection: Selection, sized: Mapping[str, float]) -> float:
        """The cost of one object; where fields depend on its type, of the dearest type."""
        everything = self.supergraph.possible(selection.type)
        always = 0.0
        of_type: dict[str, float] = {}
        for each in selection.fields:
            if each.name.startswith("__") or not all(
                self.truth[name] is wanted for name, wanted in each.when
            ):
                continue
            cost = self.field(each, sized)
            if each.types >= everything:
                always += cost
            else:
                for owner in each.types:
                    of_type[owner] = of_type.get(owner, 0.0) + cost
        return always + max(of_type.values(), default=0.0)

    def field(self, each: Field, sized: Mapping[str, float]) -> float:
        owner = self.owner(each)
        coordinate = (owner, each.name)
        rule = self.weights.lists.get(coordinate)
        bound = self.bound(coordinate, rule, each) if rule is not None else None
        inner: dict[str, float] = {}
        size = 1.0
        if rule is not None and rule.sized and bound is not None:
            inner = dict.fromkeys(rule.sized, bound)
        elif self.is_list(coordinate):
            size = bound if bound is not None else sized.get(each.name, float(self.list_size))
        weight = self.weights.fields.get(coordinate)
        if weight is None:
            weight = self.weights.types.get(each.named, 1.0 if each.selection is not None else 0.0)
        below = self.selection(each.selection, inner) if each.selection is not None else 0.0
        arguments = sum(
            self.weights.arguments.get((owner, each.name, node.name.value), 0.0)
            for node in each.nodes[0].arguments
        )
        return max(0.0, arguments + size * (weight + below))

    def owner(self, each: Field) -> str:
        """The type whose definition of the field has cost directives: the one it was asked of, or an
        object type.
        """
        known = (self.weights.lists, self.weights.fields)
        for candidate in (each.parent, *sorted(each.types)):
            if any((candidate, each.name) in table for table in known):
                return candidate
        return each.parent

    def is_list(self, coordinate: Coordinate) -> bool:
        table = self.supergraph.field(*coordinate)
        return table is not None and "[" in table.type

    def bound(self, coordinate: Coordinate, rule: ListSize, each: Field) -> float | None:
        """How long the list can be: the slicing argument given, or the size to suppose."""
        given = [size for path in rule.slicing if (size := self.slice(coordinate, path, each)) is not None]
        if rule.slicing and rule.needs_one and len(given) != 1:
            raise RequestError.of(
                f"{'.'.join(coordinate)} needs exactly one of the arguments {', '.join(rule.slicing)}.",
                "COST_SLICING_ARGUMENT_REQUIRED",
            )
        if given:
            return max(given)
        return float(rule.assumed) if rule.assumed is not None else None

    def slice(self, coordinate: Coordinate, path: str, each: Field) -> float | None:
        name, *rest = path.split(".")
        node = next((node for node in each.nodes[0].arguments if node.name.value == name), None)
        if node is None:
            value = self.weights.defaults.get((*coordinate, name))
        else:
            value = value_from_ast_untyped(node.value, dict(self.variables))
        for key in rest:
            value = value.get(key) if isinstance(value, dict) else None
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else None
