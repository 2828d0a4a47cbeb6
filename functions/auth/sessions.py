"""Sessions: signing in, and being ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import Row, func, select, text, update

from auth import keys, metrics, passwords
from auth.errors import BadCredentials
from auth.events import LoginFailed, SessionRevoked, SessionStarted
from auth.tables import roles, sessions, user_roles, users
from common.errors import NotFound
from common.identifiers import uuid7
from common.operation import PUBLIC, SELF, operation
from common.principal import Principal
from common.request import Request
from common.settings import settings
from common.tokens import Claims
from common.work import Work

ACCESS_LIFETIME = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(hours=12)

Text = Annotated[str, Meta(max_length=256)]


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """What a user signs in with."""

    tenant: Text
    email: Text
    password: Text


class TokenResponse(Struct, frozen=True, omit_defaults=True):
    """Tokens as OAuth 2 answers them (RFC 6749, 5.1); ``expires_in`` is in seconds."""

    access_token: str
    expires_in: int
    scope: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the type's name


@operation("POST /auth/login", permission=PUBLIC, emits=(SessionStarted, LoginFailed), memory=1024)
def login(credentials: Credentials, request: Request, work: Work) -> TokenResponse:
    """Sign in with tenant, address and password. The answer to a wrong one never says which was wrong."""
    user = _user(credentials, work)
    if not passwords.matches(user.password_hash if user else None, credentials.password) or user is None:
        metrics.login_attempts_total.inc(result="failed")
        if user is not None:
            work.emit(LoginFailed(user.id, "password", request.source_ip))
        raise BadCredentials("Check tenant, address and password.")
    metrics.login_attempts_total.inc(result="succeeded")
    work.act_as(Principal("user", user.id, work.tenant))
    session = _start(user.id, request, work)
    return _issue(user.id, user.authorization_version, session, work)


@operation("DELETE /auth/sessions/{id}", permission=SELF, status=204, emits=SessionRevoked)
def revoke(id: UUID, principal: Principal, work: Work) -> None:  # noqa: A002 - the path's name
    """End one of the caller's sessions. Its tokens are refused from here on."""
    ended = work.execute(
        update(sessions)
        .where(sessions.c.id == id, sessions.c.user_id == principal.id, sessions.c.revoked_at.is_(None))
        .values(revoked_at=work.now)
    )
    if ended.rowcount == 0:
        raise NotFound("No such session lives.")
    assert principal.id is not None
    work.emit(SessionRevoked(id, principal.id, "user"))


def _user(credentials: Credentials, work: Work) -> Row[Any] | None:
    tenant = work.execute(text("select auth.tenant_of(:slug)"), {"slug": credentials.tenant}).scalar_one()
    if tenant is None:
        return None
    work.enter(tenant)
    return work.execute(
        select(users.c.id, users.c.password_hash, users.c.authorization_version).where(
            users.c.tenant_id == tenant,
            users.c.email == credentials.email.lower(),
            users.c.status == "active",
        )
    ).one_or_none()


def _start(user: UUID, request: Request, work: Work) -> UUID:
    session = uuid7()
    work.execute(
        sessions.insert().values(
            id=session,
            tenant_id=work.tenant,
            user_id=user,
            created_at=work.now,
            expires_at=work.now + SESSION_LIFETIME,
            source_ip=request.source_ip,
            user_agent=request.user_agent,
        )
    )
    work.emit(SessionStarted(session, user, request.source_ip, request.user_agent))
    return session


def _grants(user: UUID, work: Work) -> list[str]:
    held = (
        select(func.unnest(roles.c.permissions))
        .select_from(roles.join(user_roles, user_roles.c.role_id == roles.c.id))
        .where(user_roles.c.tenant_id == work.tenant, user_roles.c.user_id == user)
        .distinct()
    )
    return sorted(work.execute(held).scalars())


def _issue(user: UUID, version: int, session: UUID, work: Work) -> TokenResponse:
    scope = " ".join(_grants(user, work))
    issued = int(work.now.timestamp())
    claims = Claims(
        iss=settings().issuer,
        sub=user,
        aud=settings().audience,
        exp=issued + int(ACCESS_LIFETIME.total_seconds()),
        iat=issued,
        jti=str(uuid7()),
        client_id="groundwork",
        tid=work.tenant,
        sid=session,
        scope=scope,
        ver=version,
    )
    metrics.token_generations_total.inc(grant="password")
    token = keys.current(work).sign(claims)
    return TokenResponse(token, int(ACCESS_LIFETIME.total_seconds()), scope)
