"""Projects the merged answers onto what the client asked for: its keys in its order, its errors at its
paths.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import GraphQLNonNull, GraphQLOutputType, get_named_type, is_abstract_type, is_leaf_type

from gateway.planner.answers import Fault
from gateway.planner.complete import Completer, Reports, Way, completer, exact_type, leaf_completer
from gateway.planner.errors import Response
from gateway.planner.introspect import introspect
from gateway.planner.representations import Object, StorePath
from gateway.planner.selection import TYPENAME, Field, Selection

if TYPE_CHECKING:
    from gateway.planner.plan import QueryPlan

MAX_PROJECTIONS = 32
NOTHING = object()
INTROSPECTED = "introspection:"  # no entry of a field starts like this
NULL = "NULL_IN_NON_NULLABLE_FIELD"
MAX_MISSING = 100  # of a long list whose items all lack the same, so many are told


class Entry(NamedTuple):
    """One key of a response object: where its value is, whether it must not be null, the Python type that
    needs no further check, and how to complete any other value.
    """

    key: str
    store: str
    required: bool
    exact: type | None
    complete: Completer
    field: str


def project(
    plan: QueryPlan,
    data: Object,
    faults: list[Fault],
    truth: Mapping[str, bool],
    variables: Mapping[str, Any],
) -> Response:
    """The response: `data`, `errors` if there are any, and in `extensions.valueCompletion` the places where a
    value that the API does not show became null.
    """
    projection = _projection(plan, truth)
    if projection.introspected:
        answered = introspect(plan, projection.introspected, variables)
        data.update((INTROSPECTED + key, value) for key, value in answered.items())
    reports = Reports()
    projected = projection.object(data, None, reports, (plan.selection,), plan.selection.type)
    errors = [projection.error(fault) for fault in faults]
    errors += [_error(what, way, "INVALID_VALUE") for way, what in reports.invalid_at]
    errors += _missing(reports, errors)
    response: Response = {"data": projected}
    if errors:
        response["errors"] = errors
    if reports.hidden_at:
        hidden = [_error(what, way, "INACCESSIBLE_VALUE") for way, what in reports.hidden_at]
        response["extensions"] = {"valueCompletion": hidden}
    return response


def _projection(plan: QueryPlan, truth: Mapping[str, bool]) -> Projection:
    key = tuple(truth[name] for name in plan.conditions)
    known = plan.projections.get(key)
    if known is None:
        if len(plan.projections) >= MAX_PROJECTIONS:
            plan.projections.clear()
        known = plan.projections[key] = Projection(plan, dict(truth))
    return known


class Projection:
    """How one plan's responses look under one set of conditions. What an object of a type looks like is
    worked out when the first such object comes by.
    """

    def __init__(self, plan: QueryPlan, truth: Mapping[str, bool]) -> None:
        self.supergraph = plan.supergraph
        self.api = plan.supergraph.api
        self.stores = plan.stores
        self.truth = truth
        self.selection = plan.selection
        self.introspected = tuple(
            field for field in plan.selection.fields if field.introspects and self.wanted(field)
        )
        self.entries: dict[tuple[tuple[Selection, ...], str | None], tuple[Entry, ...]] = {}

    def wanted(self, field: Field) -> bool:
        """Whether the field's conditions hold."""
        return all(self.truth[variable] is wanted for variable, wanted in field.when)

    def object(
        self,
        value: Object,
        way: Way,
        reports: Reports,
        selections: tuple[Selection, ...],
        typename: str | None,
    ) -> Object | None:
        """The object as the client asked for it, or None when a value it must have is null."""
        entries = self.entries.get((selections, typename))
        if entries is None:
            entries = self.entries[selections, typename] = self.entries_of(selections, typename)
        done: Object = {}
        for key, store, required, exact, complete, field in entries:
            found = value.get(store)
            if found is not None:
                if type(found) is not exact:
                    found = complete(found, (way, key), reports)
            elif store == TYPENAME and typename is not None:
                found = typename
            if found is None and required:
                reports.missing((way, key), field)
                return None
            done[key] = found
        return done

    def entries_of(self, selections: tuple[Selection, ...], typename: str | None) -> tuple[Entry, ...]:
        """The entries of objects of a type. Of objects that nothing has told more of than an interface
        object's name, or not even that, the entries that every possible type has.
        """
        fields = [
            field
            for selection in selections
            for everything in (self.supergraph.possible(typename or selection.type),)
            for field in selection.fields
            if field.types >= everything and self.wanted(field)
        ]
        grouped: dict[str, list[Field]] = {}
        for field in sorted(fields, key=lambda each: each.order):
            grouped.setdefault(field.key, []).append(field)
        owner = typename or selections[0].type
        return tuple(self.entry(key, fields, owner, typename) for key, fields in grouped.items())

    def entry(self, key: str, fields: list[Field], owner: str, typename: str | None) -> Entry:
        """One entry, from all the fields the client wrote under its key."""
        field = fields[0]
        name = f"{owner}.{field.name}"
        if field.name == TYPENAME:
            known = None if typename is None or self.supergraph.is_abstract(typename) else typename
            return Entry(key, TYPENAME, True, None, _typename(known), name)
        if field.introspects:
            return Entry(key, INTROSPECTED + key, False, dict, _as_is, name)
        output = self.output(owner, field)
        named = get_named_type(output)
        if is_leaf_type(named):
            table = self.supergraph.types.get(named.name)
            inner = leaf_completer(named, table.values if table else frozenset())
        else:
            below = tuple(each.selection for each in fields if each.selection is not None)
            inner = self.object_completer(named, below)
        bare = output.of_type if isinstance(output, GraphQLNonNull) else output
        exact = exact_type(named) if bare is named else None
        required = bare is not output
        return Entry(key, self.stores.of(field), required, exact, completer(output, inner, name), name)

    def output(self, owner: str, field: Field) -> GraphQLOutputType:
        """The type of a field of an object type; where nobody told which, of the type it was asked of."""
        for name in (owner, field.parent):
            fields: Any = getattr(self.api.type_map.get(name), "fields", {})
            if field.name in fields:
                found: GraphQLOutputType = fields[field.name].type
                return found
        raise LookupError(f"{field.parent}.{field.name} is not in the API schema")

    def object_completer(self, named: Any, selections: tuple[Selection, ...]) -> Completer:
        """The completer of an object, interface or union type."""
        declared: str = named.name
        if not is_abstract_type(named):

            def complete(value: Any, way: Way, reports: Reports) -> Any:
                if type(value) is dict:
                    return self.object(value, way, reports, selections, declared)
                reports.invalid(way, f"Expected an object of type {declared}.")
                return None

            return complete
        possible = frozenset(each.name for each in self.api.get_possible_types(named))
        hidden = self.supergraph.possible(declared) - possible
        unknown = {None, *(name for name, table in self.supergraph.types.items() if table.interface_object)}

        def complete_abstract(value: Any, way: Way, reports: Reports) -> Any:
            typename = value.get(TYPENAME) if type(value) is dict else NOTHING
            if typename is None or type(typename) is str:
                if typename in possible or typename in unknown:
                    return self.object(value, way, reports, selections, typename)
                if typename in hidden:
                    reports.hidden(way, f"An object of a type of {declared} that is inaccessible.")
                    return None
            reports.invalid(way, f"Expected an object of a type of {declared}.")
            return None

        return complete_abstract

    def error(self, fault: Fault) -> dict[str, Any]:
        """An error as the client gets it: its path in the client's keys, as far as the client asked for
        it.
        """
        error: dict[str, Any] = {"message": fault.message}
        if fault.path:
            path = self.client_path(fault.path)
            if path:
                error["path"] = path
        error["extensions"] = fault.extensions
        return error

    def client_path(self, path: StorePath) -> list[str | int]:
        """A path through the response in progress as a path of the client's response."""
        found: list[str | int] = []
        selections: list[Selection] = [self.selection]
        for element in path:
            if isinstance(element, int):
                found.append(element)
                continue
            fields = [
                field
                for selection in selections
                for field in selection.fields
                if not field.introspects and self.wanted(field) and self.stores.of(field) == element
            ]
            if not fields:
                break
            found.append(fields[0].key)
            selections = [field.selection for field in fields if field.selection is not None]
        return found


def _typename(known: str | None) -> Completer:
    def complete(value: Any, way: Way, reports: Reports) -> Any:  # noqa: ARG001 - a completer's signature
        return known

    return complete


def _as_is(value: Any, way: Way, reports: Reports) -> Any:  # noqa: ARG001 - a completer's signature
    return value


def _path(way: Way) -> list[str | int]:
    found: list[str | int] = []
    while way is not None:
        way, element = way
        found.append(element)
    found.reverse()
    return found


def _missing(reports: Reports, errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Errors for nulls where the type forbids them, unless an error already says why the value is missing."""
    if not reports.missing_at:
        return []
    known = {tuple(error.get("path", ())) for error in errors}
    above = {path[:length] for path in known for length in range(len(path))}
    added = []
    for way, field in reports.missing_at:
        path = tuple(_path(way))
        if path in above or any(path[:length] in known for length in range(len(path) + 1)):
            continue
        added.append(_error(f"Cannot return null for non-nullable field {field}.", way, NULL))
        if len(added) == MAX_MISSING:
            break
    return added


def _error(message: str, way: Way, code: str) -> dict[str, Any]:
    return {"message": message, "path": _path(way), "extensions": {"code": code}}
