"""Other services, over HTTP: to a judged address, without following redirects, reading within a bound."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import urllib3

from common.settings import settings
from gateway.errors import AddressRefused
from gateway.reach import addresses
from gateway.reach.errors import MALFORMED, TIMEOUT, Unreached

MAX_BYTES = 6_000_000
"""Of one answer; as much as an invoked function may answer."""
CONNECT_SECONDS = 2.0


@dataclass(frozen=True)
class Answer:
    """An HTTP response; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def call(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, seconds: float
) -> Answer:
    """Send one request, once."""
    pool, target, authority = _way(url)
    try:
        response = pool.urlopen(
            method,
            target,
            body=body,
            headers={**headers, "Host": authority},
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        content = _read(response)
    except urllib3.exceptions.ReadTimeoutError as error:
        raise Unreached(f"did not answer within {seconds:g} s.", TIMEOUT) from error
    except urllib3.exceptions.HTTPError as error:
        raise Unreached("could not be reached.", reason=type(error).__name__) from error
    return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, content)


def _way(url: str) -> tuple[urllib3.HTTPConnectionPool, str, str]:
    """The connections that lead to a URL, what to ask for there, and the host as it is called."""
    local = settings().stage == "local"
    try:
        parts = addresses.accept(url, local=local)
    except AddressRefused as refused:
        raise Unreached("is not at an address that may be called.", reason=refused.detail) from refused
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = addresses.resolve(host, port, local=local)
    return _pool(parts.scheme, host, address, port), parts.path or "/", parts.netloc


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """The body, if it is within the bound; a connection with more on it is not used again."""
    whole = False
    try:
        content: bytes = response.read(MAX_BYTES + 1, decode_content=True)
        whole = len(content) <= MAX_BYTES
    finally:
        if whole:
            response.release_conn()
        else:
            response.close()
    if not whole:
        raise Unreached(f"answered with more than {MAX_BYTES} bytes.", MALFORMED)
    return content


@lru_cache(maxsize=64)
def _pool(scheme: str, host: str, address: str, port: int) -> urllib3.HTTPConnectionPool:
    """Connections to an address, whose certificate must be the host's."""
    if scheme == "http":
        return urllib3.HTTPConnectionPool(address, port, maxsize=16)
    return urllib3.HTTPSConnectionPool(
        address,
        port,
        maxsize=16,
        ssl_context=ssl.create_default_context(),
        server_hostname=host,
        assert_hostname=host,
    )
