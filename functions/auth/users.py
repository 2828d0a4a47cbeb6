"""Users of a tenant, as its administrators see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Row, Select, insert, select, text, update

from auth import ending, grants, mail, memberships, passwords, second_factor, subjects, throttle
from auth.errors import TotpAbsent
from auth.events import (
    MailRequested,
    SessionRevoked,
    TotpChanged,
    UserDeactivated,
    UserRegistered,
    UserUnlocked,
    UserUpdated,
)
from auth.names import Email, Name, Password
from auth.subjects import Subject
from auth.tables import totp, users
from auth.tenant_settings import TenantSettings
from common.errors import BadRequest, Conflict, NotFound
from common.etag import IfMatch
from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.work import Work

Status = Literal["active", "deactivated"]


class NewUser(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user to be. Without a password they are mailed an invitation to set one."""

    email: Email
    name: Name
    password: Password | None = None
    role_ids: Annotated[list[UUID], Meta(max_length=50)] = []


class UserChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a user to change; what is left out stays. ``status`` lets a deactivated user in again."""

    email: Email | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    status: Literal["active"] | UnsetType = UNSET


class User(Struct, frozen=True, kw_only=True):
    """A user."""

    id: UUID
    email: str
    email_verified: bool
    name: str
    status: str
    locked_until: datetime | None
    role_ids: list[UUID]
    version: int
    created_at: datetime
    updated_at: datetime


class UserFilter(Struct, frozen=True, kw_only=True):
    """Which users to list: ``q`` is the start of an address or of a name."""

    q: str | None = None
    status: Status | None = None
    role_id: UUID | None = None


@operation(
    "POST /auth/users",
    permission="auth.user.create",
    status=201,
    emits=(UserRegistered, MailRequested),
    idempotent=True,
    memory=1024,
    answers=(404,),
)
def create(new: NewUser, work: Work) -> User:
    """Add a user, with roles that grant no more than you hold."""
    email = new.email.lower()
    if new.password is not None:
        _settings(work).check_password(new.password, email, new.name)
    role_ids = list(dict.fromkeys(new.role_ids))
    memberships.check_grantable(work, role_ids)
    row = work.execute(
        insert(users)
        .values(
            id=uuid7(),
            tenant_id=work.tenant,
            email=email,
            name=new.name,
            password_hash=None if new.password is None else passwords.digest(new.password),
            created_at=work.now,
            updated_at=work.now,
        )
        .returning(users)
    ).one()
    memberships.add(work, row.id, role_ids)
    work.emit(UserRegistered(row.id, email, new.name, role_ids, row.version))
    mail.ask(work, "invitation" if new.password is None else "email", email)
    return told(row, sorted(role_ids), work)


_LISTING = Listing("users", User, by="email")


@operation("GET /auth/users", permission="auth.user.read")
def list_(wanted: UserFilter, asked: Selection, work: Work) -> Page[User]:
    """List the users by address: by the start of an address or name, by status or role."""
    statement = _filtered(select(users).where(users.c.tenant_id == work.tenant), wanted)
    found = _LISTING.rows(work, statement, asked, of=wanted)
    held = memberships.of_users(work, [row.id for row in found.items])
    return Page([told(row, held.get(row.id, []), work) for row in found.items], found.next)


@operation("GET /auth/users/{id}", permission="auth.user.read")
def read(id: UUID, work: Work) -> User:  # noqa: A002 - the path's name
    """Read one user, active or not."""
    return read_one(work, id)


@operation(
    "PATCH /auth/users/{id}",
    permission="auth.user.update",
    emits=(UserUpdated, MailRequested),
)
def change(id: UUID, asked: UserChange, expected: IfMatch, work: Work) -> User:  # noqa: A002
    """Change a user's name or address, or let a deactivated one in again. ``If-Match`` names what was read.

    Who may do more than you keeps the address and status they have.
    """
    subject = subject_of(work, id)
    expected.check(subject.version)
    email = subject.email if asked.email is UNSET else asked.email.lower()
    status = subject.status if asked.status is UNSET else asked.status
    if email != subject.email or status != subject.status:
        grants.check_outranks(work.principal, subject.held, "The user")
    name = subject.name if asked.name is UNSET else asked.name
    update_profile(work, subject, name, email, status)
    return read_one(work, id)


@operation(
    "DELETE /auth/users/{id}",
    permission="auth.user.deactivate",
    status=204,
    emits=(UserDeactivated, SessionRevoked),
)
def deactivate(id: UUID, work: Work) -> None:  # noqa: A002
    """Shut a user out: sessions end at once, nothing is deleted, and the user can be let in again."""
    subject = subject_of(work, id)
    grants.check_outranks(work.principal, subject.held, "The user")
    memberships.check_not_last_owner(work, id)
    if subject.status == "deactivated":
        return
    version = _bump(work, id, status="deactivated")
    ending.end_of_user(work, id, "deactivated")
    work.emit(UserDeactivated(id, version))


@operation("POST /auth/users/{id}/unlock", permission="auth.user.unlock", emits=UserUnlocked)
def unlock(id: UUID, work: Work) -> User:  # noqa: A002
    """Open an account that too many failed sign-ins have closed, before its time."""
    subject = subject_of(work, id)
    throttle.clear(work, throttle.account_key(subject.tenant_slug, subject.email))
    user = read_one(work, id)
    if user.locked_until is not None:
        work.emit(UserUnlocked(id, _bump(work, id, stale=False, locked_until=None)))
        user = read_one(work, id)
    return user


@operation(
    "DELETE /auth/users/{id}/totp",
    permission="auth.user.update",
    status=204,
    emits=(TotpChanged, SessionRevoked),
)
def remove_totp(id: UUID, work: Work) -> None:  # noqa: A002
    """Remove the authenticator of a user who has lost it. Their sessions end."""
    subject = subject_of(work, id)
    grants.check_outranks(work.principal, subject.held, "The user")
    if subject.totp_secret is None:
        raise TotpAbsent("The user has no authenticator.")
    remove_second_factor(work, id)
    ending.end_of_user(work, id, "administrator")


def remove_second_factor(work: Work, user: UUID) -> None:
    """Forget a user's authenticator and recovery codes."""
    work.execute(totp.delete().where(totp.c.tenant_id == work.tenant, totp.c.user_id == user))
    second_factor.remove_recovery_codes(work, user)
    work.emit(TotpChanged(user, False))


