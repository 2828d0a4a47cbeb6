"""Bounds on what one GraphQL document may ask."""

from __future__ import annotations

from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
)

MAX_DEPTH = 15
"""Levels of fields, one in another."""


class DepthLimit(ValidationRule):
    """No operation nests deeper than :data:`MAX_DEPTH`; introspection, bounded by itself, does not count."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._known: dict[str, int] = {}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_args: Any) -> None:
        deepest = self._depth(node.selection_set)
        if deepest > MAX_DEPTH:
            self.report_error(
                GraphQLError(f"The operation nests {deepest} fields deep; {MAX_DEPTH} are the limit.", node)
            )

    def _depth(self, selection: SelectionSetNode) -> int:
        return max((self._depth_of(node) for node in selection.selections), default=0)

    def _depth_of(self, node: SelectionNode) -> int:
        if isinstance(node, FieldNode):
            if node.selection_set is None or node.name.value.startswith("__"):
                return 1
            return 1 + self._depth(node.selection_set)
        if isinstance(node, InlineFragmentNode):
            return self._depth(node.selection_set)
        assert isinstance(node, FragmentSpreadNode)
        name = node.name.value
        if name not in self._known:
            self._known[name] = 0  # a cycle, which another rule reports
            fragment = self.context.get_fragment(name)
            self._known[name] = self._depth(fragment.selection_set) if fragment is not None else 0
        return self._known[name]
