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
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import Session

from common.operation import PLATFORM
from common.settings import settings
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
    name = function_name(operation)
    body = msgspec.json.encode(payload)
    path = f"/2015-03-31/functions/{quote(name, safe='')}/invocations"
    try:
        response = _pool().request(
            "POST",
            path,
            body=body,
            headers=_signed(_endpoint() + path, body),
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
            retries=False,
        )
    except urllib3.exceptions.ReadTimeoutError as error:
        raise Unreached(f"did not answer within {seconds:g} s.", TIMEOUT) from error
    except urllib3.exceptions.HTTPError as error:
        raise Unreached("could not be reached.", reason=type(error).__name__) from error
    if response.status != 200:
        raise Unreached("could not be invoked.", reason=f"{response.status} {_kind(response)}")
    if "X-Amz-Function-Error" in response.headers:
        raise Unreached("failed.", reason=response.headers["X-Amz-Function-Error"])
    try:
        return msgspec.json.decode(response.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreached("answered with something that is not JSON.", MALFORMED) from error


def _kind(response: urllib3.BaseHTTPResponse) -> str:
    return response.headers.get("x-amzn-ErrorType", "").split(":", 1)[0]


@cache
def _endpoint() -> str:
    """The stage's Lambda API; emulators name theirs in the environment."""
    given = os.environ.get("AWS_ENDPOINT_URL_LAMBDA") or os.environ.get("AWS_ENDPOINT_URL")
    return (given or f"https://lambda.{_region()}.amazonaws.com").rstrip("/")


@cache
def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


@cache
def _pool() -> urllib3.HTTPConnectionPool | urllib3.HTTPSConnectionPool:
    return urllib3.connection_from_url(_endpoint(), maxsize=64, block=False)


@cache
def _credentials() -> Any:
    """The role's credentials, which renew themselves."""
    return Session().get_credentials() or Credentials("none", "none")


def _signed(url: str, body: bytes) -> dict[str, str]:
    """The headers of a signed Invoke."""
    request = AWSRequest("POST", url, headers={"Content-Type": "application/json"}, data=body)
    SigV4Auth(_credentials().get_frozen_credentials(), "lambda", _region()).add_auth(request)
    return dict(request.headers.items())
