"""By what name the platform issues tokens: the URL under which its discovery document is found."""

from __future__ import annotations

from common.request import Request
from common.settings import settings


def base_url(request: Request) -> str:
    """The API's base URL as callers see it."""
    return settings().public_url.rstrip("/") or request.base_url


def issuer(request: Request) -> str:
    """``iss`` of every token (RFC 9068, 2.2; OpenID Connect Discovery 1.0, section 4)."""
    return settings().issuer or f"{base_url(request)}/auth"
