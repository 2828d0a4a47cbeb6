"""An HTTP request and response as operations see them, free of API Gateway's shapes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import Any, Generic, TypeVar

from common.errors import BadRequest
from common.identifiers import uuid7
from common.settings import settings

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are lower case, a repeated query parameter keeps its last value."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    path_parameters: Mapping[str, str]
    source_ip: str
    request_id: str
    raw_body: str | None
    encoded: bool
    base_url: str

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Request:
        """From a REST API's Lambda proxy event (payload format 1.0)."""
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        context = event.get("requestContext") or {}
        host = headers.get("host", "localhost")
        scheme = headers.get(
            "x-forwarded-proto", "http" if host.startswith(("localhost", "127.")) else "https"
        )
        path = event.get("path") or "/"
        return cls(
            method=event.get("httpMethod", "GET"),
            path=path,
            headers=headers,
            query=event.get("queryStringParameters") or {},
            path_parameters=event.get("pathParameters") or {},
            source_ip=(context.get("identity") or {}).get("sourceIp") or "",
            request_id=context.get("requestId") or str(uuid7()),
            raw_body=event.get("body"),
            encoded=bool(event.get("isBase64Encoded")),
            base_url=f"{scheme.lower()}://{host}{_prefix(context, path)}",
        )

    @cached_property
    def body(self) -> bytes:
        """The body's bytes; empty when there is none."""
        if not self.raw_body:
            return b""
        if not self.encoded:
            # A lone surrogate is no text: whoever decodes these bytes says so.
            return self.raw_body.encode(errors="surrogatepass")
        try:
            return base64.b64decode(self.raw_body, validate=True)
        except binascii.Error as error:
            raise BadRequest("The body is not the base64 it claims to be.") from error

    @cached_property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").split(";", 1)[0].strip().lower()

    @cached_property
    def cookies(self) -> dict[str, str]:
        try:
            return {
                name: morsel.value for name, morsel in SimpleCookie(self.headers.get("cookie", "")).items()
            }
        except CookieError:
            return {}

    @property
    def user_agent(self) -> str:
        return self.headers.get("user-agent", "")[:400]


def _prefix(context: Mapping[str, Any], path: str) -> str:
    """What stands before the operation's path in the URL that the caller used: on AWS the API's stage.

    The emulators serve all APIs on one host and tell the functions nothing of what comes before the stage.
    """
    stage, api = context.get("stage") or "", context.get("apiId")
    full = context.get("path") or ""
    prefix = full[: -len(path)] if full.endswith(path) else f"/{stage}" if stage else ""
    if settings().stage == "local" and api and prefix == f"/{stage}":
        return f"/_aws/execute-api/{api}/{stage}"
    return prefix


@dataclass(frozen=True)
class Response(Generic[T]):
    """A response that needs more than its body: another status, headers, or a body that is not JSON.

    ``body`` is encoded as JSON unless it is text or bytes, which go out as they are with ``media_type``.
    """

    body: T
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str | None = None
