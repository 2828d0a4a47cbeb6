"""Operations as fields of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from common.binding import parameters
from common.errors import BadRequest, Forbidden
from common.etag import IfMatch
from common.operation import PUBLIC, SELF, Operation
from common.paging import Paging, Selection
from common.request import Request, Response
from common.work import Work


class Exposed:
    """An operation as a field: its arguments from the field's, its permission before all."""

    def __init__(self, operation: Operation[..., Any]) -> None:
        self.operation = operation
        self._parameters = parameters(operation)

    def __call__(self, work: Work, request: Request, arguments: Mapping[str, Any]) -> Any:
        permission = self.operation.permission
        if permission not in (PUBLIC, SELF) and not work.principal.may(permission):
            raise Forbidden(f"This needs the permission {permission}.", permission=permission)
        given = {}
        for parameter in self._parameters:
            match parameter.kind:
                case "work":
                    value: Any = work
                case "principal":
                    value = work.principal
                case "clock":
                    value = work.clock
                case "request":
                    value = request
                case "paging":
                    value = _paging(arguments)
                case "selection":
                    pages = _paging(arguments)
                    narrowed = (arguments.get(name) or "" for name in ("filter", "sort"))
                    value = Selection(pages.limit, pages.cursor, *narrowed)
                case "if_match":
                    version = arguments.get("version")
                    value = IfMatch(frozenset("*" if version is None else [str(version)]))
                case "body":
                    value = _converted(arguments.get("input") or {}, parameter.type)
                case "query_struct":
                    value = _converted({k: v for k, v in arguments.items() if v is not None}, parameter.type)
                case _:
                    if arguments.get(parameter.name) is None and not parameter.required:
                        continue
                    value = _converted(arguments.get(parameter.name), parameter.type)
            given[parameter.name] = value
        result = self.operation.function(**given)
        result = result.body if isinstance(result, Response) else result
        # An operation without an answer has been done: the graph has no empty type.
        return True if result is None else result


def _paging(arguments: Mapping[str, Any]) -> Paging:
    first = arguments.get("first")
    return Paging.of(None if first is None else str(first), arguments.get("after"))


def _converted(value: Any, kind: Any) -> Any:
    try:
        # As JSON would bring it: a scalar may have made it a decimal or a moment already.
        return msgspec.convert(msgspec.to_builtins(value), kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error).replace("`", "'") + ".") from error
