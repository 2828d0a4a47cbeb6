"""What a client needs to know of the platform to sign its users in: metadata and claims."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select

from auth import client_authentication, keys
from auth.grants import OPENID_SCOPES
from auth.issuer import base_url, issuer
from auth.issuing import FIRST_PARTY
from auth.tables import sessions, tenants, users
from common.errors import Forbidden
from common.operation import PUBLIC, SELF, operation
from common.principal import Principal
from common.request import Request, Response
from common.work import Work


class Metadata(Struct, frozen=True, kw_only=True):
    """Provider metadata (OpenID Connect Discovery 1.0; RP-Initiated Logout 1.0; RFC 8414; RFC 9207)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    introspection_endpoint: str
    revocation_endpoint: str
    end_session_endpoint: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    code_challenge_methods_supported: list[str]
    prompt_values_supported: list[str]
    claims_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    claims_parameter_supported: bool
    request_parameter_supported: bool
    request_uri_parameter_supported: bool


class UserInfo(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Claims about the user (OpenID Connect Core 1.0, 5.3), as far as the scope goes."""

    sub: UUID
    tenant: str
    name: str | None = None
    email: str | None = None
    email_verified: bool | None = None


@operation("GET /auth/.well-known/openid-configuration", permission=PUBLIC, database=False)
def metadata(request: Request) -> Response[Metadata]:
    """Where the endpoints are and what they can do: the start for every OpenID Connect client."""
    base = f"{base_url(request)}/auth"
    found = Metadata(
        issuer=issuer(request),
        authorization_endpoint=f"{base}/authorize",
        token_endpoint=f"{base}/token",
        userinfo_endpoint=f"{base}/userinfo",
        jwks_uri=f"{base}/.well-known/jwks.json",
        introspection_endpoint=f"{base}/introspect",
        revocation_endpoint=f"{base}/revoke",
        end_session_endpoint=f"{base}/end-session",
        scopes_supported=list(OPENID_SCOPES),
        response_types_supported=["code"],
        response_modes_supported=["query"],
        grant_types_supported=["authorization_code", "refresh_token", "client_credentials"],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=["ES256", "RS256"],
        token_endpoint_auth_methods_supported=list(client_authentication.METHODS),
        introspection_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post"],
        revocation_endpoint_auth_methods_supported=list(client_authentication.METHODS),
        code_challenge_methods_supported=["S256"],
        prompt_values_supported=["none", "login", "consent", "select_account"],
        claims_supported=[
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "sid",
            "name", "email", "email_verified", "tenant",
        ],
        authorization_response_iss_parameter_supported=True,
        claims_parameter_supported=False,
        request_parameter_supported=False,
        request_uri_parameter_supported=False,
    )  # fmt: skip
    return Response(found, headers={"Cache-Control": f"public, max-age={keys.PUBLISHED_FOR}"})


@operation("GET /auth/userinfo", permission=SELF, answers=(403,))
def userinfo(principal: Principal, work: Work) -> UserInfo:
    """Claims about the user that the access token speaks for; needs the scope openid."""
    row = work.execute(
        select(users, tenants.c.slug, sessions.c.client_id)
        .join(tenants, tenants.c.id == users.c.tenant_id)
        .join(sessions, sessions.c.user_id == users.c.id)
        .where(users.c.tenant_id == work.tenant, sessions.c.id == principal.session)
    ).one_or_none()
    own = row is not None and row.client_id == FIRST_PARTY
    if row is None or not (own or "openid" in principal.grants):
        raise Forbidden("This needs a user's token with the scope openid.", scope="openid")
    email = own or "email" in principal.grants
    return UserInfo(
        sub=row.id,
        tenant=row.slug,
        name=row.name if own or "profile" in principal.grants else None,
        email=row.email if email else None,
        email_verified=row.email_verified if email else None,
    )
