"""Completes values against their types in the API schema (GraphQL specification, 6.4.3): leaf values are
checked, lists and objects are shaped, and null goes up from where it is not allowed.

Completers return None for null. Whoever holds the field decides whether it may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphql import GraphQLEnumType, GraphQLList, GraphQLNonNull, GraphQLOutputType

Way = tuple[Any, ...] | None  # (way to the parent, key or index), from the inside out
Completer = Callable[[Any, Way, "Reports"], Any]
INT_RANGE = range(-(2**31), 2**31)


class Reports:
    """Collects what completion finds, with the way to it: null where the type forbids it (`missing`),
    values that are none of their type (`invalid`), and values the API does not show (`hidden`). The latter
    two become null.
    """

    __slots__ = ("hidden_at", "invalid_at", "missing_at")

    def __init__(self) -> None:
        self.missing_at: list[tuple[Way, str]] = []
        self.invalid_at: list[tuple[Way, str]] = []
        self.hidden_at: list[tuple[Way, str]] = []

    def missing(self, way: Way, what: str) -> None:
        """A null that the type forbids."""
        self.missing_at.append((way, what))

    def invalid(self, way: Way, what: str) -> None:
        """A value that its type does not have."""
        self.invalid_at.append((way, what))

    def hidden(self, way: Way, what: str) -> None:
        """A value that is `@inaccessible`."""
        self.hidden_at.append((way, what))


def exact_type(named: object) -> type | None:
    """The Python type whose every value is a value of the scalar type, checked without a call."""
    return _EXACT.get(getattr(named, "name", ""))


_EXACT: dict[str, type] = {"String": str, "ID": str, "Boolean": bool}


def leaf_completer(named: Any, hidden: frozenset[str]) -> Completer:
    """The completer of a scalar or enum type. Custom scalars pass as they are; `hidden` are the values of
    an enum that the API does not show.
    """
    if not isinstance(named, GraphQLEnumType):
        return _SCALARS.get(named.name, _any)
    values = frozenset(named.values)
    name = named.name

    def enum(value: Any, way: Way, reports: Reports) -> Any:
        if isinstance(value, str):
            if value in values:
                return value
            if value in hidden:
                reports.hidden(way, f"A value of enum {name} that is inaccessible.")
                return None
        reports.invalid(way, f"Not a value of enum {name}.")
        return None

    return enum


def list_completer(
    item: GraphQLOutputType, of: Callable[[GraphQLOutputType], Completer], field: str
) -> Completer:
    """The completer of a list whose items are of type `item`."""
    required = isinstance(item, GraphQLNonNull)
    inner = of(item.of_type if isinstance(item, GraphQLNonNull) else item)

    def complete(value: Any, way: Way, reports: Reports) -> Any:
        if type(value) is not list:
            reports.invalid(way, f"Expected a list for {field}.")
            return None
        items: list[Any] = []
        for index, each in enumerate(value):
            at = (way, index)
            done = None if each is None else inner(each, at, reports)
            if done is None and required:
                reports.missing(at, field)
                return None
            items.append(done)
        return items

    return complete


def completer(output: GraphQLOutputType, named: Completer, field: str) -> Completer:
    """The completer of a type that may be wrapped in lists, around the completer of its named type."""
    if isinstance(output, GraphQLNonNull):
        return completer(output.of_type, named, field)
    if isinstance(output, GraphQLList):
        return list_completer(output.of_type, lambda item: completer(item, named, field), field)
    return named


def _any(value: Any, way: Way, reports: Reports) -> Any:  # noqa: ARG001 - a completer's signature
    return value


def _string(value: Any, way: Way, reports: Reports) -> Any:
    if isinstance(value, str):
        return value
    reports.invalid(way, "Not a String.")
    return None


def _id(value: Any, way: Way, reports: Reports) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    reports.invalid(way, "Not an ID.")
    return None


def _boolean(value: Any, way: Way, reports: Reports) -> Any:
    if isinstance(value, bool):
        return value
    reports.invalid(way, "Not a Boolean.")
    return None


def _int(value: Any, way: Way, reports: Reports) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is int and value in INT_RANGE:
        return value
    reports.invalid(way, "Not an Int.")
    return None


def _float(value: Any, way: Way, reports: Reports) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    reports.invalid(way, "Not a Float.")
    return None


_SCALARS: dict[str, Completer] = {
    "String": _string,
    "ID": _id,
    "Boolean": _boolean,
    "Int": _int,
    "Float": _float,
}
