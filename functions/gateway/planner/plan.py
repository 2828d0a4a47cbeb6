"""From a document to a query plan, and the cache of plans."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from graphql import FragmentDefinitionNode, OperationDefinitionNode, VariableDefinitionNode

from gateway.planner.build import Builder
from gateway.planner.errors import RequestError
from gateway.planner.explain import explain
from gateway.planner.fetches import Fetch, Stores
from gateway.planner.limits import Limits
from gateway.planner.normalise import Normaliser
from gateway.planner.representations import Sender, senders_of
from gateway.planner.selection import Field, Selection, unaliased
from gateway.planner.supergraph import Supergraph
from gateway.planner.validate import ValidOperation, valid_operation
from gateway.planner.write import Request, Writer

DEFAULT_LIMITS = Limits()


class QueryPlan:
    """The requests that answer one operation, and what the response is to look like.

    Variables play no part in it: `@skip` and `@include` are decided when the plan is executed. Immutable;
    may be executed by several threads at once.
    """

    def __init__(
        self,
        valid: ValidOperation,
        selection: Selection,
        writer: Writer,
        stores: Stores,
        limits: Limits,
    ) -> None:
        self.supergraph = writer.supergraph
        self.operation: OperationDefinitionNode = valid.operation
        self.fragments: dict[str, FragmentDefinitionNode] = valid.fragments
        self.variable_definitions: tuple[VariableDefinitionNode, ...] = tuple(
            valid.operation.variable_definitions
        )
        self.selection = selection
        self.writer = writer
        self.requests: list[Request] = writer.requests
        self.stores = stores
        self.limits = limits
        self.hide_suggestions = not limits.introspection
        self.conditions = tuple(
            sorted({each.variable for field in _fields(selection) for each in field.when})
        )
        self.senders: dict[Fetch, dict[str | None, Sender]] = {
            fetch: senders_of(fetch)
            for request in self.requests
            for call in request.calls
            for fetch in call.fetches
            if fetch.root is None
        }
        self.followers: list[list[int]] = [[] for _ in self.requests]
        for request in self.requests:
            for number in request.after:
                self.followers[number].append(request.number)
        self.introspected: dict[tuple[str, ...], dict[str, Any]] = {}
        self.projections: dict[tuple[bool, ...], Any] = {}

    @property
    def kind(self) -> str:
        """`query` or `mutation`."""
        return self.operation.operation.value

    @cached_property
    def coordinates(self) -> frozenset[str]:
        """Every field the operation asks for as `Type.field`, for authorization and usage reports."""
        return frozenset(
            f"{owner}.{field.name}"
            for field in _fields(self.selection)
            for owner in field.types
            if not field.name.startswith("__")
        )

    def to_json(self) -> dict[str, Any]:
        """The plan in the shape of Apollo's QueryPlan: Fetch, Flatten, Sequence, Parallel, Condition."""
        return explain(self.requests, self.writer)


def plan(
    supergraph: Supergraph,
    document: str,
    operation_name: str | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
    labels: frozenset[str] = frozenset(),
) -> QueryPlan:
    """Plan one operation of a document.

    `labels` are the active labels of progressive overrides. Raises `RequestError`, whose `response()` is
    what to answer: for syntax and validation errors, limits exceeded, and operations the subgraphs cannot
    answer together.
    """
    valid = valid_operation(supergraph.api, document, operation_name, limits)
    kind = valid.operation.operation.value
    if kind == "subscription":
        raise RequestError.of("Subscriptions are not supported.", "OPERATION_NOT_SUPPORTED")
    selection = Normaliser(supergraph, valid.fragments, limits.fields).operation(valid.operation)
    builder = Builder(supergraph.topology(labels))
    if kind == "mutation":
        builder.mutation(unaliased(selection))
    else:
        builder.query(unaliased(selection))
    definitions = {each.variable.name.value: each for each in valid.operation.variable_definitions}
    name = valid.operation.name.value if valid.operation.name else None
    writer = Writer(supergraph, definitions, name)
    writer.write(builder.fetches)
    return QueryPlan(valid, selection, writer, builder.stores, limits)


def _fields(selection: Selection) -> Iterator[Field]:
    for field in selection.fields:
        yield field
        if field.selection is not None:
            yield from _fields(field.selection)


CacheKey = tuple[str, str, str, frozenset[str], Limits]


class PlanCache:
    """The plans used last, by document, operation name, supergraph, labels and limits. Safe to share between
    threads.

    Documents that cannot be planned are not remembered: whoever sends them pays for each try.
    """

    def __init__(self, size: int = 1000) -> None:
        self.size = size
        self._plans: OrderedDict[CacheKey, QueryPlan] = OrderedDict()
        self._lock = threading.Lock()

    def plan(
        self,
        supergraph: Supergraph,
        document: str,
        operation_name: str | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
        labels: frozenset[str] = frozenset(),
    ) -> QueryPlan:
        """The plan for an operation, made when it is not known. Raises as `plan` does."""
        digest = hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest()
        key = (digest, operation_name or "", supergraph.hash, labels, limits)
        with self._lock:
            known = self._plans.get(key)
            if known is not None:
                self._plans.move_to_end(key)
                return known
        made = plan(supergraph, document, operation_name, limits=limits, labels=labels)
        with self._lock:
            self._plans[key] = made
            while len(self._plans) > self.size:
                self._plans.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._plans)
