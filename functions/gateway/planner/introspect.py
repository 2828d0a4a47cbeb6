"""Answers `__schema` and `__type` from the API schema. This is the one place where graphql-core executes
anything: on its own description of the schema, never on data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute_sync,
)

from gateway.planner.selection import Field

if TYPE_CHECKING:
    from gateway.planner.plan import QueryPlan


def introspect(plan: QueryPlan, fields: tuple[Field, ...], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The values of introspection fields by response key. Answers that no variable changes are remembered."""
    depends = bool(plan.variable_definitions)
    key = tuple(field.key for field in fields)
    known = plan.introspected.get(key)
    if known is not None and not depends:
        return known
    nodes: list[FieldNode] = [node for field in fields for node in field.nodes]
    operation = OperationDefinitionNode(
        operation=OperationType.QUERY,
        variable_definitions=plan.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(nodes)),
    )
    document = DocumentNode(definitions=(operation, *plan.fragments.values()))
    result = execute_sync(plan.supergraph.api, document, variable_values=dict(variables))
    answered = result.data or {}
    if not depends:
        plan.introspected[key] = answered
    return answered
