"""Parsing and validation: from the text of a request to one valid operation."""

from __future__ import annotations

from typing import NamedTuple

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    specified_rules,
    validate,
)

from gateway.planner.errors import RequestError
from gateway.planner.limits import Limits, check_size, parse_within
from gateway.planner.overlap import overlapping_fields

MAX_ERRORS = 20
RULES = tuple(rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule)


class ValidOperation(NamedTuple):
    """An operation of a valid document, with the document's fragments."""

    document: DocumentNode
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]


def valid_operation(
    schema: GraphQLSchema, text: str, operation_name: str | None, limits: Limits
) -> ValidOperation:
    """Parse, hold to the limits, validate, and pick the operation. Raises `RequestError`.

    Source: GraphQL specification, sections 5 and 6.1.
    """
    document = parse_within(text, limits)
    check_size(document, limits)
    operation = _pick(document, operation_name)
    rules = RULES if limits.introspection else (*RULES, NoSchemaIntrospectionCustomRule)
    hide = not limits.introspection  # suggestions would give away what introspection does not
    errors = validate(schema, document, rules, max_errors=MAX_ERRORS, hide_suggestions=hide)
    errors = errors or overlapping_fields(schema, document)
    if errors:
        raise RequestError.graphql(errors, "GRAPHQL_VALIDATION_FAILED")
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    return ValidOperation(document, operation, fragments)


def _pick(document: DocumentNode, operation_name: str | None) -> OperationDefinitionNode:
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if operation_name:
        for operation in operations:
            if operation.name is not None and operation.name.value == operation_name:
                return operation
        raise RequestError.of(f'Unknown operation named "{operation_name}".', "OPERATION_RESOLUTION_FAILURE")
    if not operations:
        raise RequestError.of("The document has no operation.", "OPERATION_RESOLUTION_FAILURE")
    if len(operations) > 1:
        raise RequestError.of(
            "Must provide operation name if query contains multiple operations.",
            "OPERATION_RESOLUTION_FAILURE",
        )
    return operations[0]
