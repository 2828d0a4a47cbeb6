"""What one request may ask for, checked before anything costly is done with it.

Everything here is linear in the document, however its fragments multiply: each fragment is measured once,
and the numbers are multiplied. Cyclic fragments are refused here, so nothing after needs to fear them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)

from gateway.planner.errors import LimitExceeded, RequestError


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is granted to one request. Fields, aliases and depth count with all fragments written
    out.
    """

    characters: int = 200_000
    tokens: int = 10_000
    depth: int = 25
    aliases: int = 200
    fields: int = 10_000
    fragment_depth: int = 50
    cost: int | None = None
    list_size: int = 10
    introspection: bool = True


@dataclass(slots=True)
class Measure:
    """The size of an operation with all fragments written out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    fragment_depth: int = 0


@dataclass(slots=True)
class _Own:
    """What a definition has itself, and the fragments it spreads, with the depth at which it spreads them."""

    measure: Measure = field(default_factory=Measure)
    spreads: list[tuple[str, int]] = field(default_factory=list)


def parse_within(text: str, limits: Limits) -> DocumentNode:
    """Parse a document. Raises `LimitExceeded` when it is too long, `RequestError` when it is not GraphQL."""
    if len(text) > limits.characters:
        raise LimitExceeded.of(
            f"The document has {len(text)} characters; {limits.characters} are allowed.", "DOCUMENT_TOO_LARGE"
        )
    try:
        return parse(text, max_tokens=limits.tokens)
    except GraphQLSyntaxError as error:
        if "parsing aborted" in error.message.lower():
            raise _aborted(error, limits) from error
        raise RequestError.graphql([error], "GRAPHQL_PARSE_FAILED") from error


def _aborted(error: GraphQLSyntaxError, limits: Limits) -> LimitExceeded:
    if "tokens" in error.message:
        return LimitExceeded.of(f"The document has more than {limits.tokens} tokens.", "DOCUMENT_TOO_LARGE")
    return LimitExceeded.of("The document is nested too deeply to be parsed.", "DEPTH_LIMIT_EXCEEDED")


def check_size(document: DocumentNode, limits: Limits) -> dict[str, Measure]:
    """Measure every operation and hold it to the limits. Raises `LimitExceeded`, and `RequestError` for
    cycles.
    """
    measured = measure(document)
    for size in measured.values():
        _hold("depth", size.depth, limits.depth, "DEPTH_LIMIT_EXCEEDED")
        _hold("number of aliases", size.aliases, limits.aliases, "ALIAS_LIMIT_EXCEEDED")
        _hold("number of fields", size.fields, limits.fields, "OPERATION_TOO_LARGE")
        _hold(
            "number of fragments within fragments",
            size.fragment_depth,
            limits.fragment_depth,
            "DEPTH_LIMIT_EXCEEDED",
        )
    return measured


def _hold(what: str, value: int, limit: int, code: str) -> None:
    if value > limit:
        raise LimitExceeded.of(f"The operation's {what} is above the limit of {limit}.", code)


def measure(document: DocumentNode) -> dict[str, Measure]:
    """The size of each operation, by its name ("" for an anonymous one)."""
    fragments: dict[str, _Own] = {}
    operations: dict[str, _Own] = {}
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            fragments[definition.name.value] = _own(definition.selection_set)
        elif isinstance(definition, OperationDefinitionNode):
            operations[definition.name.value if definition.name else ""] = _own(definition.selection_set)
    sizes: dict[str, Measure] = {}
    for name in _inner_first(fragments):
        sizes[name] = _total(fragments[name], sizes)
    return {name: _total(own, sizes) for name, own in operations.items()}


def _own(selection_set: SelectionSetNode) -> _Own:
    own = _Own()
    pending: list[tuple[SelectionSetNode, int]] = [(selection_set, 0)]
    while pending:
        current, depth = pending.pop()
        for node in current.selections:
            if isinstance(node, FragmentSpreadNode):
                own.spreads.append((node.name.value, depth))
                continue
            inner = depth
            if isinstance(node, FieldNode):
                inner += 1
                own.measure.fields += 1
                own.measure.aliases += node.alias is not None
                own.measure.depth = max(own.measure.depth, inner)
            body: SelectionSetNode | None = getattr(node, "selection_set", None)
            if body is not None:
                pending.append((body, inner))
    return own


def _total(own: _Own, sizes: Mapping[str, Measure]) -> Measure:
    total = Measure(own.measure.depth, own.measure.fields, own.measure.aliases, 0)
    for name, depth in own.spreads:
        inner = sizes.get(name)
        if inner is not None:
            total.depth = max(total.depth, depth + inner.depth)
            total.fields += inner.fields
            total.aliases += inner.aliases
            total.fragment_depth = max(total.fragment_depth, 1 + inner.fragment_depth)
    return total


def _inner_first(fragments: Mapping[str, _Own]) -> list[str]:
    """The fragments, each after those it spreads. Raises `RequestError` when they spread each other in a
    circle.
    """
    waiting = {
        name: {spread for spread, _ in own.spreads} & fragments.keys() for name, own in fragments.items()
    }
    users: dict[str, list[str]] = {}
    for name, spreads in waiting.items():
        for spread in spreads:
            users.setdefault(spread, []).append(name)
    ready = [name for name, spreads in waiting.items() if not spreads]
    ordered: list[str] = []
    while ready:
        name = ready.pop()
        ordered.append(name)
        for user in users.get(name, ()):
            waiting[user].discard(name)
            if not waiting[user]:
                ready.append(user)
    if len(ordered) < len(fragments):
        name = min(fragments.keys() - set(ordered))
        raise RequestError.of(f'Cannot spread fragment "{name}" within itself.', "GRAPHQL_VALIDATION_FAILED")
    return ordered
