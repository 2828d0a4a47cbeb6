"""From a subject to tokens: access tokens (RFC 9068), ID tokens (OpenID Connect Core 1.0), sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import insert

from auth import grants, keys, metrics
from auth.events import SessionStarted
from auth.issuer import issuer
from auth.opaque import Opaque
from auth.subjects import Subject
from auth.tables import sessions
from common.identifiers import uuid7
from common.request import Request
from common.settings import settings
from common.tokens import Claims
from common.work import Work

FIRST_PARTY = "groundwork"
"""The client id of the platform's own sign-in."""
BROWSER = "browser"
"""The client id of a browser's own session, see :mod:`auth.browser_sessions`."""
ID_TOKEN = "JWT"  # noqa: S105 - its ``typ``, by which it is told from an access token

_STORE = insert(sessions)

Grant = Literal["password", "authorization_code", "refresh_token", "client_credentials"]


class TokenResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Tokens as OAuth 2 answers them (RFC 6749, 5.1); ``expires_in`` is in seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    refresh_token: str | None = None
    id_token: str | None = None
    mfa_required: bool = False
    """Set up an authenticator and sign in again: until then the tokens permit nothing else."""


class IdClaims(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The claims of an ID token. Times are seconds since the epoch."""

    iss: str
    sub: UUID
    aud: str
    exp: int
    iat: int
    auth_time: int
    sid: UUID
    amr: list[str]
    nonce: str | None = None
    name: str | None = None
    email: str | None = None
    email_verified: bool | None = None


@dataclass(frozen=True)
class Session:
    """As much of a session as its tokens are made of."""

    id: UUID
    client_id: str
    scope: Sequence[str] | None
    """What the client may have of the user's: permissions and OpenID scopes; None: all permissions."""
    methods: Sequence[str]
    authenticated_at: datetime
    expires_at: datetime


def start(
    subject: Subject,
    methods: Sequence[str],
    request: Request,
    work: Work,
    *,
    client_id: str = FIRST_PARTY,
    scope: Sequence[str] | None = None,
    authenticated_at: datetime | None = None,
    browser: UUID | None = None,
) -> tuple[Session, Opaque]:
    """Start a session: the family of all refresh tokens that follow from one sign-in.

    ``browser`` is the browser's session on whose strength it is begun, ``authenticated_at`` when its user did
    sign in.
    """
    lifetime = timedelta(seconds=subject.settings.session_seconds)
    since = authenticated_at or work.now
    session = Session(uuid7(), client_id, scope, methods, since, work.now + lifetime)
    refresh = Opaque.fresh(work.tenant, session.id)
    row = {
        "id": session.id,
        "tenant_id": work.tenant,
        "user_id": subject.id,
        "client_id": client_id,
        "scope": None if scope is None else list(scope),
        "methods": list(methods),
        "created_at": work.now,
        "expires_at": session.expires_at,
        "idle_expires_at": idle_until(subject, work),
        "refresh_hash": refresh.digest,
        "source_ip": request.source_ip,
        "user_agent": request.user_agent,
        "authenticated_at": authenticated_at,
        "browser_id": browser,
    }
    work.execute(_STORE, row)
    work.emit(
        SessionStarted(
            session.id, subject.id, client_id, list(methods), request.source_ip, request.user_agent
        )
    )
    return session, refresh


def idle_until(subject: Subject, work: Work) -> datetime | None:
    """When the session ends unless it is used again."""
    idle = subject.settings.idle_seconds
    return None if idle is None else work.now + timedelta(seconds=idle)


def narrowed(asked: str | None, allowed: Sequence[str]) -> list[str]:
    """The scope for a request that asks for one (RFC 6749, 3.3): what it asks of what is allowed.

    Asking for no permission in particular asks for all that are allowed. What means nothing is left out
    (OpenID Connect Core 1.0, 3.1.2.1).
    """
    wanted = (asked or "").split()
    openid = [one for one in grants.OPENID_SCOPES if one in wanted]
    patterns = [one for one in wanted if grants.well_formed(one)]
    return [*openid, *(grants.meet(patterns, allowed) if patterns else grants.minimal(allowed))]


def tokens(
    subject: Subject,
    session: Session,
    request: Request,
    work: Work,
    *,
    grant: Grant,
    alg: str = "ES256",
    refresh: Opaque | None = None,
    nonce: str | None = None,
    scope: Sequence[str] | None = None,
) -> TokenResponse:
    """The tokens of a session: an access token, an ID token where the scope has ``openid``."""
    scope = session.scope if scope is None else scope
    granted = scope_of(subject, scope)
    issued = int(work.now.timestamp())
    expires = min(issued + subject.settings.access_token_seconds, int(session.expires_at.timestamp()))
    key = keys.current(work, alg, known=subject.signing_key if alg == "ES256" else None)
    claims = Claims(
        iss=issuer(request),
        sub=subject.id,
        aud=settings().audience,
        exp=expires,
        iat=issued,
        jti=str(uuid7()),
        client_id=session.client_id,
        tid=work.tenant,
        sid=session.id,
        scope=" ".join(granted),
        ver=subject.authorization_version,
    )
    metrics.token_generations_total.inc(grant=grant)
    return TokenResponse(
        access_token=key.sign(claims),
        token_type="Bearer",  # noqa: S106 - the type's name
        expires_in=expires - issued,
        scope=claims.scope,
        refresh_token=refresh.text if refresh else None,
        id_token=_id_token(subject, session, claims, key, nonce=nonce) if "openid" in granted else None,
        mfa_required=subject.settings.mfa_required and subject.totp_secret is None,
    )


def scope_of(subject: Subject, scope: Sequence[str] | None) -> list[str]:
    """What a token of the subject says within a session's scope."""
    if scope is None:
        return list(subject.grants)
    openid = [one for one in scope if one in grants.OPENID_SCOPES]
    return [*openid, *grants.meet([one for one in scope if one not in openid], subject.grants)]


def _id_token(
    subject: Subject, session: Session, access: Claims, key: keys.SigningKey, *, nonce: str | None
) -> str:
    granted = access.scope.split()
    email = "email" in granted
    return key.sign(
        IdClaims(
            iss=access.iss,
            sub=subject.id,
            aud=session.client_id,
            exp=access.exp,
            iat=access.iat,
            auth_time=int(session.authenticated_at.timestamp()),
            sid=session.id,
            amr=[*session.methods, *(["mfa"] if len(session.methods) > 1 else [])],
            nonce=nonce,
            name=subject.name if "profile" in granted else None,
            email=subject.email if email else None,
            email_verified=subject.email_verified if email else None,
        ),
        ID_TOKEN,
    )
