"""What a tenant decides about its users' passwords, sessions and second factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from auth import breached, passwords
from auth.errors import WeakPassword

Link = Annotated[
    str,
    Meta(
        max_length=500,
        pattern=r"^https://[^\s{}]+\{token\}[^\s{}]*$(?!\n)",
        description="An https page of yours; {token} in it is replaced.",
    ),
]


class TenantSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant's settings. Times are in seconds."""

    password_min_length: Annotated[int, Meta(ge=passwords.MIN_LENGTH, le=128)] = 10
    password_breached_check: bool = True
    access_token_seconds: Annotated[int, Meta(ge=60, le=3600)] = 900
    session_seconds: Annotated[int, Meta(ge=300, le=7_776_000)] = 43_200
    """After which a user signs in again, whatever happens."""
    idle_seconds: Annotated[int, Meta(ge=300, le=7_776_000)] | None = None
    """After which an unused session ends."""
    mfa_required: bool = False
    """Without an authenticator, a sign-in then gives no permissions but to set one up."""
    password_link: Link | None = None
    email_link: Link | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> TenantSettings:
        """From the tenant's row; what a later release has dropped is ignored."""
        known = {name: value for name, value in stored.items() if name in cls.__struct_fields__}
        return msgspec.convert(known, cls)

    def check_password(self, password: str, *about: str) -> None:
        """Refuse a password that is too short, known from a breach, or the user's own name or address."""
        text = passwords.normal(password)
        if not self.password_min_length <= len(text) <= passwords.MAX_LENGTH:
            raise WeakPassword.at(
                "/password",
                f"A password has {self.password_min_length} to {passwords.MAX_LENGTH} characters.",
            )
        words = {part.lower() for one in about for part in (one, one.split("@")[0])}
        if text.lower() in words:
            raise WeakPassword.at("/password", "A password is not one's own name or address.")
        if self.password_breached_check and breached.known(text):
            raise WeakPassword.at(
                "/password", "This password is known from breaches; choose one that nobody else has used."
            )
