"""Reads what a subgraph answered, and says what went wrong: as errors with paths into the response so far.

A subgraph may be down, slow, or answer nonsense. Each of these becomes an error for the fields it was asked
for; the rest of the response is unharmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.planner.fetches import Path
from gateway.planner.merge import Renames, merge, rename
from gateway.planner.representations import Object, StorePath, objects_at, path_of
from gateway.planner.write import Call, Request

UNAVAILABLE = "SUBGRAPH_UNAVAILABLE"
TIMEOUT = "SUBGRAPH_TIMEOUT"
MALFORMED = "SUBGRAPH_RESPONSE_MALFORMED"


class FetchError(Exception):
    """Raised by a `fetch` callable to say how a subgraph failed: a message for the client, a code, a
    status.
    """

    def __init__(self, message: str, code: str = UNAVAILABLE, **extensions: Any) -> None:
        super().__init__(message)
        self.code = code
        self.extensions = extensions


class Fault:
    """An error on its way to the client. `path` goes through the entries of the response in progress."""

    __slots__ = ("extensions", "message", "path")

    def __init__(self, message: str, path: StorePath | None, extensions: Mapping[str, Any]) -> None:
        self.message = message
        self.path = path
        self.extensions = dict(extensions)


class Sent:
    """What was sent for one call: for each representation the objects that wait for the entity."""

    __slots__ = ("call", "objects", "representations")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.representations: list[Object] = []
        self.objects: list[list[Object]] = []


def failed(request: Request, message: str, code: str, **extensions: Any) -> list[Fault]:
    """The request was not answered: an error for each root field, or for each place whose entities were
    asked for.
    """
    said = {"code": code, "service": request.subgraph.name, **extensions}
    paths: dict[StorePath, None] = {}
    for call in request.calls:
        for fetch in call.fetches:
            start = _before_lists(fetch.path)
            if fetch.root and not fetch.path:
                paths.update(((leaf.store,), None) for leaf in fetch.part.fields.values())
            else:
                paths[start] = None
    return [Fault(message, path, said) for path in paths]


def _before_lists(path: Path) -> StorePath:
    way: list[str | int] = []
    for step in path:
        way.append(step.key)
        if step.lists:
            break
    return tuple(way)


def take(request: Request, sent: list[Sent], answer: Any, data: Object) -> list[Fault]:
    """Merge a subgraph's answer into the response. Returns the errors it reported, and those of its form."""
    if not isinstance(answer, Mapping):
        return failed(request, _nonsense(request, "no JSON object"), MALFORMED)
    body = answer.get("data")
    errors = answer.get("errors")
    if (body is not None and not isinstance(body, dict)) or (
        errors is not None and not isinstance(errors, list)
    ):
        return failed(request, _nonsense(request, "no GraphQL response"), MALFORMED)
    if body is None and not errors:
        return failed(request, _nonsense(request, "neither data nor errors"), MALFORMED)
    faults = [_reported(request, sent, error, data) for error in errors or ()]
    if body is None:
        return faults
    if request.calls[0].key is None:
        _take_root(request.calls[0], body, data)
        return faults
    for each in sent:
        faults += _take_entities(request, each, body, data, bool(errors))
    return faults


def _nonsense(request: Request, what: str) -> str:
    return f"Subgraph {request.subgraph.name} answered with {what}."


def _take_root(call: Call, body: Object, data: Object) -> None:
    content = rename(body, call.renames) if call.renames else body
    for fetch in call.fetches:
        for target in objects_at(data, fetch.path) if fetch.path else (data,):
            merge(target, content)


def _take_entities(request: Request, sent: Sent, body: Object, data: Object, has_errors: bool) -> list[Fault]:
    call = sent.call
    entities = body.get(call.key or "")
    if entities is None and has_errors:
        return []
    if not isinstance(entities, list) or len(entities) != len(sent.representations):
        return failed(request, _nonsense(request, "other entities than were asked for"), MALFORMED)
    faults: list[Fault] = []
    for entity, objects in zip(entities, sent.objects, strict=True):
        if entity is None:
            continue
        if not isinstance(entity, dict):
            path = _path_to(call, data, objects[0])
            said = {"code": MALFORMED, "service": request.subgraph.name}
            faults.append(Fault(_nonsense(request, "an entity that is no object"), path, said))
            continue
        content = rename(entity, call.renames) if call.renames else entity
        for target in objects:
            merge(target, content)
    return faults


def _path_to(call: Call, data: Object, wanted: Object) -> StorePath | None:
    for fetch in call.fetches:
        path = path_of(data, fetch.path, wanted)
        if path is not None:
            return path
    return None


def _reported(request: Request, sent: list[Sent], error: Any, data: Object) -> Fault:
    said: dict[str, Any] = {"code": UNAVAILABLE}
    message = _nonsense(request, "an error that is no object")
    path: StorePath | None = None
    if isinstance(error, Mapping):
        message = str(
            error.get("message") or f"Subgraph {request.subgraph.name} reported an error without a message."
        )
        extensions = error.get("extensions")
        said = dict(extensions) if isinstance(extensions, Mapping) else {}
        said.setdefault("code", "SUBGRAPH_ERROR")
        path = _path_in_response(request, sent, error.get("path"), data)
    said["service"] = request.subgraph.name
    return Fault(message, path, said)


def _path_in_response(request: Request, sent: list[Sent], path: Any, data: Object) -> StorePath | None:
    """A subgraph's error path as a path of the response: below `_entities` it starts at the entity's
    object.
    """
    if not isinstance(path, list | tuple) or not all(isinstance(each, str | int) for each in path):
        path = []
    first = request.calls[0]
    if first.key is None:
        start = _before_lists(first.fetches[0].path)
        return (*start, *_renamed(path, first.renames)) or None
    for each in sent:
        if path and path[0] == each.call.key:
            return _entity_path(each, path[1:], data)
    fetch = first.fetches[0]
    return _before_lists(fetch.path)


def _entity_path(sent: Sent, path: Any, data: Object) -> StorePath:
    if path and isinstance(path[0], int) and 0 <= path[0] < len(sent.objects):
        start = _path_to(sent.call, data, sent.objects[path[0]][0])
        if start is not None:
            return (*start, *_renamed(path[1:], sent.call.renames))
    return _before_lists(sent.call.fetches[0].path)


def _renamed(path: Any, renames: Renames) -> StorePath:
    way: list[str | int] = []
    for each in path:
        rule = renames.get(each) if isinstance(each, str) else None
        if rule is not None:
            each, renames = rule  # noqa: PLW2901
        elif isinstance(each, str):
            renames = {}
        way.append(each)
    return tuple(way)
