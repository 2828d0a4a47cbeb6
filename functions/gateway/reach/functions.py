"""The platform's own operations, invoked as the Lambdas they are: no front door, no second authorization.

Lambda's Invoke is one signed HTTP request. It is made here on a pool of connections of our own: the SDK's
client would take a third of a second of each cold start, and some milliseconds of each request.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec

from common.operation import PLATFORM
from common.settings import called, settings
from gateway.reach import signing
from gateway.reach.connections import FAILURES, Connections
from gateway.reach.errors import MALFORMED, TIMEOUT, Unreached

CONNECT_SECONDS = 1.0
PROXY_EVENT: dict[str, Any] = {"pathParameters": None, "isBase64Encoded": False}


def function_name(operation: str) -> str:
    """The Lambda of an operation, ``auth.graph.query``; those of the platform itself go by the last word."""
    service, _, rest = operation.partition(".")
    if service == PLATFORM:
        operation = rest.rsplit(".", 1)[-1]
    return f"groundwork-{settings().stage}-{operation.replace('.', '-')}"


def event(
    method: str, path: str, headers: Mapping[str, str], body: str | None, source_ip: str
) -> dict[str, Any]:
    """A request as API Gateway would hand it over (REST API proxy event, payload 1.0)."""
    return {
        **PROXY_EVENT,
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "queryStringParameters": None,
        "requestContext": {
            "requestId": str(uuid4()),
            "stage": settings().stage,
            "identity": {"sourceIp": source_ip},
        },
        "body": body,
    }


def invoke(operation: str, payload: Mapping[str, Any], seconds: float) -> Any:
    """What an operation's Lambda answers to an event, within so many seconds. Never tried twice: what a lost
    answer had done is not known.
    """
    name = called(function_name(operation))
    body = msgspec.json.encode(payload)
    path = f"/2015-03-31/functions/{quote(name, safe='')}/invocations"
    try:
        answer = _connections().request(
            "POST",
            path,
            _signed(_endpoint() + path, body),
            body,
            connect_seconds=CONNECT_SECONDS,
            seconds=seconds,
        )
    except TimeoutError as error:
        raise Unreached(f"did not answer within {seconds:g} s.", TIMEOUT) from error
    except FAILURES as error:
        raise Unreached("could not be reached.", reason=type(error).__name__) from error
    if answer.status != 200:
        kind = answer.headers.get("x-amzn-ErrorType", "").split(":", 1)[0]
        raise Unreached("could not be invoked.", reason=f"{answer.status} {kind}".strip())
    if "X-Amz-Function-Error" in answer.headers:
        raise Unreached("failed.", reason=answer.headers["X-Amz-Function-Error"])
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreached("answered with something that is not JSON.", MALFORMED) from error


@cache
def _endpoint() -> str:
    """The stage's Lambda API; emulators name theirs in the environment."""
    given = os.environ.get("AWS_ENDPOINT_URL_LAMBDA") or os.environ.get("AWS_ENDPOINT_URL")
    return (given or f"https://lambda.{_region()}.amazonaws.com").rstrip("/")


@cache
def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


@cache
def _connections() -> Connections:
    return Connections(_endpoint())


def _signed(url: str, body: bytes) -> dict[str, str]:
    """The headers of a signed Invoke."""
    return signing.signed(url, body, service="lambda", region=_region(), by=signing.credentials())
