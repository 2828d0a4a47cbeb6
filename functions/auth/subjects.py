"""A user as tokens speak of them: who they are, what they hold, and what their tenant asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import text

from auth.tenant_settings import TenantSettings
from common.work import Work


@dataclass(frozen=True)
class Subject:
    """A user of a tenant, with everything that signing in and issuing tokens needs."""

    id: UUID
    email: str
    email_verified: bool
    name: str
    status: str
    password_hash: str | None
    authorization_version: int
    version: int
    stored_settings: dict[str, Any]
    tenant_slug: str
    totp_secret: bytes | None
    """Encrypted; None unless it was confirmed."""
    signing_key: str | None
    """The id of the ES256 key in use."""
    held: list[str]
    """Every permission and pattern of the user's roles."""

    @cached_property
    def settings(self) -> TenantSettings:
        return TenantSettings.of(self.stored_settings)

    @property
    def grants(self) -> list[str]:
        """What a sign-in gives: nothing while the tenant asks for an authenticator and there is none."""
        if self.settings.mfa_required and self.totp_secret is None:
            return []
        return self.held


_BY_EMAIL = text("select * from auth.subject_of(:tenant, null, :email, :now)")
_BY_ID = text("select * from auth.subject_of(:tenant, :id, null, :now)")


def by_id(work: Work, user: UUID) -> Subject | None:
    """The tenant's user with the id, whatever their status."""
    row = work.execute(_BY_ID, {"tenant": work.tenant, "id": user, "now": work.now}).one_or_none()
    return None if row is None else Subject(*tuple(row))


def by_email(work: Work, email: str) -> Subject | None:
    """The tenant's user with the address, whatever their status."""
    row = work.execute(_BY_EMAIL, {"tenant": work.tenant, "email": email, "now": work.now}).one_or_none()
    return None if row is None else Subject(*tuple(row))
