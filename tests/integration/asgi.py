"""The platform's API over ASGI, in one process: what API Gateway does, without it.

``Api(platform, services)`` routes a request to its operation's handler, with a REST API's proxy event; httpx,
uvicorn and schemathesis take it as an application. ``GET /openapi.json`` is the document of what it serves.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from common.openapi import document
from common.operation import Operation, Route, discover
from tests.integration.platform import Platform


@dataclass(frozen=True)
class Reply:
    """A response, ready for the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class _Place:
    """A path template: as a pattern, with the operations by their methods."""

    template: str
    pattern: re.Pattern[str]
    operations: dict[str, Operation[..., Any]]


class Api:
    """All operations of some services behind one door."""

    def __init__(self, platform: Platform, services: Iterable[str]) -> None:
        self._platform = platform
        self.operations = [o for s in services for o in discover(s) if isinstance(o.trigger, Route)]
        self.document = document(self.operations, "0")
        places: dict[str, _Place] = {}
        for operation in self.operations:
            template = operation.route.path
            place = places.setdefault(template, _Place(template, _pattern(template), {}))
            place.operations[operation.route.method] = operation
        # What is written out in a path goes before what a parameter takes.
        self._places = sorted(places.values(), key=lambda place: place.template.replace("{", "~"))

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request; ``path`` is as on the wire, percent-encoded."""
        if method == "GET" and path == "/openapi.json":
            content = json.dumps(self.document).encode()
            return Reply(200, [("Content-Type", "application/json")], content)
        for place in self._places:
            match = place.pattern.fullmatch(path)
            if match is None:
                continue
            operation = place.operations.get(method)
            if operation is None:
                allowed = ", ".join(sorted(place.operations))
                return _refused(405, "method_not_allowed", f"It takes {allowed}.", [("Allow", allowed)])
            values = {name: unquote(value) for name, value in match.groupdict().items()}
            return self._invoke(operation, path, values, query, headers, body)
        return _refused(404, "not_found", "There is no such path.")

    def _invoke(
        self,
        operation: Operation[..., Any],
        path: str,
        values: dict[str, str],
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Reply:
        event = {
            "resource": operation.route.path,
            "path": unquote(path),
            "httpMethod": operation.route.method,
            "headers": dict(headers),
            "queryStringParameters": dict(parse_qsl(query, keep_blank_values=True)) or None,
            "pathParameters": values or None,
            "requestContext": {"requestId": str(uuid4()), "identity": {"sourceIp": "192.0.2.1"}},
            "body": base64.b64encode(body).decode() if body else None,
            "isBase64Encoded": bool(body),
        }
        answer = self._platform.invoke(operation, event)
        content = answer["body"].encode()
        if answer["isBase64Encoded"]:
            content = base64.b64decode(content)
        sent = [*answer["headers"].items()]
        sent += [(k, v) for k, vs in answer.get("multiValueHeaders", {}).items() for v in vs]
        return Reply(answer["statusCode"], sent, content)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As an ASGI application (ASGI 3, HTTP only)."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {
            name.decode("latin-1").title(): value.decode("latin-1") for name, value in scope["headers"]
        }
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        reply = self.handle(scope["method"], path.partition("?")[0], query, headers, body)
        sent = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": sent})
        await send({"type": "http.response.body", "body": reply.body})


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)(\+?)}", template)
    pattern = re.escape(parts[0])
    for name, plus, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        pattern += f"(?P<{name}>{'.+' if plus else '[^/]+'})" + re.escape(rest)
    return re.compile(pattern)


def _refused(status: int, code: str, detail: str, headers: Iterable[tuple[str, str]] = ()) -> Reply:
    problem = {"type": f"urn:groundwork:problem:{code}", "title": code, "status": status, "code": code}
    content = json.dumps(problem | {"detail": detail}).encode()
    return Reply(status, [("Content-Type", "application/problem+json"), *headers], content)
