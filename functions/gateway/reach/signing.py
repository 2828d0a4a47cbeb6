"""Signs a request to an AWS API (Signature Version 4), with the function's own role.

The SDK can do it too; importing it takes a third of a second of each cold start, signing with it ten times as
long. Source: AWS Signature Version 4 for API requests; credentials as AWS' SDKs look for them in Lambda.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, urlsplit

import msgspec

from gateway.reach.connections import Connections

RENEWED_BEFORE = 300.0
"""Seconds before their end at which credentials are read anew."""


@dataclass(frozen=True)
class Credentials:
    """A role's credentials; ``until`` is their end in seconds since the epoch."""

    key_id: str
    secret: str
    token: str = ""
    until: float = float("inf")


class _Container(msgspec.Struct, rename="pascal"):
    """What the container credentials endpoint answers."""

    access_key_id: str
    secret_access_key: str
    token: str
    expiration: datetime


_held: list[Credentials] = []


def credentials() -> Credentials:
    """The role's credentials: of the environment, or of the endpoint that it names (as under SnapStart)."""
    environment = os.environ
    if "AWS_ACCESS_KEY_ID" in environment:
        return Credentials(
            environment["AWS_ACCESS_KEY_ID"],
            environment.get("AWS_SECRET_ACCESS_KEY", ""),
            environment.get("AWS_SESSION_TOKEN", ""),
        )
    if not _held or _held[0].until - time.time() < RENEWED_BEFORE:
        _held[:] = [_of_container(environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"])]
    return _held[0]


def _of_container(url: str) -> Credentials:
    headers = {"Authorization": os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")}
    path = urlsplit(url).path or "/"
    answer = Connections(url).request("GET", path, headers, connect_seconds=1.0, seconds=2.0)
    found = msgspec.json.decode(answer.body, type=_Container)
    return Credentials(
        found.access_key_id, found.secret_access_key, found.token, found.expiration.timestamp()
    )


def signed(
    url: str, body: bytes, *, service: str, region: str, by: Credentials, at: datetime | None = None
) -> dict[str, str]:
    """The headers of a signed POST of JSON to a URL without a query."""
    stamp = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    parts = urlsplit(url)
    headers = {"content-type": "application/json", "host": parts.netloc, "x-amz-date": stamp}
    if by.token:
        headers["x-amz-security-token"] = by.token
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        (
            "POST",
            quote(parts.path, safe="/~"),
            "",
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signature = hmac.new(_key(by.secret, stamp[:8], region, service), text.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={by.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


@lru_cache(maxsize=8)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key
