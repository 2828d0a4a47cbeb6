"""What auth says has happened.

The events of tenants, users, roles and clients hold what their tables hold, so that the tables can be made
from them again; secrets (password hashes, client secrets, second factors) are in no event. ``version`` is the
entity's own: one event for each.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from common.events import event

PLATFORM_TENANT = UUID(int=0)
"""The tenant of what concerns none, such as a scheduled rotation of keys."""


@event("auth.tenant.registered")
class TenantRegistered(msgspec.Struct, frozen=True):
    """A tenant signed up, with its first administrator."""

    id: UUID
    slug: str
    name: str
    owner_id: UUID
    settings: dict[str, Any]
    version: int


@event("auth.tenant.updated")
class TenantUpdated(msgspec.Struct, frozen=True):
    """A tenant's name or settings were changed."""

    id: UUID
    name: str
    settings: dict[str, Any]
    version: int


@event("auth.user.registered")
class UserRegistered(msgspec.Struct, frozen=True):
    """A user was added to a tenant."""

    id: UUID
    email: str
    name: str
    role_ids: list[UUID]
    version: int


@event("auth.user.updated")
class UserUpdated(msgspec.Struct, frozen=True):
    """A user's name, address or status was changed; the fields as they are now."""

    id: UUID
    email: str
    email_verified: bool
    name: str
    status: str
    version: int


@event("auth.user.deactivated")
class UserDeactivated(msgspec.Struct, frozen=True):
    """A user was shut out; the sessions ended with it."""

    id: UUID
    version: int


@event("auth.user.locked")
class UserLocked(msgspec.Struct, frozen=True):
    """Too many sign-ins failed; the account takes none until then."""

    id: UUID
    until: datetime
    failures: int
    source_ip: str
    version: int


@event("auth.user.unlocked")
class UserUnlocked(msgspec.Struct, frozen=True):
    """A locked account was opened again before its time."""

    id: UUID
    version: int


@event("auth.user.password_changed")
class UserPasswordChanged(msgspec.Struct, frozen=True):
    """A user has another password: by changing it, or by a reset, which also proves the address."""

    id: UUID
    by: Literal["change", "reset"]
    email_verified: bool
    version: int


@event("auth.user.exported")
class UsersExported(msgspec.Struct, frozen=True):
    """Users were read with their password hashes."""

    id: UUID
    users: int
    version: int = 1


@event("auth.login.failed")
class LoginFailed(msgspec.Struct, frozen=True):
    """A sign-in was refused. Without ``user_id`` the account does not exist."""

    id: UUID
    user_id: UUID | None
    reason: Literal["password", "otp", "locked", "deactivated"]
    source_ip: str
    version: int = 1


@event("auth.session.started")
class SessionStarted(msgspec.Struct, frozen=True):
    """A user signed in."""

    id: UUID
    user_id: UUID
    client_id: str
    methods: list[str]
    source_ip: str
    user_agent: str
    version: int = 1


@event("auth.session.refreshed")
class SessionRefreshed(msgspec.Struct, frozen=True):
    """A session's refresh token was exchanged for the next one."""

    id: UUID
    user_id: UUID
    source_ip: str
    version: int


@event("auth.session.revoked")
class SessionRevoked(msgspec.Struct, frozen=True):
    """A session was ended; its tokens are refused from here on."""

    id: UUID
    user_id: UUID
    reason: Literal["user", "administrator", "logout", "reuse", "password", "deactivated", "client", "token"]
    version: int


@event("auth.session.reuse_detected")
class SessionReuseDetected(msgspec.Struct, frozen=True):
    """A refresh token or an authorization code came back after it had been used: somebody has a copy."""

    id: UUID
    user_id: UUID
    source_ip: str
    version: int


@event("auth.role.created")
class RoleCreated(msgspec.Struct, frozen=True):
    """A role was made."""

    id: UUID
    name: str
    description: str
    permissions: list[str]
    built_in: bool
    version: int


@event("auth.role.updated")
class RoleUpdated(msgspec.Struct, frozen=True):
    """A role was changed; the fields as they are now."""

    id: UUID
    name: str
    description: str
    permissions: list[str]
    version: int


@event("auth.role.deleted")
class RoleDeleted(msgspec.Struct, frozen=True):
    """A role was removed."""

    id: UUID
    version: int


@event("auth.role.assigned", entity="user", key="user_id")
class RoleAssigned(msgspec.Struct, frozen=True):
    """A user was given a role; ``version`` is the user's."""

    user_id: UUID
    role_id: UUID
    version: int


@event("auth.role.unassigned", entity="user", key="user_id")
class RoleUnassigned(msgspec.Struct, frozen=True):
    """A role was taken from a user; ``version`` is the user's."""

    user_id: UUID
    role_id: UUID
    version: int


@event("auth.client.created")
class ClientCreated(msgspec.Struct, frozen=True):
    """A client was registered: a service account, or an application that users sign in to."""

    id: UUID
    name: str
    grant_types: list[str]
    redirect_uris: list[str]
    permissions: list[str]
    public: bool
    token_alg: str
    version: int
    post_logout_redirect_uris: list[str] = []


@event("auth.client.updated")
class ClientUpdated(msgspec.Struct, frozen=True):
    """A client has a new secret; the one before, and its tokens, are refused from here on."""

    id: UUID
    version: int


@event("auth.client.changed")
class ClientChanged(msgspec.Struct, frozen=True):
    """A client was renamed, or its addresses were changed; the fields as they are now."""

    id: UUID
    name: str
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    version: int


@event("auth.client.deleted")
class ClientDeleted(msgspec.Struct, frozen=True):
    """A client was removed; its tokens are refused from here on."""

    id: UUID
    version: int


@event("auth.totp.changed", key="user_id")
class TotpChanged(msgspec.Struct, frozen=True):
    """A user's authenticator was set up or removed."""

    user_id: UUID
    active: bool


@event("auth.key.rotated", key="kid")
class KeyRotated(msgspec.Struct, frozen=True):
    """A new signing key is published; it signs from ``active_at`` on."""

    kid: str
    alg: str
    active_at: datetime
    version: int = 1


@event("auth.mail.requested", retention_days=1)
class MailRequested(msgspec.Struct, frozen=True):
    """A mail with a link is wanted. The one who writes it looks up whether anybody is to get it."""

    id: UUID
    kind: Literal["password", "email", "invitation"]
    email: str
    version: int = 1
