"""Redirect URIs: which may be registered, and which one a request may name (RFC 6749, 8252, 9700)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit, urlunsplit

LOOPBACK = ("127.0.0.1", "[::1]", "localhost")
_PLAIN = re.compile(r"[\x21-\x7e]+")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")


def fault(uri: str) -> str | None:
    """Why a URI cannot be registered, or None: https, an application's private scheme, or loopback http."""
    if not _PLAIN.fullmatch(uri) or len(uri) > 500 or any(c in uri for c in "\\\"'<>;,{}|^`"):
        return "it holds characters that a redirect URI has none of"
    parts = urlsplit(uri)
    if parts.fragment or uri.endswith("#"):
        return "it has a fragment"
    if parts.scheme not in ("http", "https"):
        # RFC 8252, 7.1: a scheme of the application's own is a domain name in reverse, so it has a dot.
        return None if _PRIVATE_SCHEME.fullmatch(parts.scheme) else "its scheme is neither https nor private"
    if "@" in parts.netloc or not _HOST.fullmatch(parts.netloc.lower()):
        return "its host is none"
    if parts.scheme == "http" and _host(parts.netloc) not in LOOPBACK:
        return "http is for loopback addresses only"
    return None


def permitted(asked: str, registered: Iterable[str]) -> bool:
    """Whether a request may name the URI: a registered one, but for a loopback's port (RFC 8252, 7.3)."""
    return fault(asked) is None and any(asked == one or _same_but_port(asked, one) for one in registered)


def with_query(uri: str, **parameters: str | None) -> str:
    """The URI with parameters added to its query."""
    parts = urlsplit(uri)
    added = urlencode({name: value for name, value in parameters.items() if value is not None})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def source(uri: str) -> str:
    """The URI's origin as a Content-Security-Policy names it."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def _same_but_port(asked: str, registered: str) -> bool:
    a, b = urlsplit(asked), urlsplit(registered)
    if not a.scheme == b.scheme == "http" or _host(b.netloc) not in LOOPBACK:
        return False
    return a._replace(netloc=_host(a.netloc)) == b._replace(netloc=_host(b.netloc))


def _host(netloc: str) -> str:
    return re.sub(r":[0-9]+$", "", netloc.lower())
