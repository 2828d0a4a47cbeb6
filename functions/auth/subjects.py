"""A user as tokens speak of them: who they are, what they hold, and what their tenant asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import text

from auth import keys
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


_READ = """
select u.id, u.email, u.email_verified, u.name, u.status, u.password_hash, u.authorization_version,
       u.version, t.settings, t.slug, o.secret as totp_secret, {signing_key} as signing_key, coalesce((
           select array_agg(distinct p order by p)
           from auth.user_roles a
           join auth.roles r on r.tenant_id = a.tenant_id and r.id = a.role_id, unnest(r.permissions) as p
           where a.tenant_id = u.tenant_id and a.user_id = u.id
       ), '{{}}') as held
from auth.users u
join auth.tenants t on t.id = u.tenant_id
left join auth.totp o on o.tenant_id = u.tenant_id and o.user_id = u.id and o.confirmed_at is not null
""".format(  # noqa: S608 - our own SQL
    signing_key=keys.CURRENT.format(alg="'ES256'")
)
_BY_EMAIL = text(_READ + "where u.tenant_id = :tenant and u.email = :email")
_BY_ID = text(_READ + "where u.tenant_id = :tenant and u.id = :id")


def by_email(work: Work, email: str) -> Subject | None:
    """The tenant's user with the address, whatever their status."""
    row = work.execute(_BY_EMAIL, {"tenant": work.tenant, "now": work.now, "email": email}).one_or_none()
    return None if row is None else Subject(*tuple(row))


def by_id(work: Work, user: UUID) -> Subject | None:
    """The tenant's user with the id, whatever their status."""
    row = work.execute(_BY_ID, {"tenant": work.tenant, "now": work.now, "id": user}).one_or_none()
    return None if row is None else Subject(*tuple(row))
