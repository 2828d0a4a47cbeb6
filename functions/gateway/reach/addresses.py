"""Where the gateway may go. A registered URL must not lead it into the network that it runs in: to metadata
services, databases, other tenants' machines (server-side request forgery, CWE-918).

A name is resolved once, all its addresses are judged, and the connection goes to an address that was judged.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from gateway.errors import AddressRefused
from gateway.reach.errors import Unreached

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


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
    if not local and _written(parts.hostname) is not None and not public(_written(parts.hostname)):
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


def public(address: Address | None) -> bool:
    """Whether an address is one of the public Internet's; an IPv6 address that stands for an IPv4 address is
    judged by that one.
    """
    if address is None:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if embedded is None and address in _NAT64:
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if embedded is not None:
            return public(embedded)
    return address.is_global and not address.is_multicast


def resolve(host: str, port: int, *, local: bool) -> str:
    """The address to connect to. A name with an address that is not public is refused whole."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreached("could not be found.", reason="name resolution") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not local and not all(public(ipaddress.ip_address(each.split("%", 1)[0])) for each in addresses):
        raise Unreached("is not at a public address.", reason="address refused")
    return addresses[0]
