"""Sessions: signing in, seeing where one is signed in, and ending it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import Row, or_, select

from auth import credentials, ending, in_person, issuing
from auth.credentials import Presented
from auth.events import LoginFailed, SessionRevoked, SessionStarted, UserLocked
from auth.issuing import TokenResponse
from auth.tables import sessions
from common.errors import BadRequest, Forbidden, NotFound
from common.listing.listed import Listing
from common.operation import PUBLIC, SELF, Uses, operation
from common.paging import Page, Selection
from common.principal import Principal
from common.request import Request
from common.work import Work

READ = "auth.session.read"
REVOKE = "auth.session.revoke"

Text = Annotated[str, Meta(max_length=256)]


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """What a user signs in with; ``otp`` is the authenticator's code, or a recovery code."""

    tenant: Text
    email: Text
    password: Text
    otp: Annotated[str, Meta(max_length=40)] | None = None


class Session(Struct, frozen=True, kw_only=True):
    """A user's signed-in device or application."""

    id: UUID
    user_id: UUID
    client_id: str
    methods: list[str]
    source_ip: str
    user_agent: str
    current: bool
    """Whether it is the caller's own."""
    created_at: datetime
    refreshed_at: datetime | None
    expires_at: datetime
    version: int


class Ended(Struct, frozen=True):
    """How many sessions were ended."""

    ended: int


@operation(
    "POST /auth/login",
    permission=PUBLIC,
    emits=(SessionStarted, LoginFailed, UserLocked),
    uses={Uses.SIGNING},
    memory=1024,
    concurrency=40,
    answers=(401, 429),
)
def login(given: Credentials, request: Request, work: Work) -> TokenResponse:
    """Sign in with tenant, address, password and, where the account has an authenticator, its code.

    The answer to a wrong one never says which was wrong, and takes as long. Failures close the account, and
    the address they come from, for a time that doubles with each.
    """
    presented = Presented(given.tenant, given.email, given.password, given.otp)
    subject, methods = credentials.verify(presented, request, work)
    session, refresh = issuing.start(subject, methods, request, work)
    return issuing.tokens(subject, session, request, work, grant="password", refresh=refresh)


@operation("POST /auth/logout", permission=SELF, status=204, emits=SessionRevoked)
def logout(principal: Principal, work: Work) -> None:
    """End the caller's session: its access and refresh tokens are refused from here on."""
    ending.end(work, "logout", sessions.c.id == principal.session)


_LISTING = Listing("sessions", Session, by="-id")


@operation("GET /auth/sessions", permission=SELF, answers=(403, 404))
def list_(principal: Principal, asked: Selection, work: Work, user_id: UUID | None = None) -> Page[Session]:
    """List the living sessions of the caller, or, with the permission auth.session.read, of ``user_id``."""
    user = _whose(principal, user_id, READ, work)
    living = select(sessions).where(
        sessions.c.tenant_id == work.tenant,
        sessions.c.user_id == user,
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > work.now,
        or_(sessions.c.idle_expires_at.is_(None), sessions.c.idle_expires_at > work.now),
    )
    return _LISTING.page(work, living, asked, lambda row: told(row, principal), of=user)


@operation("DELETE /auth/sessions/{id}", permission=SELF, status=204, emits=SessionRevoked, answers=(403,))
def revoke(id: UUID, principal: Principal, work: Work) -> None:  # noqa: A002 - the path's name
    """End a session of the caller's, or, with the permission auth.session.revoke, anyone's. At once."""
    conditions = [sessions.c.id == id]
    if not principal.may(REVOKE):
        conditions.append(sessions.c.user_id == in_person.require(principal, work).id)
    owner = select(sessions.c.user_id).where(sessions.c.tenant_id == work.tenant, sessions.c.id == id)
    own = work.execute(owner).scalar_one_or_none() == principal.id
    if not ending.end(work, "user" if own else "administrator", *conditions):
        raise NotFound("No such session lives.")


@operation("DELETE /auth/sessions", permission=SELF, emits=SessionRevoked, answers=(403, 404))
def revoke_all(
    principal: Principal, work: Work, user_id: UUID | None = None, keep_current: bool = False
) -> Ended:
    """End all sessions of the caller, or, with the permission auth.session.revoke, of ``user_id``.

    With ``keep_current`` the caller's own session stays: sign out everywhere else.
    """
    user = _whose(principal, user_id, REVOKE, work)
    but = principal.session if keep_current else None
    reason: ending.Reason = "user" if user == principal.id else "administrator"
    return Ended(len(ending.end_of_user(work, user, reason, but=but)))


def told(row: Row[Any], principal: Principal) -> Session:
    """A session's row as the caller sees it."""
    return Session(
        id=row.id,
        user_id=row.user_id,
        client_id=row.client_id,
        methods=row.methods,
        source_ip=row.source_ip,
        user_agent=row.user_agent,
        current=row.id == principal.session,
        created_at=row.created_at,
        refreshed_at=row.refreshed_at,
        expires_at=row.expires_at,
        version=row.version,
    )


def _whose(principal: Principal, user: UUID | None, permission: str, work: Work) -> UUID:
    """Whose sessions are meant: the caller's own, or, with the permission, another user's."""
    if principal.kind != "user" or user not in (None, principal.id):
        if not principal.may(permission):
            raise Forbidden(f"Other users' sessions need the permission {permission}.", permission=permission)
        if user is None:
            raise BadRequest("Say whose: user_id.", parameter="user_id")
        return user
    return in_person.require(principal, work).id
