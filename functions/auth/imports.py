"""Moving in: users with their password hashes, as an export gives them, ours or another system's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import insert, select

from auth import foreign_hashes, memberships
from auth.events import UserRegistered, UserUpdated
from auth.names import Email, Name
from auth.tables import roles, users
from auth.users import Status
from common.errors import Conflict, Invalid
from common.identifiers import uuid7
from common.operation import operation
from common.work import Work

AT_ONCE = 1000


class ImportedUser(Struct, frozen=True, kw_only=True):
    """A user as an export has them; members not named here are ignored.

    ``password_hash`` is Argon2's or PBKDF2's, as a PHC string (``$argon2id$...``, ``$pbkdf2-sha256$...``) or
    as Django writes it (``pbkdf2_sha256$...``); without one the user sets a password by mail. ``id`` keeps
    what other systems know the user by. ``roles`` are names of this tenant's.
    """

    email: Email
    name: Name
    id: UUID | None = None
    email_verified: bool = False
    status: Status = "active"
    password_hash: Annotated[str, Meta(max_length=500)] | None = None
    roles: Annotated[list[str], Meta(max_length=50)] = []


class UserImport(Struct, frozen=True, forbid_unknown_fields=True):
    """Users to take in: all of them, or none."""

    users: Annotated[list[ImportedUser], Meta(min_length=1, max_length=AT_ONCE)]


class Imported(Struct, frozen=True):
    """How many users were taken in."""

    users: int


@operation(
    "POST /auth/imports",
    permission="auth.user.import",
    status=201,
    emits=(UserRegistered, UserUpdated),
    idempotent=True,
    body_limit=1_048_576,
    memory=1024,
)
def create(asked: UserImport, work: Work) -> Imported:
    """Take in users with the hashes of their passwords, up to 1,000 at a time, with roles that you hold.

    They sign in with the passwords they have; each is then hashed anew. Nobody is written a mail.
    """
    for place, user in enumerate(asked.users):
        if user.password_hash is not None and (why := foreign_hashes.fault(user.password_hash)) is not None:
            raise Invalid.at(f"/users/{place}/password_hash", f"The hash cannot be taken over: {why}.")
    _check_new(asked.users, work)
    named = _roles(asked.users, work)
    rows = [_row(user, work) for user in asked.users]
    held = {
        row["id"]: sorted({named[name] for name in user.roles})
        for row, user in zip(rows, asked.users, strict=True)
    }
    work.execute(insert(users), rows)
    memberships.give(work, held)
    for row in rows:
        work.emit(UserRegistered(row["id"], row["email"], row["name"], held[row["id"]], 1))
        if row["version"] > 1:
            work.emit(
                UserUpdated(row["id"], row["email"], row["email_verified"], row["name"], row["status"], 2)
            )
    return Imported(len(rows))


def _row(user: ImportedUser, work: Work) -> dict[str, Any]:
    return {
        "id": user.id or uuid7(),
        "tenant_id": work.tenant,
        "email": user.email.lower(),
        "email_verified": user.email_verified,
        "name": user.name,
        "status": user.status,
        "password_hash": user.password_hash,
        # The event of a registration says neither that the address is proved nor that the user is shut out.
        "version": 2 if user.email_verified or user.status != "active" else 1,
        "created_at": work.now,
        "updated_at": work.now,
    }


def _check_new(wanted: Sequence[ImportedUser], work: Work) -> None:
    """Refuse addresses and ids that come twice, or that the tenant has."""
    emails = [user.email.lower() for user in wanted]
    ids = [user.id for user in wanted if user.id is not None]
    if len({*emails}) < len(emails) or len({*ids}) < len(ids):
        raise Invalid.at("/users", "An address or an id comes twice.")
    known = select(users.c.email).where(
        users.c.tenant_id == work.tenant, users.c.email.in_(emails) | users.c.id.in_(ids)
    )
    if taken := sorted(work.execute(known).scalars()):
        raise Conflict("Users with these addresses or ids exist already; leave them out.", emails=taken)


def _roles(wanted: Sequence[ImportedUser], work: Work) -> dict[str, UUID]:
    """The roles named, by name; the caller holds all that they grant."""
    names = {name for user in wanted for name in user.roles}
    found = select(roles.c.name, roles.c.id).where(roles.c.tenant_id == work.tenant, roles.c.name.in_(names))
    known = {row.name: row.id for row in work.execute(found)} if names else {}
    for place, user in enumerate(wanted):
        if absent := sorted({*user.roles} - known.keys()):
            raise Invalid.at(f"/users/{place}/roles", f"There is no role {', '.join(absent)}.")
    memberships.check_grantable(work, list(known.values()))
    return known
