"""From a function's signature to its arguments: what each parameter is, read once, and how to fill it."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from common.clock import Clock
from common.errors import BadRequest, Invalid, TooLarge, UnsupportedMediaType
from common.etag import IfMatch
from common.operation import Operation, Route
from common.paging import Paging, Selection
from common.principal import Principal
from common.request import Request, Response
from common.work import Work

FORM = "application/x-www-form-urlencoded"

_SEGMENT = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation's function: where its value comes from and what it must be."""

    name: str
    kind: str
    """``body``, ``query_struct``, ``path``, ``query``, ``work``, ``principal``, ``clock``, ``paging``,
    ``selection``, ``if_match`` or ``request``"""
    type: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


_INJECTED: dict[Any, str] = {
    Work: "work",
    Principal: "principal",
    Clock: "clock",
    Paging: "paging",
    Selection: "selection",
    IfMatch: "if_match",
    Request: "request",
}


def is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _is_body(kind: Any) -> bool:
    if is_struct(kind) or kind is bytes or typing.get_origin(kind) in (list, dict):
        return True
    union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return union and all(is_struct(member) for member in typing.get_args(kind))


def parameters(operation: Operation[..., Any]) -> tuple[Parameter, ...]:
    """What the function of an HTTP operation takes."""
    hints = typing.get_type_hints(operation.function, include_extras=True)
    route = operation.route
    found = []
    for name, parameter in inspect.signature(operation.function).parameters.items():
        kind = hints[name]
        source = _INJECTED.get(kind)
        if source is None:
            if name in route.parameters:
                source = "path"
            elif _is_body(kind):
                source = "query_struct" if route.method in ("GET", "DELETE") else "body"
            else:
                source = "query"
        found.append(Parameter(name, source, kind, parameter.default))
    return tuple(found)


def payload(operation: Operation[..., Any]) -> Any:
    """The declared type of a successful answer's body, ``None`` without one."""
    kind = typing.get_type_hints(operation.function, include_extras=True).get("return", Any)
    if typing.get_origin(kind) is Response:
        kind = typing.get_args(kind)[0]
    return None if kind is type(None) else kind


class Binder:
    """Fills a function's parameters from a request."""

    def __init__(self, operation: Operation[..., Any]) -> None:
        assert isinstance(operation.trigger, Route)
        self._operation = operation
        self.parameters = parameters(operation)
        self._fillers = [(p.name, self._filler(p)) for p in self.parameters]

    def bind(self, request: Request, work: Work) -> dict[str, Any]:
        """The arguments for one call; what is missing or malformed is a 4xx that says where."""
        return {name: fill(request, work) for name, fill in self._fillers}

    def _filler(self, parameter: Parameter) -> Callable[[Request, Work], Any]:
        kind, name, strict = parameter.type, parameter.name, _is_moment(parameter.type)
        match parameter.kind:
            case "work":
                return lambda _request, work: work
            case "principal":
                return lambda _request, work: work.principal
            case "clock":
                return lambda _request, work: work.clock
            case "request":
                return lambda request, _work: request
            case "paging":
                return lambda request, _work: Paging.of(
                    request.query.get("limit"), request.query.get("cursor")
                )
            case "selection":
                return lambda request, _work: Selection.asked(request.query)
            case "if_match":
                return lambda request, _work: IfMatch.of(request.headers.get("if-match"))
            case "body":
                return self._body(kind)
            case "query_struct":
                return lambda request, _work: _convert(dict(request.query), kind, "query")
            case "path":
                return lambda request, _work: _convert_one(
                    request.path_parameters.get(name), kind, name, strict
                )
            case _:
                return lambda request, _work: (
                    _convert_one(request.query[name], kind, name, strict)
                    if name in request.query
                    else self._absent(parameter)
                )

    @staticmethod
    def _absent(parameter: Parameter) -> Any:
        if parameter.required:
            raise BadRequest(f"The query parameter {parameter.name} is required.", parameter=parameter.name)
        return parameter.default

    def _body(self, kind: Any) -> Callable[[Request, Work], Any]:
        operation = self._operation
        decode = None if kind is bytes else msgspec.json.Decoder(kind).decode

        def read(request: Request, _work: Work) -> Any:
            body = request.body
            if len(body) > operation.body_limit:
                raise TooLarge(f"The body may have {operation.body_limit} bytes.", limit=operation.body_limit)
            accepted = operation.media_types
            media_type = request.media_type or accepted[0]
            if media_type not in accepted and not (
                media_type.endswith("+json") and accepted[0].endswith("json")
            ):
                raise UnsupportedMediaType(f"Send {' or '.join(accepted)}.", accepted=list(accepted))
            if decode is None:
                return body
            if media_type == FORM:
                return _convert(form(body), kind, "body")
            try:
                return decode(body)
            except msgspec.ValidationError as error:
                raise invalid(error, kind) from error
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise BadRequest(f"The body is not JSON: {error}.") from error
            except RecursionError as error:
                raise BadRequest("The body nests too deeply.") from error

        return read


def form(body: bytes) -> dict[str, str]:
    """An urlencoded form; a repeated or malformed field is 400."""
    from urllib.parse import parse_qsl

    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=100
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise BadRequest("The body is no well-formed form.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadRequest("A form field is repeated.")
    return fields


def invalid(error: msgspec.ValidationError, kind: Any = None) -> Invalid:
    """Msgspec's complaint (``Expected `int`, got `str` - at `$.a[0]```) as problem with a JSON pointer.

    With the ``kind`` that was expected, a value that is none of a few is told with those.
    """
    message, _, at = str(error).partition(" - at `")
    path = [name or index for name, index in _SEGMENT.findall(at.removeprefix("key in "))]
    if kind is not None and message.startswith("Invalid enum value"):
        from common import choices

        if allowed := choices.at(kind, path):
            message += f"; there are {', '.join(map(str, allowed))}"
    return Invalid.at("".join(f"/{step}" for step in path), message.replace("`", "'"))


def _convert(values: dict[str, Any], kind: Any, where: str) -> Any:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        problem = invalid(error, kind)
        raise BadRequest(f"The {where} is not valid: {problem.detail}.", **problem.members) from error


def _is_moment(kind: Any) -> bool:
    """Whether a type is a date and time, perhaps annotated or optional."""
    return kind is datetime or any(map(_is_moment, typing.get_args(kind)))


def _convert_one(value: str | None, kind: Any, name: str, strict: bool) -> Any:
    if value is not None and "\x00" in value:
        raise BadRequest(f"{name} holds a NUL character.", parameter=name)
    try:
        # A moment is written out (RFC 3339); leniently, a number would be one too.
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        detail = str(error).replace("`", "'")
        raise BadRequest(f"{name} is not valid: {detail}.", parameter=name) from error
