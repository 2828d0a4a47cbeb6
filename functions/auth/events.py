"""What auth says has happened."""

from __future__ import annotations

from uuid import UUID

import msgspec

from common.events import event


@event("auth.tenant.registered")
class TenantRegistered(msgspec.Struct, frozen=True):
    """A tenant signed up, with its first administrator."""

    id: UUID
    slug: str
    name: str
    owner_id: UUID
    version: int


@event("auth.user.registered")
class UserRegistered(msgspec.Struct, frozen=True):
    """A user was added to a tenant."""

    id: UUID
    email: str
    name: str
    role_ids: list[UUID]
    version: int


@event("auth.session.started", entity="session")
class SessionStarted(msgspec.Struct, frozen=True):
    """A user signed in."""

    id: UUID
    user_id: UUID
    source_ip: str
    user_agent: str


@event("auth.login.failed", entity="user", key="user_id")
class LoginFailed(msgspec.Struct, frozen=True):
    """A sign-in to an existing account was refused."""

    user_id: UUID
    reason: str
    source_ip: str


@event("auth.session.revoked", entity="session")
class SessionRevoked(msgspec.Struct, frozen=True):
    """A session was ended; its tokens are refused from here on."""

    id: UUID
    user_id: UUID
    reason: str


@event("auth.key.rotated", entity="key", key="kid")
class KeyRotated(msgspec.Struct, frozen=True):
    """A new signing key is in use."""

    kid: str
    alg: str
