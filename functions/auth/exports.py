"""No lock-in: a tenant's users, password hashes and all, for whatever comes next."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Row, text

from auth import grants
from auth.events import UsersExported
from common.identifiers import uuid7
from common.operation import operation
from common.paging import Paging, cursor_of
from common.work import Work

AT_ONCE = 5000
"""Users in one answer: some 3 MB, within Lambda's limit for a response."""

_READ = text("""
select u.id, u.email, u.email_verified, u.name, u.status, u.password_hash, u.created_at, coalesce((
    select array_agg(r.name order by r.name) from auth.user_roles a
    join auth.roles r on r.tenant_id = a.tenant_id and r.id = a.role_id
    where a.tenant_id = u.tenant_id and a.user_id = u.id
), '{}') as roles
from auth.users u
where u.tenant_id = :tenant and (cast(:after as uuid) is null or u.id > :after)
order by u.id limit :limit
""")
_GRANTED = text("""
select distinct p from auth.user_roles a
join auth.roles r on r.tenant_id = a.tenant_id and r.id = a.role_id, unnest(r.permissions) as p
where a.tenant_id = :tenant
""")


class ExportRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Where to go on: ``next`` of the answer before."""

    cursor: str | None = None


class ExportedUser(Struct, frozen=True, kw_only=True):
    """A user with the password's hash, in PHC string format (``$argon2id$...``)."""

    id: UUID
    email: str
    email_verified: bool
    name: str
    status: str
    password_hash: str | None
    roles: list[str]
    created_at: datetime


class UserExport(Struct, frozen=True):
    """Users by id; ``next`` is there if there are more."""

    users: list[ExportedUser]
    next: str | None = None


@operation("POST /auth/exports", permission="auth.user.export", emits=UsersExported, memory=1024)
def create(asked: ExportRequest, work: Work) -> UserExport:
    """Export the tenant's users with their password hashes, 5,000 at a time.

    Only for who holds all that any of them does: a hash can be guessed at.
    """
    granted = work.execute(_GRANTED, {"tenant": work.tenant}).scalars().all()
    grants.check_outranks(work.principal, granted, "Some user")
    after = Paging(AT_ONCE, asked.cursor).after("export", [UUID])
    rows = work.execute(
        _READ, {"tenant": work.tenant, "after": after[0] if after else None, "limit": AT_ONCE + 1}
    ).all()
    exported = [_told(row) for row in rows[:AT_ONCE]]
    work.emit(UsersExported(uuid7(), len(exported)))
    more = cursor_of("export", [rows[AT_ONCE - 1].id]) if len(rows) > AT_ONCE else None
    return UserExport(exported, more)


def _told(row: Row[Any]) -> ExportedUser:
    return ExportedUser(
        id=row.id,
        email=row.email,
        email_verified=row.email_verified,
        name=row.name,
        status=row.status,
        password_hash=row.password_hash,
        roles=row.roles,
        created_at=row.created_at,
    )
