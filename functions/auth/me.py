"""The caller's own affairs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select

from auth.tables import tenants, users
from common.errors import NotFound
from common.operation import SELF, operation
from common.principal import Principal
from common.work import Work


class Me(Struct, frozen=True):
    """The signed-in user."""

    id: UUID
    tenant: str
    tenant_id: UUID
    session_id: UUID
    email: str
    name: str
    permissions: list[str]
    version: int
    created_at: datetime


@operation("GET /auth/me", permission=SELF)
def read(principal: Principal, work: Work) -> Me:
    """Who the token speaks for, and what they may do."""
    row = work.execute(
        select(users, tenants.c.slug)
        .join(tenants, tenants.c.id == users.c.tenant_id)
        .where(users.c.tenant_id == work.tenant, users.c.id == principal.id)
    ).one_or_none()
    if row is None or principal.session is None:
        raise NotFound("The token speaks for no user.")
    return Me(
        row.id,
        row.slug,
        row.tenant_id,
        principal.session,
        row.email,
        row.name,
        sorted(principal.grants),
        row.version,
        row.created_at,
    )
