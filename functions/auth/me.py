"""The caller's own affairs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import select, update

from auth import ending, in_person, issuing, passwords, subjects, throttle, users
from auth.errors import Throttled, WrongPassword
from auth.events import MailRequested, SessionRevoked, UserPasswordChanged, UserUpdated
from auth.grants import OPENID_SCOPES
from auth.issuing import TokenResponse
from auth.names import Email, Name, Password
from auth.subjects import Subject
from auth.tables import sessions
from auth.tables import users as table
from common.errors import NotFound
from common.operation import SELF, Uses, operation
from common.principal import Principal
from common.request import Request
from common.work import Work


class Me(Struct, frozen=True, kw_only=True):
    """The signed-in user."""

    id: UUID
    tenant: str
    tenant_id: UUID
    session_id: UUID
    email: str
    email_verified: bool
    name: str
    totp: bool
    """Whether an authenticator is set up."""
    permissions: list[str]
    """What this token grants, patterns included."""
    role_ids: list[UUID]
    version: int
    created_at: datetime


class MyChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of oneself to change; what is left out stays. A new address is asked for with the password."""

    name: Name | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    password: Password | UnsetType = UNSET


class PasswordChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The present password and the one to be."""

    current: Password
    new: Password


@operation("GET /auth/me", permission=SELF, answers=(404,))
def read(principal: Principal, work: Work) -> Me:
    """Who the token speaks for, and what they may do."""
    return _read(principal, work)


@operation(
    "PATCH /auth/me",
    permission=SELF,
    emits=(UserUpdated, MailRequested),
    memory=1024,
    answers=in_person.REFUSALS,
)
def change(asked: MyChange, principal: Principal, request: Request, work: Work) -> Me:
    """Change one's name or address. The address, to which passwords are reset, needs the password."""
    subject = in_person.require(principal, work)
    email = subject.email if asked.email is UNSET else asked.email.lower()
    if email != subject.email:
        given = "" if asked.password is UNSET else asked.password
        _prove(subject, given, request, work)
    name = subject.name if asked.name is UNSET else asked.name
    users.update_profile(work, subject, name, email, subject.status)
    return _read(principal, work)


@operation(
    "POST /auth/me/password",
    permission=SELF,
    emits=(UserPasswordChanged, SessionRevoked),
    uses={Uses.SIGNING},
    memory=1024,
    concurrency=20,
    answers=in_person.REFUSALS,
)
def change_password(
    asked: PasswordChange, principal: Principal, request: Request, work: Work
) -> TokenResponse:
    """Change one's password. All other sessions end; this one goes on with the new access token."""
    subject = in_person.require(principal, work)
    _prove(subject, asked.current, request, work)
    subject.settings.check_password(asked.new, subject.email, subject.name)
    changed = (
        update(table)
        .where(table.c.tenant_id == work.tenant, table.c.id == subject.id)
        .values(
            password_hash=passwords.digest(asked.new),
            authorization_version=table.c.authorization_version + 1,
            version=table.c.version + 1,
            updated_at=work.now,
        )
        .returning(table.c.version, table.c.email_verified)
    )
    now = work.execute(changed).one()
    ending.end_of_user(work, subject.id, "password", but=principal.session)
    work.emit(UserPasswordChanged(subject.id, "change", now.email_verified, now.version))
    row = work.execute(
        select(sessions).where(sessions.c.tenant_id == work.tenant, sessions.c.id == principal.session)
    ).one()
    session = issuing.Session(row.id, row.client_id, row.scope, row.methods, row.created_at, row.expires_at)
    return issuing.tokens(_subject(principal, work), session, request, work, grant="password")


def _prove(subject: Subject, password: str, request: Request, work: Work) -> None:
    """Refuse a password that is not the user's; failures count as those of a sign-in."""
    attempt = throttle.begin(work, subject.tenant_slug, subject.email, request.source_ip)
    blocked = attempt.account_blocked_until
    if blocked is not None and blocked > work.now:
        wait = int((blocked - work.now).total_seconds()) + 1
        raise Throttled("Too many wrong passwords; wait.", retry_after=wait)
    if not passwords.matches(subject.password_hash, password):
        throttle.fail(work, attempt, locked=False)
        raise WrongPassword("The present password is another.")
    throttle.succeed(work, attempt)


def _subject(principal: Principal, work: Work) -> Subject:
    subject = subjects.by_id(work, principal.id) if principal.id else None
    if subject is None:
        raise _nobody()
    return subject


def _read(principal: Principal, work: Work) -> Me:
    assert principal.session is not None
    subject = _subject(principal, work)
    user = users.read_one(work, subject.id)
    return Me(
        id=subject.id,
        tenant=subject.tenant_slug,
        tenant_id=work.tenant,
        session_id=principal.session,
        email=subject.email,
        email_verified=subject.email_verified,
        name=subject.name,
        totp=subject.totp_secret is not None,
        permissions=sorted(principal.grants - {*OPENID_SCOPES}),
        role_ids=user.role_ids,
        version=subject.version,
        created_at=user.created_at,
    )


def _nobody() -> NotFound:
    return NotFound("The token speaks for no user.")
