"""Tenants: each business that uses the platform, kept apart from all others."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Row, insert, select, text, update

from auth import mail, passwords, roles
from auth.errors import SignupClosed, SlugTaken
from auth.events import MailRequested, RoleCreated, TenantRegistered, TenantUpdated, UserRegistered
from auth.names import Email, Name, Password, Slug
from auth.tables import tenants, totp, user_roles, users
from auth.tenant_settings import Link, TenantSettings
from common.binding import invalid
from common.errors import Conflict, NotFound
from common.etag import IfMatch
from common.identifiers import uuid7
from common.operation import PUBLIC, SELF, operation
from common.principal import Principal
from common.settings import settings
from common.work import Work


class Administrator(Struct, frozen=True, forbid_unknown_fields=True):
    """The first user of a tenant to be."""

    email: Email
    password: Password
    name: Name


class NewTenant(Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant that signs up, with its first administrator."""

    slug: Slug
    name: Name
    admin: Administrator


class Tenant(Struct, frozen=True):
    """A tenant."""

    id: UUID
    slug: str
    name: str
    settings: TenantSettings
    version: int
    created_at: datetime
    updated_at: datetime


class TenantRegistration(Struct, frozen=True):
    """A tenant that has signed up, and its first administrator."""

    tenant: Tenant
    admin_id: UUID


class SettingsChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings to change; those left out stay."""

    password_min_length: int | UnsetType = UNSET
    password_breached_check: bool | UnsetType = UNSET
    access_token_seconds: int | UnsetType = UNSET
    session_seconds: int | UnsetType = UNSET
    idle_seconds: int | UnsetType | None = UNSET
    mfa_required: bool | UnsetType = UNSET
    password_link: Link | UnsetType | None = UNSET
    email_link: Link | UnsetType | None = UNSET


class TenantChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a tenant to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    settings: SettingsChange | UnsetType = UNSET


@operation(
    "POST /auth/tenants",
    permission=PUBLIC,
    status=201,
    emits=(TenantRegistered, RoleCreated, UserRegistered, MailRequested),
    memory=1024,
    concurrency=20,
    answers=(403,),
)
def register(new: NewTenant, work: Work) -> TenantRegistration:
    """Sign a tenant up, with its first administrator, who owns it. The slug is unique on the platform."""
    if not settings().open_signup:
        raise SignupClosed("Ask the operator of this platform for a tenant.")
    if work.execute(text("select auth.tenant_of(:slug)"), {"slug": new.slug}).scalar_one() is not None:
        raise SlugTaken("Choose another slug; this one belongs to another tenant.")
    decided = TenantSettings()
    decided.check_password(new.admin.password, new.admin.email, new.admin.name)
    work.enter(uuid7())
    owner = uuid7()
    work.act_as(Principal("user", owner, work.tenant))
    stored = msgspec.to_builtins(decided)
    row = work.execute(
        insert(tenants)
        .values(
            id=work.tenant,
            slug=new.slug,
            name=new.name,
            settings=stored,
            created_at=work.now,
            updated_at=work.now,
        )
        .returning(tenants)
    ).one()
    work.emit(TenantRegistered(row.id, new.slug, new.name, owner, stored, 1))
    _add_owner(owner, new.admin, work)
    return TenantRegistration(told(row), owner)


@operation("GET /auth/tenant", permission=SELF)
def read(work: Work) -> Tenant:
    """Read the caller's tenant and its settings."""
    return told(_row(work))


@operation("PATCH /auth/tenant", permission="auth.tenant.update", emits=TenantUpdated)
def change(asked: TenantChange, expected: IfMatch, work: Work) -> Tenant:
    """Change the tenant's name or settings; what is left out stays.

    Asking for authenticators takes effect at once: users without one may only set one up.
    """
    row = _row(work)
    expected.check(row.version)
    before = TenantSettings.of(row.settings)
    wanted = {} if asked.settings is UNSET else msgspec.to_builtins(asked.settings)
    try:
        after = msgspec.convert(msgspec.to_builtins(before) | wanted, TenantSettings)
    except msgspec.ValidationError as error:
        raise invalid(error, TenantSettings) from error
    changed = (
        update(tenants)
        .where(tenants.c.id == work.tenant, tenants.c.version == row.version)
        .values(
            name=row.name if asked.name is UNSET else asked.name,
            settings=msgspec.to_builtins(after),
            version=row.version + 1,
            updated_at=work.now,
        )
        .returning(tenants)
    )
    now = work.execute(changed).one_or_none()
    if now is None:
        raise Conflict("Another change came first; read it again and repeat yours.")
    if after.mfa_required and not before.mfa_required:
        _ask_for_authenticators(work)
    work.emit(TenantUpdated(now.id, now.name, now.settings, now.version))
    return told(now)


def _ask_for_authenticators(work: Work) -> None:
    """Make the tokens of users without an authenticator stale: the next permit no more than getting one."""
    confirmed = select(totp.c.user_id).where(
        totp.c.tenant_id == work.tenant, totp.c.confirmed_at.is_not(None)
    )
    work.execute(
        update(users)
        .where(users.c.tenant_id == work.tenant, users.c.id.not_in(confirmed))
        .values(authorization_version=users.c.authorization_version + 1)
    )


def _add_owner(owner: UUID, new: Administrator, work: Work) -> None:
    role = roles.create_built_in(work)[roles.OWNER]
    email = new.email.lower()
    work.execute(
        insert(users).values(
            id=owner,
            tenant_id=work.tenant,
            email=email,
            name=new.name,
            password_hash=passwords.digest(new.password),
            created_at=work.now,
            updated_at=work.now,
        )
    )
    work.execute(
        insert(user_roles).values(
            tenant_id=work.tenant,
            user_id=owner,
            role_id=role,
            assigned_at=work.now,
            assigned_by=work.principal.name,
        )
    )
    work.emit(UserRegistered(owner, email, new.name, [role], 1))
    mail.ask(work, "email", email)


def _row(work: Work) -> Row[Any]:
    row = work.execute(select(tenants).where(tenants.c.id == work.tenant)).one_or_none()
    if row is None:
        raise NotFound("The tenant is no more.")
    return row


def told(row: Row[Any]) -> Tenant:
    """A tenant's row."""
    return Tenant(
        row.id,
        row.slug,
        row.name,
        TenantSettings.of(row.settings),
        row.version,
        row.created_at,
        row.updated_at,
    )
