"""The token endpoint (RFC 6749, section 3.2): codes, refresh tokens, client credentials to access tokens."""

from __future__ import annotations

import hmac
import re
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from auth import (
    browser_sessions,
    client_authentication,
    issuing,
    keys,
    metrics,
    one_time_tokens,
    refresh,
    subjects,
)
from auth.client_authentication import Client
from auth.errors import GrantRefused, OAuthError, RefreshRefused
from auth.events import SessionRefreshed, SessionReuseDetected, SessionRevoked, SessionStarted
from auth.grants import OPENID_SCOPES
from auth.issuer import issuer
from auth.issuing import FIRST_PARTY, TokenResponse
from auth.oauth import ClientForm, tells
from common.binding import FORM
from common.identifiers import uuid7
from common.operation import PUBLIC, Uses, operation
from common.principal import Principal
from common.request import Request, Response
from common.settings import settings
from common.tokens import Claims, encode
from common.work import Work

CLIENT_LIFETIME = 900
"""Seconds that a service account's token is good for."""
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749, 5.1

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636, 4.1


class TokenRequest(ClientForm, frozen=True, kw_only=True):
    """A token request; which fields are needed goes by ``grant_type``."""

    grant_type: str = ""
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""
    refresh_token: str = ""
    scope: str = ""


@operation(
    "POST /auth/token",
    permission=PUBLIC,
    emits=(SessionStarted, SessionRefreshed, SessionRevoked, SessionReuseDetected),
    uses={Uses.SIGNING},
    media_types=(FORM,),
    tells=tells,
    answers=(401,),
)
def token(asked: TokenRequest, request: Request, work: Work) -> Response[TokenResponse]:
    """Exchange an authorization code (with PKCE), a refresh token or client credentials for tokens.

    Form-encoded; refusals are told as RFC 6749 has it.
    """
    if not asked.grant_type:
        raise OAuthError("invalid_request", "grant_type is missing.")
    client = client_authentication.authenticate(request, asked.client_id, asked.client_secret, work)
    match asked.grant_type:
        case "authorization_code":
            made = _by_code(asked, _allowed(client, asked.grant_type), request, work)
        case "refresh_token":
            made = _by_refresh(asked, client, request, work)
        case "client_credentials":
            made = _by_credentials(asked, _allowed(client, asked.grant_type), request, work)
        case _:
            raise OAuthError(
                "unsupported_grant_type",
                "grant_type is authorization_code, refresh_token or client_credentials.",
            )
    return Response(made, headers=NO_STORE)


def _allowed(client: Client | None, grant: str) -> Client:
    if client is None or grant not in client.grant_types:
        raise OAuthError("unauthorized_client", f"The client is not registered for {grant}.")
    return client


def _by_code(asked: TokenRequest, client: Client, request: Request, work: Work) -> TokenResponse:
    row = one_time_tokens.find(work, asked.code, "code")
    if row is None or row.tenant_id != client.tenant_id or row.data["client_id"] != str(client.id):
        raise GrantRefused("The code is none that this client was given.")
    if row.used_at is not None and row.session_id is not None:
        # RFC 6749, 4.1.2: a code that comes back was intercepted; what it gave is withdrawn.
        refresh.report_reuse(work, row.session_id, row.user_id, request)
    if not one_time_tokens.good(row, work):
        raise GrantRefused("The code has expired or was used.")
    subject = subjects.by_id(work, row.user_id)
    one_time_tokens.use(work, row)
    if subject is None or subject.status != "active":
        raise GrantRefused("The user may no longer sign in.")
    if asked.redirect_uri != row.data["redirect_uri"]:
        raise GrantRefused("redirect_uri is not the one the code was asked with.")
    if not _proves(asked.code_verifier, row.data["code_challenge"]):
        raise GrantRefused("code_verifier does not match the code's challenge (RFC 7636).")
    work.act_as(Principal("user", subject.id, work.tenant))
    browser = UUID(row.data["browser_id"])
    if not browser_sessions.lives(browser, work):
        raise GrantRefused("The user has signed out since.")
    session, following = issuing.start(
        subject,
        row.data["methods"],
        request,
        work,
        client_id=str(client.id),
        scope=row.data["scope"],
        authenticated_at=datetime.fromisoformat(row.data["authenticated_at"]),
        browser=browser,
    )
    one_time_tokens.use(work, row, session.id)
    return issuing.tokens(
        subject,
        session,
        request,
        work,
        grant="authorization_code",
        alg=client.token_alg,
        refresh=following if "refresh_token" in client.grant_types else None,
        nonce=row.data["nonce"],
    )


def _by_refresh(asked: TokenRequest, client: Client | None, request: Request, work: Work) -> TokenResponse:
    if not asked.refresh_token:
        raise OAuthError("invalid_request", "refresh_token is missing.")
    if client is not None:
        _allowed(client, "refresh_token")
    name, alg = (FIRST_PARTY, "ES256") if client is None else (str(client.id), client.token_alg)
    try:
        subject, session, following = refresh.exchange(asked.refresh_token, name, request, work)
    except RefreshRefused as refusal:
        raise GrantRefused(refusal.detail) from refusal
    scope = _less(asked.scope, issuing.scope_of(subject, session.scope)) if asked.scope else None
    return issuing.tokens(
        subject,
        session,
        request,
        work,
        grant="refresh_token",
        alg=alg,
        refresh=following,
        scope=scope,
    )


def _less(asked: str, held: list[str]) -> list[str]:
    """A scope within the one that was agreed to (RFC 6749, 6)."""
    scope = issuing.narrowed(asked, [one for one in held if one not in OPENID_SCOPES])
    if any(one in OPENID_SCOPES and one not in held for one in scope):
        raise OAuthError("invalid_scope", "The scope exceeds what the user agreed to.")
    return scope


def _by_credentials(asked: TokenRequest, client: Client, request: Request, work: Work) -> TokenResponse:
    granted = issuing.narrowed(asked.scope, client.permissions)
    granted = [one for one in granted if one not in OPENID_SCOPES]
    if asked.scope and not granted:
        raise OAuthError("invalid_scope", "The client holds nothing of that scope.")
    issued = int(work.now.timestamp())
    identifier = uuid7()
    claims = Claims(
        iss=issuer(request),
        sub=client.id,
        aud=settings().audience,
        exp=issued + CLIENT_LIFETIME,
        iat=issued,
        jti=str(identifier),
        client_id=str(client.id),
        tid=client.tenant_id,
        sid=identifier,
        scope=" ".join(granted),
        sub_kind="client",
        ver=client.authorization_version,
    )
    metrics.token_generations_total.inc(grant="client_credentials")
    return TokenResponse(
        access_token=keys.current(work, client.token_alg, known=client.signing_key).sign(claims),
        token_type="Bearer",  # noqa: S106 - the type's name
        expires_in=CLIENT_LIFETIME,
        scope=claims.scope,
    )


def _proves(verifier: str, challenge: str) -> bool:
    """Whether the verifier is the one behind an S256 challenge (RFC 7636, 4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(encode(sha256(verifier.encode()).digest()).encode(), challenge.encode())