def update_profile(work: Work, subject: Subject, name: str, email: str, status: str) -> None:
    """Write a user's name, address and status; a new address is to be proved anew."""
    verified = subject.email_verified and email == subject.email
    changed = (
        update(users)
        .where(users.c.tenant_id == work.tenant, users.c.id == subject.id, users.c.version == subject.version)
        .values(
            name=name,
            email=email,
            email_verified=verified,
            status=status,
            version=users.c.version + 1,
            updated_at=work.now,
        )
        .returning(users.c.version)
    )
    version = work.execute(changed).scalar_one_or_none()
    if version is None:
        raise Conflict("Another change came first; read it again and repeat yours.")
    work.emit(UserUpdated(subject.id, email, verified, name, status, version))
    if email != subject.email:
        mail.ask(work, "email", email)


def subject_of(work: Work, user: UUID) -> Subject:
    """The tenant's user with the id, or 404."""
    subject = subjects.by_id(work, user)
    if subject is None:
        raise NotFound(f"There is no user {user}.")
    return subject


def told(row: Row[Any], role_ids: list[UUID], work: Work) -> User:
    """A user's row, with the ids of their roles."""
    locked = row.locked_until if row.locked_until and row.locked_until > work.now else None
    return User(
        id=row.id,
        email=row.email,
        email_verified=row.email_verified,
        name=row.name,
        status=row.status,
        locked_until=locked,
        role_ids=role_ids,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def read_one(work: Work, user: UUID) -> User:
    """One of the tenant's users, or 404."""
    row = work.execute(
        select(users).where(users.c.tenant_id == work.tenant, users.c.id == user)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no user {user}.")
    return told(row, memberships.of_users(work, [user]).get(user, []), work)


def _filtered(statement: Select[Any], wanted: UserFilter) -> Select[Any]:
    if wanted.status is not None:
        statement = statement.where(users.c.status == wanted.status)
    if wanted.role_id is not None:
        statement = statement.where(memberships.has_role(wanted.role_id))
    if wanted.q is not None:
        if "\x00" in wanted.q or len(wanted.q) > 200:
            raise BadRequest("q is up to 200 characters, without NUL.", parameter="q")
        statement = statement.where(
            users.c.email.istartswith(wanted.q, autoescape=True)
            | users.c.name.istartswith(wanted.q, autoescape=True)
        )
    return statement


def _bump(work: Work, user: UUID, *, stale: bool = True, **values: Any) -> int:
    """Change a user's row to its next version; ``stale`` makes the tokens it has so."""
    changed = (
        update(users)
        .where(users.c.tenant_id == work.tenant, users.c.id == user)
        .values(
            **values,
            authorization_version=users.c.authorization_version + (1 if stale else 0),
            version=users.c.version + 1,
            updated_at=work.now,
        )
        .returning(users.c.version)
    )
    return int(work.execute(changed).scalar_one())


def _settings(work: Work) -> TenantSettings:
    stored = work.execute(text("select settings from auth.tenants where id = :id"), {"id": work.tenant})
    return TenantSettings.of(stored.scalar_one())
