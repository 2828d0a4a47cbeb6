"""HTTP requests to where tenants say. A URL must not lead into the network that this runs in (server-side
request forgery, CWE-918): https to public addresses only, but for the stage ``local``.

A name is resolved once, all its addresses are judged, and the connection goes to one that was judged.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3

from common.settings import settings

MAX_BYTES = 1_000_000
"""Of an answer."""
CONNECT_SECONDS = 3.0

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Unreachable(Exception):
    """The request got no answer; ``final`` if it never will."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    media_type: str
    body: bytes


def request(method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Answer:
    """Send one request, once, without following redirects."""
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
        content = response.read(MAX_BYTES + 1, decode_content=True)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise Unreachable(f"{url} could not be reached: {type(error).__name__}.") from error
    finally:
        pool.close()
    if len(content) > MAX_BYTES:
        raise Unreachable(f"{url} answered with more than {MAX_BYTES} bytes.", final=True)
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(response.status, media_type, content)


def _way(url: str) -> tuple[urllib3.HTTPConnectionPool, str, str]:
    """A connection to the judged address of a URL, what to ask for there, and the host as it is called."""
    local = settings().stage == "local"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Unreachable(f"{url!r} is no URL.", final=True) from None
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise Unreachable(f"{url!r} does not begin with https://.", final=True)
    if not parts.hostname or parts.username or parts.password or port == 0:
        raise Unreachable(f"{url!r} is no plain URL of a host.", final=True)
    if any(not 0x20 < ord(letter) < 0x7F for letter in url):
        raise Unreachable("The URL holds a character that a URL does not have; encode it.", final=True)
    secure = parts.scheme == "https"
    port = port or (443 if secure else 80)
    address = _address(parts.hostname, port, local=local)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not secure:
        return urllib3.HTTPConnectionPool(address, port), target, parts.netloc
    host: Any = parts.hostname
    return (
        urllib3.HTTPSConnectionPool(
            address,
            port,
            server_hostname=host,
            assert_hostname=host,
            ssl_context=ssl.create_default_context(),
        ),
        target,
        parts.netloc,
    )


def _address(host: str, port: int, *, local: bool) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"The host {host!r} could not be found.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not local and not all(public(each.partition("%")[0]) for each in addresses):
        raise Unreachable(f"The host {host!r} is not at a public address.", final=True)
    return addresses[0]


def public(text: str) -> bool:
    """Whether an address is one of the public Internet's; IPv6 that stands for IPv4 is judged by that."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if embedded is None and address in _NAT64:
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if embedded is not None:
            return public(str(embedded))
    return address.is_global and not address.is_multicast
