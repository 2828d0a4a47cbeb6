"""Who has which role: given and taken within what the giver holds, and never the last owner's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, exists, insert, select, text, update

from auth import grants
from auth.errors import LastOwner
from auth.events import RoleAssigned, RoleUnassigned
from auth.tables import roles, user_roles, users
from common.errors import NotFound
from common.operation import operation
from common.work import Work

OWNER = "owner"

_LOCK_TENANT = text("select 1 from auth.tenants where id = :tenant for no key update")
_OTHER_OWNERS = text("""
select count(*) from auth.user_roles a
join auth.roles r on r.tenant_id = a.tenant_id and r.id = a.role_id
join auth.users u on u.tenant_id = a.tenant_id and u.id = a.user_id
where a.tenant_id = :tenant and a.user_id <> :user and r.built_in and r.name = 'owner' and u.status = 'active'
""")
_OWNS = text("""
select exists (
    select from auth.user_roles a join auth.roles r on r.tenant_id = a.tenant_id and r.id = a.role_id
    where a.tenant_id = :tenant and a.user_id = :user and r.built_in and r.name = 'owner'
)
""")


@operation(
    "PUT /auth/users/{id}/roles/{role_id}", permission="auth.role.assign", status=204, emits=RoleAssigned
)
def assign(id: UUID, role_id: UUID, work: Work) -> None:  # noqa: A002 - the path's name
    """Give a user a role, one that grants no more than you hold. Their tokens are stale from here on."""
    _check_user(work, id)
    check_grantable(work, [role_id])
    if add(work, id, [role_id]):
        work.emit(RoleAssigned(id, role_id, _changed(work, id)))


@operation(
    "DELETE /auth/users/{id}/roles/{role_id}",
    permission="auth.role.assign",
    status=204,
    emits=RoleUnassigned,
)
def unassign(id: UUID, role_id: UUID, work: Work) -> None:  # noqa: A002
    """Take a role from a user, one that grants no more than you hold. The last owner stays one."""
    (role,) = check_grantable(work, [role_id])
    if role.built_in and role.name == OWNER:
        check_not_last_owner(work, id)
    taken = delete(user_roles).where(
        user_roles.c.tenant_id == work.tenant,
        user_roles.c.user_id == id,
        user_roles.c.role_id == role_id,
    )
    if work.execute(taken).rowcount == 0:
        raise NotFound("The user does not have this role.")
    work.emit(RoleUnassigned(id, role_id, _changed(work, id)))


def check_grantable(work: Work, role_ids: Sequence[UUID]) -> Sequence[Row[tuple[UUID, str, bool, list[str]]]]:
    """The roles, if they exist and the caller holds all that they grant."""
    if not role_ids:
        return []
    columns = (roles.c.id, roles.c.name, roles.c.built_in, roles.c.permissions)
    found = work.execute(
        select(*columns)
        .where(roles.c.tenant_id == work.tenant, roles.c.id.in_(role_ids))
        # Held until the commit, so that what is checked is what is given.
        .with_for_update(read=True)
    ).all()
    absent = {*role_ids} - {row.id for row in found}
    if absent:
        raise NotFound(f"There is no role {', '.join(sorted(map(str, absent)))}.")
    for row in found:
        grants.check_held(work.principal, row.permissions)
    return found


def add(work: Work, user: UUID, role_ids: Sequence[UUID]) -> bool:
    """Give a user roles that were checked; whether any was new."""
    if not role_ids:
        return False
    held = set(of_users(work, [user]).get(user, ()))
    new = [role for role in role_ids if role not in held]
    give(work, {user: new})
    return bool(new)


def give(work: Work, held: Mapping[UUID, Sequence[UUID]]) -> None:
    """Give new users roles that were checked."""
    rows = [
        {
            "tenant_id": work.tenant,
            "user_id": user,
            "role_id": role,
            "assigned_at": work.now,
            "assigned_by": work.principal.name,
        }
        for user, roles_held in held.items()
        for role in roles_held
    ]
    if rows:
        work.execute(insert(user_roles), rows)


def of_users(work: Work, wanted: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The roles' ids of several users, in one statement."""
    if not wanted:
        return {}
    held: dict[UUID, list[UUID]] = {}
    rows = work.execute(
        select(user_roles.c.user_id, user_roles.c.role_id)
        .where(user_roles.c.tenant_id == work.tenant, user_roles.c.user_id.in_(wanted))
        .order_by(user_roles.c.role_id)
    )
    for row in rows:
        held.setdefault(row.user_id, []).append(row.role_id)
    return held


def has_role(role: UUID) -> ColumnElement[bool]:
    """The condition that a row of users has a role."""
    return exists().where(
        user_roles.c.tenant_id == users.c.tenant_id,
        user_roles.c.user_id == users.c.id,
        user_roles.c.role_id == role,
    )


def check_not_last_owner(work: Work, user: UUID) -> None:
    """Refuse what would leave the tenant without an active owner; two at once follow each other."""
    who = {"tenant": work.tenant, "user": user}
    if not work.execute(_OWNS, who).scalar_one():
        return
    work.execute(_LOCK_TENANT, {"tenant": work.tenant})
    if work.execute(_OTHER_OWNERS, who).scalar_one() == 0:
        raise LastOwner("Make somebody else an owner first.")


def _check_user(work: Work, user: UUID) -> None:
    row = work.execute(
        select(users.c.id).where(users.c.tenant_id == work.tenant, users.c.id == user)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no user {user}.")


def _changed(work: Work, user: UUID) -> int:
    """A user's next version; the tokens made before are stale."""
    changed = (
        update(users)
        .where(users.c.tenant_id == work.tenant, users.c.id == user)
        .values(
            authorization_version=users.c.authorization_version + 1,
            version=users.c.version + 1,
            updated_at=work.now,
        )
        .returning(users.c.version)
    )
    version = work.execute(changed).scalar_one_or_none()
    if version is None:
        raise NotFound(f"There is no user {user}.")
    return int(version)
