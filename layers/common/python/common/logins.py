"""The database's logins: what they are called, and what they sign in with where there is no IAM (ADR 6)."""

from __future__ import annotations

import hashlib
import hmac

_READER = "_reader"


def login(name: str) -> str:
    """The login role of a service, or of the platform."""
    return f"groundwork_{name}"


def reader(name: str) -> str:
    """The login role of those of its operations that only read."""
    return f"{login(name)}{_READER}"


def role_password(admin_password: str, role: str) -> str:
    """A login's password on stages without IAM: derived, so that it is nowhere stored or passed on.

    A reader's is derived from its service's, so that whoever may write can sign in to read, and not the
    other way round.
    """
    if role.endswith(_READER):
        return reader_password(role_password(admin_password, role.removesuffix(_READER)), role)
    return _derived(admin_password, role)


def reader_password(service_password: str, role: str) -> str:
    """A reader's password, from that of its service's login."""
    return _derived(service_password, role)


def _derived(secret: str, role: str) -> str:
    return hmac.new(secret.encode(), role.encode(), hashlib.sha256).hexdigest()
