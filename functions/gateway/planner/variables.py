"""The values of an operation's variables: coerced against the API schema before anything is sent.

Source: GraphQL specification, 6.1.2. The coerced values go to the subgraphs, so defaults are part of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphql.execution.values import get_variable_values

from gateway.planner.errors import RequestError

if TYPE_CHECKING:
    from gateway.planner.plan import QueryPlan

MAX_ERRORS = 20


def coerce_variables(plan: QueryPlan, given: Mapping[str, Any]) -> dict[str, Any]:
    """The variables' values. Raises `RequestError` with an error for each value that does not fit its
    type.
    """
    definitions = plan.variable_definitions
    if not definitions:
        return {}
    values = get_variable_values(
        plan.supergraph.api,
        definitions,
        dict(given),
        max_errors=MAX_ERRORS,
        hide_suggestions=plan.hide_suggestions,
    )
    if isinstance(values, list):
        raise RequestError.graphql(values, "BAD_USER_INPUT")
    return values


def truth_of(plan: QueryPlan, values: Mapping[str, Any]) -> dict[str, bool]:
    """The values of the variables that `@skip` and `@include` name. Raises `RequestError` when one is
    null.
    """
    truth: dict[str, bool] = {}
    for name in plan.conditions:
        value = values.get(name)
        if value is None:
            raise RequestError.of(
                f"Variable '${name}' decides whether fields are included and must not be null.",
                "BAD_USER_INPUT",
            )
        truth[name] = bool(value)
    return truth
