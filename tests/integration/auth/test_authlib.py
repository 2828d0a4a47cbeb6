"""A client that nobody here wrote: Authlib over HTTP, through the whole protocol."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet

from auth import authorize, discovery
from tests.integration.auth.http import BASE, transport
from tests.integration.auth.people import REDIRECT, Browser, application, service_account
from tests.integration.platform import PASSWORD, Answer, Platform


def client_of(platform: Platform, client: dict[str, Any], method: str, **more: Any) -> OAuth2Client:
    return OAuth2Client(
        client["id"],
        client["client_secret"],
        token_endpoint_auth_method=method,
        token_endpoint=f"{BASE}/auth/token",
        transport=transport(platform),
        **more,
    )


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_discovery_code_with_pkce_refresh_introspection_and_revocation(
    platform: Platform, method: str
) -> None:
    owner = platform.register()
    app = application(owner, "masterdata.*")
    with httpx.Client(transport=transport(platform)) as plain:
        metadata = plain.get(f"{BASE}/auth/.well-known/openid-configuration").json()
        published = plain.get(metadata["jwks_uri"]).json()
    with client_of(
        platform,
        app,
        method,
        redirect_uri=REDIRECT,
        scope="openid profile email",
        code_challenge_method="S256",
    ) as client:
        verifier = "v" * 48
        url, state = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, nonce="n"
        )
        token = client.fetch_token(
            metadata["token_endpoint"],
            authorization_response=_signed_in(platform, url, f"owner@{owner.slug}.test"),
            state=state,
            code_verifier=verifier,
        )
        claims = jwt.decode(token["id_token"], KeySet.import_key_set(published)).claims
        assert (claims["iss"], claims["aud"], claims["nonce"]) == (metadata["issuer"], app["id"], "n")
        assert client.get(metadata["userinfo_endpoint"]).json()["sub"] == claims["sub"] == owner.user

        refreshed = client.refresh_token(metadata["token_endpoint"])
        assert refreshed["refresh_token"] != token["refresh_token"]
        told = client.introspect_token(metadata["introspection_endpoint"], token=refreshed["access_token"])
        assert told.json()["active"] is True
        assert (
            client.revoke_token(metadata["revocation_endpoint"], token=refreshed["refresh_token"]).status_code
            == 200
        )
        told = client.introspect_token(metadata["introspection_endpoint"], token=refreshed["access_token"])
        assert told.json() == {"active": False}
        with pytest.raises(OAuthError, match="invalid_grant"):
            client.refresh_token(metadata["token_endpoint"], refresh_token=refreshed["refresh_token"])


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_client_credentials(platform: Platform, method: str) -> None:
    owner = platform.register()
    with client_of(platform, service_account(owner, "auth.user.*"), method) as client:
        token = client.fetch_token(grant_type="client_credentials")
        assert token["scope"] == "auth.user.*"
        assert client.get(f"{BASE}/auth/users").json()["items"][0]["id"] == owner.user
    wrong = service_account(owner) | {"client_secret": "wrong"}
    with client_of(platform, wrong, method) as client, pytest.raises(OAuthError, match="invalid_client"):
        client.fetch_token(grant_type="client_credentials")


def test_the_metadata_names_routes_that_exist(platform: Platform) -> None:
    found = platform.call(discovery.metadata).ok()
    with httpx.Client(transport=transport(platform)) as plain:
        for name, url in found.items():
            if name.endswith("_endpoint") or name == "jwks_uri":
                method = "POST" if name.split("_")[0] in ("token", "introspection", "revocation") else "GET"
                assert plain.request(method, url, data={} if method == "POST" else None).status_code in (
                    200,
                    400,
                    401,
                )


def _signed_in(platform: Platform, url: str, email: str) -> str:
    """The redirect that a user's sign-in at the page ends in."""
    browser = Browser(platform)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    page: Answer = browser._send(authorize.show, query=query)
    return str(browser.submit(page, email=email, password=PASSWORD).headers["Location"])
