"""Token introspection (RFC 7662) and revocation (RFC 7009), for clients that prove who they are."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from auth import client_authentication, ending, issuing, opaque, refresh, subjects
from auth.client_authentication import Client
from auth.errors import InvalidClient, OAuthError
from auth.events import SessionRevoked
from auth.issuer import issuer
from auth.issuing import FIRST_PARTY
from auth.oauth import ClientForm, tells
from auth.tables import revoked_tokens, sessions, users
from common.binding import FORM
from common.errors import Unauthenticated
from common.operation import PUBLIC, Uses, operation
from common.request import Request, Response
from common.settings import settings
from common.tokens import Claims, Verifier
from common.work import Work


class TokenForm(ClientForm, frozen=True, kw_only=True):
    """A token to ask about or to revoke; the hint is not needed to find it."""

    token: str = ""
    token_type_hint: str = ""


class Introspection(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is known of a token (RFC 7662, 2.2); an inactive one has nothing but that."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    username: str | None = None
    token_type: str | None = None
    exp: int | None = None
    iat: int | None = None
    sub: UUID | None = None
    aud: str | None = None
    iss: str | None = None
    jti: str | None = None
    tid: UUID | None = None
    sid: UUID | None = None


INACTIVE = Introspection(active=False)

_KEYS = text("select platform.verification_keys()")
_ADMITTED = text("select live and fresh from platform.enter(:tenant, :session, :subject, :version)")


@operation(
    "POST /auth/introspect",
    permission=PUBLIC,
    uses={Uses.SIGNING},
    media_types=(FORM,),
    tells=tells,
    answers=(401,),
)
def introspect(asked: TokenForm, request: Request, work: Work) -> Introspection:
    """Tell a client whether a token of its tenant is good now, and for what."""
    client = client_authentication.authenticate(request, asked.client_id, asked.client_secret, work)
    if client is None or client.public:
        raise InvalidClient("Introspection is for clients with a secret.")
    if not asked.token:
        raise OAuthError("invalid_request", "token is missing.")
    work.enter(client.tenant_id)
    claims = _claims(asked.token, work)
    if claims is None:
        return _of_refresh(asked.token, client, request, work)
    if claims.tid != client.tenant_id or not _lives(claims, work):
        return INACTIVE
    return Introspection(
        active=True,
        scope=claims.scope,
        client_id=claims.client_id,
        username=_username(claims, work),
        token_type="Bearer",  # noqa: S106 - the type's name
        exp=claims.exp,
        iat=claims.iat,
        sub=claims.sub,
        aud=settings().audience,
        iss=claims.iss,
        jti=claims.jti,
        tid=claims.tid,
        sid=claims.sid,
    )


@operation(
    "POST /auth/revoke",
    permission=PUBLIC,
    emits=SessionRevoked,
    uses={Uses.SIGNING},
    media_types=(FORM,),
    tells=tells,
    answers=(401,),
)
def revoke(asked: TokenForm, request: Request, work: Work) -> Response[None]:
    """Revoke a token of the calling client's. A user's session ends whole: access and refresh tokens alike.

    A token that is none, or nobody's any more, is revoked already: 200 too (RFC 7009, 2.2).
    """
    client = client_authentication.authenticate(request, asked.client_id, asked.client_secret, work)
    if not asked.token:
        raise OAuthError("invalid_request", "token is missing.")
    name = FIRST_PARTY if client is None else str(client.id)
    claims = _claims(asked.token, work)
    if claims is not None:
        if claims.client_id == name:
            work.enter(claims.tid)
            _revoke_access(claims, work)
    elif (token := opaque.read(asked.token)) is not None:
        work.enter(token.tenant)
        ending.end(work, "token", sessions.c.id == token.id, sessions.c.client_id == name)
    return Response(None, status=200, headers={"Cache-Control": "no-store"})


def _claims(token: str, work: Work) -> Claims | None:
    """The claims of a good access token, verified against the keys that this transaction sees."""
    verifier = Verifier(
        lambda: work.execute(_KEYS).scalar_one(), issuer=settings().issuer, audience=settings().audience
    )
    try:
        return verifier.verify(token, work.now)[1]
    except Unauthenticated:
        return None


def _lives(claims: Claims, work: Work) -> bool:
    """Whether an access token would be admitted, by the function that admits callers everywhere."""
    caller = {"tenant": claims.tid, "session": claims.sid, "subject": claims.sub, "version": claims.ver}
    return bool(work.execute(_ADMITTED, caller).scalar_one())


def _username(claims: Claims, work: Work) -> str | None:
    if claims.sub_kind == "client":
        return None
    email = select(users.c.email).where(users.c.tenant_id == claims.tid, users.c.id == claims.sub)
    return work.execute(email).scalar_one_or_none()


def _of_refresh(offered: str, client: Client, request: Request, work: Work) -> Introspection:
    token = opaque.read(offered)
    if token is None or token.tenant != client.tenant_id:
        return INACTIVE
    row = work.execute(
        select(sessions).where(sessions.c.tenant_id == token.tenant, sessions.c.id == token.id)
    ).one_or_none()
    if row is None or not refresh.lives(row, work) or not refresh.current(row, token):
        return INACTIVE
    if row.client_id == issuing.BROWSER:
        return INACTIVE
    subject = subjects.by_id(work, row.user_id)
    if subject is None or subject.status != "active":
        return INACTIVE
    return Introspection(
        active=True,
        scope=" ".join(issuing.scope_of(subject, row.scope)),
        client_id=row.client_id,
        username=subject.email,
        exp=int(row.expires_at.timestamp()),
        iat=int((row.refreshed_at or row.created_at).timestamp()),
        sub=subject.id,
        iss=issuer(request),
        tid=token.tenant,
        sid=row.id,
    )


def _revoke_access(claims: Claims, work: Work) -> None:
    if claims.sub_kind != "client":
        ending.end(work, "token", sessions.c.id == claims.sid)
        return
    row = {
        "id": claims.sid,
        "tenant_id": claims.tid,
        "expires_at": datetime.fromtimestamp(claims.exp, UTC),
    }
    work.execute(upsert(revoked_tokens).values(row).on_conflict_do_nothing())
