"""Finds the objects a fetch is about in the response so far, and what to send to have them resolved.

Source: Apollo Federation subgraph specification, `_entities(representations: [_Any!]!)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gateway.planner.fetches import Fetch, Path, Representation, Template
from gateway.planner.selection import TYPENAME

Object = dict[str, Any]
StorePath = tuple[str | int, ...]
Templates = tuple["Sent", ...]

MISSING: Any = object()


class Sent(NamedTuple):
    """One field to send: its name, its entry in the response, for which types, and the fields below it."""

    name: str
    store: str
    types: frozenset[str] | None
    fields: Templates | None


class Sender(NamedTuple):
    """Makes the representation of an object of one type."""

    typename: str
    keys: tuple[str, ...]
    fields: Templates

    def represent(self, source: Mapping[str, Any]) -> Object | None:
        """The representation, or None for an object that cannot be looked up: its key is null, or
        something that must be sent was not fetched.
        """
        sent = _pick(source, self.fields)
        if sent is MISSING:
            return None
        for key in self.keys:
            if sent[key] is not None:
                return {"__typename": self.typename, **sent}
        return None


Senders = Callable[[Object], Sender | None]


def typename_of(source: Mapping[str, Any]) -> str | None:
    """The object type's name, as far as a subgraph has told one: it may have sent anything."""
    name = source.get(TYPENAME)
    return name if type(name) is str else None


def senders_of(fetch: Fetch) -> dict[str | None, Sender]:
    """The senders of a fetch by the `__typename` of the object (None: for objects whose type is not
    known).
    """
    made: dict[int, Sender] = {}
    found: dict[str | None, Sender] = {}
    for name, representation in fetch.representations.items():
        if id(representation) not in made:
            made[id(representation)] = _sender(representation)
        found[name] = made[id(representation)]
    return found


def _sender(representation: Representation) -> Sender:
    return Sender(
        representation.typename, tuple(sorted(representation.keys)), _compile(representation.fields.values())
    )


def _compile(templates: Any) -> Templates:
    return tuple(_sent(template) for template in templates)


def _sent(template: Template) -> Sent:
    inner = _compile(template.fields.values()) if template.composite else None
    return Sent(template.name, template.store, template.types, inner)


def _pick(source: Mapping[str, Any], fields: Templates) -> Any:
    picked: Object = {}
    for name, store, types, inner in fields:
        if types is not None and typename_of(source) not in types:
            continue
        value = source.get(store, MISSING)
        if value is MISSING:
            return MISSING
        if inner is not None and value is not None:
            value = _pick_value(value, inner)
            if value is MISSING:
                return MISSING
        picked[name] = value
    return picked


def _pick_value(value: Any, fields: Templates) -> Any:
    if isinstance(value, list):
        items = [_pick_value(item, fields) for item in value]
        return MISSING if any(item is MISSING for item in items) else items
    if isinstance(value, dict):
        return _pick(value, fields)
    return value


def objects_at(data: Object, path: Path) -> list[Object]:
    """The objects at a path of the response, in order."""
    found = [data]
    for key, types, _ in path:
        below: list[Object] = []
        for source in found:
            if types is not None and typename_of(source) not in types:
                continue
            value = source.get(key)
            if type(value) is dict:
                below.append(value)
            elif type(value) is list:
                _flatten(value, below)
        found = below
    return found


def _flatten(values: list[Any], into: list[Object]) -> None:
    for value in values:
        if type(value) is dict:
            into.append(value)
        elif type(value) is list:
            _flatten(value, into)


def path_of(data: Object, path: Path, wanted: Object) -> StorePath | None:
    """The way, with list indexes, to one object that `objects_at` found."""
    found: list[tuple[Object, StorePath]] = [(data, ())]
    for key, types, _ in path:
        below: list[tuple[Object, StorePath]] = []
        for source, way in found:
            if types is None or typename_of(source) in types:
                _flatten_paths(source.get(key), (*way, key), below)
        found = below
    return next((way for source, way in found if source is wanted), None)


def _flatten_paths(value: Any, way: StorePath, into: list[tuple[Object, StorePath]]) -> None:
    if isinstance(value, dict):
        into.append((value, way))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _flatten_paths(item, (*way, index), into)
