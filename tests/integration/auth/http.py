"""The platform's operations behind an HTTP client: a transport that finds the route and calls the handler."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import httpx

from common.operation import Operation, Route, discover
from tests.integration.platform import Platform

BASE = "https://api.test/local"


def transport(platform: Platform, service: str = "auth") -> httpx.MockTransport:
    """What API Gateway does: from a request to the operation of its route, and back."""
    routed = [o for o in discover(service) if isinstance(o.trigger, Route)]

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/local")
        operation, parameters = _find(routed, request.method, path)
        platform.use(service)
        told = operation(_event(request, path, operation.route.path, parameters), None)
        return httpx.Response(told["statusCode"], headers=told["headers"], text=told["body"])

    return httpx.MockTransport(answer)


def _find(
    routed: list[Operation[..., Any]], method: str, path: str
) -> tuple[Operation[..., Any], dict[str, str]]:
    for operation in routed:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(operation.route.path))
        match = re.fullmatch(pattern, path)
        if match is not None and operation.route.method == method:
            return operation, match.groupdict()
    raise LookupError(f"There is no route {method} {path}.")


def _event(request: httpx.Request, path: str, resource: str, parameters: dict[str, str]) -> dict[str, Any]:
    return {
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": dict(request.headers) | {"host": "api.test", "x-forwarded-proto": "https"},
        "queryStringParameters": dict(parse_qsl(request.url.query.decode(), keep_blank_values=True)) or None,
        "pathParameters": parameters or None,
        "requestContext": {"stage": "local", "path": f"/local{path}", "identity": {"sourceIp": "192.0.2.1"}},
        "body": request.content.decode() or None,
        "isBase64Encoded": False,
    }
