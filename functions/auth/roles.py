"""Roles: named sets of permissions. Each tenant starts with four."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Row, delete, exists, insert, select, update

from auth import grants, memberships, permissions
from auth.errors import BuiltInRole, RoleInUse
from auth.events import RoleCreated, RoleDeleted, RoleUpdated
from auth.names import Name
from auth.tables import roles, user_roles, users
from common.errors import Conflict, NotFound
from common.etag import IfMatch
from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.work import Work

OWNER = memberships.OWNER

BUILT_IN: dict[str, tuple[str, tuple[str, ...]]] = {
    OWNER: ("Everything, billing and closing included.", ("*",)),
    "admin": (
        "Everything but what only owners may.",
        ("auth.*", "masterdata.*", "workflow.*", "rules.*", "gateway.*"),
    ),
    "editor": (
        "Reads everything, changes business data.",
        ("*.*.read", "masterdata.*", "workflow.*", "rules.*"),
    ),
    "viewer": ("Reads everything.", ("*.*.read",)),
}
"""Name to description and granted permissions."""

Description = Annotated[str, Meta(max_length=1000, pattern=r"^[^\x00]*$")]
Patterns = Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=500)]


class NewRole(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A role to be; ``permissions`` may hold patterns such as ``masterdata.*`` and ``*.*.read``."""

    name: Name
    description: Description = ""
    permissions: Patterns = []


class RoleChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a role to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    permissions: Patterns | UnsetType = UNSET


class Role(Struct, frozen=True, kw_only=True):
    """A role."""

    id: UUID
    name: str
    description: str
    permissions: list[str]
    built_in: bool
    version: int
    created_at: datetime
    updated_at: datetime


@operation("POST /auth/roles", permission="auth.role.create", status=201, emits=RoleCreated, idempotent=True)
def create(new: NewRole, work: Work) -> Role:
    """Make a role, of permissions that you hold."""
    _check(work, new.permissions)
    row = work.execute(
        insert(roles)
        .values(
            id=uuid7(),
            tenant_id=work.tenant,
            name=new.name,
            description=new.description,
            permissions=grants.minimal(new.permissions),
            created_at=work.now,
            updated_at=work.now,
        )
        .returning(roles)
    ).one()
    work.emit(RoleCreated(row.id, row.name, row.description, row.permissions, False, row.version))
    return told(row)


_LISTING = Listing("roles", Role, by="name", key="name")


@operation("GET /auth/roles", permission="auth.role.read")
def list_(asked: Selection, work: Work, built_in: bool | None = None) -> Page[Role]:
    """List the roles by name, built-in ones or others only if asked."""
    statement = select(roles).where(roles.c.tenant_id == work.tenant)
    if built_in is not None:
        statement = statement.where(roles.c.built_in == built_in)
    return _LISTING.page(work, statement, asked, told, of=built_in)


@operation("GET /auth/roles/{id}", permission="auth.role.read")
def read(id: UUID, work: Work) -> Role:  # noqa: A002 - the path's name
    """Read one role, built-in or not."""
    return told(_row(work, id))


@operation("PATCH /auth/roles/{id}", permission="auth.role.update", emits=RoleUpdated)
def change(id: UUID, asked: RoleChange, expected: IfMatch, work: Work) -> Role:  # noqa: A002
    """Change a role. Whoever has it gets the new permissions with the next token; the present ones are stale.

    Permissions can be added only if you hold them, and a role that grants more than you hold is not yours to
    change.
    """
    row = _row(work, id)
    expected.check(row.version)
    if row.built_in:
        raise BuiltInRole("The built-in roles are the same for every tenant; make one of your own.")
    grants.check_outranks(work.principal, row.permissions, "The role")
    granted = row.permissions
    if asked.permissions is not UNSET:
        _check(work, asked.permissions)
        granted = grants.minimal(asked.permissions)
    changed = (
        update(roles)
        .where(roles.c.tenant_id == work.tenant, roles.c.id == id, roles.c.version == row.version)
        .values(
            name=row.name if asked.name is UNSET else asked.name,
            description=row.description if asked.description is UNSET else asked.description,
            permissions=granted,
            version=row.version + 1,
            updated_at=work.now,
        )
        .returning(roles)
    )
    now = work.execute(changed).one_or_none()
    if now is None:
        raise Conflict("Another change came first; read it again and repeat yours.")
    if granted != row.permissions:
        _make_stale(work, id)
    work.emit(RoleUpdated(now.id, now.name, now.description, now.permissions, now.version))
    return told(now)


@operation("DELETE /auth/roles/{id}", permission="auth.role.delete", status=204, emits=RoleDeleted)
def remove(id: UUID, work: Work) -> None:  # noqa: A002
    """Remove a role that no user has any more."""
    row = _row(work, id)
    if row.built_in:
        raise BuiltInRole("The built-in roles stay.")
    grants.check_outranks(work.principal, row.permissions, "The role")
    in_use = select(exists().where(user_roles.c.tenant_id == work.tenant, user_roles.c.role_id == id))
    if work.execute(in_use).scalar_one():
        raise RoleInUse("Take it from its users first: GET /auth/users?role_id= lists them.")
    gone = delete(roles).where(roles.c.tenant_id == work.tenant, roles.c.id == id)
    if work.execute(gone).rowcount == 1:
        work.emit(RoleDeleted(id, row.version + 1))


def create_built_in(work: Work) -> dict[str, UUID]:
    """Give a new tenant its four roles; their ids by name."""
    made = {name: uuid7() for name in BUILT_IN}
    work.execute(
        insert(roles),
        [
            {
                "id": made[name],
                "tenant_id": work.tenant,
                "name": name,
                "description": description,
                "permissions": list(granted),
                "built_in": True,
                "created_at": work.now,
                "updated_at": work.now,
            }
            for name, (description, granted) in BUILT_IN.items()
        ],
    )
    for name, (description, granted) in BUILT_IN.items():
        work.emit(RoleCreated(made[name], name, description, list(granted), True, 1))
    return made


def told(row: Row[Any]) -> Role:
    """A role's row."""
    return Role(
        id=row.id,
        name=row.name,
        description=row.description,
        permissions=row.permissions,
        built_in=row.built_in,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _check(work: Work, wanted: list[str]) -> None:
    grants.check_known(wanted, permissions.catalogue(work))
    grants.check_held(work.principal, wanted)


def _make_stale(work: Work, role: UUID) -> None:
    having = select(user_roles.c.user_id).where(
        user_roles.c.tenant_id == work.tenant, user_roles.c.role_id == role
    )
    work.execute(
        update(users)
        .where(users.c.tenant_id == work.tenant, users.c.id.in_(having))
        .values(authorization_version=users.c.authorization_version + 1)
    )


def _row(work: Work, role: UUID) -> Row[Any]:
    row = work.execute(
        select(roles).where(roles.c.tenant_id == work.tenant, roles.c.id == role)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no role {role}.")
    return row
