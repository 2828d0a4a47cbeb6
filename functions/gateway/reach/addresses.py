"""Where the gateway may go. A registered URL must not lead it into the network that it runs in: to metadata
services, databases, other tenants' machines (server-side request forgery, CWE-918).

A name is resolved once, all its addresses are judged, and the connection goes to an address that was judged.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from common.outbound import public
from gateway.errors import AddressRefused
from gateway.reach.errors import Unreached

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def accept(url: str, *, local: bool) -> SplitResult:
    """A URL that may be registered: https to a public host; on the stage ``local`` also http, and anywhere.

    What a name resolves to may change, so :func:`resolve` judges again whenever it is called.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused(f"{url!r} is no URL.") from error
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise AddressRefused("The URL must begin with https://.")
    if not parts.hostname or port == 0:
        raise AddressRefused(f"{url!r} names no host.")
    if parts.username or parts.password or parts.fragment or parts.query:
        raise AddressRefused("The URL holds neither credentials, nor a query, nor a fragment.")
    if any(not 0x20 < ord(letter) < 0x7F for letter in url):
        raise AddressRefused("The URL holds a character that a URL does not have; encode it.")
    written = _written(parts.hostname)
    if not local and written is not None and not public(str(written)):
        raise AddressRefused("The URL leads to an address that is not public.")
    return parts


def _written(host: str) -> Address | None:
    """The address that a host is, where it is one, in whatever notation the system's resolver reads."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def resolve(host: str, port: int, *, local: bool) -> str:
    """The address to connect to. A name with an address that is not public is refused whole."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreached("could not be found.", reason="name resolution") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not local and not all(public(each.partition("%")[0]) for each in addresses):
        raise Unreached("is not at a public address.", reason="address refused")
    return addresses[0]
