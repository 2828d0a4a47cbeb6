"""Tenants: each business that uses the platform, kept apart from all others."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import text

from auth import passwords, roles
from auth.errors import SignupClosed, SlugTaken
from auth.events import TenantRegistered, UserRegistered
from auth.tables import tenants, user_roles, users
from common.identifiers import uuid7
from common.operation import PUBLIC, operation
from common.principal import Principal
from common.settings import settings
from common.work import Work

Slug = Annotated[
    str, Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$", description="Lower-case name for URLs.")
]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Email = Annotated[
    str, Meta(max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f.]+$")
]
Password = Annotated[str, Meta(min_length=passwords.MIN_LENGTH, max_length=passwords.MAX_LENGTH)]


class NewUser(Struct, frozen=True, forbid_unknown_fields=True):
    """A user to be."""

    email: Email
    password: Password
    name: Name


class NewTenant(Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant that signs up, with its first administrator."""

    slug: Slug
    name: Name
    admin: NewUser


class Tenant(Struct, frozen=True):
    """A tenant."""

    id: UUID
    slug: str
    name: str
    version: int
    created_at: datetime


class Registration(Struct, frozen=True):
    """A tenant that has signed up, and its first administrator."""

    tenant: Tenant
    admin_id: UUID


@operation("POST /auth/tenants", permission=PUBLIC, status=201, emits=(TenantRegistered, UserRegistered))
def register(new: NewTenant, work: Work) -> Registration:
    """Sign a tenant up, with its first administrator, who owns it. The slug is unique on the platform."""
    if not settings().open_signup:
        raise SignupClosed("Ask the operator of this platform for a tenant.")
    if work.execute(text("select auth.tenant_of(:slug)"), {"slug": new.slug}).scalar_one() is not None:
        raise SlugTaken("Choose another slug; this one belongs to another tenant.")
    tenant = Tenant(uuid7(), new.slug, new.name, 1, work.now)
    work.enter(tenant.id)
    work.execute(
        tenants.insert().values(
            id=tenant.id, slug=tenant.slug, name=tenant.name, created_at=tenant.created_at
        )
    )
    owner = _first_user(new.admin, work)
    work.emit(TenantRegistered(tenant.id, tenant.slug, tenant.name, owner, 1))
    return Registration(tenant, owner)


def _first_user(new: NewUser, work: Work) -> UUID:
    owner = uuid7()
    work.act_as(Principal("user", owner, work.tenant))
    role = roles.create_built_in(work)[roles.OWNER]
    email = new.email.lower()
    work.execute(
        users.insert().values(
            id=owner,
            tenant_id=work.tenant,
            email=email,
            name=new.name,
            password_hash=passwords.digest(new.password),
        )
    )
    work.execute(
        user_roles.insert().values(
            tenant_id=work.tenant, user_id=owner, role_id=role, assigned_by=work.principal.name
        )
    )
    work.emit(UserRegistered(owner, email, new.name, [role], 1))
    return owner
